// @ts-check
// The loss of T3D's recorded updates, only to give the optimiser the reference's gradients: DDO against the reference's
// own tokens, and the path loss over reveal order.
//
//   ddo  = mean softplus(−β Δ(x)) + α mean softplus(β Δ(x̂)),  Δ(y) = mean over supervised of log p(y) − log p_ref(y)
//   path = mean over levels s of the mean cross-entropy of the first (s + 1) k tokens of each block in reveal order

import {
  abs,
  add,
  argmax,
  div,
  exp,
  gather,
  log1p,
  logSoftmax,
  maximum,
  mul,
  neg,
  noGrad,
  reshape,
  squeeze,
  sub,
  sum,
  sumDim,
  tensor,
  unsqueeze,
  zerosLike,
} from "../../../../packages/torch/dist/index.js";
import { doubledPositions, doubledStructure } from "../../../../packages/unmask/dist/diffusion/doubled.js";

/**
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../../../packages/unmask/dist/models/family.js").Network} Network
 * @typedef {ReturnType<typeof batchOf>} Batch
 */

/** @param {number[][]} values */
const int64 = (values) => tensor(values, undefined, { dtype: "int64" });
/** @param {Tensor} x log(1 + e^x) */
const softplus = (x) => add(maximum(x, zerosLike(x)), log1p(exp(neg(abs(x)))));

/**
 * @param {Record<string, any>} json
 * @param {{ extended_input_ids: number[][], supervised_mask: string[], position_ids: number[][], labels: number[][],
 *   step_map: number[][] }} batch
 */
export function batchOf({ arguments: settings, inputs }, batch) {
  const { prompt_columns_L0: promptColumns, block_size: blockLength, path_k_steps: k } = settings;
  const rows = batch.labels.length;
  const responseColumns = (batch.labels[0]?.length ?? 0) - promptColumns;
  const shape = { promptColumns, responseColumns, blockLength };
  const length = promptColumns + 2 * responseColumns;
  const real = batch.extended_input_ids.map((row) =>
    row.map((id, i) => Number(i >= promptColumns || id !== inputs.pad_id)),
  );
  const places = doubledPositions(
    shape,
    real.flatMap((row) => row.slice(0, promptColumns)),
    rows,
  );
  if ([...places].join() !== batch.position_ids.flat().join()) throw new Error("the positions differ");
  const responses = batch.labels.map((row) => row.slice(promptColumns));
  const supervised = batch.supervised_mask.map((row) => [...row.slice(promptColumns)].map(Number));
  return {
    settings,
    rows,
    ids: int64(batch.extended_input_ids),
    options: {
      positions: int64(batch.position_ids),
      padding: tensor(real, undefined, { dtype: "bool" }),
      visibility: {
        kind: /** @type {const} */ ("explicit"),
        allowed: tensor(doubledStructure(shape), [length, length], { dtype: "bool" }),
      },
    },
    noisy: tensor(
      responses.flatMap((row, b) => row.map((_, i) => b * length + promptColumns + responseColumns + i)),
      undefined,
      { dtype: "int64" },
    ),
    targets: int64(responses),
    supervised: tensor(supervised),
    levels: pathWeights(batch.step_map, responses, { blockLength, k, padId: inputs.pad_id }),
  };
}

/**
 * Weight of every response token in the path loss.
 * @param {number[][]} steps
 * @param {number[][]} responses
 * @param {{ blockLength: number, k: number, padId: number }} options
 */
function pathWeights(steps, responses, { blockLength, k, padId }) {
  /** @type {number[][][]} */
  const levels = [];
  for (let size = k; size < blockLength + k; size += k) {
    const level = responses.map((row) => row.map(() => 0));
    responses.forEach((row, b) => {
      for (let start = 0; start < row.length; start += blockLength) {
        const block = row.slice(start, start + blockLength).map((_, i) => start + i);
        const valid = block.filter((i) => row[i] !== padId);
        valid.sort((i, j) => Number(steps[b]?.[i]) - Number(steps[b]?.[j]));
        for (const i of valid.slice(0, size)) /** @type {number[]} */ (level[b])[i] = 1;
      }
    });
    const count = level.flat().reduce((a, c) => a + c, 0);
    if (count > 0) levels.push(level.map((row) => row.map((one) => one / count)));
  }
  const mean = responses.map((row, b) =>
    row.map((_, i) => levels.reduce((s, l) => s + Number(l[b]?.[i]), 0) / levels.length),
  );
  return tensor(mean);
}

/**
 * @param {{ student: Network, reference: Network }} networks
 * @param {Batch} batch
 */
export function losses({ student, reference }, batch) {
  const { alpha, beta, lambda_path: lambda } = batch.settings;
  const logProbabilities = (/** @type {Network} */ network) =>
    reshape(logSoftmax(network.logits(batch.ids, batch.noisy, batch.options), -1), [
      batch.rows,
      /** @type {number} */ (batch.targets.shape[1]),
      -1,
    ]);
  const own_BLV = logProbabilities(student);
  const other_BLV = noGrad(() => logProbabilities(reference));
  const of = (/** @type {Tensor} */ all, /** @type {Tensor} */ tokens) =>
    squeeze(gather(all, 2, unsqueeze(tokens, 2)), 2);
  const mean = (/** @type {Tensor} */ values) =>
    div(sumDim(mul(values, batch.supervised), 1), sumDim(batch.supervised, 1));
  const ratio = (/** @type {Tensor} */ tokens) => sub(mean(of(own_BLV, tokens)), mean(of(other_BLV, tokens)));
  const fakes = argmax(other_BLV, { dim: -1 });
  const real = softplus(mul(ratio(batch.targets), -beta));
  const fake = softplus(mul(ratio(fakes), beta));
  const ddo = div(sum(add(real, mul(fake, alpha))), batch.rows);
  const path = neg(sum(mul(of(own_BLV, batch.targets), batch.levels)));
  return { ddo, path, total: add(ddo, mul(path, lambda)) };
}
