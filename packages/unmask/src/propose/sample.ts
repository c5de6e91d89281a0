// Logits to a few numbers a row, on the device: the drawn token, how sure the network is of it, and the entropy.
//
// The sampling distribution is softmax(logits / temperature) after top-k and top-p; the plain one is softmax(logits).
// A token is drawn by inverse CDF from one uniform number, the CDF summed in float64, so that small tails count.
// Temperature 0 takes the most probable token, the lowest of equals, and leaves the distribution at temperature 1.
//
// Logits are centred first, z − max z: every sum is then near 1, and large logits cost no precision.
//
// Letters: N rows, V vocabulary, M tokens drawn a row.

import {
  argmax,
  cat,
  clamp_,
  convert,
  cumsum,
  div,
  exp,
  fullLike,
  gather,
  gt,
  item,
  log,
  lt,
  maskedFill,
  min,
  mul,
  narrow,
  scatter,
  scope,
  sort,
  sub,
  sumDim,
  type Tensor,
  tensor,
  topk,
  unsqueeze,
} from "@unmask/torch";
import type { Sampling } from "../decode/sampling.ts";
import { drawInverseCdf } from "../diffusion/draw.ts";

/** What a removed token's logit becomes: finite, so that 0 · logit stays 0. */
const removed = -1e30;

/** Temperatures beyond these change nothing, but would overflow or bring back what is removed. */
const [coldest, hottest] = [1e-30, 1e15];

/** First columns of the result of `reduce`; further drawn tokens follow. */
export const reduced = [
  "token",
  "probability",
  "entropy",
  "plainProbability",
  "plainEntropy",
  "best",
  "margin",
] as const;

export interface ReduceOptions {
  readonly sampling: Sampling;
  /** float64 [N, M] in [0, 1): M tokens a row; not read at temperature 0. */
  readonly uniforms_NM?: Tensor | undefined;
  readonly needsMargin: boolean;
  /** float32 [V], below 0 at tokens that may never be drawn. */
  readonly forbidden_V?: Tensor | undefined;
  /** bool [N, V], true at tokens that may not be drawn in this row. */
  readonly barred_NV?: Tensor | undefined;
  /** The K most probable tokens of the plain distribution are wanted; 0 by default. */
  readonly top?: number | undefined;
  /** Draws from probabilities [N, V] instead, int64 [N] or [N, M]: the reference's own numbers, for parity. */
  readonly draw?: ((probability_NV: Tensor) => Tensor) | undefined;
}

/**
 * Rows reduced at a time. On the CPU what a step makes then stays in the processor's cache, and in memory that the
 * allocator has at hand: fresh pages for a few megabytes took ten times as long as the arithmetic. With top-p each row
 * goes alone, so that one flat row does not make others be sorted.
 */
function rowsAtATime(logits_NV: Tensor, { sampling, draw }: ReduceOptions): number {
  const [N, V] = logits_NV.shape as [number, number];
  if (draw !== undefined) return N;
  if (logits_NV.device !== "cpu") return Math.max(1, Math.floor((1 << 26) / V));
  return (sampling.topP ?? 1) < 1 ? 1 : Math.max(1, Math.floor((1 << 19) / V));
}

/**
 * float32 logits [N, V] -> float64 [N, 6 + M + 2 K], columns as in `reduced`, then the other drawn tokens, the most
 * probable tokens and the logarithms of their probabilities.
 */
export function reduce(logits_NV: Tensor, options: ReduceOptions): Tensor {
  const N = logits_NV.shape[0]!;
  const { uniforms_NM, barred_NV } = options;
  const rows = rowsAtATime(logits_NV, options);
  if (rows >= N) return reduceRows(logits_NV, options);
  return scope(() => {
    const parts: Tensor[] = [];
    for (let start = 0; start < N; start += rows) {
      const part = (whole: Tensor) => narrow(whole, 0, start, Math.min(rows, N - start));
      const own = { uniforms_NM: uniforms_NM && part(uniforms_NM), barred_NV: barred_NV && part(barred_NV) };
      parts.push(reduceRows(part(logits_NV), { ...options, ...own }));
    }
    return cat(parts);
  });
}

function reduceRows(logits_NV: Tensor, options: ReduceOptions): Tensor {
  const { sampling, needsMargin } = options;
  return scope(() => {
    const allowed_NV = forbid(logits_NV, options);
    const best_N1 = argmax(allowed_NV, { dim: -1, keepdim: true });
    const centred_NV = sub(allowed_NV, gather(allowed_NV, 1, best_N1));
    clamp_(centred_NV, { min: removed });
    const plain = new Distribution(centred_NV);
    const filtered_NV = filter(centred_NV, sampling);
    const sampled = filtered_NV === centred_NV ? plain : new Distribution(filtered_NV);
    const token_NM = drawTokens(sampled, best_N1, options);
    const token_N1 = narrow(token_NM, 1, 0, 1);
    const believed = sampling.doubted === undefined ? sampled : without(centred_NV, sampling.doubted);
    const columns = [
      token_N1,
      believed.probability(token_N1),
      sampled.entropy(),
      plain.probability(token_N1),
      plain.entropy(),
      best_N1,
      needsMargin ? marginOf(sampled) : sub(best_N1, best_N1),
      narrow(token_NM, 1, 1, token_NM.shape[1]! - 1),
      ...(options.top === undefined || options.top === 0 ? [] : plain.most(options.top)),
    ];
    return cat(
      columns.map((column) => convert(column, "float64", undefined)),
      { dim: 1 },
    );
  });
}

