// A JSON Schema to a plan: as much freedom as can be followed and spelled, and never a text that is not valid.
//
// Plans are tried from the freest down. Of each some texts are drawn by chance and checked by the validator: should a
// rule of ours be wrong, the schema is refused instead of answered wrongly.

import { UnsupportedError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import { type Automaton, automatonOf } from "./automaton.ts";
import { Compiler, type Freedom } from "./compile.ts";
import { Expander } from "./expand.ts";
import { Expressions } from "./expressions.ts";
import type { Segment, StructurePlan } from "./plan.ts";
import { SchemaDocument } from "./schema-document.ts";
import { type Validator, validatorOf } from "./validator.ts";
import { randomWord } from "./words.ts";

/** Texts drawn of each plan. */
const drawn = 24;
const freedoms: readonly Freedom[] = [2, 1, 0];

export function planSchema(schema: unknown): StructurePlan {
  const document = new SchemaDocument(schema);
  const validator = validatorOf(schema);
  let refusal: unknown;
  for (const freedom of freedoms) {
    try {
      const plan = planWith(document, validator, freedom);
      if (plan !== undefined) return plan;
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      refusal ??= error;
    }
  }
  throw (
    refusal ?? new UnsupportedError("no value was found that this schema allows; make sure that there is one")
  );
}

function planWith(
  document: SchemaDocument,
  validator: Validator,
  freedom: Freedom,
): StructurePlan | undefined {
  const expressions = new Expressions();
  const expander = new Expander(document, expressions);
  const found = new Compiler(expressions, expander, freedom).compile([
    { node: document.root, negated: false },
  ]);
  if (found === undefined) return undefined;
  const segments = merged(found);
  const automata = segments.map((one) =>
    typeof one === "string" ? one : automatonOf(expressions, one.expression),
  );
  if (automata.includes(undefined)) return undefined;
  const check = (text: string) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return "it is no JSON";
    }
    return validator.check(value);
  };
  for (let i = 0; i < drawn; i++) {
    const text = draw(automata as (string | Automaton)[], i);
    const reason = check(text);
    if (reason !== undefined) {
      throw new UnsupportedError(
        `the schema cannot be honoured: ${reason} in an answer that seemed to follow it; make it simpler`,
      );
    }
  }
  return { expressions, segments, check };
}

/** Neighbouring texts as one. */
function merged(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = [];
  for (const one of segments) {
    const last = result.at(-1);
    if (typeof one === "string" && typeof last === "string") result[result.length - 1] = last + one;
    else if (one !== "") result.push(one);
  }
  return result;
}

function draw(parts: readonly (string | Automaton)[], index: number): string {
  const next = generator({ seed: 0, stream: streams.token, sequence: 0, step: index });
  return parts.map((part) => (typeof part === "string" ? part : randomWord(part, next, index))).join("");
}
