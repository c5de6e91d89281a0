// Proposals from a network: the only forward pass of decoding.
//
// Logits are computed for open positions alone and reduced on the device to four numbers a position; one copy a
// step reaches the host. A token is drawn by inverse CDF from one uniform number per position, whose coordinates
// are (seed, token stream, sequence, step, position): batch and device do not change it. The CDF is summed in
// float64, so that small tails count.
//
// A row whose canvas has not changed since its last forward keeps its proposal (MDLM's cached sampler): the
// distribution would be the same, and a drawn token stays a fair draw until it is used. Such a row spends no
// forward.
//
// Letters: N open positions, V vocabulary.

import {
  add,
  argmax,
  cumsum,
  div,
  exp,
  gather,
  le,
  logSoftmax,
  mul,
  narrow,
  neg,
  noGrad,
  type ProductDtype,
  scope,
  squeeze,
  stack,
  sub,
  sumDim,
  type Tensor,
  tensor,
  toDtype,
  topk,
  toTypedArray,
  unsqueeze,
} from "@unmask/torch";
import { UnmaskError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import { type Canvas, openPositions, rowIds } from "./canvas.ts";
import type { Proposal, Proposer } from "./policies/policy.ts";

/** What a proposer needs of a network. */
export interface Denoiser {
  /** Raw logits float32 [N, V] at flat positions int64 [N] of ids int64 [rows, length]. */
  logits(ids: Tensor, positions: Tensor, options: { products: ProductDtype }): Tensor;
}

export interface ProposerOptions {
  seed: number;
  /** Added to every row of logits, float32 [V]: removes the tokens that may never be drawn. */
  forbidden: Tensor;
  /** Softmax temperature (1 by default); 0 takes the most probable token, the lowest of equals. */
  temperature?: number | undefined;
  products?: ProductDtype | undefined;
}

/** Numbers of one open position. */
type Answer = readonly [token: number, probability: number, entropy: number, margin: number];

/** Proposals of a network, one forward for all rows that changed since their last. Serves one canvas. */
export function modelProposer(network: Denoiser, options: ProposerOptions): Proposer {
  const answers = new Map<number, Answer>();
  /** Open positions of each row at its last forward. */
  const seen = new Map<number, number>();
  return {
    propose(canvas, step) {
      const changed: number[] = [];
      for (let row = 0; row < canvas.rows; row++) {
        const open = openColumns(canvas, row).length;
        if (open > 0 && seen.get(row) !== open) changed.push(row);
        seen.set(row, open);
      }
      if (changed.length > 0) forward(network, canvas, { ...options, rows: changed, step, answers });
      return collect(canvas, answers);
    },
  };
}

function openColumns(canvas: Canvas, row: number): number[] {
  const columns: number[] = [];
  for (let column = 0; column < canvas.length; column++) {
    if (canvas.open[row * canvas.length + column] === 1) columns.push(column);
  }
  return columns;
}

interface Forward extends ProposerOptions {
  rows: readonly number[];
  step: number;
  answers: Map<number, Answer>;
}

function forward(network: Denoiser, canvas: Canvas, { rows, step, answers, ...options }: Forward): void {
  const flat: number[] = [];
  const local: bigint[] = [];
  const uniforms: number[] = [];
  rows.forEach((row, i) => {
    canvas.forwards[row]!++;
    const sequence = canvas.sequences[row]!;
    const next = generator({ seed: options.seed, stream: streams.token, sequence, step });
    const draws = Float64Array.from({ length: canvas.length }, next);
    for (const column of openColumns(canvas, row)) {
      flat.push(row * canvas.length + column);
      local.push(BigInt(i * canvas.length + column));
      uniforms.push(draws[column]!);
    }
  });
  const ids = new BigInt64Array(rows.length * canvas.length);
  rows.forEach((row, i) => {
    rowIds(canvas, row).forEach((id, column) => {
      ids[i * canvas.length + column] = BigInt(id);
    });
  });
  const device = options.forbidden.device;
  const reduced = scope(() =>
    noGrad(() => {
      const ids_RL = tensor(ids, [rows.length, canvas.length], { device });
      const positions_N = tensor(BigInt64Array.from(local), undefined, { device });
      const products = options.products ?? "float32";
      const logits_NV = network.logits(ids_RL, positions_N, { products });
      return toTypedArray(reduce(logits_NV, Float64Array.from(uniforms), options));
    }),
  ) as Float64Array;
  if (reduced.some(Number.isNaN)) {
    throw new UnmaskError(
      "the network's logits are not numbers; its weights are damaged, train or fetch them again",
    );
  }
  flat.forEach((position, i) => {
    answers.set(position, [reduced[4 * i]!, reduced[4 * i + 1]!, reduced[4 * i + 2]!, reduced[4 * i + 3]!]);
  });
}

/** [N, V] logits -> float64 [N, 4]: token, its probability, entropy, margin. */
function reduce(
  logits_NV: Tensor,
  uniforms: Float64Array,
  { forbidden, temperature = 1 }: Pick<ProposerOptions, "forbidden" | "temperature">,
): Tensor {
  const scaled_NV = temperature > 0 && temperature !== 1 ? div(logits_NV, temperature) : logits_NV;
  // After the division: a high temperature must not soften what is forbidden.
  const logProbability_NV = logSoftmax(add(scaled_NV, forbidden), -1);
  const probability_NV = exp(logProbability_NV);
  const entropy_N = neg(sumDim(mul(probability_NV, logProbability_NV), -1));
  const [best_N2] = topk(probability_NV, 2, { dim: -1 });
  const token_N1 =
    temperature === 0
      ? argmax(probability_NV, { dim: -1, keepdim: true })
      : drawInverseCdf(probability_NV, tensor(uniforms, undefined, { device: logits_NV.device }));
  const columns = [
    squeeze(token_N1, 1),
    squeeze(gather(probability_NV, 1, token_N1), 1),
    entropy_N,
    sub(squeeze(narrow(best_N2, 1, 0, 1), 1), squeeze(narrow(best_N2, 1, 1, 1), 1)),
  ];
  return stack(
    columns.map((column) => toDtype(column, "float64")),
    { dim: 1 },
  );
}

/** Number of tokens whose cumulative weight is at most uniform · total, int64 [N, 1]: the drawn token. */
function drawInverseCdf(probability_NV: Tensor, uniforms_N: Tensor): Tensor {
  const cdf_NV = cumsum(probability_NV, -1, { dtype: "float64" });
  const vocabularySize = cdf_NV.shape[1]!;
  const threshold_N1 = mul(narrow(cdf_NV, 1, vocabularySize - 1, 1), unsqueeze(uniforms_N, 1));
  return sumDim(le(cdf_NV, threshold_N1), -1, { keepdim: true, dtype: "int64" });
}

function collect(canvas: Canvas, answers: ReadonlyMap<number, Answer>): Proposal {
  const positions = openPositions(canvas);
  const column = (i: number) => Array.from(positions, (flat) => answers.get(flat)![i]!);
  return {
    positions,
    token: Int32Array.from(column(0)),
    probability: Float32Array.from(column(1)),
    entropy: Float32Array.from(column(2)),
    margin: Float32Array.from(column(3)),
  };
}
