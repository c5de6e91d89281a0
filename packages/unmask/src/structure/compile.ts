// Shapes to text: JSON without spaces, of which every word is valid. Keys, punctuation and given values are text that is
// locked; what the model chooses is a hole.
//
// Required properties come first, in the schema's order, and their keys are locked; optional ones follow in one hole, in
// which each may be there or not. Of an array the items that must be there are locked in place, further ones follow in
// a hole. Where a value may be of several shapes, one hole holds them all.
//
// `freedom` says how much is left to the model: 2 as much as fits, 1 little beyond what must be, 0 nothing that need not
// be. A schema that recurs is followed as long as something requires it, and a little further where freedom allows.

import { ArrayWriter } from "./array-text.ts";
import { isNothing } from "./automaton.ts";
import { type Expander, termsKey } from "./expand.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { numberText } from "./number-text.ts";
import { ObjectWriter } from "./object-text.ts";
import type { Segment } from "./plan.ts";
import type { Term } from "./schema-document.ts";
import type { Shape } from "./shapes.ts";
import { stringLanguage } from "./string-text.ts";

export type Freedom = 0 | 1 | 2;

/** Levels of values in values. */
const deepest = 40;
/** Shapes that one hole may hold, by freedom. */
const mostChoices = [1, 4, 24] as const;
/** How often the same schema may stand inside itself, by freedom. */
const mostRecursion = [1, 1, 2] as const;
/** Levels down to which a value that may be anything may be an array or an object. */
const freeLevels = [0, 1, 2] as const;

export class Compiler {
  readonly expressions: Expressions;
  readonly expander: Expander;
  readonly freedom: Freedom;
  private readonly above: string[] = [];
  private readonly objects: ObjectWriter;
  private readonly arrays: ArrayWriter;

  constructor(expressions: Expressions, expander: Expander, freedom: Freedom) {
    this.expressions = expressions;
    this.expander = expander;
    this.freedom = freedom;
    this.objects = new ObjectWriter(this);
    this.arrays = new ArrayWriter(this);
  }

  /** Texts of the terms; undefined if there are none, or none that are found. */
  compile(terms: readonly Term[]): Segment[] | undefined {
    const key = termsKey(terms);
    const times = this.above.filter((one) => one === key).length;
    if (this.above.length >= deepest || times > mostRecursion[this.freedom]) return undefined;
    this.above.push(key);
    try {
      return this.choose(this.expander.expand(terms).shapes);
    } finally {
      this.above.pop();
    }
  }

  private choose(shapes: readonly Shape[]): Segment[] | undefined {
    const isFree = this.above.length > freeLevels[this.freedom] && shapes.length > 4;
    const values = shapes.filter((shape) => shape.type === "value");
    const others = shapes.filter(({ type }) => {
      if (type === "value") return false;
      return !isFree || (type !== "array" && type !== "object");
    });
    const found: Segment[][] = values.length === 0 ? [] : [[this.values(values.map(({ value }) => value))]];
    for (const shape of others) {
      if (found.length >= mostChoices[this.freedom]) break;
      const segments = this.text(shape);
      if (segments !== undefined) found.push(segments);
    }
    if (found.length <= 1) return found[0];
    return [{ expression: this.expressions.alt(found.map((one) => this.flatten(one))) }];
  }

  private values(values: readonly unknown[]): Segment {
    const kept = this.freedom === 0 ? values.slice(0, 1) : values;
    const texts = kept.map((value) => JSON.stringify(value));
    const [only] = texts;
    if (texts.length === 1) return only!;
    return { expression: this.expressions.alt(texts.map((one) => this.expressions.text(one))) };
  }

  private text(shape: Shape): Segment[] | undefined {
    const { expressions } = this;
    if (shape.type === "value") return [JSON.stringify(shape.value)];
    if (shape.type === "number") return holeOf(numberText(expressions, shape));
    if (shape.type === "string") {
      const language = stringLanguage(expressions, shape);
      return language && ['"', { expression: expressions.json(language) }, '"'];
    }
    return shape.type === "array" ? this.arrays.write(shape) : this.objects.write(shape);
  }

  /** All texts of the segments as one expression. */
  flatten(segments: readonly Segment[]): Expression {
    const { expressions } = this;
    return expressions.cat(
      ...segments.map((one) => (typeof one === "string" ? expressions.text(one) : one.expression)),
    );
  }

  isEmpty(expression: Expression): boolean {
    return isNothing(this.expressions, expression);
  }

  /** Texts but for those of some values; undefined if none is left. */
  except(segments: Segment[], texts: readonly string[]): Segment[] | undefined {
    if (texts.length === 0) return segments;
    const { expressions } = this;
    const rest = expressions.and([
      this.flatten(segments),
      ...texts.map((text) => expressions.not(expressions.text(text))),
    ]);
    return this.isEmpty(rest) ? undefined : [{ expression: rest }];
  }
}

const holeOf = (expression: Expression | undefined): Segment[] | undefined =>
  expression === undefined ? undefined : [{ expression }];
