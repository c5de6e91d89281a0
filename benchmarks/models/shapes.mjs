// @ts-check
// The random networks of this benchmark: the families' proportions, few layers, small vocabularies so that the trunk
// dominates as in the published networks. config.json has exactly the fields of the families' own.
//
//   family size  hidden layers heads/key heads × head  MLP   vocabulary  parameters  like
//   llada  0.1b   768    10     6/6  × 128            2304    16384       102 M      8B: MLP 3 × hidden
//   llada  1b     2048   16    16/16 × 128            6144    32768      1007 M
//   dream  0.1b   896     5     7/1  × 128            4736    16384       102 M      7B: 7 heads a key head, MLP 5.3 ×
//   dream  1b     1792   15    14/2  × 128            9472    32768       991 M
//   sdar   0.1b   640    13     8/2  × 128            2432    16384       103 M      4B: heads 1.6 × hidden, MLP 3.8 ×
//   sdar   1b     1920   15    24/6  × 128            7296    32768       978 M

/**
 * @typedef {object} Shape
 * @property {number} hidden
 * @property {number} layers
 * @property {number} heads
 * @property {number} keyHeads
 * @property {number} inner
 * @property {number} vocabulary
 */

export const families = /** @type {const} */ (["llada", "dream", "sdar"]);
export const sizes = /** @type {const} */ (["0.1b", "1b"]);
export const headSize = 128;
/** Positions of SDAR's blocks; the published ones go from 4 to 64. */
export const blockSize = 32;

/** @typedef {(typeof families)[number]} FamilyName */
/** @typedef {(typeof sizes)[number]} SizeName */

/** @type {Record<FamilyName, Record<SizeName, Shape>>} */
export const shapes = {
  llada: {
    "0.1b": { hidden: 768, layers: 10, heads: 6, keyHeads: 6, inner: 2304, vocabulary: 16384 },
    "1b": { hidden: 2048, layers: 16, heads: 16, keyHeads: 16, inner: 6144, vocabulary: 32768 },
  },
  dream: {
    "0.1b": { hidden: 896, layers: 5, heads: 7, keyHeads: 1, inner: 4736, vocabulary: 16384 },
    "1b": { hidden: 1792, layers: 15, heads: 14, keyHeads: 2, inner: 9472, vocabulary: 32768 },
  },
  sdar: {
    "0.1b": { hidden: 640, layers: 13, heads: 8, keyHeads: 2, inner: 2432, vocabulary: 16384 },
    "1b": { hidden: 1920, layers: 15, heads: 24, keyHeads: 6, inner: 7296, vocabulary: 32768 },
  },
};

/**
 * config.json.
 * @param {FamilyName} family
 * @param {Shape} shape
 */
export function configOf(family, shape) {
  if (family === "llada") return lladaConfig(shape);
  return family === "dream" ? dreamConfig(shape) : sdarConfig(shape);
}

/** @param {Shape} shape */
function lladaConfig({ hidden, layers, heads, keyHeads, inner, vocabulary }) {
  return {
    activation_type: "silu",
    alibi: false,
    alibi_bias_max: 8,
    architectures: ["LLaDAModelLM"],
    attention_dropout: 0,
    attention_layer_norm: false,
    attention_layer_norm_with_affine: true,
    bias_for_layer_norm: false,
    block_group_size: 1,
    block_type: "llama",
    d_model: hidden,
    embedding_dropout: 0,
    embedding_size: vocabulary,
    eos_token_id: vocabulary - 8,
    flash_attention: false,
    include_bias: false,
    include_qkv_bias: false,
    init_cutoff_factor: null,
    init_device: "meta",
    init_fn: "mitchell",
    init_std: 0.02,
    input_emb_norm: false,
    layer_norm_type: "rms",
    layer_norm_with_affine: true,
    mask_token_id: vocabulary - 4,
    max_sequence_length: 4096,
    mlp_hidden_size: inner,
    mlp_ratio: 4,
    model_type: "llada",
    multi_query_attention: null,
    n_heads: heads,
    n_kv_heads: keyHeads,
    n_layers: layers,
    pad_token_id: vocabulary - 8,
    precision: "amp_bf16",
    residual_dropout: 0,
    rms_norm_eps: 1e-5,
    rope: true,
    rope_full_precision: true,
    rope_theta: 500_000,
    scale_logits: false,
    use_cache: false,
    vocab_size: vocabulary,
    weight_tying: false,
  };
}

