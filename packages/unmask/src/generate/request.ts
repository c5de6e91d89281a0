// What is asked, made definite: prompts as ids, the decoder with its options, the columns of the canvas, what ends a
// text. Everything that can be wrong is refused here, before the model runs.

import { CheckpointError, ConfigError, UnsupportedError, UsageError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { type Decoder, type OptionValues, type ReadyDecoder, readOptions } from "../decode/decoder.ts";
import { decoders, usualDecoder } from "../decode/decoders.ts";
import type { GenerateOptions, Prompt } from "./events.ts";
import { type ModelText, tokenizerOf } from "./load.ts";
import { type StructuredText, structureText } from "./structured.ts";

const defaultBatchSize = 64;
const usualNewTokens = 256;

/** One canvas to fill: a prompt's ids and the columns behind them. */
export interface Job {
  /** Place in the whole request. */
  readonly sequence: number;
  readonly prompt: Int32Array;
  readonly newTokens: number;
  /** Given tokens by column of the canvas. */
  readonly given: ReadonlyMap<number, number>;
  readonly decoder: ReadyDecoder;
  /** What the text must look like. */
  readonly structured?: StructuredText | undefined;
}

export interface GenerateRequest {
  readonly decoder: Decoder;
  /** All options of the decoder, defaults filled in. */
  readonly options: OptionValues;
  readonly jobs: readonly Job[];
  readonly batchSize: number;
  readonly stop: readonly string[];
  readonly stopIds: readonly number[];
}

/** Throws a UsageError, ConfigError or UnsupportedError that says what to give instead. */
export function resolveRequest(
  model: ModelText,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): GenerateRequest {
  if (!model.facts.denoises) {
    throw new UnsupportedError(
      `${model.folder} is a ${model.facts.family} model, which scores text and fills in none; give a diffusion model`,
    );
  }
  const decoder = findDecoder(model, options.decoder);
  const values = readOptions(decoder, options.decoderOptions ?? {});
  const count = whole("count", options.count ?? 1);
  const places = placesOf(prompts.length, options);
  const encoded = prompts.map((prompt) => encodePrompt(model, prompt));
  const suffix = options.suffix === undefined ? undefined : tokenizerOf(model).encode(options.suffix);
  const isChat = prompts.some((prompt) => Array.isArray(prompt));
  // A text of a structure ends with it: an end of text inside is the padding of a value.
  const stopIds = options.structure === undefined ? stopIdsOf(model, options, isChat) : [];
  // A policy that ends at a stop token ends at those that were asked for, or at none.
  const facts = { ...model.facts, endIds: options.stopAtEnd === false ? [] : stopIds };
  const jobs = encoded.flatMap((prompt, i) => {
    const room = columnsBehind(model, prompt, options, suffix);
    const tail = suffix?.length ?? 0;
    const structured = structureText(model, options, room - tail);
    const newTokens = structured === undefined ? room : structured.columns + tail;
    const given = givenColumns(
      prompt.length,
      newTokens,
      { ...options, given: structured?.given ?? options.given },
      suffix,
    );
    return Array.from({ length: count }, (_, k): Job => {
      const context = {
        facts,
        seed: options.seed ?? 0,
        fidelity: options.fidelity ?? "corrected",
        promptLength: prompt.length,
        newTokens,
      } as const;
      const ready = decoder.create(values, context);
      const job = { sequence: places[i]! * count + k, prompt, newTokens, given, decoder: ready };
      if (structured === undefined) return job;
      return { ...job, structured, decoder: structured.bind(ready, prompt.length) };
    });
  });
  return {
    decoder,
    options: values,
    jobs,
    batchSize: whole("batch_size", options.batchSize ?? defaultBatchSize),
    stop: stopTexts(options.stop ?? []),
    stopIds,
  };
}

function placesOf(count: number, { places }: GenerateOptions): readonly number[] {
  if (places === undefined) return Array.from({ length: count }, (_, i) => i);
  const right = places.every((one) => Number.isSafeInteger(one) && one >= 0);
  if (right && places.length === count && new Set(places).size === count) return places;
  throw new UsageError(`places are ${places.join(", ")} for ${count} prompts; give one of its own to each`);
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`${name} is ${value}; give an integer of at least 1`, { [name]: value });
}

