// What besides tensors a run needs to go on exactly where it was: counters.json of a checkpoint.

import { readFileSync } from "node:fs";
import type { ProductDtype } from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";

export interface Counters {
  step: number;
  smoothedLoss: number;
  /** Training time so far, seconds (a limit in minutes counts over resumptions). */
  seconds: number;
  /** Tokens fed so far. */
  tokens: number;
  /** Losses by masked share since they were last reported (RatioBuckets). */
  ratios?: readonly number[];
  /** What "auto" came to. */
  choices?: Choices;
  /** By network. */
  updates: Record<string, { optimiser: number; average: number }>;
  /** What a method's driver keeps besides, as plain data. */
  notes?: unknown;
  /** Where a stream of data is read on, as its source gave it; absent for data in memory. */
  position?: unknown;
  /** What must not change between parts of a run (fingerprint.ts). */
  fingerprint: string;
}

/** Results depend on both, and both are measured: another start may measure otherwise. */
export interface Choices {
  readonly products: ProductDtype;
  /** Of each process. */
  readonly threads: number;
  /** Processes that it was for. */
  readonly workers: number;
}

export const newCounters = (fingerprint: string): Counters => ({
  step: 0,
  smoothedLoss: 0,
  seconds: 0,
  tokens: 0,
  updates: {},
  fingerprint,
});

/** Throws a CheckpointError that ends with `remedy`. */
export function readCounters(path: string, remedy: string): Counters {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(`${path}: missing or damaged; ${remedy}`, { path }, { cause: error });
  }
  const { fingerprint, step, smoothedLoss, seconds, tokens, updates } = (value ?? {}) as Partial<Counters>;
  const whole = [
    step,
    tokens,
    ...Object.values(updates ?? {}).flatMap((one) => [one?.optimiser, one?.average]),
  ];
  const positive = [...whole, seconds];
  const sound =
    typeof fingerprint === "string" &&
    typeof updates === "object" &&
    Number.isFinite(smoothedLoss) &&
    whole.every(Number.isSafeInteger) &&
    positive.every((one) => typeof one === "number" && one >= 0);
  if (!sound) throw new CheckpointError(`${path}: a counter is missing or wrong; ${remedy}`, { path });
  return value as Counters;
}
