// LLaDA (Nie et al. 2025): LLaDA-8B, and d3LLM's and dParallel's students of it. Full attention, no shift.
// Reference for parity: hao-ai-lab/d3LLM e5bfcac, ZHZisZZ/dllm ca17675, modeling_llada.py.
//
// The MLP's down projection and the head of the model share the leaf name "ff_out". The published config.json has
// switches for other networks (alibi, multi-query, layer norms …); what they would change is refused, not ignored.

import type { Tensor } from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";
import type { Facts, Family, FullSizes, Network, RawConfig } from "./family.ts";
import {
  expectField,
  expectMultiple,
  flag,
  layerCount,
  positiveInteger,
  positiveNumber,
  tokenId,
  tokenIds,
} from "./parts/fields.ts";
import type { Start } from "./parts/start.ts";
import {
  type Architecture,
  type Names,
  Transformer,
  transformerShapes,
  transformerSizes,
} from "./parts/transformer.ts";

export interface LladaConfig extends Architecture {
  readonly facts: Facts;
}

const names: Names = {
  embedding: "model.transformer.wte",
  finalNorm: "model.transformer.ln_f",
  head: "model.transformer.ff_out",
  layer: (i) => `model.transformer.blocks.${i}`,
  attentionNorm: "attn_norm",
  query: "q_proj",
  key: "k_proj",
  value: "v_proj",
  output: "attn_out",
  queryNorm: "q_norm",
  keyNorm: "k_norm",
  innerNorm: "ff_norm",
  gate: "ff_proj",
  up: "up_proj",
  down: "ff_out",
};

/** Switches of config.json and the values that this file computes. */
const served: Readonly<Record<string, readonly unknown[]>> = {
  block_type: ["llama"],
  layer_norm_type: ["rms"],
  activation_type: ["silu"],
  rope: [true],
  alibi: [false],
  attention_layer_norm: [false],
  bias_for_layer_norm: [false],
  include_bias: [false],
  block_group_size: [1],
  scale_logits: [false],
  input_emb_norm: [false],
};

function readConfig(raw: RawConfig): LladaConfig {
  for (const [field, values] of Object.entries(served)) expectField(raw, field, values);
  const hiddenSize = positiveInteger(raw, "d_model");
  const heads = positiveInteger(raw, "n_heads");
  const multiQuery = flag(raw, "multi_query_attention", false);
  const keyHeads = multiQuery ? 1 : positiveInteger(raw, "n_kv_heads", heads);
  expectMultiple(raw, ["d_model", hiddenSize], ["twice n_heads", 2 * heads]);
  expectMultiple(raw, ["n_heads", heads], ["n_kv_heads", keyHeads]);
  const ratio = positiveNumber(raw, "mlp_ratio", 4);
  // The published tables may be padded: embedding_size rows, of which vocab_size have a meaning.
  const named = positiveInteger(raw, "vocab_size");
  const vocabularySize = positiveInteger(raw, "embedding_size", named);
  if (named > vocabularySize) {
    throw new CheckpointError(
      `${raw.path}: vocab_size ${named} is more than embedding_size ${vocabularySize}`,
    );
  }
  const contextLength = positiveInteger(raw, "max_sequence_length", 4096);
  return {
    vocabularySize,
    hiddenSize,
    layers: layerCount(raw, "n_layers"),
    heads,
    keyHeads,
    headSize: hiddenSize / heads,
    innerSize: positiveInteger(raw, "mlp_hidden_size", Math.trunc(ratio * hiddenSize)),
    normEpsilon: positiveNumber(raw, "rms_norm_eps", 1e-5),
    rotaryBase: positiveNumber(raw, "rope_theta", 10_000),
    rotaryPrecision: flag(raw, "rope_full_precision", true) ? "float32" : "stream",
    headNorms: false,
    projectionBias: flag(raw, "include_qkv_bias", false),
    tied: flag(raw, "weight_tying", false),
    contextLength,
    visibility: { kind: "full" },
    names,
    facts: {
      family: "llada",
      vocabularySize,
      maskId: tokenId(raw, "mask_token_id", vocabularySize),
      endIds: tokenIds(raw, "eos_token_id", vocabularySize),
      padId: tokenId(raw, "pad_token_id", vocabularySize),
      shift: 0,
      contextLength,
      denoises: true,
    },
  };
}

export const llada: Family<LladaConfig> = {
  name: "llada",
  modelTypes: ["llada"],
  prefixes: [""],
  readConfig,
  facts: ({ facts }) => facts,
  shapes: transformerShapes,
  cacheShape: ({ layers, keyHeads, headSize }) => ({ layers, keyHeads, headSize }),
  sizes: transformerSizes,
  inputs: ["padding", "positions", "segments"],
  servesInt8: true,
  create: (config, parameters: ReadonlyMap<string, Tensor>): Network => new Transformer(config, parameters),
  fresh: { takes: ["keyHeads", "innerSize", "tied"], files: freshFiles, start },
};

/**
 * Mitchell's rule, that of the published config.json: normal with 1/√D, narrower for what is added to the stream, the
 * more so the deeper the layer; beyond 3 deviations drawn again.
 */
function start(
  { hiddenSize }: LladaConfig,
  raw: RawConfig,
  { name, shape }: { name: string; shape: readonly number[] },
): Start {
  expectField(raw, "init_fn", ["mitchell"]);
  if (shape.length === 1) return { kind: "constant", value: name.endsWith(".bias") ? 0 : 1 };
  const layer = /blocks\.(\d+)\.(attn_out|ff_out)\./.exec(name)?.[1];
  const deviation = layer === undefined ? hiddenSize ** -0.5 : (2 * shape[1]! * (Number(layer) + 1)) ** -0.5;
  return { kind: "normal", deviation, cutoff: 3 };
}

/** Where transformers finds the network's code. */
const published = "GSAI-ML/LLaDA-8B-Base";

function freshFiles(sizes: FullSizes) {
  const [end, ...others] = sizes.endIds;
  const ends = {
    eos_token_id: others.length === 0 ? (end ?? null) : [...sizes.endIds],
    pad_token_id: sizes.padId ?? null,
  };
  return {
    config: {
      activation_type: "silu",
      alibi: false,
      architectures: ["LLaDAModelLM"],
      attention_dropout: 0,
      attention_layer_norm: false,
      auto_map: {
        AutoConfig: `${published}--configuration_llada.LLaDAConfig`,
        AutoModel: `${published}--modeling_llada.LLaDAModelLM`,
        AutoModelForCausalLM: `${published}--modeling_llada.LLaDAModelLM`,
      },
      bias_for_layer_norm: false,
      block_group_size: 1,
      block_type: "llama",
      d_model: sizes.hiddenSize,
      embedding_dropout: 0,
      embedding_size: sizes.vocabularySize,
      flash_attention: false,
      include_bias: false,
      include_qkv_bias: false,
      init_cutoff_factor: null,
      init_fn: "mitchell",
      init_std: 0.02,
      input_emb_norm: false,
      layer_norm_type: "rms",
      layer_norm_with_affine: true,
      mask_token_id: sizes.maskId,
      max_sequence_length: sizes.length,
      mlp_hidden_size: sizes.innerSize,
      model_type: "llada",
      n_heads: sizes.heads,
      n_kv_heads: sizes.keyHeads,
      n_layers: sizes.layers,
      residual_dropout: 0,
      rms_norm_eps: 1e-5,
      rope: true,
      rope_full_precision: true,
      rope_theta: 500_000,
      scale_logits: false,
      use_cache: false,
      vocab_size: sizes.vocabularySize,
      weight_tying: sizes.tied,
      ...ends,
    },
  };
}
