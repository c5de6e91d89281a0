// Regular expressions over code points, with intersection and complement, and their derivatives (Brzozowski 1964).
//
// The derivative of an expression by a character is the expression of what may follow that character. Two kinds are
// ours: `json` is the text of a JSON string (without its quotes) whose value the inner expression describes, each
// character written in one way only; `escape` is what follows its backslash.
//
// Equal expressions of one `Expressions` are the same object, so that an automaton (automaton.ts) has one state for
// each. Alternatives and intersections are sets: order and repetition make no difference, which keeps the number of
// derivatives finite. An arena refuses to grow beyond its limit: hostile patterns end with a sentence.

import { UnsupportedError } from "../base/errors.ts";
import {
  type CodePoints,
  constant,
  mapPieces,
  mergePieces,
  type Piecewise,
  rangesOf,
  valueAt,
} from "./pieces.ts";

export interface Expression {
  readonly id: number;
  readonly kind: "none" | "empty" | "set" | "cat" | "alt" | "and" | "not" | "repeat" | "json" | "escape";
  readonly nullable: boolean;
  readonly parts: readonly Expression[];
  readonly set?: CodePoints | undefined;
  readonly min?: number;
  /** Infinity for no limit. */
  readonly max?: number;
}

const escapes: ReadonlyMap<number, string> = new Map([
  [0x22, '"'],
  [0x5c, "\\"],
  [0x08, "b"],
  [0x0c, "f"],
  [0x0a, "n"],
  [0x0d, "r"],
  [0x09, "t"],
]);
const controls = Array.from({ length: 0x20 }, (_, point) => point).filter((point) => !escapes.has(point));
/** What stands for itself in the text of a JSON string; half surrogates stand in none. */
const plain = rangesOf([
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7ff],
  [0xe000, 0x10ffff],
]);

export class Expressions {
  private readonly known = new Map<string, Expression>();
  private readonly derived: (Piecewise<Expression> | undefined)[] = [];
  private readonly limit: number;
  private work = 0;
  readonly none: Expression;
  readonly empty: Expression;
  /** Any text. */
  readonly all: Expression;

  /** `limit`: how much may be looked at, in parts of expressions; about two seconds' worth by default. */
  constructor(limit = 400_000) {
    this.limit = limit;
    this.none = this.make("none", "", { nullable: false });
    this.empty = this.make("empty", "", { nullable: true });
    this.all = this.make("not", String(this.none.id), { nullable: true, parts: [this.none] });
  }

  private make(
    kind: Expression["kind"],
    key: string,
    rest: Partial<Omit<Expression, "id" | "kind">> & { nullable: boolean },
  ): Expression {
    const name = `${kind} ${key}`;
    const found = this.known.get(name);
    if (found !== undefined) return found;
    const one: Expression = { id: this.known.size, kind, parts: [], ...rest };
    this.known.set(name, one);
    return one;
  }

  private spend(work: number): void {
    this.work += work;
    if (this.work <= this.limit) return;
    throw new UnsupportedError("the pattern or schema is too large to be followed; make it simpler");
  }

  set(set: CodePoints): Expression {
    if (!set.values.includes(true)) return this.none;
    return this.make("set", `${set.values[0]} ${set.starts.join()}`, { nullable: false, set });
  }

  text(text: string): Expression {
    const points = Array.from(text, (one) => one.codePointAt(0)!);
    return points.reduceRight<Expression>((rest, point) => {
      return this.cat(this.set(rangesOf([[point, point]])), rest);
    }, this.empty);
  }

  cat(...parts: readonly Expression[]): Expression {
    return parts.reduceRight<Expression>((rest, part) => this.pair(part, rest), this.empty);
  }

  private pair(first: Expression, rest: Expression): Expression {
    this.spend(1);
    if (first === this.none || rest === this.none) return this.none;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    if (first.kind === "cat") return this.pair(first.parts[0]!, this.pair(first.parts[1]!, rest));
    if (first === this.all && rest === this.all) return rest;
    const nullable = first.nullable && rest.nullable;
    return this.make("cat", `${first.id} ${rest.id}`, { nullable, parts: [first, rest] });
  }

  alt(parts: readonly Expression[]): Expression {
    const flat = new Set(parts.flatMap((part) => (part.kind === "alt" ? part.parts : [part])));
    this.spend(flat.size);
    flat.delete(this.none);
    if (flat.has(this.all)) return this.all;
    const sets = [...flat].filter(({ kind }) => kind === "set");
    if (sets.length > 1) {
      for (const one of sets) flat.delete(one);
      flat.add(
        this.set(
          mergePieces(
            sets.map(({ set }) => set!),
            (values) => values.includes(true),
          ),
        ),
      );
    }
    if (flat.size === 0) return this.none;
    if (flat.size === 1) return [...flat][0]!;
    const sorted = [...flat].sort((a, b) => a.id - b.id);
    const nullable = sorted.some((part) => part.nullable);
    return this.make("alt", sorted.map(({ id }) => id).join(), { nullable, parts: sorted });
  }

