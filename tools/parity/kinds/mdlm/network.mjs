// @ts-check
// The diffusion transformer: logits, what lies between, and SUBS.

import {
  add,
  indexSelect,
  logSoftmax,
  noGrad,
  reshape,
  scope,
  tensor,
} from "../../../../packages/torch/dist/index.js";
import { maskColumn } from "../../../../packages/unmask/dist/diffusion/objective.js";
import { subsLogProbabilities } from "../../../../packages/unmask/dist/diffusion/released.js";
import { Mdlm } from "../../../../packages/unmask/dist/models/mdlm.js";
import { foldConditioning } from "../../../../packages/unmask/dist/models/mdlm-fold.js";
import { sinusoid } from "../../../../packages/unmask/dist/models/mdlm-trunk.js";
import { defaults, maskIdOf, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../case.mjs").Tensor} Tensor
 */

/** @param {() => void} body */
const quietly = (body) => scope(() => noGrad(body));

/** @type {import("../table.mjs").Runner} */
export function ditLogits(one, check) {
  return withNetwork(one, (network) =>
    quietly(() => {
      compareLogits(one, check, network);
      if (one.hasOutput("block_outputs_sigma_zero")) compareBlocks(one, check, network);
      compareConditions(one, check, network);
    }),
  );
}

/**
 * Sigma 0 as one vector, in the general form and folded away; real sigmas; soft input.
 * @param {Case} one
 * @param {Check} check
 * @param {Mdlm} network
 */
function compareLogits(one, check, network) {
  const tolerance = one.tolerance("logits", defaults.logits);
  const ids_BL = one.tensor(one.input("ids"), "int64");
  /** @type {(name: string, input: Tensor, sigma_B?: Tensor) => void} */
  const compare = (name, input, sigma_B) => {
    if (!one.hasOutput(name)) return;
    const label = `${name}${input === ids_BL && sigma_B === undefined ? " (one vector)" : ""}`;
    const logits = network.logits(input, undefined, { sigma_B });
    check.close(label, numbersOf(logits), one.numbers(one.output(name)), tolerance);
  };
  const { sigma_zero: zero, sigma_nonzero: nonzero, soft_input: soft } = one.json.inputs;
  compare("logits_sigma_zero", ids_BL);
  if (one.hasOutput("logits_sigma_zero")) {
    const folded = foldConditioning(network.config, network.parameters);
    const expected = one.numbers(one.output("logits_sigma_zero"));
    check.close("logits_sigma_zero (folded)", numbersOf(folded.logits(ids_BL)), expected, tolerance);
    for (const [key, own] of folded.parameters) if (network.parameters.get(key) !== own) own.dispose();
  }
  if (zero !== undefined) compare("logits_sigma_zero", ids_BL, one.tensor(zero));
  if (nonzero !== undefined) compare("logits_sigma_nonzero", ids_BL, one.tensor(nonzero));
  if (soft !== undefined && nonzero !== undefined)
    compare("logits_soft_input_sigma_nonzero", one.tensor(soft), one.tensor(nonzero));
}

/**
 * The hidden state after each block: that of the same network cut off there.
 * @param {Case} one
 * @param {Check} check
 * @param {Mdlm} network
 */
function compareBlocks(one, check, network) {
  const ids_BL = one.tensor(one.input("ids"), "int64");
  const expected = one.numbers(one.output("block_outputs_sigma_zero"));
  const { blocks } = network.config;
  const values = Array.from({ length: blocks }, (_, i) => {
    const cut = new Mdlm({ ...network.config, blocks: i + 1 }, network.parameters);
    return Array.from(numbersOf(cut.hidden(ids_BL)).values);
  }).flat();
  const found = { values, shape: [blocks, ...ids_BL.shape, network.config.hiddenSize] };
  check.close("block_outputs_sigma_zero", found, expected, one.tolerance("hidden", defaults.hidden));
}

/**
 * Time features and conditioning vector; the first row is for sigma 0, the others for the case's sigmas.
 * @param {Case} one
 * @param {Check} check
 * @param {Mdlm} network
 */
function compareConditions(one, check, network) {
  const sigma_B = one.tensor([0, ...(one.json.inputs.sigma_nonzero ?? [])]);
  const rows = sigma_B.size;
  const tolerance = one.tolerance("hidden", defaults.hidden);
  const inRows = (/** @type {Tensor} */ features) => numbersOf(reshape(features, [rows, -1]));
  if (one.hasOutput("time_features_256")) {
    const expected = one.numbers(one.output("time_features_256"));
    check.close("time_features_256", inRows(sinusoid(sigma_B)), expected, tolerance);
  }
  if (!one.hasOutput("condition_vector")) return;
  const expected = one.numbers(one.output("condition_vector"));
  const { trunk } = network;
  const conditionOf = (/** @type {Tensor | undefined} */ sigma_B) =>
    /** @type {Tensor} */ (trunk.condition({ sigma_B }));
  check.close("condition_vector", inRows(conditionOf(sigma_B)), expected, tolerance);
  const width = network.config.conditionSize;
  const first = { values: Array.from(expected.values).slice(0, width), shape: [width] };
  check.close("condition_vector (one vector)", numbersOf(conditionOf(undefined)), first, tolerance);
}

/** Log-probabilities below this stand for minus infinity. */
const impossible = -9e5;

/** @type {import("../table.mjs").Runner} */
export function subsLogProbs(one, check) {
  return withNetwork(one, (network) =>
    quietly(() => {
      const ids_BL = one.tensor(one.input("ids"), "int64");
      const maskId = maskIdOf(one, network);
      const tolerance = one.tolerance("logits", defaults.logits);
      const expected = one.numbers(one.output("log_probs"));
      const full = numbersOf(subsLogProbabilities(network.logits(ids_BL), ids_BL, maskId));
      check.close("log_probs", withoutImpossible(full), withoutImpossible(expected), tolerance);
      comparePickedRows(one, check, network);
    }),
  );
}

/** @param {import("../../case.mjs").Numbers} numbers */
function withoutImpossible({ values, shape }) {
  return {
    values: Array.from(values, (value) => (value < impossible ? Number.NEGATIVE_INFINITY : value)),
    shape,
  };
}

/**
 * The default path: logits of the masked positions alone, without the mask's column.
 * @param {Case} one
 * @param {Check} check
 * @param {Mdlm} network
 */
function comparePickedRows(one, check, network) {
  const ids = one.numbers(one.input("ids"));
  const maskId = maskIdOf(one, network);
  const { vocabularySize } = network.config;
  const flat = Array.from(ids.values, (id, i) => (id === maskId ? i : -1)).filter((i) => i >= 0);
  if (flat.length === 0) return;
  const ids_BL = one.tensor(one.input("ids"), "int64");
  const positions_N = tensor(BigInt64Array.from(flat, BigInt));
  const logits_NV = add(network.logits(ids_BL, positions_N), tensor(maskColumn(vocabularySize, maskId)));
  const expected_NV = indexSelect(
    reshape(one.tensor(one.output("log_probs")), [ids.values.length, vocabularySize]),
    0,
    positions_N,
  );
  check.close(
    "log_probs (picked rows)",
    withoutImpossible(numbersOf(logSoftmax(logits_NV, -1))),
    withoutImpossible(numbersOf(expected_NV)),
    one.tolerance("logits", defaults.logits),
  );
}
