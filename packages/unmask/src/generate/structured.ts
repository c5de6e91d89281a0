// A structure on a model's canvas: its plan in the model's tokens, the policy under its constraint, the text as it comes
// and the last look at it.

import { isUnmaskError, type UnmaskError, UnsupportedError, UsageError } from "../base/errors.ts";
import { constrained } from "../decode/constrained.ts";
import type { ReadyDecoder } from "../decode/decoder.ts";
import { layOut } from "../structure/layout.ts";
import type { StructurePlan } from "../structure/plan.ts";
import { planStructure, type Structure } from "../structure/structure.ts";
import { Vocabulary } from "../structure/vocabulary.ts";
import { ByteStream } from "../text/decode-stream.ts";
import { tokenBytes } from "../text/token-bytes.ts";
import type { DecodeStream } from "../text/tokenizer.ts";
import type { GenerateOptions } from "./events.ts";
import { type ModelText, tokenizerOf } from "./load.ts";

/** What a sequence needs to be of a structure. */
export interface StructuredText {
  /** Columns of the text, and the locked tokens by column of the text. */
  readonly columns: number;
  readonly given: ReadonlyMap<number, number>;
  /** The decoder, for a canvas whose text starts at a column. */
  bind(decoder: ReadyDecoder, from: number): ReadyDecoder;
  stream(): DecodeStream;
  /** Throws if the finished text is not of the structure: a defect of ours, never an answer. */
  check(text: string): void;
}

/**
 * At most `budget` columns of text. Throws a UsageError, ConfigError or UnsupportedError that says what cannot be
 * honoured; undefined where no structure is asked for.
 */
export function structureText(
  model: ModelText,
  options: GenerateOptions,
  budget: number,
): StructuredText | undefined {
  if (options.structure === undefined) return undefined;
  checkOptions(options);
  const { structure } = options;
  const plan = naming(() => planned(structure));
  const tokenizer = tokenizerOf(model);
  const vocabulary = vocabularyOf(model);
  const layout = naming(() => layOut(plan, { vocabulary, budget, encode: (text) => tokenizer.encode(text) }));
  const pieces = piecesOf(model);
  return {
    columns: layout.columns,
    given: layout.given,
    bind(decoder, from) {
      if (decoder.drawsTransition === true) refuse("a decoder that draws whole steps");
      return { ...decoder, policy: constrained(decoder.policy, layout.constraint(from)) };
    },
    stream: () => new ByteStream(pieces),
    check(text) {
      const reason = plan.check(text);
      if (reason === undefined) return;
      throw new Error(`Internal error, please report it: a text is not of its structure: ${reason}`);
    },
  };
}

/** What cannot be honoured names the option that asked for it, unless it is room that is missing. */
function naming<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isUnmaskError(error) || "budget" in error.data) throw error;
    const Kind = error.constructor as typeof UnmaskError;
    throw new Kind(error.message, { ...error.data, option: "structure" }, { cause: error });
  }
}

const refuse = (what: string): never => {
  throw new UsageError(`${what} cannot be combined with a structure; leave one of them out`);
};

/** Throws a UsageError for options that do not go with a structure. */
function checkOptions({ stop, given, fidelity, stopAtEnd }: GenerateOptions): void {
  if (stop !== undefined && stop.length > 0) refuse("a stop string");
  if (given !== undefined && given.size > 0) refuse("a frame of given tokens");
  if (fidelity === "released") refuse("released fidelity");
  if (stopAtEnd === false) refuse("filling the whole canvas");
}

const plans = new Map<string, StructurePlan>();
const mostPlans = 64;

/** Plans of structures that were asked for last are kept: a server is asked for the same again and again. */
function planned(structure: Structure): StructurePlan {
  const key = JSON.stringify(structure);
  const known = plans.get(key);
  const plan = known ?? planStructure(structure);
  plans.delete(key);
  plans.set(key, plan);
  if (plans.size > mostPlans) plans.delete(plans.keys().next().value!);
  return plan;
}

interface Bytes {
  readonly bytes: readonly (Uint8Array | undefined)[];
  vocabulary?: Vocabulary;
  pieces?: readonly (Uint8Array | string)[];
}

const known = new WeakMap<object, Bytes>();

function bytesOf(model: ModelText): Bytes {
  const tokenizer = tokenizerOf(model);
  let found = known.get(tokenizer);
  if (found === undefined) {
    found = { bytes: tokenBytes(tokenizer) };
    known.set(tokenizer, found);
  }
  return found;
}

function vocabularyOf(model: ModelText): Vocabulary {
  const found = bytesOf(model);
  const size = model.facts.vocabularySize;
  if (found.vocabulary?.size !== size) {
    found.vocabulary = new Vocabulary({ bytes: found.bytes, paddingId: paddingOf(model), size });
  }
  return found.vocabulary;
}

const piecesOf = (model: ModelText): readonly (Uint8Array | string)[] => {
  const found = bytesOf(model);
  found.pieces ??= found.bytes.map((bytes) => bytes ?? "");
  return found.pieces;
};

/** The end of text stands for the end of a value, and for what the value leaves of its columns. */
function paddingOf({ facts, tokenizer, folder }: ModelText): number {
  const { specials, specialTokens } = tokenizer!;
  const special = new Set(specialTokens.values());
  const candidates = [...facts.endIds, specials.eos, specials.pad, ...(specials.endOfTurn ?? [])];
  const found = candidates.find((id) => {
    return id !== undefined && special.has(id) && id !== facts.maskId && id < facts.vocabularySize;
  });
  if (found !== undefined) return found;
  throw new UnsupportedError(
    `${folder}: text cannot be held to a structure, for the tokenizer has no special token for an end of text or padding`,
  );
}
