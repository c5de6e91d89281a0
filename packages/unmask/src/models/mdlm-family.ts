// MDLM as a family: Hugging Face's kuleshov-group/mdlm folders ("backbone." before every name), and DiDi-Instruct's
// (no prefix, sizes nested in config.json).

import { CheckpointError, ConfigError, UnsupportedError } from "../base/errors.ts";
import type { Facts, Family, FullSizes, RawConfig } from "./family.ts";
import { mdlmStart } from "./initialise.ts";
import { Mdlm, type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";
import { foldConditioning } from "./mdlm-fold.ts";
import { mdlmFields } from "./mdlm-save.ts";
import { expectMultiple, flag, layerCount, positiveInteger } from "./parts/fields.ts";

interface DidiConfig {
  readonly algo?: Readonly<Record<string, unknown>> | null;
  readonly model?: Readonly<Record<string, unknown>> | null;
}

const nested = (values: RawConfig["values"]): DidiConfig | undefined =>
  values.config as DidiConfig | undefined;

/** Reads either layout. Throws a CheckpointError that names the file and the field. */
export function readMdlmConfig(raw: RawConfig): MdlmConfig {
  const didi = nested(raw.values);
  const config = didi?.model == null ? readPublished(raw) : readDidi(raw, didi);
  // Rotary positions turn pairs of numbers within a head.
  expectMultiple(raw, ["hidden_dim", config.hiddenSize], ["twice n_heads", 2 * config.heads]);
  return config;
}

function readPublished(raw: RawConfig): MdlmConfig {
  refuseTime(raw, raw.values.time_conditioning);
  return {
    vocabularySize: positiveInteger(raw, "vocab_size"),
    hiddenSize: positiveInteger(raw, "hidden_dim"),
    conditionSize: positiveInteger(raw, "cond_dim"),
    blocks: layerCount(raw, "n_blocks"),
    heads: positiveInteger(raw, "n_heads"),
    length: positiveInteger(raw, "model_length"),
    ignoreBos: flag(raw, "ignore_bos", false),
  };
}

function readDidi(raw: RawConfig, didi: DidiConfig): MdlmConfig {
  const algo = didi.algo ?? {};
  refuseTime(raw, algo.time_conditioning);
  const sizes = { path: `${raw.path} (config.model)`, values: didi.model ?? {} };
  return {
    vocabularySize: positiveInteger(raw, "vocab_size"),
    hiddenSize: positiveInteger(sizes, "hidden_size"),
    conditionSize: positiveInteger(sizes, "cond_dim"),
    blocks: layerCount(sizes, "n_blocks"),
    heads: positiveInteger(sizes, "n_heads"),
    length: positiveInteger(sizes, "length"),
    ignoreBos: flag({ path: `${raw.path} (config.algo)`, values: algo }, "ignore_bos", false),
  };
}

function refuseTime({ path }: RawConfig, timeConditioning: unknown): void {
  if (timeConditioning !== true) return;
  throw new UnsupportedError(
    `${path}: time_conditioning is true; networks that are told the time are not served yet, use one trained without`,
  );
}

function facts(config: MdlmConfig): Facts {
  const { vocabularySize, length } = config;
  if (vocabularySize < 2)
    throw new CheckpointError(`a vocabulary of ${vocabularySize} has no room for a mask`);
  return {
    family: "mdlm",
    vocabularySize,
    // The published models append the mask to the tokenizer's vocabulary; a tokenizer with a mask of its own decides.
    maskId: vocabularySize - 1,
    endIds: [],
    shift: 0,
    contextLength: length,
    givenBegin: config.ignoreBos,
    recomputes: true,
    fillsContext: true,
    denoises: true,
  };
}

export const mdlm: Family<MdlmConfig> = {
  name: "mdlm",
  modelTypes: ["mdlm"],
  recognises: (values) => nested(values)?.model?.type === "ddit",
  prefixes: ["backbone.", ""],
  readConfig: readMdlmConfig,
  facts,
  shapes: mdlmParameterShapes,
  isBuffer: (name) => name === "rotary_emb.inv_freq",
  sizes: ({ blocks, hiddenSize, heads }) => ({
    ...{ layers: blocks, hiddenSize, heads, keyHeads: heads, headSize: hiddenSize / heads },
    ...{ innerSize: 4 * hiddenSize, mlp: "plain", packed: true, headNorms: false, norm: "layer" },
    ...{ rotary: "stream", biased: false },
  }),
  inputs: ["padding", "positions", "sigma"],
  servesInt8: true,
  create: (config, parameters) => new Mdlm(config, parameters),
  fold: foldConditioning,
  fresh: {
    takes: ["conditionSize", "givenBegin"],
    files: (sizes) => ({ config: mdlmFields(configOf(sizes)) }),
    start: (config, _, { name }) => mdlmStart(config, name),
  },
};

function configOf({ vocabularySize, hiddenSize, heads, length, maskId, ...sizes }: FullSizes): MdlmConfig {
  if (maskId !== vocabularySize - 1) {
    throw new ConfigError(
      `mdlm's mask is the last token of the vocabulary, ${vocabularySize - 1}; mask_id is ${maskId}`,
    );
  }
  const { conditionSize, layers: blocks, givenBegin: ignoreBos } = sizes;
  return { vocabularySize, hiddenSize, conditionSize, blocks, heads, length, ignoreBos };
}
