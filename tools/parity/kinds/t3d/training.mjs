// @ts-check
// T3D's training steps: learning rates, and weights after updates of AdamW.

import {
  AdamW,
  backward,
  clipGradients,
  item,
  scope,
  setRequiresGrad,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import { refreshReference } from "../../../../packages/unmask/dist/distill/rounds.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import {
  publishedSchedule,
  publishedSchedules,
} from "../../../../packages/unmask/dist/train/published-schedules.js";
import { nestedNumbers } from "../../case.mjs";
import { statesOf, stepOf } from "./batch.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 */

/** @type {import("../table.mjs").Runner} */
export function lrSchedules(one, check) {
  const tolerance = one.tolerance("factor", { abs: 1e-7 });
  const options = {
    warmup: numberIn(one, "warmup_updates", /warm-up (\d+)/),
    total: numberIn(one, "total_updates", /total (\d+)/),
    peak: numberIn(one, "peak_lr", /peak ([\d.e-]+)/),
  };
  for (const [name, factors] of Object.entries(one.output("factor_at_update"))) {
    if (typeof factors === "string") continue; // what the reference cannot compute
    const known = publishedSchedules.find((schedule) => schedule === name);
    if (known === undefined) throw new Error(`unknown schedule "${name}"`);
    const rate = publishedSchedule(known, options);
    const expected = one.numbers(factors);
    const values = Array.from(expected.values, (_, update) => rate(update));
    check.close(name, { values, shape: expected.shape }, expected, tolerance);
  }
}

/**
 * An argument of the case, or what its title says.
 * @param {Case} one
 * @param {string} name
 * @param {RegExp} inTitle
 */
function numberIn(one, name, inTitle) {
  const value = one.json.arguments?.[name] ?? inTitle.exec(one.json.title ?? "")?.[1];
  if (value === undefined) throw new Error(`arguments.${name} is missing`);
  return Number(value);
}

/** @type {import("../table.mjs").Runner} */
export function optimizerSteps(one, check) {
  const folders = one.json.checkpoint;
  const folder = one.checkpoint(typeof folders === "string" ? folders : folders.student);
  const [student, reference] = [folder, folder].map((path) => loadNetwork(path, { copy: true }));
  if (student === undefined || reference === undefined) throw new Error("there is no student");
  const parameters = [...student.network.parameters.values()];
  for (const parameter of parameters) setRequiresGrad(parameter, true);
  const optimiser = new AdamW([{ parameters }], { weightDecay: 0.01 });
  try {
    one.output("updates").forEach((/** @type {any} */ update) => {
      takeUpdate(one, check, { update, student, reference, optimiser, parameters });
    });
  } finally {
    optimiser.dispose();
    student.dispose();
    reference.dispose();
  }
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ update: any, student: LoadedNetwork, reference: LoadedNetwork, optimiser: AdamW,
 *   parameters: import("../../case.mjs").Tensor[] }} run
 */
function takeUpdate(one, check, { update, student, reference, optimiser, parameters }) {
  const { arguments: settings } = one.json;
  const name = `update ${update.update}`;
  const rate =
    settings.peak_lr *
    publishedSchedule("cosine", { warmup: settings.warmup_updates, total: settings.total_updates })(
      update.update - 1,
    );
  const scalar = (/** @type {string} */ what, /** @type {number} */ found, /** @type {any} */ tolerance) =>
    check.close(`${name}: ${what}`, nestedNumbers(found), nestedNumbers(update[what]), tolerance);
  scalar("lr_used", rate, { abs: 1e-12 });
  const norm = scope(() => {
    const all = { ...settings, pad_id: one.json.inputs.pad_id };
    const states = statesOf(all, one.input("batches")[update.batch], student.facts);
    const networks = { student: student.network, reference: reference.network };
    const { loss, terms } = stepOf(networks, states, { settings: all, facts: student.facts }).parts;
    const tolerance = one.json.tolerance?.losses ?? { abs: 2e-4 };
    scalar("ddo_loss", numberOf(terms?.ddo), tolerance);
    scalar("path_loss", numberOf(terms?.path), tolerance);
    scalar("total_loss", item(loss), tolerance);
    backward(loss);
    return clipGradients(parameters, settings.max_grad_norm);
  });
  scalar("gradient_norm_before_clipping", norm, one.json.tolerance?.gradient_norm ?? { rel: 1e-3 });
  optimiser.step(rate);
  optimiser.zeroGradients();
  for (const [weight, expected] of Object.entries(update.weights_after))
    compareWeight(one, check, {
      name: `${name}: ${weight}`,
      weight: student.network.parameters.get(weight),
      expected,
    });
  if (!update.reference_synced_after_this_update) return;
  refreshReference(student.network, reference.network);
}

/** @param {import("../../case.mjs").Tensor | number | undefined} term */
const numberOf = (term) => (typeof term === "object" ? item(term) : (term ?? Number.NaN));

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ name: string, weight: import("../../case.mjs").Tensor | undefined, expected: any }} what
 */
function compareWeight(one, check, { name, weight, expected }) {
  if (weight === undefined) throw new Error(`${name}: the network has no such weight`);
  const values = toNumbers(weight);
  const { weights_first16: first, weights_l2_norm: norm } = one.json.tolerance ?? {};
  check.exact(`${name} shape`, nestedNumbers([...weight.shape]), nestedNumbers(expected.shape));
  check.close(`${name} norm`, nestedNumbers(Math.hypot(...values)), nestedNumbers(expected.l2_norm), {
    rel: norm?.rel ?? 1e-5,
  });
  const some = values.slice(0, expected.first16.length);
  check.close(name, nestedNumbers(some), nestedNumbers(expected.first16), { abs: first?.abs ?? 1e-4 });
}
