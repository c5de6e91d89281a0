// @ts-check
// Runs block diffusion on prompts and tells what every denoising forward saw, drew and wrote.

import { argmax, div, narrow, reshape } from "../../../../packages/torch/dist/index.js";
import { newCanvas } from "../../../../packages/unmask/dist/decode/canvas.js";
import { decode } from "../../../../packages/unmask/dist/decode/decode.js";
import { readOptions } from "../../../../packages/unmask/dist/decode/decoder.js";
import { blockDiffusionDecoder } from "../../../../packages/unmask/dist/decode/policies/block-diffusion.js";
import { modelProposer } from "../../../../packages/unmask/dist/propose/propose.js";

/**
 * @typedef {import("../../../../packages/unmask/dist/decode/canvas.js").Canvas} Canvas
 * @typedef {import("../../../../packages/unmask/dist/decode/decoder.js").Fidelity} Fidelity
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Proposal} Proposal
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Request} Request
 * @typedef {import("../../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 * @typedef {import("../../case.mjs").Tensor} Tensor
 *
 * @typedef {object} Denoising one denoising forward of a sequence; positions count from the block's start
 * @property {number} start
 * @property {number} forward
 * @property {number[]} before
 * @property {number[]} tokens candidates of all positions, fixed ones too
 * @property {number[]} confidence
 * @property {number[]} written
 * @property {number[]} after
 *
 * @typedef {object} Run
 * @property {Canvas} canvas
 * @property {number} end column behind the text
 * @property {Denoising[]} denoisings
 * @property {number} stores forwards that only fill the cache
 *
 * @typedef {object} Setting
 * @property {number[][]} prompts
 * @property {number} newTokens
 * @property {number} maskId
 * @property {readonly number[]} stopIds
 * @property {Fidelity} fidelity
 * @property {Record<string, import("../../../../packages/unmask/dist/decode/decoder.js").OptionValue>} options
 * @property {Tensor | undefined} noise_SBV draws as argmax(p / noise), by denoising forward; argmax(p) without
 */

/**
 * @param {LoadedNetwork} loaded
 * @param {Setting} setting
 * @returns {Promise<Run[]>}
 */
export async function runBlocks(loaded, setting) {
  const { prompts, newTokens, maskId, stopIds, fidelity } = setting;
  const values = readOptions(blockDiffusionDecoder, setting.options);
  const decoders = prompts.map((prompt) =>
    blockDiffusionDecoder.create(values, {
      facts: { ...loaded.facts, endIds: stopIds },
      seed: 0,
      fidelity,
      promptLength: prompt.length,
      newTokens,
    }),
  );
  const blockLength = Number(values.block_length ?? loaded.facts.blockLength);
  const runs = prompts.map((prompt, sequence) => {
    const length = prompt.length + newTokens + (decoders[sequence]?.extraColumns ?? 0);
    const canvas = newCanvas({ length, noiseId: maskId, sequence, prompt });
    return { canvas, end: 0, denoisings: /** @type {Denoising[]} */ ([]), stores: 0 };
  });
  const [first] = decoders;
  const inner = modelProposer(loaded.network, {
    seed: 0,
    sampling: first?.sampling,
    visibility: first?.visibility,
    draw: (probability_NV, requests) => {
      if (setting.noise_SBV === undefined) return argmax(probability_NV, { dim: -1 });
      const run = runs.find(({ canvas }) => canvas === requests[0]?.canvas);
      const noise_1BV = narrow(setting.noise_SBV, 0, run?.denoisings.length ?? 0, 1);
      return argmax(div(probability_NV, reshape(noise_1BV, probability_NV.shape)), { dim: -1 });
    },
  });
  const proposer = recording(inner, runs, blockLength);
  const policies = decoders.map(({ policy }) => policy);
  const canvases = runs.map(({ canvas }) => canvas);
  for await (const steps of decode(canvases, proposer, policies)) {
    for (const { row, proposal, decision } of steps) {
      const one = runs[row]?.denoisings.at(-1);
      if (one === undefined || proposal.columns.length === 0) continue;
      one.written = decision.commit.map((i) => Number(proposal.columns[i]) - one.start);
      one.after = [...(canvases[row]?.ids.slice(one.start, one.start + blockLength) ?? [])];
    }
  }
  runs.forEach((run, row) => {
    run.end = decoders[row]?.textEnd?.(run.canvas) ?? run.canvas.length;
  });
  return runs;
}

/**
 * Asks for all positions of a block, as the reference does, and hands on the open ones.
 * @param {import("../../../../packages/unmask/dist/decode/policies/policy.js").Proposer} inner
 * @param {Run[]} runs
 * @param {number} blockLength
 */
function recording(inner, runs, blockLength) {
  return {
    ...inner,
    /** @param {readonly Request[]} requests */
    async propose(requests) {
      const widened = requests.map(({ canvas, plan }) => {
        if (plan.candidates.length === 0) return { canvas, plan };
        const candidates = Int32Array.from({ length: blockLength }, (_, i) => plan.to - blockLength + i);
        return { canvas, plan: { ...plan, candidates } };
      });
      const forwards = requests.map(({ canvas }) => canvas.forwards);
      const proposals = await inner.propose(widened);
      return proposals.map((proposal, i) => {
        const { canvas, plan } = /** @type {Request} */ (requests[i]);
        const run = /** @type {Run} */ (runs.find((one) => one.canvas === canvas));
        if (plan.candidates.length === 0) {
          run.stores++;
          return proposal;
        }
        const start = plan.to - blockLength;
        run.denoisings.push({
          start,
          forward: forwards[i] ?? 0,
          before: [...canvas.ids.slice(start, plan.to)],
          tokens: [...proposal.token],
          confidence: [...proposal.probability],
          written: [],
          after: [],
        });
        return part(proposal, plan.candidates);
      });
    },
  };
}

/**
 * @param {Proposal} proposal
 * @param {Int32Array} columns
 * @returns {Proposal}
 */
function part(proposal, columns) {
  const kept = [...proposal.columns].map((column) => columns.includes(column));
  /** @type {<Values extends Int32Array | Float32Array>(values: Values) => Values} */
  const pick = (values) => /** @type {any} */ (values.filter((_, i) => kept[i]));
  return {
    columns,
    token: pick(proposal.token),
    probability: pick(proposal.probability),
    entropy: pick(proposal.entropy),
    margin: pick(proposal.margin),
    plainProbability: pick(proposal.plainProbability),
    plainEntropy: pick(proposal.plainEntropy),
    best: pick(proposal.best),
  };
}

/**
 * For each column of the text the denoising forward, from 1, that wrote it.
 * @param {Run} run
 */
export function stepMapOf({ canvas, end, denoisings }) {
  const number = new Map(denoisings.map(({ forward }, i) => [forward, i + 1]));
  const promptLength = canvas.given.indexOf(0);
  return [...canvas.revealStep.slice(promptLength, end)].map((forward) => number.get(forward) ?? 0);
}
