// @ts-check
// Gradients of a network's parameters as the cases record them: norms of all, first values of some, some whole.

import { gradientOf } from "../../../../packages/torch/dist/index.js";
import { numbersOf } from "./model.mjs";

/**
 * @param {import("../../case.mjs").Case} one
 * @param {import("../../compare.mjs").Check} check
 * @param {{ network: import("../../../../packages/unmask/dist/models/family.js").Network, prefix?: string,
 *   whole?: boolean, expected: { l2_norm_per_tensor?: Record<string, number>, global_l2_norm?: number,
 *   selected?: Record<string, { first16: number[], l2_norm: number }> } }} what `whole`: those of the tensors file too
 */
export function compareGradients(one, check, { network, expected, prefix = "", whole = true }) {
  const { l2_norm_per_tensor: norms = {}, selected = {}, global_l2_norm: global } = expected;
  const share = one.json.tolerance?.gradients?.rel_of_tensor_l2_norm ?? 2e-4;
  const gradient = (/** @type {string} */ name) => {
    const parameter = network.parameters.get(name);
    const found = parameter === undefined ? null : gradientOf(parameter);
    if (found === null) throw new Error(`no gradient for "${name}"`);
    return numbersOf(found);
  };
  for (const [name, norm] of Object.entries(norms)) {
    const found = Math.hypot(...Array.from(gradient(name).values));
    check.close(`${prefix}‖∂ ${name}‖`, one.numbers(found), one.numbers(norm), { rel: share });
  }
  for (const [name, { first16, l2_norm: norm }] of Object.entries(selected)) {
    const found = Array.from(gradient(name).values).slice(0, first16.length);
    check.close(`${prefix}∂ ${name}`, one.numbers(found), one.numbers(first16), { abs: share * norm });
  }
  if (global !== undefined) {
    const all = [...network.parameters.keys()].map((name) =>
      Math.hypot(...Array.from(gradient(name).values)),
    );
    check.close(`${prefix}‖∂‖`, one.numbers(Math.hypot(...all)), one.numbers(global), { rel: share });
  }
  for (const tensorName of whole ? one.tensorNames("grad/") : []) {
    const name = tensorName.slice("grad/".length);
    check.norm(`${prefix}∂ ${name} (all)`, gradient(name), one.numbers({ tensor: tensorName }), share);
  }
}
