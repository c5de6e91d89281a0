// The smallest networks that DiDi-Instruct can train, with random weights, and texts for them.

import { setRequiresGrad, type Tensor } from "@unmask/torch";
import { type DidiSettings, didiOptions } from "../../src/distill/didi/options.ts";
import { Discriminator, discriminatorShapes } from "../../src/models/discriminator.ts";
import { Mdlm, type MdlmConfig, mdlmParameterShapes } from "../../src/models/mdlm.ts";
import type { Answer } from "../../src/train/masked-batch.ts";
import { mulberry32 } from "../oracle/mulberry32.ts";
import { tensorsOf } from "../oracle/networks.ts";

export const config: MdlmConfig = {
  ...{ vocabularySize: 7, hiddenSize: 6, conditionSize: 3, blocks: 2, heads: 1, length: 5 },
};
export const maskId = config.vocabularySize - 1;

type Precision = "float32" | "float64";

function randomTensors(shapes: Map<string, number[]>, seed: number, dtype: Precision): Map<string, Tensor> {
  const next = mulberry32(seed);
  const weights = [...shapes].map(([name, shape]) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const base = /norm/.test(name) ? 1 : 0;
    return [name, { shape, values: Float64Array.from({ length: size }, () => base + 1.4 * (next() - 0.5)) }];
  });
  return tensorsOf(new Map(weights as [string, { shape: number[]; values: Float64Array }][]), dtype);
}

/** Weights that want gradients. */
export function tinyMdlm(seed: number, dtype: Precision = "float64"): Mdlm {
  const parameters = randomTensors(mdlmParameterShapes(config), seed, dtype);
  for (const one of parameters.values()) setRequiresGrad(one, true);
  return new Mdlm(config, parameters);
}

/** Its last block and its head want gradients. */
export function tinyCritic(seed: number, dtype: Precision = "float64"): Discriminator {
  const critic = new Discriminator(config, randomTensors(discriminatorShapes(config), seed, dtype));
  critic.unfreeze({ blocks: 1 });
  return critic;
}

/** Texts that begin with a given token, of which there are two. */
export const answers: readonly Answer[] = [
  { ids: [0, 1, 2, 3, 4], promptLength: 1 },
  { ids: [5, 2, 2, 1, 0], promptLength: 1 },
  { ids: [0, 4, 3, 1, 5], promptLength: 1 },
  { ids: [0, 5, 5, 2, 3], promptLength: 1 },
];

export const tinyOptions = (settings: Partial<DidiSettings> = {}) =>
  didiOptions({ vocabularySize: config.vocabularySize, maskId, ...settings });
