// Strings of a shape, as values and as JSON text.

import { isNothing } from "./automaton.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { lastCodePoint, rangesOf } from "./pieces.ts";
import type { StringShape } from "./shapes.ts";

/** What text is made of: no control characters but the line feed. */
const usual = rangesOf([
  [0x0a, 0x0a],
  [0x20, 0x7e],
  [0xa0, 0xd7ff],
  [0xe000, 0xfdcf],
  [0xfdf0, 0xfffd],
  [0x10000, 0x1fffd],
]);
const every = rangesOf([
  [0, 0xd7ff],
  [0xe000, lastCodePoint],
]);

/** Counted strings are no longer than this unless they have to be: each character more is a state more. */
const longestCounted = 128;

/** The values; undefined if there are none. */
export function stringLanguage(all: Expressions, shape: StringShape): Expression | undefined {
  const { languages, min, not } = shape;
  const max =
    shape.max === Number.POSITIVE_INFINITY ? shape.max : Math.min(shape.max, Math.max(min, longestCounted));
  const others = not.filter((one) => typeof one === "string").map((one) => all.not(all.text(one)));
  for (const characters of [usual, every]) {
    const language = all.and([...languages, ...others, all.repeat(all.set(characters), min, max)]);
    if (!isNothing(all, language)) return language;
  }
  return undefined;
}
