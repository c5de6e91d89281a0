// @ts-check
// Steps of a distiller and of plain training, put together as a run of `unmask distill` and of `unmask train` is, with
// random texts in the place of data.

import { soloWorld } from "@unmask/torch";
import { distillers } from "../../packages/unmask/dist/distill/distillers.js";
import { distillConfigSchema, usual } from "../../packages/unmask/dist/distilling/config.js";
import { roleNetworks } from "../../packages/unmask/dist/distilling/networks.js";
import { methodOptions } from "../../packages/unmask/dist/distilling/options.js";
import { answerMethod, blockMethod, rowMethod } from "../../packages/unmask/dist/train/masked-method.js";
import { noiseOf } from "../../packages/unmask/dist/train/objective.js";
import { RatioBuckets } from "../../packages/unmask/dist/train/ratio-buckets.js";
import { updateOptions } from "../../packages/unmask/dist/train/settings.js";
import { takeStep } from "../../packages/unmask/dist/train/step.js";
import { loadedStudent } from "../../packages/unmask/dist/train/student.js";
import { Trained } from "../../packages/unmask/dist/train/trained.js";
import { seed } from "./shapes.mjs";

/**
 * @typedef {import("../../packages/unmask/dist/distill/distillers.js").DistillerName} DistillerName
 * @typedef {import("@unmask/torch").ProductDtype} ProductDtype
 * @typedef {ReturnType<typeof import("./shapes.mjs").makeModel>} ModelFacts
 *
 * @typedef {object} Given
 * @property {string} folder of the model
 * @property {ModelFacts} facts
 * @property {number} rows
 * @property {(number: number) => any} example
 * @property {ProductDtype} products
 *
 * @typedef {object} Steps
 * @property {(count: number) => Promise<number>} run seconds of so many steps
 * @property {number} tokens that the trained network was fed in the last step
 * @property {Record<string, number>} forwards of each network in the last step
 * @property {() => void} close
 */

/** What a method that begins otherwise needs so that every step is a whole one. */
const settled = /** @type {Partial<Record<DistillerName, object>>} */ ({
  didi: { discriminator_warmup_steps: 0 },
});

/**
 * @param {DistillerName} name
 * @param {Given} given
 * @returns {Steps}
 */
export function distillation(name, given) {
  const { folder, facts } = given;
  const distiller = /** @type {any} */ (distillers[name]);
  const data =
    distiller.data === "trajectories" ? { trajectories: { path: folder } } : { data: { path: folder } };
  const parsed = distillConfigSchema(name).parse({
    ...usual[name],
    ...{ ...data, distill: { method: name, ...settled[name] }, model: { path: folder }, seed },
  });
  const config = /** @type {any} */ (parsed);
  const method = distiller.create(facts, methodOptions(config.distill));
  const base = /** @type {any} */ ({ folder, name: folder, facts });
  const made = roleNetworks(base, distiller.networks, config);
  const student = updateOptions(config.train, { fresh: false, adapter: false });
  const critic = { ...student, rate: () => config.distill.discriminator_lr, average: undefined, clip: 1 };
  const trained = new Map(
    [...made.trained].map(([role, parameters]) => [
      role,
      new Trained(parameters, role === "critic" ? critic : student, soloWorld),
    ]),
  );
  const networks = /** @type {Record<string, object>} */ (made.networks);
  return stepsOf(given, { method, networks, trained, free: () => made.dispose() });
}

/**
 * Plain training of the same network: block diffusion for SDAR, answers for LLaDA, rows for MDLM.
 * @param {Given & { uniform: boolean }} given
 * @returns {Steps}
 */
export function training(given) {
  const { folder, facts, uniform } = given;
  const noise = noiseOf({ noise: uniform ? "uniform" : "absorbing" }, facts);
  const { padId, blockLength, family } = facts;
  const masked = () => (family === "mdlm" ? rowMethod(noise) : answerMethod({ noise, padId }));
  const method = blockLength === undefined ? masked() : blockMethod({ noise, padId, blockLength });
  const student = loadedStudent(folder, { device: "cpu", dtype: "float32", seed, name: folder });
  const update = {
    rate: () => 1e-5,
    betas: /** @type {[number, number]} */ ([0.9, 0.999]),
    weightDecay: 0.01,
    clip: 1,
  };
  const trained = new Map([["student", new Trained(student.parameters, update, soloWorld)]]);
  const networks = { student: student.network };
  return stepsOf(given, {
    method: /** @type {any} */ (method),
    networks,
    trained,
    free: () => student.dispose(),
  });
}

/**
 * @param {Given} given
 * @param {object} made
 * @param {any} made.method
 * @param {Record<string, object>} made.networks
 * @param {Map<string, Trained>} made.trained
 * @param {() => void} made.free
 * @returns {Steps}
 */
function stepsOf({ rows, example, products }, { method, networks, trained, free }) {
  /** @type {Record<string, number>} */
  const forwards = Object.fromEntries(Object.keys(networks).map((role) => [role, 0]));
  for (const [role, network] of Object.entries(networks)) {
    countForwards(network, () => {
      forwards[role] = (forwards[role] ?? 0) + 1;
    });
  }
  const source = {
    ...{ count: undefined, fingerprint: "random" },
    at: async (/** @type {readonly number[]} */ numbers) => numbers.map(example),
  };
  const job = {
    method,
    networks,
    trained,
    source,
    world: soloWorld,
    seed,
    products,
    batchSize: rows,
    microBatchSize: rows,
  };
  const buckets = new RatioBuckets();
  let step = 0;
  const steps = {
    tokens: 0,
    forwards,
    async run(/** @type {number} */ count) {
      const begin = performance.now();
      for (let i = 0; i < count; i++) {
        for (const role of Object.keys(forwards)) forwards[role] = 0;
        steps.tokens = (await takeStep(job, { step: step++, progress: 0.5, buckets })).tokens;
      }
      return (performance.now() - begin) / 1000;
    },
    close() {
      for (const one of trained.values()) one.dispose();
      free();
    },
  };
  return steps;
}

/**
 * Calls of a network are told, by methods that stand before its own.
 * @param {any} network
 * @param {() => void} tell
 */
function countForwards(network, tell) {
  for (const name of ["logits", "headRows", "hiddenStates"]) {
    const own = network[name]?.bind(network);
    if (own === undefined) continue;
    network[name] = (/** @type {unknown[]} */ ...args) => {
      tell();
      return own(...args);
    };
  }
}