/** @param {Shape} shape */
function qwenConfig({ hidden, layers, heads, keyHeads, inner, vocabulary }) {
  return {
    attention_dropout: 0,
    bos_token_id: vocabulary - 8,
    eos_token_id: vocabulary - 8,
    hidden_act: "silu",
    hidden_size: hidden,
    initializer_range: 0.02,
    intermediate_size: inner,
    mask_token_id: vocabulary - 4,
    max_window_layers: layers,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    num_key_value_heads: keyHeads,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1_000_000,
    sliding_window: null,
    tie_word_embeddings: false,
    use_sliding_window: false,
    vocab_size: vocabulary,
  };
}

/** @param {Shape} shape */
function dreamConfig(shape) {
  return {
    architectures: ["DreamModel"],
    max_position_embeddings: 131_072,
    model_type: "Dream",
    pad_token_id: shape.vocabulary - 8,
    use_cache: true,
    ...qwenConfig(shape),
  };
}

/** @param {Shape} shape */
function sdarConfig(shape) {
  return {
    architectures: ["SDARForCausalLM"],
    attention_bias: false,
    block_size: blockSize,
    head_dim: headSize,
    max_position_embeddings: 32_768,
    model_type: "sdar",
    use_cache: false,
    ...qwenConfig(shape),
  };
}

/**
 * Names and shapes of the weights, in the order of the layers.
 * @param {FamilyName} family
 * @param {Shape} shape
 * @returns {[name: string, shape: number[]][]}
 */
export function weightsOf(family, shape) {
  const { hidden, layers, vocabulary } = shape;
  const table = [vocabulary, hidden];
  const blocks = Array.from({ length: layers }, (_, i) => layerOf(family, shape, i)).flat();
  if (family === "llada") {
    return [
      ["model.transformer.wte.weight", table],
      ...blocks,
      ["model.transformer.ln_f.weight", [hidden]],
      ["model.transformer.ff_out.weight", table],
    ];
  }
  return [
    ["model.embed_tokens.weight", table],
    ...blocks,
    ["model.norm.weight", [hidden]],
    ["lm_head.weight", table],
  ];
}

/**
 * @param {FamilyName} family
 * @param {Shape} shape
 * @param {number} i
 * @returns {[name: string, shape: number[]][]}
 */
function layerOf(family, { hidden, heads, keyHeads, inner }, i) {
  const [queries, keys] = [heads * headSize, keyHeads * headSize];
  /** @type {[string, number[]][]} */
  const extra =
    family === "dream"
      ? [
          ["self_attn.q_proj.bias", [queries]],
          ["self_attn.k_proj.bias", [keys]],
          ["self_attn.v_proj.bias", [keys]],
        ]
      : [
          ["self_attn.q_norm.weight", [headSize]],
          ["self_attn.k_norm.weight", [headSize]],
        ];
  const prefix = family === "llada" ? `model.transformer.blocks.${i}` : `model.layers.${i}`;
  const attention = family === "llada" ? "" : "self_attn.";
  const mlp = family === "llada" ? "" : "mlp.";
  const [out, gate, down] =
    family === "llada" ? ["attn_out", "ff_proj", "ff_out"] : ["o_proj", "gate_proj", "down_proj"];
  const norms =
    family === "llada" ? ["attn_norm", "ff_norm"] : ["input_layernorm", "post_attention_layernorm"];
  /** @type {[string, number[]][]} */
  const list = [
    [`${norms[0]}.weight`, [hidden]],
    [`${attention}q_proj.weight`, [queries, hidden]],
    [`${attention}k_proj.weight`, [keys, hidden]],
    [`${attention}v_proj.weight`, [keys, hidden]],
    [`${attention}${out}.weight`, [hidden, queries]],
    ...(family === "llada" ? [] : extra),
    [`${norms[1]}.weight`, [hidden]],
    [`${mlp}${gate}.weight`, [inner, hidden]],
    [`${mlp}up_proj.weight`, [inner, hidden]],
    [`${mlp}${down}.weight`, [hidden, inner]],
  ];
  return list.map(([name, dimensions]) => [`${prefix}.${name}`, dimensions]);
}
