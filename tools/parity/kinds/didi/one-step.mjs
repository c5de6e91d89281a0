// @ts-check
// Student and discriminator of a case, canvases as it gives them, and a policy of a single step.

import { dirname } from "node:path";
import { newCanvas } from "../../../../packages/unmask/dist/decode/canvas.js";
import { decideStep, wholeCanvas } from "../../../../packages/unmask/dist/decode/policies/ancestral.js";
import { logLinear, sigma } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { loadDiscriminator } from "../../../../packages/unmask/dist/models/discriminator-files.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Plan} Plan
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Policy} Policy
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Proposal} Proposal
 *
 * @typedef {object} Models
 * @property {import("../../../../packages/unmask/dist/models/family.js").Network} network
 * @property {import("../../../../packages/unmask/dist/models/discriminator.js").Discriminator} discriminator
 */

export const schedule = logLinear();

/**
 * @param {Case} one
 * @param {(models: Models) => void | Promise<void>} body
 */
export async function withModels(one, body) {
  const folder = one.checkpoint(dirname(one.json.checkpoint.discriminator));
  const { network, dispose } = loadNetwork(folder);
  const loaded = loadDiscriminator(folder);
  try {
    await body({ network, discriminator: loaded.discriminator });
  } finally {
    dispose();
    loaded.dispose();
  }
}

/**
 * Canvases with the case's visible tokens given.
 * @param {number[][]} rows
 * @param {number} noiseId
 */
export const canvasesOf = (rows, noiseId) =>
  rows.map((ids, sequence) => {
    const given = new Map([...ids.entries()].filter(([, id]) => id !== noiseId));
    return newCanvas({ length: ids.length, noiseId, sequence, given });
  });

/** @param {Case} one @returns {Plan["noise"] & {}} */
export const noiseOf = (one) => ({
  before: sigma(schedule, one.argument("t", 0)),
  after: sigma(schedule, one.argument("s", 0)),
});

/**
 * A policy of one step whose transition is drawn whole.
 * @param {Plan["noise"] & {}} noise
 * @param {Pick<Plan, "rewardScale" | "draws">} part
 * @returns {Policy}
 */
export function oneStep(noise, part) {
  const step = { noise, revealProbability: 0, greedy: false };
  return {
    name: "one_step",
    limit: () => 1,
    start(canvas) {
      let isDone = false;
      /** @param {Proposal} proposal @param {number} [draw] */
      const decide = (proposal, draw) =>
        decideStep(canvas, proposal, { step, index: 0, seed: 0, drawsTransition: true, draw });
      return {
        plan() {
          if (isDone) return undefined;
          isDone = true;
          return { ...wholeCanvas(canvas, step), ...part };
        },
        decide(proposal) {
          if (part.draws === undefined) return decide(proposal);
          return {
            commit: [],
            alternatives: Array.from({ length: part.draws }, (_, j) => decide(proposal, j)),
          };
        },
      };
    },
  };
}
