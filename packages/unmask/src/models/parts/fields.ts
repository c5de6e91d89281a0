// Reading fields of config.json. Every error names the file, the field, what was found and what was expected.

import { CheckpointError, UnsupportedError } from "../../base/errors.ts";
import type { RawConfig } from "../family.ts";

const show = (value: unknown) => JSON.stringify(value)?.slice(0, 60) ?? "undefined";

function wrong(
  { path }: RawConfig,
  field: string,
  { found, expected }: { found: unknown; expected: string },
) {
  return new CheckpointError(
    `${path}: ${field} is ${show(found)}, expected ${expected}; is the file damaged?`,
    { path, field },
  );
}

export function positiveInteger(raw: RawConfig, field: string, fallback?: number): number {
  const value = raw.values[field] ?? fallback;
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw wrong(raw, field, { found: raw.values[field], expected: "a positive integer" });
  }
  return value as number;
}

/** More layers than any network has; a damaged count would list names until memory ends. */
const mostLayers = 10_000;

export function layerCount(raw: RawConfig, field: string): number {
  const value = positiveInteger(raw, field);
  if (value > mostLayers) throw wrong(raw, field, { found: value, expected: `at most ${mostLayers} layers` });
  return value;
}

/** Beyond these a norm's epsilon or a rotary base leaves nothing but zeros or NaN. */
const [least, most] = [1e-12, 1e12];

export function positiveNumber(raw: RawConfig, field: string, fallback?: number): number {
  const value = raw.values[field] ?? fallback;
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    const expected = `a positive number (${least} to ${most})`;
    throw wrong(raw, field, { found: raw.values[field], expected });
  }
  return value;
}

export function flag(raw: RawConfig, field: string, fallback: boolean): boolean {
  const value = raw.values[field] ?? fallback;
  if (typeof value !== "boolean") throw wrong(raw, field, { found: value, expected: "true or false" });
  return value;
}

/** A token id, absent or null for none. Throws unless it lies inside the vocabulary. */
export function tokenId(raw: RawConfig, field: string, vocabularySize: number): number | undefined {
  return tokenIds(raw, field, vocabularySize)[0];
}

/** A token id or a list of them; empty if absent or null. */
export function tokenIds(raw: RawConfig, field: string, vocabularySize: number): number[] {
  const value = raw.values[field];
  if (value === undefined || value === null) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  for (const id of ids) {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= vocabularySize) {
      const expected = `a token id below vocab_size ${vocabularySize}`;
      throw wrong(raw, field, { found: value, expected });
    }
  }
  return ids as number[];
}

/** Refuses a value that this code does not compute; absent or null is fine. */
export function expectField(raw: RawConfig, field: string, served: readonly unknown[]): void {
  const value = raw.values[field];
  if (value === undefined || value === null || served.includes(value)) return;
  const known =
    served.length === 0 ? "it is not served yet" : `only ${served.map(show).join(" or ")} is served`;
  throw new UnsupportedError(`${raw.path}: ${field} is ${show(value)}; ${known}`, { field });
}

/** Refuses sizes that do not divide. */
export function expectMultiple(
  { path }: RawConfig,
  [name, value]: readonly [string, number],
  [divisorName, divisor]: readonly [string, number],
): void {
  if (value % divisor === 0) return;
  throw new CheckpointError(`${path}: ${name} ${value} is not a multiple of ${divisorName} ${divisor}`);
}