/** The plain softmax without some tokens. */
function without(centred_NV: Tensor, tokens: readonly number[]): Distribution {
  const isOut = new Uint8Array(centred_NV.shape[1]!);
  for (const token of tokens) isOut[token] = 1;
  const isOut_V = tensor(isOut, undefined, { dtype: "bool", device: centred_NV.device });
  const rest_NV = maskedFill(centred_NV, isOut_V, removed);
  return new Distribution(sub(rest_NV, gather(rest_NV, 1, argmax(rest_NV, { dim: -1, keepdim: true }))));
}

/** softmax of logits [N, V] whose largest is 0. */
class Distribution {
  readonly centred_NV: Tensor;
  /** exp(z). */
  readonly weight_NV: Tensor;
  private readonly total_N1: Tensor;
  private entropy_N1: Tensor | undefined;

  constructor(centred_NV: Tensor) {
    this.centred_NV = centred_NV;
    this.weight_NV = exp(centred_NV);
    this.total_N1 = sumDim(this.weight_NV, -1, { keepdim: true });
  }

  probabilities(): Tensor {
    return div(this.weight_NV, this.total_N1);
  }

  probability(token_NM: Tensor): Tensor {
    return div(gather(this.weight_NV, 1, token_NM), this.total_N1);
  }

  /** The k most probable tokens [N, k], and the logarithms of their probabilities. */
  most(k: number): [Tensor, Tensor] {
    const [logit_NK, token_NK] = topk(this.centred_NV, k, { dim: -1 });
    return [token_NK, sub(logit_NK, log(this.total_N1))];
  }

  /** lse − Σ p z. */
  entropy(): Tensor {
    if (this.entropy_N1 === undefined) {
      const sum_N1 = sumDim(mul(this.weight_NV, this.centred_NV), -1, { keepdim: true });
      this.entropy_N1 = sub(log(this.total_N1), div(sum_N1, this.total_N1));
    }
    return this.entropy_N1;
  }
}

/** int64 [N, M]. */
function drawTokens(
  sampled: Distribution,
  best_N1: Tensor,
  { sampling, uniforms_NM, draw }: ReduceOptions,
): Tensor {
  if (draw !== undefined) {
    const drawn = draw(sampled.probabilities());
    return drawn.shape.length === 1 ? unsqueeze(drawn, 1) : drawn;
  }
  // Filters keep the most probable token.
  if (sampling.temperature === 0 || uniforms_NM === undefined) return best_N1;
  return drawInverseCdf(sampled.weight_NV, uniforms_NM);
}

function marginOf(sampled: Distribution): Tensor {
  const [, best_N2] = topk(sampled.centred_NV, 2, { dim: -1 });
  const probability_N2 = sampled.probability(best_N2);
  return sub(narrow(probability_N2, 1, 0, 1), narrow(probability_N2, 1, 1, 1));
}

/** Logits, the largest about 0, after temperature and filters; the same tensor if nothing applies. */
export function filter(logits_NV: Tensor, sampling: Sampling): Tensor {
  const { temperature = 1, topK, topP, topPFirst = false } = sampling;
  const isPlain = temperature === 0 || temperature === 1;
  const divisor = Math.min(Math.max(temperature, coldest), hottest);
  const scaled = isPlain ? logits_NV : clamp_(div(logits_NV, divisor), { min: removed });
  const byK = (one: Tensor) => (topK === undefined || topK >= one.shape[1]! ? one : keepTopK(one, topK));
  const byP = (one: Tensor) => (topP === undefined || topP >= 1 ? one : keepTopP(one, topP));
  return topPFirst ? byK(byP(scaled)) : byP(byK(scaled));
}

/** Ties with the k-th stay. */
function keepTopK(logits_NV: Tensor, k: number): Tensor {
  const [best_NK] = topk(logits_NV, k, { dim: -1 });
  return maskedFill(logits_NV, lt(logits_NV, narrow(best_NK, 1, k - 1, 1)), removed);
}

/** Tokens that are looked at before a whole row is sorted, which takes many times as long for a large vocabulary. */
const firstLook = 512;

/** The token that crosses the line stays. */
function keepTopP(logits_NV: Tensor, p: number): Tensor {
  const V = logits_NV.shape[1]!;
  const distribution = new Distribution(logits_NV);
  const keep = ([sorted_NK, order_NK]: readonly [Tensor, Tensor]) => {
    const probability_NK = distribution.probability(order_NK);
    const before_NK = sub(cumsum(probability_NK, -1, { dtype: "float64" }), probability_NK);
    const kept_NK = maskedFill(sorted_NK, gt(before_NK, p), removed);
    return { before_NK, result: () => scatter(fullLike(logits_NV, removed), 1, order_NK, kept_NK) };
  };
  if (V > 4 * firstLook) {
    const { before_NK, result } = keep(topk(logits_NV, firstLook, { dim: -1 }) as [Tensor, Tensor]);
    if (item(min(narrow(before_NK, 1, firstLook - 1, 1))) > p) return result();
  }
  return keep(sort(logits_NV, { dim: -1, descending: true }) as [Tensor, Tensor]).result();
}

/** Removes tokens however high the temperature: the same tensor if none are. */
function forbid(logits_NV: Tensor, { forbidden_V, barred_NV }: ReduceOptions): Tensor {
  const rest_NV = forbidden_V === undefined ? logits_NV : maskedFill(logits_NV, lt(forbidden_V, 0), removed);
  return barred_NV === undefined ? rest_NV : maskedFill(rest_NV, barred_NV, removed);
}
