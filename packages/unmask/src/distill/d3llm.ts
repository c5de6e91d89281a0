// d3LLM (arXiv 2601.07568): a student learns clean answers from windows of them that are hidden in the order in which a
// teacher reveals tokens, under two curricula (d3llm-curricula.ts) and with a term for certainty (certainty.ts).
//
//   L = ( CE + CE° + λ (Ent [+ Ent°]) ) / 4        ° of the complementary masks
//
//   CE   mean cross-entropy of the hidden tokens of the window
//   Ent  mean entropy at temperature 1/2 of those among them that are predicted right
//
// A mean is over an answer's own positions, and then over the answers that have any: shares of micro-batches add up
// exactly, and every answer counts alike, as every micro-batch with its ratio does in the published code. In released
// fidelity means are over a micro-batch, and micro-batches are averaged by their rows.
//
// The division by 4 stays whatever terms are on: published learning rates belong to it.
// Reference: hao-ai-lab/d3LLM e5bfcac, d3llm_llada_train.py and d3llm_dream_train.py (compute_loss).
//
// Letters: N scored positions of both halves, G groups that means are taken over, V vocabulary.

import { add, div, mul, narrow, ones, sum, type Tensor } from "@unmask/torch";
import type { Network } from "../models/family.ts";
import type { LossParts, Method, PhaseContext } from "../train/method.ts";
import { deviceOf, idTensor } from "../train/rows-forward.ts";
import { type CertaintyRows, certaintyRows, groupMeans } from "./certainty.ts";
import { type D3llmBatch, d3llmBatch } from "./d3llm-batch.ts";
import type { D3llmExample } from "./d3llm-hide.ts";
import {
  type D3llmOptions,
  d3llmVariants,
  dparallelVariants,
  type Settled,
  settle,
  type Variant,
} from "./d3llm-options.ts";
import { headRows, type Read } from "./head-rows.ts";

/** The network that learns. */
export interface D3llmNetworks {
  readonly student: Network;
}

export type D3llmMethod = Method<D3llmNetworks, D3llmExample, D3llmBatch>;

/** `published` are the constants of options that are not given; Dream's for a network with the shift, else LLaDA's. */
export function d3llmMethod(options: D3llmOptions, published?: Variant): D3llmMethod {
  const constants = published ?? (options.shift === 1 ? d3llmVariants.dream : d3llmVariants.llada);
  // The published code for Dream counts windows over the padded row.
  const isPadded = options.fidelity === "released" && options.shift === 1;
  return windowMethod("d3llm", settle(options, { windowsOver: isPadded ? "canvas" : "text", ...constants }));
}

/** Certainty forcing on random masks: what d3LLM builds on. */
export function dparallelMethod(options: D3llmOptions): D3llmMethod {
  const constants = options.shift === 1 ? dparallelVariants.dream : dparallelVariants.llada;
  const windowsOver = options.fidelity === "released" ? "canvas" : "text";
  return windowMethod("dparallel", settle(options, { windowsOver, ...constants }));
}

function windowMethod(name: string, options: Settled): D3llmMethod {
  return {
    name,
    prepare: (examples, place) => d3llmBatch(examples, place, options),
    counts,
    tokens: ({ rows, length, halves }) => rows * length * halves.length,
    phases: [
      {
        name: "distill",
        updates: "student",
        loss: ({ student }, batch, context) => d3llmLoss(student, batch, { ...context, options }),
      },
    ],
  };
}

function counts({ rows, halves, cut, empty }: D3llmBatch) {
  const [answers = 0, complementary = 0] = halves.map((half) => new Set(half.rows).size);
  return { rows, answers, complementary, cut, empty };
}

interface LossContext extends Pick<PhaseContext, "totals" | "products" | "recompute"> {
  readonly options: Settled;
}

