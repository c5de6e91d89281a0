// @ts-check
// The networks of a training case, its texts as a batch of the distiller, and gradients beside the reference's.

import { dirname } from "node:path";
import { gradientOf, scope, setRequiresGrad } from "../../../../packages/torch/dist/index.js";
import { absorb } from "../../../../packages/unmask/dist/diffusion/corrupt.js";
import { logLinear } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { discriminatorTrainable } from "../../../../packages/unmask/dist/models/discriminator.js";
import { loadDiscriminator } from "../../../../packages/unmask/dist/models/discriminator-files.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { readConfigFile } from "../../../../packages/unmask/dist/models/open.js";
import { numbersOf } from "../mdlm/model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Numbers} Numbers
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/torch/dist/index.js").Tensor} Tensor
 * @typedef {import("../../../../packages/unmask/dist/models/discriminator.js").Discriminator} Discriminator
 * @typedef {import("../../../../packages/unmask/dist/models/family.js").Network} Network
 */

export const schedule = logLinear();

/** @param {ArrayLike<number>} values @returns {Numbers} */
export const flat = (values) => ({ values, shape: [values.length] });

/**
 * Runs `body` with the case's discriminator, whose trained parameters want gradients, and frees it.
 * @param {Case} one
 * @param {(discriminator: Discriminator, trained: ReadonlyMap<string, Tensor>) => void} body
 */
export function withCritic(one, body) {
  const folder = one.checkpoint(dirname(one.json.checkpoint.discriminator));
  const { discriminator, dispose } = loadDiscriminator(folder, { copy: true });
  try {
    /** @type {any} */
    const { config } = readConfigFile(folder).values;
    const blocks = config?.algo?.discriminator_unfreeze_blocks ?? 4;
    scope(() => body(discriminator, discriminator.unfreeze({ blocks })));
  } finally {
    dispose();
  }
}

/** @param {Discriminator} discriminator @param {Case} one @param {Check} check */
export function compareTrainable({ config }, one, check) {
  /** @type {string[] | undefined} */
  const expected = one.json.trainable_parameters;
  if (expected === undefined) return;
  const all = discriminatorTrainable(config, { blocks: config.blocks, timePath: true });
  const blocks = new Set(expected.map((name) => /^blocks\.\d+/.exec(name)?.[0])).size - 1;
  const names = discriminatorTrainable(config, { blocks });
  const numbers = (/** @type {string[]} */ some) =>
    flat([some.length, ...some.map((name) => all.indexOf(name))]);
  check.exact("trainable_parameters", numbers(names), numbers(expected));
}

/**
 * Runs `body` with student and teacher, the student's parameters wanting gradients, and frees them.
 * @param {Case} one
 * @param {(networks: { student: Network, teacher: Network }) => void} body
 */
export function withStudent(one, body) {
  const student = loadNetwork(one.checkpoint(dirname(one.json.checkpoint.discriminator)), { copy: true });
  const teacher = loadNetwork(one.checkpoint(one.json.checkpoint.teacher));
  try {
    for (const parameter of student.network.parameters.values()) setRequiresGrad(parameter, true);
    scope(() => body({ student: student.network, teacher: teacher.network }));
  } finally {
    student.dispose();
    teacher.dispose();
  }
}

/** Flat token ids. @param {Case} one @param {string} name */
export const idsOf = (one, name) => Int32Array.from(one.numbers(one.input(name)).values);

/**
 * Positions that the case's uniform numbers hide at these times.
 * @param {Case} one
 * @param {string} name of the uniform numbers
 * @param {{ times: ArrayLike<number>, length: number, maskId: number }} texts
 */
export function hiddenBy(one, name, { times, length, maskId }) {
  const uniforms = one.numbers(one.input(name)).values;
  const probabilities = Array.from(times, (t) => 1 - schedule.alpha(t));
  return absorb(new Int32Array(uniforms.length), length, { maskId, probabilities, uniforms }).positions;
}

/**
 * Fields that the part of the distiller under comparison reads; the others are never looked at.
 * @param {Partial<import("../../../../packages/unmask/dist/distill/didi/rollout.js").DidiBatch>} fields
 */
export const batchOf = (fields) =>
  /** @type {import("../../../../packages/unmask/dist/distill/didi/rollout.js").DidiBatch} */ (fields);

/**
 * @typedef {object} GivenGradients
 * @property {Record<string, number>} [norms]
 * @property {Record<string, { first16: number[], l2_norm: number }>} [selected]
 */

/**
 * @param {Check} check
 * @param {(name: string) => Numbers} found
 * @param {GivenGradients & { share: number, label?: string }} expected
 */
export function compareGradients(check, found, { norms = {}, selected = {}, share, label = "∂" }) {
  for (const [name, norm] of Object.entries(norms)) {
    check.close(`‖${label} ${name}‖`, flat([normOf(found(name))]), flat([norm]), { rel: share });
  }
  for (const [name, { first16, l2_norm: norm }] of Object.entries(selected)) {
    const values = Array.from(found(name).values).slice(0, first16.length);
    check.close(`${label} ${name}`, flat(values), flat(first16), { abs: share * norm });
  }
}

/** @param {ReadonlyMap<string, Tensor>} parameters @returns {(name: string) => Numbers} */
export const accumulated = (parameters) => (name) => {
  const parameter = parameters.get(name);
  const gradient = parameter === undefined ? null : gradientOf(parameter);
  if (gradient === null) throw new Error(`no gradient for "${name}"`);
  return numbersOf(gradient);
};

/** @param {Numbers} numbers */
export const normOf = ({ values }) => Math.sqrt(Array.from(values).reduce((sum, one) => sum + one * one, 0));

/** The factor that clips a norm as PyTorch does. @param {number} norm @param {number} most */
export const clipFactor = (norm, most) => Math.min(1, most / (norm + 1e-6));
