import { ConfigError } from "../base/errors.ts";

/** Throws a ConfigError for an option that is no number of its range; `name` as configurations spell it. */
export function inRange(
  name: string,
  value: number,
  {
    min,
    max = Number.POSITIVE_INFINITY,
    whole = false,
  }: { min: number; max?: number | undefined; whole?: boolean },
): void {
  if (Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isInteger(value))) return;
  const kind = whole ? "an integer" : "a number";
  const range = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new ConfigError(`${name} is ${value}, expected ${kind} ${range}`, { option: name, value });
}
