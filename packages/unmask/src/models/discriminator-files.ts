// A discriminator's file: discriminator.safetensors beside a DiDi-Instruct student's model.safetensors and config.json.

import { join } from "node:path";
import {
  clone,
  convert,
  type Device,
  type Dtype,
  keep,
  openSafetensors,
  saveSafetensors,
  scope,
  type Tensor,
  tensor,
} from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";
import { Discriminator, discriminatorShapes, isSpectralState } from "./discriminator.ts";
import { readMdlmConfig } from "./mdlm-family.ts";
import { rotaryBase } from "./mdlm-trunk.ts";
import { checkTensors, prefixOf, readConfigFile } from "./open.ts";

const fileName = "discriminator.safetensors";
/** A buffer of the published code: saved, and computed anew on loading. */
const frequencies = "rotary_emb.inv_freq";

const layout = {
  name: "mdlm discriminator",
  prefixes: ["", "discriminator."],
  isBuffer: (name: string) => name === frequencies,
};

export interface DiscriminatorLoadOptions {
  readonly device?: Device | undefined;
  /** "auto" (the default) keeps each tensor as stored. */
  readonly dtype?: "auto" | "float32" | "bfloat16" | "float64" | undefined;
  /** Copies instead of mapping, for weights that will be trained or whose file may be rewritten. */
  readonly copy?: boolean | undefined;
}

export interface LoadedDiscriminator {
  readonly discriminator: Discriminator;
  /** Frees the weights. */
  dispose(): void;
}

/**
 * The discriminator of a folder with config.json and discriminator.safetensors. Throws a CheckpointError or
 * UnsupportedError that names the file and what is wrong in it.
 */
export function loadDiscriminator(
  folder: string,
  options: DiscriminatorLoadOptions = {},
): LoadedDiscriminator {
  const { device = "cpu", dtype = "auto", copy = false } = options;
  const config = readMdlmConfig(readConfigFile(folder));
  const shapes = discriminatorShapes(config);
  const path = join(folder, fileName);
  const checkpoint = open(path);
  const prefix = prefixOf(layout, checkpoint, shapes);
  checkTensors({ folder: path, family: layout, checkpoint, prefix, shapes });
  const parameters = new Map<string, Tensor>();
  for (const name of shapes.keys()) {
    scope(() => {
      const stored = checkpoint.tensor(prefix + name);
      const converted = convert(stored, dtype === "auto" ? stored.dtype : (dtype as Dtype), device);
      const own = converted === stored && (copy || isSpectralState(name)) ? clone(stored) : converted;
      parameters.set(name, keep(own));
    });
  }
  const dispose = () => {
    for (const parameter of parameters.values()) parameter.dispose();
    checkpoint.close();
  };
  return { discriminator: new Discriminator(config, parameters), dispose };
}

function open(path: string) {
  try {
    return openSafetensors(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(reason, { path }, { cause: error });
  }
}

/** Writes discriminator.safetensors, replaced in one piece, in the published names. */
export function saveDiscriminator(folder: string, { config, parameters }: Discriminator): void {
  scope(() => {
    const width = config.hiddenSize / config.heads;
    const values = Float32Array.from({ length: width / 2 }, (_, i) => 1 / rotaryBase ** ((2 * i) / width));
    const named = new Map([...parameters, [frequencies, tensor(values)]]);
    saveSafetensors(join(folder, fileName), named, { metadata: { format: "pt" } });
  });
}
