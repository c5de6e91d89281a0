// A model ready to generate: network, tokenizer, chat template and the facts decoding needs, from a folder or from a
// Hugging Face id.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";
import { fetchCheckpoint, fetchDescription } from "../hub/checkpoint.ts";
import { isModelId } from "../hub/names.ts";
import type { HubProgress } from "../hub/progress.ts";
import { type LoadedDiscriminator, loadDiscriminator } from "../models/discriminator-files.ts";
import type { Facts, Network } from "../models/family.ts";
import { type LoadedNetwork, loadNetwork, type WeightDtype } from "../models/load.ts";
import { type AdapterSet, disposeAdapters, loadAdapter } from "../models/lora.ts";
import { adapterFolder, isAdapterFolder, readAdapterConfig } from "../models/lora-config.ts";
import {
  describeModel,
  isModelFolder,
  type ModelDescription,
  openModel,
  parameterCount,
} from "../models/open.ts";
import { type ChatTemplate, loadChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer } from "../text/tokenizer-files.ts";
import { bundledFolder, bundledNames } from "./bundled.ts";

/** For models that are fetched from the hub. */
export interface FetchOptions {
  /** Branch, tag or commit; "main" by default. */
  readonly revision?: string | undefined;
  readonly onProgress?: ((progress: HubProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadOptions extends FetchOptions {
  /** "cpu" by default. */
  readonly device?: Device | undefined;
  /** "auto" (the default) keeps the dtypes of the files; "int8" shrinks matrices to a byte a value. */
  readonly dtype?: WeightDtype | undefined;
  /**
   * What is constant in generation is computed once: MDLM's conditioning at sigma 0. Exact; such a network takes no
   * sigma and is not saved.
   */
  readonly fold?: boolean | undefined;
  /** Folder of a LoRA adapter (PEFT's files) that is computed beside the weights. */
  readonly adapter?: string | undefined;
}

export interface Model {
  /** What was asked for. */
  readonly source: string;
  readonly folder: string;
  readonly facts: Facts;
  readonly network: Network;
  /** Names, dtypes and configuration as the files have them, for saving. */
  readonly origin: LoadedNetwork;
  /** Of the adapter that was asked for. */
  readonly adapters: AdapterSet | undefined;
  /** Absent for a folder of weights alone. */
  readonly tokenizer: Tokenizer | undefined;
  /** How messages become a prompt; absent without a tokenizer. */
  readonly template: ChatTemplate | undefined;
  readonly parameterCount: number;
  /** Frees the weights. */
  dispose(): void;
}

/** What prompts and requests need of a model: nothing of its weights. */
export type ModelText = Pick<Model, "folder" | "facts" | "tokenizer" | "template">;

/** Loads a folder, a training run's folder, a bundled model, or one of the hub. Throws a CheckpointError or UnsupportedError. */
export async function load(source: string, options: LoadOptions = {}): Promise<Model> {
  const folder = await modelFolder(source, options);
  const tokenizer = hasTokenizer(folder) ? await loadTokenizer(folder) : undefined;
  const facts = resolveFacts(openModel(folder), tokenizer);
  const origin = loadNetwork(folder, options);
  const { network } = origin;
  const adapters = options.adapter === undefined ? undefined : adaptersOf(options.adapter, origin);
  const dispose = () => {
    if (adapters !== undefined) disposeAdapters(adapters);
    origin.dispose();
  };
  return {
    source,
    folder,
    facts,
    network,
    origin,
    adapters,
    tokenizer,
    template: tokenizer === undefined ? undefined : await loadChatTemplate(folder, tokenizer),
    parameterCount: parameterCount(origin.shapes),
    dispose,
  };
}

const discriminators = new WeakMap<Model, LoadedDiscriminator>();

/** The discriminator beside a DiDi-Instruct student, loaded when it is first asked for. Throws a CheckpointError. */
export function discriminatorOf(model: Model): LoadedDiscriminator["discriminator"] {
  let loaded = discriminators.get(model);
  if (loaded === undefined) {
    const { device } = [...model.network.parameters.values()][0]!;
    loaded = loadDiscriminator(model.folder, { device });
    discriminators.set(model, loaded);
  }
  return loaded.discriminator;
}

export interface Described {
  readonly model: ModelDescription;
  /** Of the configuration and the tokenizer together. */
  readonly facts: Facts;
  readonly tokenizer: Tokenizer | undefined;
}

/** What a model is, without its weights: those may be missing. Throws a CheckpointError or UnsupportedError. */
export async function describe(source: string, options: FetchOptions = {}): Promise<Described> {
  const folder = await findFolder(source, options, fetchDescription);
  const model = describeModel(folder);
  const tokenizer = hasTokenizer(folder) ? await loadTokenizer(folder) : undefined;
  return { model, facts: resolveFacts(model, tokenizer), tokenizer };
}

/** An adapter that does not fit leaves no weights behind. */
function adaptersOf(folder: string, origin: LoadedNetwork): AdapterSet {
  try {
    return loadAdapter(folder, origin.network);
  } catch (error) {
    origin.dispose();
    throw error;
  }
}

const hasTokenizer = (folder: string): boolean =>
  existsSync(join(folder, "tokenizer.json")) ||
  (existsSync(join(folder, "vocab.json")) && existsSync(join(folder, "merges.txt")));

/** The tokenizer of a model that needs one. */
export function tokenizerOf({ folder, tokenizer }: Pick<Model, "folder" | "tokenizer">): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new CheckpointError(
    `${folder}: holds no tokenizer (tokenizer.json, or vocab.json and merges.txt); copy the original model's there`,
  );
}

/** The mask id of a model that needs one. */
export function maskIdOf({ folder, facts }: Pick<Model, "folder" | "facts">): number {
  if (facts.maskId !== undefined) return facts.maskId;
  throw new CheckpointError(
    `${folder}: neither config.json (mask_token_id) nor the tokenizer names a mask token; is it a diffusion model?`,
  );
}

/**
 * Facts of the configuration and of the tokenizer together, checked: the mask lies inside the vocabulary, is a special
 * token, is not the padding, and both agree on it. Throws a CheckpointError.
 */
export function resolveFacts(
  { folder, facts, raw }: ModelDescription,
  tokenizer: Tokenizer | undefined,
): Facts {
  const specials = tokenizer?.specials ?? {};
  const stated = raw.values.mask_token_id as number | undefined;
  if (stated !== undefined && specials.mask !== undefined && stated !== specials.mask) {
    throw new CheckpointError(
      `${folder}: config.json says mask_token_id ${stated}, the tokenizer's mask is ${specials.mask}; the tokenizer belongs to another model`,
    );
  }
  const maskId = facts.denoises ? (specials.mask ?? facts.maskId) : undefined;
  if (maskId !== undefined && maskId >= facts.vocabularySize) {
    throw new CheckpointError(
      `${folder}: the tokenizer's mask id ${maskId} does not lie inside the model's vocabulary of ${facts.vocabularySize}; the tokenizer belongs to another model`,
    );
  }
  const padId = facts.padId ?? specials.pad;
  if (maskId !== undefined && facts.padId === maskId) {
    throw new CheckpointError(
      `${folder}: mask and padding are the same token ${maskId}; correct pad_token_id in config.json`,
    );
  }
  checkIsSpecial(folder, maskId, tokenizer);
  const endIds = facts.endIds.length > 0 || specials.eos === undefined ? facts.endIds : [specials.eos];
  return { ...facts, maskId, endIds, padId, beginId: facts.beginId ?? specials.bos };
}

/** An ordinary word as mask would be written, and then read as a hole. */
function checkIsSpecial(folder: string, maskId: number | undefined, tokenizer: Tokenizer | undefined): void {
  const token = maskId === undefined ? undefined : tokenizer?.idToToken(maskId);
  if (tokenizer === undefined || maskId === undefined || token === undefined) return;
  const literal = tokenizer.encode(token);
  if (literal.length !== 1 || literal[0] !== maskId) return;
  throw new CheckpointError(
    `${folder}: the mask id ${maskId} is the ordinary token ${JSON.stringify(token)}; correct mask_token_id in config.json`,
  );
}

/**
 * Where a model's files lie: the folder itself, the model of a training run's folder, a bundled model, or the shared
 * cache of the hub after a download. Throws a CheckpointError.
 */
export function modelFolder(source: string, options: FetchOptions = {}): Promise<string> {
  return findFolder(source, options, fetchCheckpoint);
}

async function findFolder(
  source: string,
  { revision, onProgress, signal }: FetchOptions,
  fetch: typeof fetchCheckpoint,
): Promise<string> {
  if (existsSync(source) && statSync(source).isDirectory()) return folderWithin(source);
  const bundled = bundledFolder(source);
  if (bundled !== undefined) return bundled;
  if (isModelId(source) && !looksLikePath(source)) {
    const { folder } = await fetch(source, { revision, onProgress, signal });
    return folder;
  }
  throw new CheckpointError(
    `${source}: no such folder; give the folder of a trained model (unmask train makes one), ${bundledNames().join(" or ")}, or a Hugging Face id`,
  );
}

/** "runs/mine" may be an id too; it is a path where there is a folder "runs". */
function looksLikePath(source: string): boolean {
  const [first = ""] = source.split("/");
  return source.includes("/") ? existsSync(first) : source.startsWith(".");
}

function folderWithin(path: string): string {
  const inner = join(path, "model");
  if (isModelFolder(path)) return path;
  if (isModelFolder(inner)) return inner;
  const adapter = adapterFolder(path);
  if (isAdapterFolder(adapter)) {
    const base = readAdapterConfig(adapter).raw.values.base_model_name_or_path ?? "its base model";
    throw new CheckpointError(
      `${path}: holds an adapter beside ${base}; give that as --model and this folder as --adapter, or make one model of both by unmask merge`,
    );
  }
  throw new CheckpointError(
    `${path}: holds no config.json, and no model/config.json; is the training run finished?`,
  );
}
