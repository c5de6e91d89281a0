// What a line of the table of decoders is: a policy with named options, and how its proposals are made.
//
// Options have the field's snake_case names; what LLaDA, Dream, SDAR and d3LLM call them besides is an alias here and
// nowhere else.

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Canvas } from "./canvas.ts";
import type { Policy } from "./policies/policy.ts";
import type { Sampling } from "./sampling.ts";

/** Facts of a model that decoders ask for; models/family.ts has more. */
export interface DecodeFacts {
  readonly family: string;
  readonly maskId?: number | undefined;
  readonly endIds: readonly number[];
  readonly shift: 0 | 1;
  readonly blockLength?: number | undefined;
  readonly contextLength: number;
  readonly denoises: boolean;
  /** Keeps no keys and values: every forward computes every position. */
  readonly recomputes?: boolean | undefined;
}

/** How close to the published code: its mended form, or its own behaviour with its defects. */
export type Fidelity = "corrected" | "released";

export type OptionValue = number | string | boolean | undefined;

export interface OptionSpec {
  readonly kind: "integer" | "number" | "flag" | "choice";
  /** undefined: not applied unless given. */
  readonly default: OptionValue;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  readonly aliases?: readonly string[];
  /** One sentence for help. */
  readonly doc: string;
}

export type OptionValues = Readonly<Record<string, OptionValue>>;

export interface DecoderContext {
  readonly facts: DecodeFacts;
  readonly seed: number;
  readonly fidelity: Fidelity;
  /** Columns of the prompt, and of the text to write. */
  readonly promptLength: number;
  readonly newTokens: number;
}

/** A decoder ready to run: the policy, and what its proposals need. */
export interface ReadyDecoder {
  readonly policy: Policy;
  readonly sampling: Sampling;
  /** Scale of classifier-free guidance; 0 or absent for none. */
  readonly guidance?: number | undefined;
  /** Tokens that may not be drawn besides the mask. */
  readonly forbiddenIds?: readonly number[] | undefined;
  /** How the fed columns see each other; the network's own way by default. */
  readonly visibility?: { readonly kind: "block-causal"; readonly blockLength: number } | undefined;
  /** A discriminator guides it: reward-guidance.ts makes its guide and judge, which generation hands over. */
  readonly needsReward?: boolean | undefined;
  /** The network is told the noise level of every step. */
  readonly tellsNoise?: boolean | undefined;
  /** Steps are drawn whole, and nothing is forbidden: transition.ts makes the proposer's `draw`. */
  readonly drawsTransition?: boolean | undefined;
  /** Columns that the canvas needs behind the prompt and the text, to fill the last block; they are cut off again. */
  readonly extraColumns?: number | undefined;
  /** The column behind the text that a canvas holds, for decoders that end at a stop token and leave the rest open. */
  textEnd?(canvas: Canvas): number;
}

export interface Decoder {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly doc: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Why it does not fit a model; undefined if it does. */
  refuses(facts: DecodeFacts): string | undefined;
  create(options: OptionValues, context: DecoderContext): ReadyDecoder;
}

/** Throws where a cache is wanted of a network that keeps none; `instead` is the option that does without. */
export function checkCache({ facts }: Pick<DecoderContext, "facts">, wanted: boolean, instead: string): void {
  if (!wanted || facts.recomputes !== true) return;
  throw new ConfigError(`a ${facts.family} model keeps no keys and values; give ${instead}`, {
    family: facts.family,
  });
}

/** Why a model does not suit decoders that let every column see every other; undefined if it does. */
export function whyNotFullView({ blockLength, denoises, family }: DecodeFacts): string | undefined {
  if (!denoises) return `a ${family} model predicts next tokens and fills in none`;
  if (blockLength !== undefined) return `a ${family} model sees block by block; take block_diffusion`;
  return undefined;
}

/**
 * The decoder's options from given ones: aliases resolved, defaults filled in, ranges checked. Throws a ConfigError
 * that names the option, what was given and what is allowed.
 */
export function readOptions(decoder: Pick<Decoder, "name" | "options">, given: OptionValues): OptionValues {
  const values: Record<string, OptionValue> = {};
  for (const [name, spec] of Object.entries(decoder.options)) values[name] = spec.default;
  for (const [given_, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const name = optionName(decoder, given_);
    values[name] = checked(name, value, decoder.options[name]!);
  }
  return values;
}

function optionName({ name: decoder, options }: Pick<Decoder, "name" | "options">, given: string): string {
  for (const [name, { aliases = [] }] of Object.entries(options)) {
    if (name === given || aliases.includes(given)) return name;
  }
  const near = nearest(given, Object.keys(options));
  const hint = near === undefined ? `it has ${Object.keys(options).join(", ")}` : `did you mean ${near}?`;
  throw new ConfigError(`the decoder ${decoder} has no option ${given}; ${hint}`, { option: given });
}

function checked(name: string, value: OptionValue, spec: OptionSpec): OptionValue {
  const refuse = (expected: string) =>
    new ConfigError(`${name} is ${JSON.stringify(value)}, expected ${expected}`, { option: name, value });
  if (spec.kind === "flag") {
    if (typeof value !== "boolean") throw refuse("true or false");
    return value;
  }
  if (spec.kind === "choice") {
    if (spec.choices?.includes(value as string) !== true) throw refuse(spec.choices!.join(" or "));
    return value;
  }
  const isRight = spec.kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  const number = value as number;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
  if (typeof value === "number" && isRight && number >= min && number <= max) return number;
  const kind = spec.kind === "integer" ? "an integer" : "a number";
  const range =
    spec.min !== undefined && spec.max !== undefined
      ? ` from ${spec.min} to ${spec.max}`
      : spec.min !== undefined
        ? ` of at least ${spec.min}`
        : "";
  throw refuse(`${kind}${range}`);
}
