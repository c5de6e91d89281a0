// Logits to a few numbers a row, on the device: the drawn token, how sure the network is of it, and the entropy.
//
// The sampling distribution is softmax(logits / temperature) after top-k and top-p; the plain one is softmax(logits).
// A token is drawn by inverse CDF from one uniform number a row, the CDF summed in float64, so that small tails count.
// Temperature 0 takes the most probable token, the lowest of equals, and leaves the distribution at temperature 1.
//
// Letters: N rows, V vocabulary.

import {
  add,
  argmax,
  convert,
  cumsum,
  div,
  exp,
  gather,
  gt,
  le,
  logsumexp,
  lt,
  maskedFill,
  mul,
  narrow,
  scatter,
  softmax,
  sort,
  squeeze,
  stack,
  sub,
  sumDim,
  type Tensor,
  topk,
  unsqueeze,
} from "@unmask/torch";

export interface Sampling {
  /** 1 by default, 0 for the most probable token. */
  readonly temperature?: number | undefined;
  /** Only the k most probable tokens; all by default. */
  readonly topK?: number | undefined;
  /** Only the most probable tokens whose probabilities before them sum to at most p; all by default. */
  readonly topP?: number | undefined;
  /** Which filter comes first: SDAR takes top-k, Dream top-p. */
  readonly topPFirst?: boolean | undefined;
}

/** What a removed token's logit becomes: finite, so that 0 · logit stays 0. */
const removed = -1e30;

/** Columns of the result of `reduce`. */
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
  /** float64 [N] in [0, 1); not read at temperature 0. */
  readonly uniforms_N?: Tensor | undefined;
  readonly needsMargin: boolean;
  /** Draws from probabilities [N, V] instead, int64 [N]: the reference's own numbers, for parity. */
  readonly draw?: ((probability_NV: Tensor) => Tensor) | undefined;
}

/** float32 logits [N, V] -> float64 [N, 7], columns as in `reduced`. */
export function reduce(logits_NV: Tensor, options: ReduceOptions): Tensor {
  const { sampling, needsMargin } = options;
  const plain = new Distribution(logits_NV);
  const filtered_NV = filter(logits_NV, sampling);
  const sampled = filtered_NV === logits_NV ? plain : new Distribution(filtered_NV);
  const best_N1 = argmax(logits_NV, { dim: -1, keepdim: true });
  const token_N1 = drawToken(sampled, best_N1, options);
  const columns = [
    token_N1,
    sampled.probability(token_N1),
    sampled.entropy(),
    plain.probability(token_N1),
    plain.entropy(),
    best_N1,
    needsMargin ? marginOf(sampled) : sub(best_N1, best_N1),
  ];
  return stack(
    columns.map((column) => squeeze(convert(column, "float64", undefined), 1)),
    { dim: 1 },
  );
}

/** softmax of logits [N, V]; the sums are made when they are first asked for. */
class Distribution {
  private readonly logits_NV: Tensor;
  private readonly total_N1: Tensor;
  private entropy_N1: Tensor | undefined;

  constructor(logits_NV: Tensor) {
    this.logits_NV = logits_NV;
    this.total_N1 = logsumexp(logits_NV, [-1], { keepdim: true });
  }

  probabilities(): Tensor {
    return softmax(this.logits_NV, -1);
  }

  probability(token_N1: Tensor): Tensor {
    return exp(sub(gather(this.logits_NV, 1, token_N1), this.total_N1));
  }

  /** lse − Σ p z. */
  entropy(): Tensor {
    this.entropy_N1 ??= sub(
      this.total_N1,
      sumDim(mul(this.probabilities(), this.logits_NV), -1, { keepdim: true }),
    );
    return this.entropy_N1;
  }
}

function drawToken(
  sampled: Distribution,
  best_N1: Tensor,
  { sampling, uniforms_N, draw }: ReduceOptions,
): Tensor {
  if (draw !== undefined) return unsqueeze(draw(sampled.probabilities()), 1);
  // Filters keep the most probable token.
  if (sampling.temperature === 0 || uniforms_N === undefined) return best_N1;
  return drawInverseCdf(sampled.probabilities(), uniforms_N);
}

/** Number of tokens whose cumulative weight is at most uniform · total, int64 [N, 1]: the drawn token. */
function drawInverseCdf(probability_NV: Tensor, uniforms_N: Tensor): Tensor {
  const cdf_NV = cumsum(probability_NV, -1, { dtype: "float64" });
  const vocabularySize = cdf_NV.shape[1]!;
  const threshold_N1 = mul(narrow(cdf_NV, 1, vocabularySize - 1, 1), unsqueeze(uniforms_N, 1));
  return sumDim(le(cdf_NV, threshold_N1), -1, { keepdim: true, dtype: "int64" });
}

function marginOf(sampled: Distribution): Tensor {
  const [best_N2] = topk(sampled.probabilities(), 2, { dim: -1 });
  return sub(narrow(best_N2, 1, 0, 1), narrow(best_N2, 1, 1, 1));
}

/** Logits after temperature and filters; the same tensor if nothing applies. */
export function filter(logits_NV: Tensor, sampling: Sampling): Tensor {
  const { temperature = 1, topK, topP, topPFirst = false } = sampling;
  const scaled = temperature === 0 || temperature === 1 ? logits_NV : div(logits_NV, temperature);
  const byK = (one: Tensor) => (topK === undefined || topK >= one.shape[1]! ? one : keepTopK(one, topK));
  const byP = (one: Tensor) => (topP === undefined || topP >= 1 ? one : keepTopP(one, topP));
  return topPFirst ? byK(byP(scaled)) : byP(byK(scaled));
}

/** Ties with the k-th stay. */
function keepTopK(logits_NV: Tensor, k: number): Tensor {
  const [best_NK] = topk(logits_NV, k, { dim: -1 });
  return maskedFill(logits_NV, lt(logits_NV, narrow(best_NK, 1, k - 1, 1)), removed);
}

/** The token that crosses the line stays. */
function keepTopP(logits_NV: Tensor, p: number): Tensor {
  const [sorted_NV, order_NV] = sort(logits_NV, { dim: -1, descending: true });
  const probability_NV = softmax(sorted_NV, -1);
  const before_NV = sub(cumsum(probability_NV, -1), probability_NV);
  const kept_NV = maskedFill(sorted_NV, gt(before_NV, p), removed);
  return scatter(logits_NV, 1, order_NV, kept_NV);
}

/** Adds the row of forbidden tokens, float32 [V]. */
export const forbid = (logits_NV: Tensor, forbidden_V: Tensor | undefined): Tensor =>
  forbidden_V === undefined ? logits_NV : add(logits_NV, forbidden_V);
