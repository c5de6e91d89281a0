// Arrays of a shape as text.

import { automatonOf } from "./automaton.ts";
import type { Compiler } from "./compile.ts";
import { itemTerms } from "./expand.ts";
import type { Expression } from "./expressions.ts";
import { constant } from "./pieces.ts";
import type { Segment } from "./plan.ts";
import type { Term } from "./schema-document.ts";
import type { ArrayShape } from "./shapes.ts";
import { wordsOf } from "./words.ts";

const anyCharacter = constant(true);

/** Items beyond those that must be there, by freedom. */
const furtherItems = [0, 2, 4] as const;
const mostItems = 512;
/** Further places that are looked at for an item that an array must contain. */
const searched = 8;

export class ArrayWriter {
  private readonly compiler: Compiler;

  constructor(compiler: Compiler) {
    this.compiler = compiler;
  }

  write(shape: ArrayShape): Segment[] | undefined {
    if (shape.min > mostItems) return undefined;
    const wanted = this.witnesses(shape);
    if (wanted === undefined) return undefined;
    const length = Math.max(shape.min, ...[...wanted.keys()].map((place) => place + 1));
    if (length > shape.max) return undefined;
    const most = Math.min(shape.max, length + furtherItems[this.compiler.freedom]);
    const items: Segment[][] = [];
    for (let place = 0; place < most; place++) {
      const item = this.compiler.compile(this.termsAt(shape, place, wanted));
      if (item === undefined) break;
      items.push(item);
    }
    if (items.length < length) return undefined;
    const texts = shape.not.filter(Array.isArray).map((value) => JSON.stringify(value));
    const segments = shape.repeated
      ? this.repeated(items, length)
      : shape.unique
        ? this.unique(items, length)
        : this.plain(items, length, this.isEndless(shape, wanted, most));
    return segments && this.compiler.except(segments, texts);
  }

  /** Which places hold an item that the array must contain; undefined if that cannot be. */
  private witnesses(shape: ArrayShape): Map<number, Term[]> | undefined {
    const wanted = new Map<number, Term[]>();
    for (const { term, min, from } of shape.contains) {
      let place = from;
      const last = Math.min(shape.max, from + min + shape.min + searched + mostPrefix(shape));
      for (let left = min; left > 0; place++) {
        if (place >= last) return undefined;
        const terms = [...(wanted.get(place) ?? []), term];
        if (this.compiler.compile(this.termsAt(shape, place, new Map([[place, terms]]))) === undefined)
          continue;
        wanted.set(place, terms);
        left--;
      }
    }
    return wanted;
  }

  /** Of an item: its own, those it must be found by, and the opposite of those of which there are enough. */
  private termsAt(shape: ArrayShape, place: number, wanted: ReadonlyMap<number, readonly Term[]>): Term[] {
    const own = wanted.get(place) ?? [];
    const others = shape.contains
      .filter((one) => place >= one.from && one.max !== Number.POSITIVE_INFINITY && !own.includes(one.term))
      .map(({ term }): Term => ({ node: term.node, negated: !term.negated }));
    return [...itemTerms(shape, place), ...own, ...others];
  }

  /** Whether any number of items like the last may follow. */
  private isEndless(shape: ArrayShape, wanted: ReadonlyMap<number, unknown>, most: number): boolean {
    const isSame = most > mostPrefix(shape) && [...wanted.keys()].every((place) => place < most - 1);
    return this.compiler.freedom === 2 && shape.max === Number.POSITIVE_INFINITY && isSame;
  }

  private plain(items: readonly Segment[][], length: number, isEndless: boolean): Segment[] {
    const { compiler } = this;
    const { expressions } = compiler;
    const comma = expressions.text(",");
    const further = items.slice(length).map((item) => compiler.flatten(item));
    const last = further.at(-1);
    let tail: Expression = expressions.empty;
    further.reverse().forEach((item, i) => {
      const place = items.length - 1 - i;
      const more =
        i === 0 && isEndless && last !== undefined
          ? expressions.repeat(expressions.cat(comma, last), 0)
          : tail;
      tail = expressions.optional(expressions.cat(place === 0 ? expressions.empty : comma, item, more));
    });
    return ["[", ...joined(items.slice(0, length)), ...holes(tail, expressions.empty), "]"];
  }

