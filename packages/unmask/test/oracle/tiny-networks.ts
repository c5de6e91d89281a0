// The smallest networks that can be trained, in float64, and a few answers for them.

import { setRequiresGrad } from "@unmask/torch";
import { families } from "../../src/models/families.ts";
import type { Network } from "../../src/models/family.ts";
import type { Answer } from "../../src/train/masked-batch.ts";
import { mulberry32 } from "./mulberry32.ts";
import { tensorsOf } from "./networks.ts";

export const tiny = { vocabularySize: 11, maskId: 10, padId: 0 } as const;
const sizes = { hidden_size: 6, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4 };
const more = {
  num_hidden_layers: 2,
  intermediate_size: 5,
  vocab_size: tiny.vocabularySize,
  tie_word_embeddings: false,
};
const configs: Record<string, Record<string, unknown>> = {
  sdar: { model_type: "sdar", ...sizes, ...more, block_size: 3, attention_bias: false },
  dream: { model_type: "Dream", ...sizes, ...more },
  mdlm: {
    ...{ model_type: "mdlm", hidden_dim: 8, cond_dim: 4, n_blocks: 1, n_heads: 2, model_length: 8 },
    vocab_size: tiny.vocabularySize,
  },
  llada: {
    ...{ model_type: "llada", d_model: 8, n_heads: 2, n_kv_heads: 2, n_layers: 2, mlp_hidden_size: 5 },
    ...{ vocab_size: tiny.vocabularySize, embedding_size: tiny.vocabularySize, max_sequence_length: 32 },
    ...{ weight_tying: false, rms_norm_eps: 1e-6, rope_theta: 1e4, include_qkv_bias: false },
  },
};

/** SDAR with blocks of 3, Dream, LLaDA or MDLM; random float64 weights that want gradients. */
export function tinyNetwork(family: "sdar" | "dream" | "llada" | "mdlm", seed = 3): Network {
  const line = families.find(({ name }) => name === family)!;
  const config: unknown = line.readConfig({ path: "config.json", values: configs[family]! });
  const next = mulberry32(seed);
  const weights = new Map(
    [...line.shapes(config)].map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const base = /norm/.test(name) ? 1 : 0;
      return [name, { shape, values: Float64Array.from({ length: size }, () => base + next() - 0.5) }];
    }),
  );
  const parameters = tensorsOf(weights, "float64");
  for (const one of parameters.values()) setRequiresGrad(one, true);
  return line.create(config, parameters);
}

export const tinyAnswers: readonly Answer[] = [
  { ids: [1, 2, 3, 4, 5, 6, 7], promptLength: 4 },
  { ids: [8, 9, 1, 3], promptLength: 2 },
  { ids: [4, 4, 2, 9, 7, 6, 5, 1, 2], promptLength: 3 },
];
