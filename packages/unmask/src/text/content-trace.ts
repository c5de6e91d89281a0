// Where the text that users wrote ends up in a rendered chat. A special token typed by a user ("<|mdm_mask|>") must
// stay text, while the same characters written by the template become the token; after rendering both look alike.
//
// Method: render twice. The second time, characters of the messages are disguised, each as a private-use character of
// its own that occurs nowhere else. If taking the disguises off gives the first text again, every disguised place is
// known to come from the messages, exactly, whatever the template did with them (trim, slice, split, reorder).
//
// Names of fields count as written by users too, where they hold a whole token; roles are names that we check.
// Nothing is rendered twice if no message holds a special token's text or a part of one that the template could
// complete. Otherwise these disguises are tried in turn, until one does not change what the template writes:
//
//   1  every character but white space, quotes, backslashes (so `trim` and `tojson` see what they look at)
//   2  only what belongs to special tokens' texts (the template reads the messages: `split('</think>')`, `upper`)
//   3  each typed special token as a number of the same length (the template writes `upper` or escaped ASCII)
//   4  every character but the special tokens' texts that the template itself reacts to, found by disguising one at a
//      time; such a text is the user's where its whole message stands in the output, and the template's own where the
//      template took the message apart there
//
// If even that is not certain, an UnsupportedError names the text; a wrong guess is never made. A token that only
// arises where message and template touch ("<|im_" + "end|>") is not the template's own, and stays text.
import { UnsupportedError } from "../base/errors.ts";
import { Disguise } from "./disguise.ts";
import type { Render } from "./jinja.ts";

export interface Trace {
  readonly text: string;
  /** Whether [start, end) holds nothing that comes from the messages. */
  isTemplate(start: number, end: number): boolean;
}

interface Found {
  readonly string: string;
  readonly isKey: boolean;
}

