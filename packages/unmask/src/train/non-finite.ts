// A loss or gradient that is no number any more: what it was, and the batch that brought it about, kept for a look.

import { writeFileSync } from "node:fs";
import { UnmaskError } from "../base/errors.ts";

export interface NonFinite {
  /** Updates done before. */
  readonly step: number;
  readonly phase: string;
  /** Loss and terms, by name. */
  readonly values: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  /** Host arrays of the micro-batches. */
  readonly prepared: readonly unknown[];
}

/** Thrown by a step before it updates anything; the loop makes a sentence of it. */
export class NonFiniteError extends Error {
  readonly found: NonFinite;

  constructor(found: NonFinite) {
    super(describeNonFinite(found));
    this.found = found;
  }
}

/** "the loss became NaN (term kl; gradient norm NaN) at step 12". */
export function describeNonFinite({ step, values, gradientNorm }: NonFinite): string {
  const { loss, ...terms } = values;
  const bad = Object.entries(terms).filter(([, value]) => !Number.isFinite(value));
  const blamed = bad.map(([name, value]) => `term ${name} is ${value}; `).join("");
  return `the loss became ${loss} (${blamed}gradient norm ${gradientNorm}) at step ${step + 1}`;
}

/** Writes the batch beside the run, as JSON. */
export function saveBatch(path: string, { step, phase, values, gradientNorm, prepared }: NonFinite): void {
  const plain = (_: string, value: unknown) =>
    ArrayBuffer.isView(value) && !(value instanceof DataView)
      ? Array.from(value as unknown as ArrayLike<number>)
      : typeof value === "number" && !Number.isFinite(value)
        ? String(value)
        : value;
  writeFileSync(
    path,
    JSON.stringify({ step: step + 1, phase, values, gradientNorm, batches: prepared }, plain),
  );
}

/** The error that ends a run. */
export function nonFiniteFailure(found: NonFinite, file: string, advice: string): UnmaskError {
  return new UnmaskError(`${describeNonFinite(found)}; the batch is kept in ${file}; ${advice}`, { file });
}
