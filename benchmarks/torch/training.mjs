// @ts-check
// A training step of MDLM as the trainer takes it, without the moving average: loss at the masked positions,
// backward, clipping, AdamW. The same mathematics in Python: peer_mdlm.py and peer_training.py.

import { join } from "node:path";
import {
  AdamW,
  backward,
  clipGradients,
  emptyCache,
  item,
  saveSafetensors,
  scope,
  setRequiresGrad,
  tensor,
} from "@unmask/torch";
import { fillUniform, streams } from "../../packages/unmask/dist/base/rng.js";
import { absorbingNoise } from "../../packages/unmask/dist/diffusion/noise.js";
import { logLinear } from "../../packages/unmask/dist/diffusion/schedule.js";
import { initialiseMdlm } from "../../packages/unmask/dist/models/initialise.js";
import { Mdlm } from "../../packages/unmask/dist/models/mdlm.js";
import { maskedLoss } from "../../packages/unmask/dist/train/masked-loss.js";
import { rowBatch } from "../../packages/unmask/dist/train/row-batch.js";
import { uniforms } from "../lib/inputs.mjs";
import { timed } from "../lib/pairs.mjs";

/**
 * @typedef {object} Size
 * @property {number} blocks
 * @property {number} width
 * @property {number} heads
 * @property {number} length
 * @property {number} vocabulary
 * @property {number} batch rows
 *
 * @typedef {import("@unmask/torch").ProductDtype} ProductDtype
 * @typedef {ReturnType<typeof rowBatch>} NoisyBatch
 */

const seed = 1;
const batches = 8;
/** Losses of the first steps must agree: forward, backward and optimiser are then the same on both sides. */
const comparedSteps = 3;
const settings = {
  learningRate: 3e-4,
  betas: /** @type {[number, number]} */ ([0.9, 0.999]),
  eps: 1e-8,
  weightDecay: 0.01,
  clip: 1,
  comparedSteps,
};

/**
 * @param {Size} size
 * @param {ProductDtype} products
 * @param {string} folder for the weights that the peer reads
 * @returns {import("../lib/measure.mjs").Case}
 */
export function trainingCase(size, products, folder) {
  const config = {
    vocabularySize: size.vocabulary,
    hiddenSize: size.width,
    conditionSize: 128,
    blocks: size.blocks,
    heads: size.heads,
    length: size.length,
  };
  const name = `train-${size.blocks}x${size.width}`;
  const weights = join(folder, `${name}.safetensors`);
  const data = Array.from({ length: batches }, (_, i) => makeBatch(size, i));
  return {
    name,
    title: `training step, ${size.blocks} blocks × ${size.width}`,
    unit: "tokens/s",
    tolerance: 1e-4,
    target: { kind: "stepSpeed", atMost: false },
    long: true,
    figure: (seconds, count) => (size.batch * size.length * count) / seconds,
    request: {
      case: "training",
      config,
      weights,
      dtype: products,
      maskId: size.vocabulary - 1,
      batches: data.map((batch) => ({
        rows: batch.rows,
        ids: [...batch.ids],
        positions: [...batch.reads],
        targets: [...batch.targets],
        weights: [...batch.weights].map((weight) => weight / batch.size),
      })),
      settings,
    },
    open: () => open(config, { products, weights, data }),
  };
}

/**
 * @param {import("../../packages/unmask/dist/models/mdlm.js").MdlmConfig} config
 * @param {{ products: ProductDtype, weights: string, data: NoisyBatch[] }} options
 */
function open(config, { products, weights, data }) {
  const parameters = makeParameters(config);
  saveSafetensors(weights, parameters);
  const network = new Mdlm(config, parameters);
  const list = [...parameters.values()];
  const { learningRate, clip, ...options } = settings;
  const optimiser = new AdamW([{ parameters: list }], options);
  const noise = noiseOf(config.vocabularySize);
  const step = () => {
    const batch = /** @type {NoisyBatch} */ (data[optimiser.steps % data.length]);
    const loss = scope(() => {
      const total = maskedLoss(network, batch, { noise, products }).loss;
      backward(total);
      clipGradients(list, clip);
      return item(total);
    });
    optimiser.step(learningRate);
    optimiser.zeroGradients();
    return loss;
  };
  return {
    value: Array.from({ length: comparedSteps }, step),
    run: (/** @type {number} */ count) => timed(count, step),
    close: () => {
      optimiser.dispose();
      for (const one of list) one.dispose();
      emptyCache();
    },
  };
}

/** Weights that start at zero in a new network, and the size they are drawn with here. */
const drawn = /** @type {const} */ ([
  [/adaLN_modulation/, 0.5],
  [/^output_layer\.linear/, 0.05],
]);

/**
 * Fresh weights, but those that start at zero are drawn too: gates of zero would hide the blocks from the losses that
 * the two sides compare. Large gates make a small mistake in a block show.
 * @param {import("../../packages/unmask/dist/models/mdlm.js").MdlmConfig} config
 */
function makeParameters(config) {
  const parameters = initialiseMdlm(config, seed);
  let sequence = 10;
  for (const [name, parameter] of parameters) {
    const bound = drawn.find(([pattern]) => pattern.test(name))?.[1];
    if (bound === undefined) continue;
    const values = uniforms(parameter.size, sequence++).map((value) => bound * value);
    parameters.set(name, setRequiresGrad(tensor(values, parameter.shape), true));
    parameter.dispose();
  }
  return parameters;
}

/**
 * Random tokens under the trainer's noise.
 * @param {Size} size
 * @param {number} index
 */
function makeBatch({ batch, length, vocabulary }, index) {
  const draws = new Float64Array(batch * length);
  fillUniform(draws, { seed, stream: streams.shuffle }, index, 0);
  const ids = Int32Array.from(draws, (draw) => Math.floor(draw * (vocabulary - 1)));
  const rows = Array.from({ length: batch }, (_, row) => ({
    ids: ids.subarray(row * length, (row + 1) * length),
    promptLength: 0,
  }));
  const examples = rows.map((_, row) => index * batch + row);
  return rowBatch(rows, { seed, examples, first: 0, count: batch }, noiseOf(vocabulary));
}

/** @param {number} vocabularySize */
const noiseOf = (vocabularySize) =>
  absorbingNoise({ schedule: logLinear(), vocabularySize, maskId: vocabularySize - 1 });
