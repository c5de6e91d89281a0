// Values of command-line options, checked where they are read.

import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";

interface Range {
  readonly least: number;
  readonly most?: number;
  readonly example: number | string;
}

/** A parser for `commander`: a whole number in a range. */
export function wholeNumber(flag: string, { least, most, example }: Range): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= (most ?? Number.MAX_SAFE_INTEGER))
      return value;
    const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UsageError(`${flag} is ${quote(text)}; give a whole number ${range}, such as ${example}`, {
      flag,
      value: text,
    });
  };
}

export function positiveNumber(flag: string, { least, most, example }: Range): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= least && value <= (most ?? Number.MAX_VALUE)) return value;
    const floor = Number.isFinite(least) ? ` of at least ${least}` : "";
    const range = most === undefined ? floor : ` from ${least} to ${most}`;
    throw new UsageError(`${flag} is ${quote(text)}; give a number${range}, such as ${example}`, {
      flag,
      value: text,
    });
  };
}

/** A parser for `commander`: one of a few words. */
export function oneOf<Word extends string>(flag: string, words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const message = `${flag} is ${quote(text)}${didYouMean(text, words)}; give one of ${words.join(", ")}`;
    throw new UsageError(message, { flag, value: text });
  };
}

const quote = (text: string): string => (/^[\w.+-]+$/.test(text) ? text : JSON.stringify(text));

/** Flags are accepted in both spellings: `--batch_size 8` is `--batch-size 8`. What follows `--` is left alone. */
export function dashed(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((argument, index) => {
    if (end !== -1 && index >= end) return argument;
    const [, flag, rest] = /^(--[A-Za-z][\w-]*)(=.*)?$/s.exec(argument) ?? [];
    return flag === undefined ? argument : flag.replaceAll("_", "-") + (rest ?? "");
  });
}

/** A parser of `--dtype` for verbs that load weights. */
export const weightDtype = () => oneOf("--dtype", ["auto", "float32", "bfloat16", "int8"]);

/** Of an option that may be given several times: all of its values. */
export const several = (text: string, before: readonly string[] = []): string[] => [...before, text];