export function d3llmLoss(student: Network, batch: D3llmBatch, context: LossContext): LossParts {
  const { totals, products, recompute, options } = context;
  const { entropyWeight, complementaryEntropy, divisor, temperature } = options;
  const feed = bothHalves(batch);
  const how = { products, recompute };
  const targets_N = idTensor(feed.targets, deviceOf(student));
  const rows = certaintyRows(headRows(student, feed, how), targets_N, { ...how, temperature });
  const size = batch.halves[0]!.reads.length;
  const first = halfTerms(rows, { from: 0, size }, { batch, half: 0, context });
  const second =
    batch.halves.length === 1
      ? undefined
      : halfTerms(rows, { from: size, size: feed.reads.length - size }, { batch, half: 1, context });
  let loss = add(first.crossEntropy, mul(first.entropy, entropyWeight));
  if (second !== undefined) loss = add(loss, second.crossEntropy);
  if (second !== undefined && complementaryEntropy) loss = add(loss, mul(second.entropy, entropyWeight));
  const learning = learningRows(batch);
  const share = 1 / Math.max(1, (totals.rows ?? batch.rows) - (totals.empty ?? batch.empty));
  return {
    loss: div(loss, divisor),
    terms: {
      cross_entropy: first.crossEntropy,
      entropy: first.entropy,
      accuracy: first.accuracy,
      ...(second === undefined
        ? {}
        : {
            complementary_cross_entropy: second.crossEntropy,
            complementary_entropy: second.entropy,
            complementary_accuracy: second.accuracy,
          }),
      mask_ratio: learning.reduce((sum, row) => sum + batch.ratios[row]!, 0) * share,
      window: batch.windowSize * learning.length * share,
    },
    positions: { losses_N: rows.crossEntropy_N, times: feed.shares },
  };
}

/** Rows in which anything is scored. */
const learningRows = ({ halves }: D3llmBatch): number[] => [
  ...new Set(halves.flatMap(({ rows }) => Array.from(rows))),
];

/** Both inputs as one batch, the second below the first. */
function bothHalves({ rows, length, halves, real }: D3llmBatch): Read & {
  targets: Int32Array;
  shares: Float64Array;
} {
  const of = (part: (half: D3llmBatch["halves"][number], index: number) => Int32Array) =>
    Int32Array.from(halves.flatMap((half, index) => Array.from(part(half, index))));
  return {
    rows: rows * halves.length,
    length,
    ids: of(({ ids }) => ids),
    reads: of(({ reads }, index) => reads.map((flat) => flat + index * rows * length)),
    targets: of(({ targets }) => targets),
    shares: Float64Array.from(halves.flatMap(({ shares }) => Array.from(shares))),
    real: real === undefined ? undefined : Uint8Array.from(halves.flatMap(() => Array.from(real))),
  };
}

interface HalfContext {
  readonly batch: D3llmBatch;
  readonly half: 0 | 1;
  readonly context: LossContext;
}

/** The micro-batch's shares of one half's means. */
function halfTerms(
  rows: CertaintyRows,
  { from, size }: { from: number; size: number },
  { batch, half, context: { totals, options } }: HalfContext,
) {
  const part = (values_N: Tensor) => narrow(values_N, 0, from, size);
  const isReleased = options.fidelity === "released";
  const { rows: row_N } = batch.halves[half]!;
  const groups = isReleased ? 1 : batch.rows;
  const group_N = idTensor(isReleased ? row_N.map(() => 0) : row_N, rows.correct_N.device);
  // Answers without a position add 0, and are not counted.
  const counted = half === 0 ? "answers" : "complementary";
  const share = isReleased
    ? batch.rows / Math.max(1, totals.rows ?? batch.rows)
    : 1 / Math.max(1, totals[counted] ?? new Set(row_N).size);
  const correct_N = part(rows.correct_N);
  const all_N = ones([size], { dtype: correct_N.dtype, device: correct_N.device });
  const mean = (values_N: Tensor, counted_N: Tensor) =>
    mul(sum(groupMeans(values_N, { counted_N, group_N, groups })), share);
  return {
    crossEntropy: mean(part(rows.crossEntropy_N), all_N),
    entropy: mean(part(rows.entropy_N), correct_N),
    accuracy: mean(correct_N, all_N),
  };
}
