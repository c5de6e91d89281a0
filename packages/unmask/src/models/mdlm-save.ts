// Writing a trained MDLM as a new folder, as Hugging Face's kuleshov-group/mdlm models are: config.json in their fields
// and model.safetensors with names that begin with "backbone.".

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors, type Tensor } from "@unmask/torch";
import type { MdlmConfig } from "./mdlm.ts";

/** Writes config.json and model.safetensors (each replaced in one piece). */
export function saveModel(folder: string, config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>): void {
  const named = new Map([...parameters].map(([name, tensor]) => [`backbone.${name}`, tensor]));
  saveSafetensors(join(folder, "model.safetensors"), named, { metadata: { format: "pt" } });
  const json = {
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
  };
  const path = join(folder, "config.json");
  writeFileSync(`${path}.tmp`, `${JSON.stringify(json, null, 2)}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
}
