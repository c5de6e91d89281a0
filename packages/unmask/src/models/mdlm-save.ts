// Writing a trained MDLM as a new folder, as Hugging Face's kuleshov-group/mdlm models are: config.json in their fields
// and model.safetensors with names that begin with "backbone.".

import { join } from "node:path";
import { saveSafetensors, type Tensor } from "@unmask/torch";
import type { MdlmConfig } from "./mdlm.ts";
import { writeJson } from "./parts/write-json.ts";

/** Fields of config.json. */
export const mdlmFields = (config: MdlmConfig): Record<string, unknown> => ({
  architectures: ["MDLM"],
  model_type: "mdlm",
  time_conditioning: false,
  dropout: 0,
  ignore_bos: config.ignoreBos === true,
  vocab_size: config.vocabularySize,
  hidden_dim: config.hiddenSize,
  cond_dim: config.conditionSize,
  n_blocks: config.blocks,
  n_heads: config.heads,
  model_length: config.length,
});

/** Writes config.json and model.safetensors (each replaced in one piece). */
export function saveModel(folder: string, config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>): void {
  const named = new Map([...parameters].map(([name, tensor]) => [`backbone.${name}`, tensor]));
  saveSafetensors(join(folder, "model.safetensors"), named, { metadata: { format: "pt" } });
  writeJson(join(folder, "config.json"), mdlmFields(config));
}