function findDecoder({ facts }: ModelText, name: string | undefined): Decoder {
  const fitting = () => decoders.filter((one) => one.refuses(facts) === undefined).map((one) => one.name);
  if (name === undefined) return usualDecoder(facts);
  const found = decoders.find((one) => one.name === name || one.aliases.includes(name));
  if (found === undefined) {
    const near = nearest(
      name,
      decoders.map((one) => one.name),
    );
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new ConfigError(
      `there is no decoder ${name}; for ${facts.family} there are ${fitting().join(", ")}${hint}`,
      { decoder: name },
    );
  }
  const reason = found.refuses(facts);
  if (reason === undefined) return found;
  throw new ConfigError(
    `the decoder ${found.name} does not fit this ${facts.family} model: ${reason}; use one of ${fitting().join(", ")}`,
    { decoder: name },
  );
}

function encodePrompt(model: ModelText, prompt: Prompt): Int32Array {
  if (typeof prompt === "string") {
    const ids = prompt === "" ? [] : tokenizerOf(model).encode(prompt);
    return Int32Array.from([...beginning(model), ...ids]);
  }
  if ("ids" in prompt) {
    const { vocabularySize } = model.facts;
    const wrong = prompt.ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (wrong === undefined) return Int32Array.from(prompt.ids);
    throw new UsageError(`the prompt's id ${wrong} lies outside the vocabulary of ${vocabularySize}`);
  }
  tokenizerOf(model);
  return model.template!.encode(prompt);
}

/** The token that every row begins with, for a model trained with one. */
export function beginning(model: ModelText): number[] {
  if (model.facts.givenBegin !== true) return [];
  const { specials } = tokenizerOf(model);
  const { bos = specials.eos } = specials;
  if (bos === undefined) {
    throw new CheckpointError(`${model.folder}: rows begin with a given token, but the tokenizer has none`);
  }
  return [bos];
}

/** Columns behind the prompt, the suffix included. */
function columnsBehind(
  { facts }: ModelText,
  prompt: Int32Array,
  { length, maxNewTokens }: GenerateOptions,
  suffix: Int32Array | undefined,
): number {
  const tail = suffix?.length ?? 0;
  const given = prompt.length + tail;
  const room = facts.contextLength - given;
  if (length !== undefined) {
    whole("length", length);
    if (given < length) return length - prompt.length;
    throw new UsageError(
      `the prompt has ${given} tokens and the canvas ${length}; shorten the prompt or raise length`,
    );
  }
  if (room < 1) {
    throw new UsageError(
      `the prompt has ${given} tokens and the model takes ${facts.contextLength}; shorten the prompt`,
    );
  }
  if (maxNewTokens === undefined)
    return tail + (facts.fillsContext === true ? room : Math.min(usualNewTokens, room));
  whole("max_new_tokens", maxNewTokens);
  if (maxNewTokens <= room) return tail + maxNewTokens;
  throw new UsageError(
    `a prompt of ${given} tokens and ${maxNewTokens} new ones are more than the model's ${facts.contextLength}; give max_new_tokens of at most ${room}`,
  );
}

function givenColumns(
  promptLength: number,
  newTokens: number,
  { given }: GenerateOptions,
  suffix: Int32Array | undefined,
): Map<number, number> {
  const columns = new Map<number, number>();
  for (const [column, token] of given ?? []) {
    if (!Number.isInteger(column) || column < 0 || column >= newTokens) {
      throw new UsageError(`a given token at column ${column} lies outside the ${newTokens} new ones`);
    }
    columns.set(promptLength + column, token);
  }
  const start = promptLength + newTokens - (suffix?.length ?? 0);
  suffix?.forEach((token, i) => {
    columns.set(start + i, token);
  });
  return columns;
}

function stopTexts(texts: readonly string[]): readonly string[] {
  if (!texts.includes("")) return texts;
  throw new UsageError("a stop string is empty and would end every text; give at least one character");
}

function stopIdsOf(model: ModelText, options: GenerateOptions, isChat: boolean): number[] {
  const { vocabularySize, endIds } = model.facts;
  for (const id of options.stopIds ?? []) {
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) continue;
    throw new UsageError(`the stop id ${id} lies outside the vocabulary of ${vocabularySize}`);
  }
  const turns = isChat ? (model.tokenizer?.specials.endOfTurn ?? []) : [];
  return [...new Set([...endIds, ...turns, ...(options.stopIds ?? [])])];
}
