// @ts-check
// d3LLM's training on given windows and mask ratios, in released fidelity: noisy inputs, loss terms, gradients.

import {
  backward,
  gradientOf,
  item,
  scope,
  setRequiresGrad,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import { d3llmLoss } from "../../../../packages/unmask/dist/distill/d3llm.js";
import { HalvesBuilder } from "../../../../packages/unmask/dist/distill/d3llm-halves.js";
import { hideWindow, windowsOf } from "../../../../packages/unmask/dist/distill/d3llm-hide.js";
import { d3llmVariants, settle } from "../../../../packages/unmask/dist/distill/d3llm-options.js";
import { recordStep, windowAt } from "../../../../packages/unmask/dist/distill/d3llm-window.js";
import { traceOfSnapshots } from "../../../../packages/unmask/dist/distill/teacher-trace.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { nestedNumbers } from "../../case.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/distill/d3llm-options.js").Settled} Settled
 * @typedef {import("../../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 */

/** Terms of the loss under the reference's names. @type {Record<string, string>} */
const termNames = {
  ce_loss: "cross_entropy",
  ce_loss_rev: "complementary_cross_entropy",
  entropy_loss: "entropy",
  entropy_loss_rev: "complementary_entropy",
};

/** @param {"llada" | "dream"} family @returns {import("../table.mjs").Runner} */
export const distillation = (family) => (one, check) => {
  const loaded = loadNetwork(one.checkpoint(), { copy: true });
  try {
    const options = optionsOf(one, family);
    const batch = noisyInputs(one, check, options);
    for (const parameter of loaded.network.parameters.values()) setRequiresGrad(parameter, true);
    scope(() => compareLoss(one, check, { loaded, options, batch }));
    compareGradients(one, check, { ...loaded, frozen: family === "dream" ? loaded.facts.padId : undefined });
  } finally {
    loaded.dispose();
  }
};

/** @param {Case} one @param {"llada" | "dream"} family @returns {Settled} */
function optionsOf(one, family) {
  const variant = d3llmVariants[family];
  return settle(
    {
      fidelity: "released",
      shift: family === "dream" ? 1 : 0,
      maskId: one.input("mask_token_id"),
      padId: 0, // rows come padded
      maxLength: one.input("input_ids")[0].length,
      useBlockwiseLoss: one.argument("use_blockwise_loss", true),
      useComplementaryLoss: one.argument("use_complementary_loss", false),
      temperature: one.argument("temperature", variant.temperature),
      entropyWeight: one.argument("entropy_weight", variant.entropyWeight),
      windowsOver: family === "dream" ? "canvas" : "text",
    },
    variant,
  );
}

/**
 * The halves by the given windows and ratio, compared with the recorded ones.
 * @param {Case} one
 * @param {Check} check
 * @param {Settled} options
 */
function noisyInputs(one, check, options) {
  /** @type {number[][]} */
  const inputs = one.input("input_ids");
  const length = inputs[0]?.length ?? 0;
  const ratio = one.argument("mask_ratio", 0.5);
  const size = one.argument("block_size", 32);
  const builder = new HalvesBuilder(inputs.length, length, options);
  /** @type {number[][]} */
  const bounds = [];
  /** @type {number[]} */
  const steps = [];
  inputs.forEach((ids, row) => {
    const promptLength = one.input("prompt_lengths")[row];
    const answer = { ids: ids.slice(0, one.json.inputs.full_lengths?.[row] ?? length), promptLength };
    const columns = { begin: promptLength, end: length };
    const windows = windowsOf(answer, columns, size, options);
    if (windows === undefined) {
      builder.add(row, { ids, promptLength }, empty(length), length);
      return;
    }
    if (options.useBlockwiseLoss) bounds.push([0, windows.count - 1]);
    const index = options.useBlockwiseLoss ? one.json.arguments.block_index[row] : 0;
    const window = windowAt(index, windows);
    const trace = traceOf(one, row, { promptLength, maskId: options.maskId });
    const behind = { from: window.from - promptLength, to: window.to - promptLength };
    steps.push(recordStep(behind, ratio, trace));
    const example = { ...answer, sequence: row, steps: trace.steps, tail: 0, trace };
    const noise = { seed: 0, number: row, ratio };
    builder.add(row, { ids, promptLength }, hideWindow({ example, answer, window, noise }, options), length);
  });
  check.exact("random_block_bounds", nestedNumbers(bounds), one.numbers(one.output("random_block_bounds")));
  check.exact(
    "selected_trajectory_index",
    nestedNumbers(steps),
    one.numbers(one.output("selected_trajectory_index")),
  );
  const halves = builder.finish();
  compareHalves(one, check, halves, options);
  return { ...halves, ratios: inputs.map(() => ratio), windowSize: size, cut: 0 };
}

/** @param {number} end */
const empty = (end) => ({ window: { from: end, to: end }, hidden: [], visible: [], given: [] });

/**
 * @param {Case} one
 * @param {number} row
 * @param {{ promptLength: number, maskId: number }} facts
 */
function traceOf(one, row, { promptLength, maskId }) {
  const given = one.input("trajectories")[row];
  /** @type {number[][]} */
  const snapshots = typeof given === "string" ? one.elsewhere(given) : given;
  const { length, token } = one.json.inputs.trajectory_padding ?? {};
  const rowLength = one.input("input_ids")[row].length;
  const padded = snapshots.map((snapshot) => {
    const wanted = length ?? snapshot.length;
    return [...snapshot, ...Array.from({ length: Math.max(0, wanted - snapshot.length) }, () => token)];
  });
  if (padded.some((snapshot) => snapshot.length < rowLength))
    throw new Error(
      "a trajectory is shorter than its row: the published code draws masks that are not recorded",
    );
  return traceOfSnapshots(padded, { promptLength, maskId });
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {import("../../../../packages/unmask/dist/distill/d3llm-halves.js").Halves} halves
 * @param {Settled} options
 */
function compareHalves(one, check, { halves, rows, length }, { shift }) {
  for (const [index, suffix] of ["", "_rev"].entries()) {
    const half = halves[index];
    one.informational(`noisy_batch${suffix}`, `masked_indices${suffix}`); // null where there is no second half
    if (half === undefined) {
      if (one.hasOutput(`noisy_batch${suffix}`)) throw new Error("the second half is missing");
      continue;
    }
    const masked = new Array(rows * length).fill(0);
    for (const read of half.reads) masked[read + shift] = 1;
    const shape = [rows, length];
    check.exact(
      `noisy_batch${suffix}`,
      { values: half.ids, shape },
      one.numbers(one.output(`noisy_batch${suffix}`)),
    );
    check.exact(
      `masked_indices${suffix}`,
      { values: masked, shape },
      one.numbers(one.output(`masked_indices${suffix}`)),
    );
  }
}

/**
 * Loss and terms; the gradient stays in the parameters.
 * @param {Case} one
 * @param {Check} check
 * @param {{ loaded: LoadedNetwork, options: Settled, batch: import("../../../../packages/unmask/dist/distill/d3llm-batch.js").D3llmBatch }} made
 */
function compareLoss(one, check, { loaded, options, batch }) {
  const tolerance = { rel: one.json.tolerance?.loss_rel ?? 1e-4 };
  const totals = { rows: batch.rows };
  const { loss, terms = {} } = d3llmLoss(loaded.network, batch, { totals, products: "float32", options });
  const value = (/** @type {string | undefined} */ name) => {
    const term = terms[name ?? ""] ?? 0;
    return typeof term === "number" ? term : item(term);
  };
  for (const [name, expected] of Object.entries(one.output("loss_terms"))) {
    const found = name === "total_loss" ? item(loss) : value(termNames[name]);
    check.close(name, nestedNumbers(found), nestedNumbers(expected), tolerance);
  }
  check.close("loss", nestedNumbers(item(loss)), nestedNumbers(one.output("loss")), tolerance);
  one.informational("loss_float64"); // how far the reference is from itself
  const counts = one.output("counts");
  for (const [index, suffix] of ["", "_rev"].entries()) {
    const count = batch.halves[index]?.reads.length ?? 0;
    const correct = Math.round(value(index === 0 ? "accuracy" : "complementary_accuracy") * count);
    for (const [what, found] of Object.entries({ masked: count, correct })) {
      const name = `${what}${suffix}`;
      if (counts[name] === undefined) continue; // left out where there are none
      check.exact(`counts.${name}`, nestedNumbers(found), nestedNumbers(counts[name]));
    }
  }
  backward(loss);
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {Pick<LoadedNetwork, "network" | "prefix"> & { frozen: number | undefined }} made `frozen`: a token whose
 *   embedding has no gradient in the published network for Dream (padding_idx), and has one here
 */
function compareGradients(one, check, { network, prefix, frozen }) {
  const { grad_norm_rel: rel = 1e-3, grad_value_abs: abs = 1e-3 } = one.json.tolerance ?? {};
  /** @type {Map<string, ArrayLike<number>>} */
  const gradients = new Map();
  for (const [name, parameter] of network.parameters) {
    const gradient = gradientOf(parameter);
    const values = gradient === null ? new Float32Array(parameter.size) : toNumbers(gradient);
    const width = parameter.shape[1] ?? 0;
    if (frozen !== undefined && name.endsWith("embed_tokens.weight"))
      values.fill(0, frozen * width, (frozen + 1) * width);
    gradients.set(prefix + name, values);
  }
  const norm = (/** @type {string} */ name) => {
    const values = gradients.get(name);
    if (values === undefined) throw new Error(`the network has no weight ${name}`);
    return Math.hypot(...Array.from(values));
  };
  const total = Math.hypot(...[...gradients.keys()].map(norm));
  check.close("grad_total_norm", nestedNumbers(total), nestedNumbers(one.output("grad_total_norm")), { rel });
  for (const [name, expected] of Object.entries(one.output("grad_norms")))
    check.close(`norm of ${name}`, nestedNumbers(norm(name)), nestedNumbers(expected), { rel });
  for (const [name, { flat_offset: offset, values }] of Object.entries(one.output("grad_first_16"))) {
    norm(name);
    const found = Array.from(gradients.get(name) ?? []).slice(offset, offset + values.length);
    check.close(`gradient of ${name}`, nestedNumbers(found), nestedNumbers(values), { abs });
  }
}
