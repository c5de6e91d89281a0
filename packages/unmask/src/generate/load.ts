// A model folder, ready to generate: network, tokenizer and the facts decoding needs.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";
import { loadConfig, loadParameters } from "../models/checkpoint.ts";
import { Mdlm, type MdlmConfig } from "../models/mdlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer } from "../text/tokenizer-files.ts";

export interface LoadedModel {
  folder: string;
  config: MdlmConfig;
  network: Mdlm;
  tokenizer: Tokenizer;
  maskId: number;
  parameterCount: number;
}

/** Loads a model folder, or the model of a training run's folder. Throws a CheckpointError. */
export async function loadModel(path: string, device: Device = "cpu"): Promise<LoadedModel> {
  const folder = modelFolder(path);
  const config = loadConfig(folder);
  const tokenizer = await loadTokenizer(folder);
  const maskId = tokenizer.specials.mask;
  if (maskId === undefined || maskId >= config.vocabularySize) {
    throw new CheckpointError(
      `${folder}: the tokenizer's mask id ${maskId} does not lie inside the model's vocabulary of ${config.vocabularySize}; the tokenizer belongs to another model`,
    );
  }
  const parameters = loadParameters(folder, config, device);
  const parameterCount = [...parameters.values()].reduce((sum, one) => sum + one.size, 0);
  return { folder, config, network: new Mdlm(config, parameters), tokenizer, maskId, parameterCount };
}

function modelFolder(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new CheckpointError(
      `${path}: no such folder; give the folder of a trained model (unmask train makes one)`,
    );
  }
  const inner = join(path, "model");
  if (existsSync(join(path, "config.json"))) return path;
  if (existsSync(join(inner, "config.json"))) return inner;
  throw new CheckpointError(
    `${path}: holds no config.json, and no model/config.json; is the training run finished?`,
  );
}