  and(parts: readonly Expression[]): Expression {
    const flat = new Set(parts.flatMap((part) => (part.kind === "and" ? part.parts : [part])));
    this.spend(flat.size);
    flat.delete(this.all);
    if (flat.has(this.none)) return this.none;
    if (flat.size === 0) return this.all;
    if (flat.size === 1) return [...flat][0]!;
    const sorted = [...flat].sort((a, b) => a.id - b.id);
    const nullable = sorted.every((part) => part.nullable);
    if (flat.has(this.empty)) return nullable ? this.empty : this.none;
    return this.make("and", sorted.map(({ id }) => id).join(), { nullable, parts: sorted });
  }

  not(part: Expression): Expression {
    if (part.kind === "not") return part.parts[0]!;
    return this.make("not", String(part.id), { nullable: !part.nullable, parts: [part] });
  }

  repeat(part: Expression, min: number, max = Number.POSITIVE_INFINITY): Expression {
    if (max === 0 || part === this.empty) return this.empty;
    if (part === this.none) return min === 0 ? this.empty : this.none;
    if (min === 1 && max === 1) return part;
    if (part === this.all) return this.all;
    const nullable = min === 0 || part.nullable;
    return this.make("repeat", `${part.id} ${min} ${max}`, { nullable, parts: [part], min, max });
  }

  optional(part: Expression): Expression {
    return this.alt([this.empty, part]);
  }

  /** The text of a JSON string, without quotes, whose value the expression describes. */
  json(part: Expression): Expression {
    if (part === this.none || part === this.empty) return part;
    return this.make("json", String(part.id), { nullable: part.nullable, parts: [part] });
  }

  /** What may follow each code point. */
  derive(one: Expression): Piecewise<Expression> {
    const known = this.derived[one.id];
    if (known !== undefined) return known;
    const derived = this.derivative(one);
    this.derived[one.id] = derived;
    return derived;
  }

  private derivative(one: Expression): Piecewise<Expression> {
    const { parts } = one;
    switch (one.kind) {
      case "none":
      case "empty":
        return constant(this.none);
      case "set":
        return mapPieces(one.set!, (inside) => (inside ? this.empty : this.none));
      case "cat": {
        const [first, rest] = parts as [Expression, Expression];
        const through = mapPieces(this.derive(first), (next) => this.pair(next, rest));
        if (!first.nullable) return through;
        return mergePieces([through, this.derive(rest)], (values) => this.alt(values));
      }
      case "alt":
        return mergePieces(
          parts.map((part) => this.derive(part)),
          (values) => this.alt(values),
        );
      case "and":
        return mergePieces(
          parts.map((part) => this.derive(part)),
          (values) => this.and(values),
        );
      case "not":
        return mapPieces(this.derive(parts[0]!), (next) => this.not(next));
      case "repeat": {
        const rest = this.repeat(parts[0]!, Math.max(0, one.min! - 1), one.max! - 1);
        return mapPieces(this.derive(parts[0]!), (next) => this.pair(next, rest));
      }
      case "json":
        return this.deriveJson(one);
      case "escape":
        return this.deriveEscape(parts[0]!);
    }
  }

  private deriveJson({ parts }: Expression): Piecewise<Expression> {
    const inner = parts[0]!;
    const escaped = this.make("escape", String(inner.id), { nullable: false, parts: [inner] });
    const backslash = rangesOf([[0x5c, 0x5c]]);
    return mergePieces<Expression | boolean, Expression>(
      [this.derive(inner), plain, backslash],
      ([next, isPlain, isBackslash]) => {
        if (isBackslash) return escaped;
        return isPlain ? this.json(next as Expression) : this.none;
      },
    );
  }

  private deriveEscape(inner: Expression): Piecewise<Expression> {
    const derived = this.derive(inner);
    const next = (point: number) => this.json(valueAt(derived, point));
    const ways = [...escapes].map(([point, letter]) => this.cat(this.text(letter), next(point)));
    for (const point of controls) {
      const digits = point.toString(16).padStart(4, "0");
      ways.push(this.cat(this.text(`u${digits}`), next(point)));
    }
    return this.derive(this.alt(ways));
  }

  /** Whether the expression describes the text. */
  matches(one: Expression, text: string): boolean {
    let at = one;
    for (const character of text) {
      at = valueAt(this.derive(at), character.codePointAt(0)!);
      if (at === this.none) return false;
    }
    return at.nullable;
  }
}