/** A stretch [start, end) of one of the strings. */
interface Stretch {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** Per string, which characters to disguise. */
type Masks = readonly (Uint8Array | undefined)[];

const mostStretches = 200;
const seen = /[\p{White_Space}\p{Cc}"\\]/u;

export interface TraceOptions {
  readonly variables: Readonly<Record<string, unknown>>;
  /** Texts of the special tokens. */
  readonly specials: readonly string[];
  readonly source: string;
}

export function traceContent(render: Render, { variables, specials, source }: TraceOptions): Trace {
  const text = render(variables);
  const strings: Found[] = [];
  mapContent(variables, (string, isKey) => strings[strings.push({ string, isKey }) - 1]!.string);
  const whole = strings.flatMap((found, index) => stretchesOf(index, wholeTokens(found.string, specials)));
  const partial = strings.flatMap(({ string, isKey }, index) =>
    isKey ? [] : stretchesOf(index, partsOfTokens(string, specials)),
  );
  if (whole.length + partial.length === 0) return { text, isTemplate: () => true };
  const attempts = new Attempts(render, { variables, strings, text });
  const all = masksOf(strings, [...whole, ...partial]);
  const everything = strings.map(({ string, isKey }, index) =>
    isKey ? all[index] : maskOf(string, (character) => !seen.test(character)),
  );
  let marks = attempts.marks(everything) ?? attempts.marks(all);
  // a template that reads a mere part of a token's text, such as a variable's value "id", writes no token with it
  if (marks === undefined && whole.length === 0) return { text, isTemplate: () => true };
  marks ??=
    attempts.marks(masksOf(strings, whole)) ??
    attempts.marksByDigits(whole) ??
    attempts.marksAround(everything, whole);
  if (marks === undefined) {
    const found = [
      ...new Set(whole.map(({ index, start, end }) => strings[index]!.string.slice(start, end))),
    ];
    const message = `${source}: the chat template itself reads ${found.join(", ")} in the messages, so it cannot be told whether text or a special token is meant; remove it from the messages`;
    throw new UnsupportedError(message, { file: source, texts: found });
  }
  const known = marks;
  return { text, isTemplate: (start, end) => !known.subarray(start, end).includes(1) };
}

class Attempts {
  private readonly render: Render;
  private readonly variables: Readonly<Record<string, unknown>>;
  private readonly strings: readonly Found[];
  private readonly text: string;
  private readonly disguise: Disguise;

  constructor(
    render: Render,
    parts: { variables: Readonly<Record<string, unknown>>; strings: readonly Found[]; text: string },
  ) {
    this.render = render;
    this.variables = parts.variables;
    this.strings = parts.strings;
    this.text = parts.text;
    this.disguise = new Disguise([parts.text, ...parts.strings.map(({ string }) => string)]);
  }

  /** Marks of the disguised characters in the text, or undefined if the template writes something else. */
  marks(masks: Masks): Uint8Array | undefined {
    return this.attempt(masks)?.marks;
  }

  /** Method 3: both texts must agree outside the numbers. */
  marksByDigits(stretches: readonly Stretch[]): Uint8Array | undefined {
    if (stretches.length > mostStretches) return undefined;
    const texts = [this.text, ...this.strings.map(({ string }) => string)];
    let counter = 0;
    const numbers = stretches.map(({ start, end }) => {
      for (let tries = 0; tries < 2000; tries++) {
        const digits = String(counter++ * 7919 + 5).padStart(end - start, "4");
        if (digits.length === end - start && !texts.some((text) => text.includes(digits))) return digits;
      }
      return undefined;
    });
    if (numbers.includes(undefined)) return undefined;
    let index = 0;
    const output = this.renderWith((string) => {
      let changed = string;
      for (const [at, stretch] of stretches.entries()) {
        const { start, end } = stretch;
        if (stretch.index === index) changed = changed.slice(0, start) + numbers[at] + changed.slice(end);
      }
      index++;
      return changed;
    });
    if (output?.length !== this.text.length) return undefined;
    const marks = new Uint8Array(output.length);
    for (let at = 0; at < output.length; ) {
      const found = numbers.find((digits) => output.startsWith(digits!, at));
      if (found === undefined && output[at] !== this.text[at]) return undefined;
      marks.fill(1, at, at + (found?.length ?? 0));
      at += found?.length ?? 1;
    }
    return marks;
  }

  /** Method 4. */
  marksAround(everything: Masks, stretches: readonly Stretch[]): Uint8Array | undefined {
    if (stretches.length > mostStretches) return undefined;
    const read = stretches.filter((stretch) => this.attempt(masksOf(this.strings, [stretch])) === undefined);
    const around = everything.map((mask) => mask?.slice());
    for (const { index, start, end } of read) around[index]?.fill(0, start, end);
    const found = this.attempt(around);
    if (found === undefined) return undefined;
    for (const index of new Set(read.map((stretch) => stretch.index))) {
      const disguised = this.disguise.hide(this.strings[index]!.string, around[index]).trim();
      if (!this.disguise.isIn(disguised)) return undefined;
      for (
        let at = found.output.indexOf(disguised);
        at !== -1;
        at = found.output.indexOf(disguised, at + 1)
      ) {
        found.marks.fill(1, at, at + disguised.length);
      }
    }
    return found.marks;
  }

  private attempt(masks: Masks): { output: string; marks: Uint8Array } | undefined {
    let index = 0;
    const output = this.renderWith((string) => this.disguise.hide(string, masks[index++]));
    if (output === undefined) return undefined;
    const { text, marks } = this.disguise.reveal(output);
    return text === this.text ? { output, marks } : undefined;
  }

  private renderWith(change: Change): string | undefined {
    try {
      return this.render(mapContent(this.variables, change));
    } catch {
      return undefined; // it refused what it did not refuse before: it reads what was disguised
    }
  }
}

function maskOf(string: string, hides: (character: string) => boolean): Uint8Array {
  const mask = new Uint8Array(string.length);
  let at = 0;
  for (const character of string) {
    if (hides(character)) mask[at] = 1;
    at += character.length;
  }
  return mask;
}

function masksOf(strings: readonly Found[], stretches: readonly Stretch[]): Masks {
  const masks: (Uint8Array | undefined)[] = strings.map(() => undefined);
  for (const { index, start, end } of stretches) {
    masks[index] ??= new Uint8Array(strings[index]!.string.length);
    masks[index].fill(1, start, end);
  }
  return masks;
}

const stretchesOf = (index: number, places: [number, number][]): Stretch[] =>
  union(places).map(([start, end]) => ({ index, start, end }));

function wholeTokens(string: string, specials: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  for (const special of specials) {
    for (let at = string.indexOf(special); at !== -1; at = string.indexOf(special, at + 1)) {
      found.push([at, at + special.length]);
    }
  }
  return found;
}

/** Where a string ends in the start of a special token, begins with the end of one, or lies inside one. */
function partsOfTokens(string: string, specials: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  const trimmed = string.trim();
  const from = string.indexOf(trimmed);
  const to = from + trimmed.length;
  if (trimmed === "") return found;
  for (const special of specials) {
    if (special !== trimmed && special.includes(trimmed)) found.push([from, to]);
    for (let length = 1; length < special.length && length < trimmed.length; length++) {
      if (trimmed.endsWith(special.slice(0, length))) found.push([to - length, to]);
      if (trimmed.startsWith(special.slice(-length))) found.push([from, from + length]);
    }
  }
  return found;
}

function union(stretches: readonly [number, number][]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [start, end] of stretches.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

type Change = (string: string, isKey: boolean) => string;

/** The same variables with every string in them replaced; the roles of messages are names, checked elsewhere. */
function mapContent(variables: Readonly<Record<string, unknown>>, change: Change): Record<string, unknown> {
  const entries = Object.entries(variables).map(([name, value]) => {
    if (name !== "messages" || !Array.isArray(value)) return [name, mapStrings(value, change)];
    const messages = value.map((message: Record<string, unknown>) => {
      const { role, ...rest } = message;
      return { role, ...(mapStrings(rest, change) as object) };
    });
    return [name, messages];
  });
  return Object.fromEntries(entries);
}

function mapStrings(value: unknown, change: Change): unknown {
  if (typeof value === "string") return change(value, false);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key, true), mapStrings(item, change)]),
  );
}
