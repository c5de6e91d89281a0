// @ts-check
// T3D's loss on one recorded batch: logits, x̂, log-probabilities, DDO and path loss, gradients of the whole.

import {
  backward,
  item,
  noGrad,
  scope,
  setGradient,
  setRequiresGrad,
  tensor,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import { gumbelRace } from "../../../../packages/unmask/dist/diffusion/released.js";
import { fakeDraw } from "../../../../packages/unmask/dist/distill/fake-tokens.js";
import {
  levelCount,
  levelSteps,
  nestedWeights,
  pathLevels,
} from "../../../../packages/unmask/dist/distill/path-weights.js";
import { answerScores } from "../../../../packages/unmask/dist/distill/t3d.js";
import { logProbabilities } from "../../../../packages/unmask/dist/distill/token-scores.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { openModel } from "../../../../packages/unmask/dist/models/open.js";
import { feedLogits, idTensor } from "../../../../packages/unmask/dist/train/rows-forward.js";
import { nestedNumbers } from "../../case.mjs";
import { compareGradients } from "../network/gradients.mjs";
import { argmax, numbersOf } from "../network/model.mjs";
import { statesOf, stepOf } from "./batch.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 * @typedef {import("./batch.mjs").Settings} Settings
 * @typedef {import("./batch.mjs").RecordedBatch} RecordedBatch
 */

/**
 * @template Result
 * @param {Case} one
 * @param {"auto" | "float64"} dtype
 * @param {(networks: { student: LoadedNetwork, reference: LoadedNetwork }) => Result} body
 */
function withNetworks(one, dtype, body) {
  const folders = one.json.checkpoint;
  const student = loadNetwork(one.checkpoint(folders.student), { copy: true, dtype });
  const reference = loadNetwork(one.checkpoint(folders.reference), { copy: true, dtype });
  for (const parameter of student.network.parameters.values()) setRequiresGrad(parameter, true);
  try {
    return scope(() => body({ student, reference }));
  } finally {
    student.dispose();
    reference.dispose();
  }
}

/** @param {Case} one @returns {RecordedBatch} */
function batchOf(one) {
  const { extended_input_ids, supervised_mask, position_ids, labels, step_map_padded_with_minus_one } =
    one.json.inputs;
  return {
    extended_input_ids,
    supervised_mask,
    position_ids,
    labels,
    step_map: step_map_padded_with_minus_one,
  };
}

/** @type {import("../table.mjs").Runner} */
export function loss(one, check) {
  withNetworks(one, "auto", (networks) => {
    noGrad(() => scope(() => compareColumns(one, check, networks)));
    one.output("runs").forEach((/** @type {any} */ run, /** @type {number} */ i) => {
      compareRun(one, check, { run, name: `run ${i}: `, networks, isFirst: i === 0 });
    });
  });
  withNetworks(one, "float64", (networks) => {
    one.output("runs").forEach((/** @type {any} */ run, /** @type {number} */ i) => {
      if (run.float64 === undefined) return;
      const { ddo, path, total } = noGrad(() => scope(() => lossesOf(one, run.arguments, networks)));
      const found = { ddo_loss: ddo, path_loss: path, total_loss: total };
      for (const [name, value] of Object.entries(found))
        check.close(`run ${i}, float64: ${name}`, nestedNumbers(value), nestedNumbers(run.float64[name]), {
          rel: 1e-6,
        });
    });
  });
  one.informational("log_softmax_variants_mean_logp");
}

/**
 * @param {Case} one
 * @param {any} given a run's arguments
 * @returns {Settings}
 */
const settingsOf = (one, given) => ({
  ...given,
  prompt_columns_L0: one.json.inputs.prompt_columns_L0,
  pad_id: one.json.inputs.pad_id,
  block_size: given.block_size ?? one.json.inputs.block_size,
});

/**
 * What does not depend on the run: logits, x̂ and log-probabilities of all prompt and noisy columns.
 * @param {Case} one
 * @param {Check} check
 * @param {{ student: LoadedNetwork, reference: LoadedNetwork }} networks
 */
function compareColumns(one, check, networks) {
  const [run] = one.output("runs");
  const settings = settingsOf(one, run.arguments);
  const { batch } = statesOf(settings, batchOf(one), networks.student.facts);
  const { labels } = one.json.inputs;
  const [columns, L0] = [labels[0].length, settings.prompt_columns_L0];
  // Prompt columns, then those of the noisy response.
  const rows = labels.flatMap((/** @type {number[]} */ _, /** @type {number} */ row) =>
    Array.from({ length: columns }, (_, i) => row * batch.length + (i < L0 ? i : i + columns - L0)),
  );
  const feed = { ...batch, reads: Int32Array.from(rows) };
  const wanted = { student: one.output("student_logits"), reference: one.output("reference_logits") };
  const tolerance = one.tolerance("logits", { abs: 2e-4, rel: 1e-4 });
  for (const [name, expected] of Object.entries(wanted)) {
    const { network } = networks[/** @type {"student" | "reference"} */ (name)];
    const logits = feedLogits(network, feed, {});
    const found = { values: toNumbers(logits), shape: [labels.length, columns, logits.shape[1] ?? 0] };
    check.close(`${name} logits`, found, one.numbers(expected), tolerance);
    if (name === "reference") {
      const fakes = one.output("fake_tokens_over_prompt_and_response_columns");
      check.exact("fake tokens", argmax(found), one.numbers(fakes));
      continue;
    }
    const [logp] = logProbabilities(logits, [idTensor(labels.flat(), "cpu")]);
    if (logp === undefined) throw new Error("no log-probabilities");
    const expectedLogp = one.numbers(one.output("student_logp_real_per_token"));
    const shaped = { values: toNumbers(logp), shape: expectedLogp.shape };
    check.close("student log p", shaped, expectedLogp, one.tolerance("logp", { abs: 2e-4, rel: 1e-4 }));
  }
}

/**
 * @param {Case} one
 * @param {any} given
 * @param {{ student: LoadedNetwork, reference: LoadedNetwork }} loaded
 */
function lossesOf(one, given, { student, reference }) {
  const settings = settingsOf(one, given);
  const networks = { student: student.network, reference: reference.network };
  const states = statesOf({ ...settings, lambda_path: 1 }, batchOf(one), student.facts);
  const step = (/** @type {number} */ lambda) =>
    stepOf(networks, states, { settings: { ...settings, lambda_path: lambda }, facts: student.facts });
  const { batch, parts } = step(given.lambda_path);
  /** @param {import("../../../../packages/unmask/dist/train/method.js").LossParts} parts @param {string} name */
  const term = (parts, name) => {
    const value = parts.terms?.[name];
    if (value === undefined) throw new Error(`the loss has no term ${name}`);
    return typeof value === "number" ? value : item(value);
  };
  // Without λ the distiller computes no path loss.
  const path = () => (given.lambda_path === 0 ? step(1).parts : parts);
  return {
    ...{ states, batch, parts, ddo: term(parts, "ddo"), path: noGrad(() => term(path(), "path")) },
    ...{ total: item(parts.loss), real: term(parts, "ddo_real"), fake: term(parts, "ddo_fake") },
  };
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ run: any, name: string, networks: { student: LoadedNetwork, reference: LoadedNetwork },
 *   isFirst: boolean }} what
 */
