// @ts-check
// Checkpoints of random numbers in the shapes of the families, 100 to 280 MB in float32.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, createGenerator, empty, float, operator, saveSafetensors, scope } from "@unmask/torch";
import { describeModel } from "../../packages/unmask/dist/models/open.js";

/** @typedef {"float32" | "bfloat16"} Dtype */

const qwen = { hidden_size: 512, num_attention_heads: 8, hidden_act: "silu", max_position_embeddings: 4096 };

/** @type {Record<string, Record<string, unknown>>} */
export const configs = {
  llada: {
    ...{ model_type: "llada", d_model: 512, n_layers: 8, n_heads: 8, mlp_hidden_size: 1536 },
    ...{ vocab_size: 32000, embedding_size: 32000, max_sequence_length: 4096, mask_token_id: 31999 },
  },
  dream: {
    ...{ model_type: "Dream", ...qwen, num_hidden_layers: 4, num_key_value_heads: 2 },
    ...{ intermediate_size: 2816, vocab_size: 48000, mask_token_id: 47999 },
  },
  sdar: {
    ...{ model_type: "sdar", ...qwen, num_hidden_layers: 6, num_key_value_heads: 4, head_dim: 96 },
    ...{ intermediate_size: 1536, vocab_size: 24000, mask_token_id: 23999, block_size: 4 },
  },
  mdlm: {
    ...{ model_type: "mdlm", hidden_dim: 512, n_blocks: 8, n_heads: 8, cond_dim: 128 },
    ...{ model_length: 4096, vocab_size: 30000 },
  },
  gpt2: {
    ...{ model_type: "gpt2", n_embd: 512, n_layer: 8, n_head: 8, n_positions: 4096 },
    ...{ vocab_size: 50257, activation_function: "gelu_new" },
  },
};

const normal = operator("aten::normal_");

/**
 * The checkpoint's folder inside `root`, made if it is not there.
 * @param {string} root
 * @param {string} family
 * @param {Dtype} dtype
 * @param {Record<string, unknown>} [change] of the configuration
 */
export function checkpoint(root, family, dtype, change = {}) {
  const folder = join(root, `${family}-${dtype}`);
  const file = join(folder, "model.safetensors");
  if (existsSync(file)) return folder;
  mkdirSync(folder, { recursive: true });
  const config = { ...configs[family], ...change, torch_dtype: dtype };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const { shapes, prefix } = describeModel(folder);
  const generator = createGenerator(1);
  scope(() => {
    const tensors = new Map(
      [...shapes].map(([name, shape]) => [prefix + name, draw([...shape], dtype, generator)]),
    );
    saveSafetensors(file, tensors, { metadata: { format: "pt" } });
  });
  return folder;
}

/**
 * @param {number[]} shape
 * @param {Dtype} dtype
 * @param {import("@unmask/torch").Generator} generator
 */
function draw(shape, dtype, generator) {
  const tensor = empty(shape, { dtype });
  call(normal, tensor, float(0), float(0.02), generator);
  return tensor;
}