  /** Items whose texts, and so their values, differ: by length where there are enough lengths, else by example. */
  private unique(items: readonly Segment[][], length: number): Segment[] | undefined {
    const { expressions } = this.compiler;
    const languages = items.map((item) => this.compiler.flatten(item));
    const count = Math.max(length, Math.min(languages.length, length + 2));
    for (let size = count; size >= length; size--) {
      const apart = this.apart(languages.slice(0, size));
      if (apart === undefined) continue;
      return this.plain(
        apart.map((expression) => [{ expression }]),
        length,
        false,
      );
    }
    const [first, ...others] = this.examples(languages.slice(0, length)) ?? [];
    if (first === undefined) return length === 0 ? ["[]"] : undefined;
    const taken = others.map((text) => expressions.not(expressions.text(text)));
    const free = expressions.and([languages[0]!, ...taken]);
    return ["[", { expression: free }, ...others.map((text) => `,${text}`), "]"];
  }

  /** The languages cut down to texts of different lengths, modulo their number; undefined if one has none. */
  private apart(languages: readonly Expression[]): Expression[] | undefined {
    const { expressions } = this.compiler;
    const n = languages.length;
    if (n <= 1) return [...languages];
    const any = expressions.set(anyCharacter);
    const apart = languages.map((language, i) => {
      const rest = expressions.repeat(expressions.repeat(any, n, n), 0);
      return expressions.and([language, expressions.cat(expressions.repeat(any, i, i), rest)]);
    });
    return apart.some((one) => this.compiler.isEmpty(one)) ? undefined : apart;
  }

  /** Different texts, one of each language; found for the languages with the fewest first. */
  private examples(languages: readonly Expression[]): string[] | undefined {
    const { expressions } = this.compiler;
    const words = languages.map((language) => {
      const automaton = automatonOf(expressions, language);
      return automaton === undefined ? [] : wordsOf(automaton, languages.length + 1);
    });
    const taken = new Map<number, string>();
    const order = [...words.keys()].sort((a, b) => words[a]!.length - words[b]!.length);
    const place = (at: number): boolean => {
      const i = order[at];
      if (i === undefined) return true;
      for (const word of words[i]!) {
        if ([...taken.values()].includes(word)) continue;
        taken.set(i, word);
        if (place(at + 1)) return true;
        taken.delete(i);
      }
      return false;
    };
    return place(0) ? languages.map((_, i) => taken.get(i)!) : undefined;
  }

  /** Two items that are equal. */
  private repeated(items: readonly Segment[][], length: number): Segment[] | undefined {
    const { expressions } = this.compiler;
    for (let i = 0; i + 1 < Math.max(length, items.length) && i + 1 < items.length; i++) {
      const both = expressions.and([this.compiler.flatten(items[i]!), this.compiler.flatten(items[i + 1]!)]);
      const automaton = automatonOf(expressions, both);
      const [word] = automaton === undefined ? [] : wordsOf(automaton, 1);
      if (word === undefined) continue;
      const kept = items
        .slice(0, Math.max(length, i + 2))
        .map((item, k) => (k === i || k === i + 1 ? [word] : item));
      return ["[", ...joined(kept), "]"];
    }
    return undefined;
  }
}

const mostPrefix = ({ rules }: ArrayShape): number =>
  Math.max(0, ...rules.map(({ prefix }) => prefix.length));

const joined = (items: readonly Segment[][]): Segment[] =>
  items.flatMap((item, i) => (i === 0 ? item : [",", ...item]));

const holes = (expression: Expression, empty: Expression): Segment[] =>
  expression === empty ? [] : [{ expression }];
