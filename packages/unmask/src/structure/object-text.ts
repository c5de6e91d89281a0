// Objects of a shape as text.

import { automatonOf } from "./automaton.ts";
import type { Compiler } from "./compile.ts";
import type { Expression } from "./expressions.ts";
import { searchPattern } from "./pattern.ts";
import { constant } from "./pieces.ts";
import type { Segment } from "./plan.ts";
import type { Term } from "./schema-document.ts";
import { isObject } from "./schema-document.ts";
import type { ObjectShape } from "./shapes.ts";
import { stringLanguage } from "./string-text.ts";
import { wordsOf } from "./words.ts";

/** Optional properties, and properties that the schema does not name, by freedom. */
const optionalProperties = [0, 4, 16] as const;
const furtherEntries = [0, 1, 3] as const;
const mostRequired = 256;

interface Property {
  readonly key: string;
  readonly value: Segment[];
}

/** Properties that no one names: what keys they may have, and what values. */
interface Entries {
  readonly keys: Expression;
  readonly terms: readonly Term[];
}

export class ObjectWriter {
  private readonly compiler: Compiler;

  constructor(compiler: Compiler) {
    this.compiler = compiler;
  }

  write(shape: ObjectShape): Segment[] | undefined {
    if (shape.min > mostRequired || shape.required.length > mostRequired) return undefined;
    const required = this.required(shape);
    if (required === undefined) return undefined;
    const { freedom } = this.compiler;
    const room = Math.min(shape.max, Number.MAX_SAFE_INTEGER) - required.length;
    const taken = new Set(required.map(({ key }) => key));
    const optional = this.properties(
      shape,
      this.declared(shape).filter((key) => !taken.has(key)),
      optionalProperties[freedom],
    );
    const isMap = this.declared(shape).length === 0;
    const entries = isMap ? this.entries(shape, required, Math.min(room, furtherEntries[freedom])) : [];
    const tail = isMap
      ? this.chain(entries, { isFirst: required.length === 0, room: Number.POSITIVE_INFINITY })
      : this.chain(
          optional.map((one) => this.entry(one)),
          { isFirst: required.length === 0, room },
        );
    const { empty } = this.compiler.expressions;
    const head = required.flatMap(({ key, value }, i) => [
      `${i === 0 ? "" : ","}${JSON.stringify(key)}:`,
      ...value,
    ]);
    const segments: Segment[] = ["{", ...head, ...(tail === empty ? [] : [{ expression: tail }]), "}"];
    const order = [...required, ...optional].map(({ key }) => key);
    return this.compiler.except(segments, unwanted(shape, order));
  }

  /** Properties that must be there: those that are asked for, then as many as the least number takes. */
  private required(shape: ObjectShape): Property[] | undefined {
    const declared = this.declared(shape);
    const wanted = [...declared.filter((key) => shape.required.includes(key)), ...shape.required].filter(
      (key, i, all) => all.indexOf(key) === i,
    );
    const required = this.properties(shape, wanted, wanted.length);
    if (required.length < wanted.length || required.length > shape.max) return undefined;
    const missing = () => shape.min - required.length;
    if (missing() > 0) {
      const others = declared.filter((key) => !wanted.includes(key));
      required.push(...this.properties(shape, others, missing()));
    }
    if (missing() > 0) required.push(...this.invented(shape, required, missing()));
    return missing() > 0 ? undefined : required;
  }

  /** Up to `most` of the properties that can be written. */
  private properties(shape: ObjectShape, keys: readonly string[], most: number): Property[] {
    const { compiler } = this;
    const found: Property[] = [];
    for (const key of keys) {
      if (found.length >= most) break;
      if (shape.absent.includes(key) || !compiler.expander.satisfies(shape.names, key)) continue;
      const value = compiler.compile(compiler.expander.propertyTerms(shape, key));
      if (value !== undefined) found.push({ key, value });
    }
    return found;
  }

  private declared({ rules }: ObjectShape): string[] {
    return [...new Set(rules.flatMap(({ properties }) => [...properties.keys()]))];
  }

  /** Keys that nobody names, for objects that must have more properties than are named. */
  private invented(shape: ObjectShape, required: readonly Property[], count: number): Property[] {
    const taken = new Set(required.map(({ key }) => key));
    const found: Property[] = [];
    for (const { keys } of this.kinds(shape, taken)) {
      const automaton = automatonOf(this.compiler.expressions, keys);
      if (automaton === undefined) continue;
      found.push(...this.properties(shape, wordsOf(automaton, count - found.length), count - found.length));
      if (found.length >= count) break;
    }
    return found;
  }

