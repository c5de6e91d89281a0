// Patterns for files as shells and Hugging Face's `data_files` write them, on names with "/":
//
//   *  anything within a folder     **  anything, folders too ("**/" also nothing)     ?  one character
//   [abc] [a-z] [!abc]              {one,other}
//
// Matched by following all states at once, so that no pattern of a stranger takes more than length times length.

import { UsageError } from "./errors.ts";

const wildcard = /[*?[{]/;

/** Whether a name holds a wildcard. */
export const isGlob = (pattern: string): boolean => wildcard.test(pattern);

/** The folder in front of the first wildcard, "" if there is none. */
export function globFolder(pattern: string): string {
  const plain = pattern.slice(0, pattern.search(/[*?[{]|$/));
  return plain.slice(0, plain.lastIndexOf("/") + 1).replace(/(?<=.)\/$/, "");
}

export function globMatcher(pattern: string): (name: string) => boolean {
  const matchers = alternatives(pattern).map((one) => compile(one));
  return (name) => {
    const characters = Array.from(name);
    return matchers.some((steps) => run(steps, characters));
  };
}

interface Step {
  /** Whether the character is taken. */
  readonly takes: (character: string) => boolean;
  /** Takes any number, none too, of what it takes. */
  readonly repeats: boolean;
  /** May be left out together with so many steps behind it. */
  readonly optional?: number;
}

function compile(pattern: string): Step[] {
  const parts = pattern.match(/\*\*\/|\*+|\[!?[^/][^\]/]*\]|[\s\S]/gu) ?? [];
  return parts.flatMap((part) => {
    if (part === "**/") return [nothing, { takes: () => true, repeats: true }, just("/")];
    if (part.startsWith("**")) return { takes: () => true, repeats: true };
    if (part === "*") return { takes: (one) => one !== "/", repeats: true };
    if (part === "?") return { takes: (one) => one !== "/", repeats: false };
    if (part.length > 2 && part.startsWith("[")) return { takes: setOf(part.slice(1, -1)), repeats: false };
    return just(part);
  });
}

const just = (character: string): Step => ({ takes: (one) => one === character, repeats: false });

/** In front of what "**\/" stands for, which may be left out. */
const nothing: Step = { takes: () => false, repeats: true, optional: 2 };

function setOf(inside: string): (character: string) => boolean {
  const isNot = inside.startsWith("!");
  const items = Array.from(isNot ? inside.slice(1) : inside);
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < items.length; at++) {
    const isRange = items[at + 1] === "-" && items[at + 2] !== undefined;
    ranges.push([items[at]!, items[isRange ? at + 2 : at]!]);
    if (isRange) at += 2;
  }
  return (one) => one !== "/" && ranges.some(([first, last]) => one >= first && one <= last) !== isNot;
}

/** State s: the first s steps are done. */
function run(steps: readonly Step[], characters: readonly string[]): boolean {
  let states = reached(steps, [0]);
  for (const character of characters) {
    const next: number[] = [];
    for (const state of states) {
      const step = steps[state];
      if (step === undefined) continue;
      if (step.takes(character)) next.push(step.repeats ? state : state + 1);
    }
    states = reached(steps, next);
    if (states.size === 0) return false;
  }
  return states.has(steps.length);
}

/** With the states that cost no character. */
function reached(steps: readonly Step[], from: readonly number[]): Set<number> {
  const states = new Set(from);
  for (const state of states) {
    const step = steps[state];
    if (step?.repeats) states.add(state + 1);
    if (step?.optional !== undefined) states.add(state + 1 + step.optional);
  }
  return states;
}

const mostAlternatives = 1000;

/** Without braces. */
function alternatives(pattern: string): string[] {
  let done = [""];
  for (const part of pattern.match(/\{[^{}]*\}|[\s\S]/gu) ?? []) {
    const choices = part.length > 1 && part.startsWith("{") ? part.slice(1, -1).split(",") : [part];
    if (done.length * choices.length > mostAlternatives) {
      const message = `the pattern ${JSON.stringify(pattern.slice(0, 80))} stands for more than ${mostAlternatives}; write fewer braces`;
      throw new UsageError(message, { pattern });
    }
    done = done.flatMap((begun) => choices.map((choice) => begun + choice));
  }
  return done;
}
