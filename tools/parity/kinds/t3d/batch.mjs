// @ts-check
// A recorded batch of T3D as the distiller's own: prompt, clean and noisy response, what is supervised, reveal steps.

import { noGrad } from "../../../../packages/torch/dist/index.js";
import { t3d } from "../../../../packages/unmask/dist/distill/t3d.js";
import { stateOptions } from "../../../../packages/unmask/dist/distill/t3d-options.js";
import { layoutOf, readStates, statePlan } from "../../../../packages/unmask/dist/distill/trace-states.js";

/**
 * @typedef {import("../../../../packages/unmask/dist/distill/t3d.js").T3dNetworks} T3dNetworks
 * @typedef {import("../../../../packages/unmask/dist/distill/trace-states.js").DistillFacts} DistillFacts
 * @typedef {import("../../../../packages/unmask/dist/distill/trace-states.js").TraceStates} TraceStates
 *
 * @typedef {object} RecordedBatch
 * @property {number[][]} extended_input_ids
 * @property {string[]} supervised_mask over prompt and response
 * @property {number[][]} position_ids
 * @property {number[][]} labels
 * @property {number[][]} step_map −1 where there is none
 *
 * @typedef {object} Settings
 * @property {number} prompt_columns_L0
 * @property {number} block_size
 * @property {number} pad_id
 * @property {number} alpha
 * @property {number} beta
 * @property {number} lambda_path
 * @property {number} path_k_steps
 * @property {number} [reference_temp]
 */

/** @param {Settings} settings @param {DistillFacts} facts */
function optionsOf(settings, facts) {
  return {
    fidelity: /** @type {const} */ ("released"),
    ...{ alpha: settings.alpha, beta: settings.beta, lambdaPath: settings.lambda_path },
    ...{ pathKSteps: settings.path_k_steps, blockSize: settings.block_size },
    ...{ referenceTemp: settings.reference_temp ?? 0, randomTokens: facts.vocabularySize },
  };
}

/**
 * @param {Settings} settings
 * @param {RecordedBatch} batch
 * @param {DistillFacts} facts
 * @returns {TraceStates}
 */
export function statesOf(settings, batch, facts) {
  const { prompt_columns_L0: promptColumns, block_size: blockLength, pad_id: padId } = settings;
  const rows = batch.labels.length;
  const responseColumns = (batch.labels[0]?.length ?? 0) - promptColumns;
  /** @param {number[][]} all @param {number} from @param {number} [to] */
  const cut = (all, from, to) => all.flatMap((row) => row.slice(from, to));
  const prompts = cut(batch.labels, 0, promptColumns);
  const columns = {
    ...{ promptColumns, responseColumns, blockLength, rows },
    prompts: Int32Array.from(prompts),
    responses: Int32Array.from(cut(batch.labels, promptColumns)),
    // The published code takes every pad id of the prompt for padding, and none of the response.
    realPrompts: Uint8Array.from(prompts, (id) => Number(id !== padId)),
    realResponses: new Uint8Array(rows * responseColumns).fill(1),
    extents: batch.labels.map(() => ({ begin: 0, end: responseColumns })),
  };
  const supervised = batch.supervised_mask.map((row) => [...row.slice(promptColumns)].map(Number));
  const counts = supervised.map((row) => row.reduce((sum, one) => sum + one, 0));
  const positions = supervised.flat().flatMap((one, flat) => (one === 1 ? [flat] : []));
  const plan = statePlan({ ...facts, padId }, stateOptions(facts, optionsOf(settings, facts)));
  const states = readStates(
    layoutOf(columns, batch.step_map),
    {
      ids: Int32Array.from(cut(batch.extended_input_ids, promptColumns + responseColumns)),
      positions: Int32Array.from(positions),
      times: new Float64Array(positions.length),
      weights: Float64Array.from(positions, (flat) => 1 / Number(counts[Math.floor(flat / responseColumns)])),
      size: rows,
    },
    plan,
  );
  if ([...(states.batch.places ?? [])].join() !== batch.position_ids.flat().join())
    throw new Error("the positions differ");
  return states;
}

/**
 * Reference and student of one step, as the training loop runs them.
 * @param {T3dNetworks} networks
 * @param {TraceStates} states
 * @param {{ settings: Settings, facts: DistillFacts }} what
 */
export function stepOf(networks, states, { settings, facts }) {
  const method = t3d(facts, optionsOf(settings, facts));
  const place = { seed: 0, step: 0, examples: [...states.kept.keys()], first: 0, count: states.kept.length };
  /** @type {import("../../../../packages/unmask/dist/train/method.js").PhaseContext} */
  const context = { place: { ...place, progress: 0 }, totals: method.counts(states), products: "float32" };
  const [phase] = method.phases;
  if (method.sample === undefined || phase === undefined) throw new Error("the method has no phase");
  const { sample } = method;
  const batch = noGrad(() => sample(networks, states, context));
  return { batch, parts: phase.loss(networks, batch, context) };
}