function compareRun(one, check, { run, name, networks, isFirst }) {
  const { student } = networks;
  const { network } = student;
  scope(() => {
    const { states, batch, parts, ...found } = lossesOf(one, run.arguments, networks);
    const tolerance = one.tolerance("losses", { abs: 5e-6, rel: 5e-6 });
    const scalars = {
      ...{ ddo_loss: found.ddo, path_loss: found.path, total_loss: found.total },
      ...{ ddo_loss_real_part: found.real, ddo_loss_fake_part_times_alpha: found.fake },
    };
    for (const [key, value] of Object.entries(scalars))
      if (run[key] !== undefined)
        check.close(name + key, nestedNumbers(value), nestedNumbers(run[key]), tolerance);
    const { supervised: M } = states;
    const logits = noGrad(() => feedLogits(network, states.batch, { count: M }));
    const targets = idTensor(states.batch.targets.subarray(0, M), "cpu");
    const scores = (/** @type {import("../../case.mjs").Tensor} */ tokens) =>
      logProbabilities(logits, [tokens]).map((logp) => answerScores(logp, states, { logRatio: "mean" }))[0];
    const means = {
      ...{ student_real: scores(targets), student_fake: scores(batch.fakes_M) },
      ...{ reference_real: batch.real_B, reference_fake: batch.fake_B },
    };
    for (const [key, value] of Object.entries(means)) {
      if (value === undefined) throw new Error("no scores");
      check.close(
        `${name}log p ${key}`,
        numbersOf(value),
        one.numbers(run.mean_logp_per_row[key]),
        one.tolerance("mean_logp", { abs: 5e-5 }),
      );
    }
    backward(parts.loss);
  });
  const expected = run.gradient_of_total;
  if (expected !== undefined)
    compareGradients(one, check, { network, expected, prefix: name, whole: isFirst });
  for (const parameter of network.parameters.values()) setGradient(parameter, null);
}