  /** Kinds of properties that the schema does not name: of one pattern each, and of none. */
  private kinds(shape: ObjectShape, taken: ReadonlySet<string>): Entries[] {
    const { expressions, expander } = this.compiler;
    const { rules, absent, names } = shape;
    const named = [...this.declared(shape), ...absent, ...taken].map((key) =>
      expressions.not(expressions.text(key)),
    );
    const patterns = rules.flatMap((one) => one.patterns.map((pattern) => ({ ...pattern, rules: one })));
    const mayBeKeys = names.length === 0 ? [] : [this.nameLanguage(names)];
    const kinds = patterns.map(({ language, term, rules: own }, i): Entries => {
      const others = patterns.filter((_, k) => k !== i).map((one) => expressions.not(one.language));
      const rest = rules.flatMap((one) => (one === own ? [] : (one.additional ?? [])));
      return { keys: expressions.and([language, ...others, ...named, ...mayBeKeys]), terms: [term, ...rest] };
    });
    kinds.push({
      keys: expressions.and([
        ...patterns.map(({ language }) => expressions.not(language)),
        ...named,
        ...mayBeKeys,
      ]),
      terms: rules.flatMap(({ additional }) => additional ?? []),
    });
    return kinds.flatMap(({ keys, terms }) => {
      if (expander.areImpossible(terms)) return [];
      const usual = this.usualKeys(keys);
      return usual === undefined ? [] : [{ keys: usual, terms }];
    });
  }

  private nameLanguage(names: readonly Term[]): Expression {
    const { expressions, expander } = this.compiler;
    return expressions.alt(
      expander.expand(names).shapes.map((shape) => {
        if (shape.type === "value")
          return typeof shape.value === "string" ? expressions.text(shape.value) : expressions.none;
        if (shape.type !== "string") return expressions.none;
        return stringLanguage(expressions, shape) ?? expressions.none;
      }),
    );
  }

  /** Words for keys if they will do, else any short text. */
  private usualKeys(keys: Expression): Expression | undefined {
    const { expressions } = this.compiler;
    for (const usual of ["^[a-z][a-z0-9_]{0,11}$", "^[ -~]{1,24}$", "^[^]{0,24}$", ""]) {
      const language = expressions.and([keys, searchPattern(expressions, usual)]);
      if (!this.compiler.isEmpty(language)) return language;
    }
    return undefined;
  }

  /** Languages of up to `most` further properties, whose keys differ by their lengths. */
  private entries(shape: ObjectShape, required: readonly Property[], most: number): Expression[] {
    if (most <= 0) return [];
    const { compiler } = this;
    const { expressions } = compiler;
    const taken = new Set(required.map(({ key }) => key));
    const kinds = this.kinds(shape, taken).flatMap(({ keys, terms }) => {
      const value = compiler.compile(terms);
      return value === undefined ? [] : [{ keys, value: compiler.flatten(value) }];
    });
    const any = expressions.set(constant(true));
    const languages = Array.from({ length: most }, (_, i) => {
      const lengths = expressions.cat(
        expressions.repeat(any, i, i),
        expressions.repeat(expressions.repeat(any, most, most), 0),
      );
      return expressions.alt(
        kinds.map(({ keys, value }) => {
          const own = most === 1 ? keys : expressions.and([keys, lengths]);
          if (compiler.isEmpty(own)) return expressions.none;
          return expressions.cat(expressions.text('"'), expressions.json(own), expressions.text('":'), value);
        }),
      );
    });
    return languages.filter((one) => one !== expressions.none);
  }

  private entry({ key, value }: Property): Expression {
    const { expressions } = this.compiler;
    return expressions.cat(expressions.text(`${JSON.stringify(key)}:`), this.compiler.flatten(value));
  }

  /** Any of the entries in their order, each there or not, up to `room` of them, with commas between. */
  private chain(
    entries: readonly Expression[],
    { isFirst, room }: { isFirst: boolean; room: number },
  ): Expression {
    const { expressions } = this.compiler;
    const comma = expressions.text(",");
    const known = new Map<string, Expression>();
    const from = (at: number, first: boolean, left: number): Expression => {
      if (at === entries.length || left <= 0) return expressions.empty;
      const key = `${at} ${first} ${left}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const one = expressions.cat(
        first ? expressions.empty : comma,
        entries[at]!,
        from(at + 1, false, left - 1),
      );
      const chain = expressions.alt([one, from(at + 1, first, left)]);
      known.set(key, chain);
      return chain;
    };
    return from(0, isFirst, Math.min(room, entries.length));
  }
}

/** Texts of objects that the value must not be, with their properties in the order in which we write them. */
function unwanted({ not }: ObjectShape, order: readonly string[]): string[] {
  return not.filter(isObject).map((value) => {
    const keys = Object.keys(value).sort((a, b) => order.indexOf(a) - order.indexOf(b));
    return JSON.stringify(Object.fromEntries(keys.map((key) => [key, value[key]])));
  });
}
