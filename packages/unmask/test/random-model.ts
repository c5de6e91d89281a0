// Checkpoints of numbers without meaning, for tests of everything but the numbers.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { convert, type Dtype, saveSafetensors, scope, type Tensor, tensor } from "@unmask/torch";
import { describeModel } from "../src/models/open.ts";

/** Writes config.json and model.safetensors into a new folder, which it returns. */
export function randomModel(folder: string, config: object, dtype: Dtype = "float32"): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, torch_dtype: dtype }));
  const { shapes, prefix } = describeModel(folder);
  scope(() => {
    const tensors = [...shapes].map(([name, shape], index): [string, Tensor] => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) values[i] = Math.sin((i % 10_007) * 1.7 + index) / 3;
      return [prefix + name, convert(tensor(values, [...shape]), dtype, undefined)];
    });
    saveSafetensors(join(folder, "model.safetensors"), new Map(tensors));
  });
  return folder;
}

export const tinyDream = {
  ...{ model_type: "Dream", hidden_size: 16, num_attention_heads: 2, num_key_value_heads: 1 },
  ...{ num_hidden_layers: 2, intermediate_size: 24, vocab_size: 13, mask_token_id: 12 },
  ...{ max_position_embeddings: 8, pad_token_id: 11 },
};

export const tinyMdlm = {
  ...{ model_type: "mdlm", hidden_dim: 16, cond_dim: 4, n_blocks: 2, n_heads: 2 },
  ...{ model_length: 8, vocab_size: 13 },
};

export const tinyGpt2 = {
  ...{ model_type: "gpt2", n_embd: 16, n_layer: 2, n_head: 2, n_positions: 8, vocab_size: 13 },
  activation_function: "gelu_new",
};
