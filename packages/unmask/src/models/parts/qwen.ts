// Fields of config.json and names of weights that Dream and SDAR have from Qwen.

import type { FreshFamily, FullSizes, RawConfig } from "../family.ts";
import { expectField, expectMultiple, flag, layerCount, positiveInteger, positiveNumber } from "./fields.ts";
import type { Architecture, Names } from "./transformer.ts";

const names: Names = {
  embedding: "model.embed_tokens",
  finalNorm: "model.norm",
  head: "lm_head",
  layer: (i) => `model.layers.${i}`,
  attentionNorm: "input_layernorm",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
  queryNorm: "self_attn.q_norm",
  keyNorm: "self_attn.k_norm",
  innerNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** The sizes; refuses what would change the computation and is not computed here. */
export function qwenSizes(raw: RawConfig) {
  expectField(raw, "hidden_act", ["silu"]);
  expectField(raw, "use_sliding_window", [false]);
  expectField(raw, "rope_scaling", []);
  // Where transformers 5 writes the base and the scaling; the base must not be missed.
  expectField(raw, "rope_parameters", []);
  const hiddenSize = positiveInteger(raw, "hidden_size");
  const heads = positiveInteger(raw, "num_attention_heads");
  const keyHeads = positiveInteger(raw, "num_key_value_heads", heads);
  if (raw.values.head_dim == null) {
    expectMultiple(raw, ["hidden_size", hiddenSize], ["num_attention_heads", heads]);
  }
  const headSize = positiveInteger(raw, "head_dim", hiddenSize / heads);
  expectMultiple(raw, ["the head size", headSize], ["two", 2]);
  expectMultiple(raw, ["num_attention_heads", heads], ["num_key_value_heads", keyHeads]);
  return {
    vocabularySize: positiveInteger(raw, "vocab_size"),
    hiddenSize,
    layers: layerCount(raw, "num_hidden_layers"),
    heads,
    keyHeads,
    headSize,
    innerSize: positiveInteger(raw, "intermediate_size"),
    normEpsilon: positiveNumber(raw, "rms_norm_eps", 1e-6),
    rotaryBase: positiveNumber(raw, "rope_theta", 10_000),
    rotaryPrecision: "stream",
    tied: flag(raw, "tie_word_embeddings", false),
    contextLength: positiveInteger(raw, "max_position_embeddings", 32_768),
    names,
  } satisfies Partial<Architecture>;
}

/** What Dream's and SDAR's config.json share, as published. */
export const qwenFields = (sizes: FullSizes) => {
  const [end] = sizes.endIds;
  return {
    attention_dropout: 0,
    bos_token_id: end ?? null,
    eos_token_id: sizes.endIds.length > 1 ? [...sizes.endIds] : (end ?? null),
    hidden_act: "silu",
    hidden_size: sizes.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: sizes.innerSize,
    mask_token_id: sizes.maskId,
    max_position_embeddings: sizes.length,
    max_window_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_hidden_layers: sizes.layers,
    num_key_value_heads: sizes.keyHeads,
    pad_token_id: sizes.padId ?? null,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1_000_000,
    sliding_window: null,
    tie_word_embeddings: sizes.tied,
    use_cache: false,
    use_sliding_window: false,
    vocab_size: sizes.vocabularySize,
  };
};

/** Which tokens end a text, for generation_config.json. */
export const endFields = ({ endIds, padId }: FullSizes) => ({
  ...(endIds.length > 0 ? { bos_token_id: endIds[0], eos_token_id: [...endIds] } : {}),
  ...(padId === undefined ? {} : { pad_token_id: padId }),
});

/**
 * transformers' rule for Qwen: matrices normal with initializer_range, biases 0, norms 1. The embedding of the padding
 * token begins like the others: the published code has it at 0 and never trains it, though it is an end of texts too.
 */
export const qwenStart: FreshFamily<unknown>["start"] = (_, raw, { name, shape }) => {
  if (shape.length === 2)
    return { kind: "normal", deviation: positiveNumber(raw, "initializer_range", 0.02) };
  return { kind: "constant", value: name.endsWith(".bias") ? 0 : 1 };
};