/** @type {import("../table.mjs").Runner} */
export function pathWeights(one, check) {
  const tolerance = one.tolerance("weights", { abs: 1e-6 });
  for (const single of one.output("cases")) {
    const { name, block_size: blockLength, path_k_steps: k, step_map: given, tokens } = single;
    const steps = tokens.map((/** @type {number} */ _, /** @type {number} */ i) => given[i] ?? -1);
    const levels = pathLevels(tokens, steps, { blockLength, k, released: specialIds(one, single) });
    const weights = nestedWeights(levels, levelSteps(levels, levelCount(blockLength, k)));
    const expected = one.numbers(single.weights);
    check.close(name, { values: weights, shape: expected.shape }, expected, tolerance);
  }
}

/**
 * Padding and mask of the case; where it names none, of the family's student.
 * @param {Case} one
 * @param {Record<string, any>} single
 */
function specialIds(one, single) {
  const given = { ...one.json.inputs, ...one.json.arguments, ...single };
  const { facts } = openModel(one.checkpoint("t3d/student"));
  const padId = given.pad_id ?? facts.padId;
  const maskId = given.mask_id ?? facts.maskId;
  if (padId === undefined || maskId === undefined) throw new Error("the case names no pad_id and no mask_id");
  return { padId, maskId };
}

/** @type {import("../table.mjs").Runner} */
export function fakeTokenSampling(one, check) {
  scope(() => {
    const logits = one.tensor(one.input("logits"));
    const [rows, columns, V] = /** @type {[number, number, number]} */ (logits.shape);
    const flat = (/** @type {import("../../case.mjs").Tensor} */ all) =>
      tensor(toNumbers(all), [rows * columns, V], { dtype: all.dtype });
    one.output("rows").forEach((/** @type {any} */ row) => {
      const { temperature, uniforms, tokens } = row;
      const none = { answers: new Int32Array(0), columns: new Int32Array(0) };
      const found =
        uniforms === null || uniforms === undefined
          ? fakeDraw(temperature)(flat(logits), { ...none, place: { seed: 0, examples: [] }, index: 0 })
          : gumbelRace(flat(logits), flat(one.tensor(uniforms)), temperature);
      const shaped = { values: toNumbers(found), shape: [rows, columns] };
      check.exact(`temperature ${temperature}`, shaped, one.numbers(tokens));
    });
  });
}
