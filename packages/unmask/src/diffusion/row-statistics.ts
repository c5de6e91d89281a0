// Log-probabilities, entropies and divergences of rows whose logits are never whole, with exact gradients for whatever is
// made of them: certainty forcing gates and averages entropies, DDO subtracts log-probabilities of two networks,
// distillation weighs divergences from a teacher.
//
//   log p(y) = z_y − lse,   H = lse − Σ p z,   KL(p ‖ q) = Σ p (z_p − z_q) − lse_p + lse_q
//
// Σ p f over the vocabulary is the sum of the chunks' own means of f, weighted by their shares exp(lse_chunk − lse).
//
// Letters: N rows, V vocabulary, C columns of a chunk, K chunks.

import {
  add,
  amax,
  clamp,
  detach,
  div,
  exp,
  gather,
  ge,
  logicalAnd,
  logsumexp,
  lt,
  mul,
  neg,
  softmax,
  squeeze,
  sub,
  sumDim,
  type Tensor,
  toDtype,
  unsqueeze,
} from "@unmask/torch";
import { type ChunkOptions, type HeadRows, overChunks, type Range } from "./head-chunks.ts";

export interface StatisticsOptions extends ChunkOptions {
  /** int64 [N] each: tokens whose log-probabilities are asked for. */
  readonly targets?: readonly Tensor[] | undefined;
  /** Asks for the entropy of softmax(logits / temperature). */
  readonly entropyTemperature?: number | undefined;
}

export interface RowStatistics {
  /** Of each list of targets, [N]. */
  readonly logProbabilities: readonly Tensor[];
  /** [N], in nats. */
  readonly entropy_N?: Tensor | undefined;
  /** Log-probability of the likeliest token, [N], without gradient: a target with as much is the argmax. */
  readonly largest_N: Tensor;
}

export function rowStatistics(rows: HeadRows, options: StatisticsOptions): RowStatistics {
  const { targets = [], entropyTemperature: temperature } = options;
  const held = targets.map((one) => options.recompute?.hold(one) ?? one);
  const found = overChunks(
    [rows],
    ([logits_NC], range) => ({
      lse: logsumexp(logits_NC!, -1),
      largest: amax(detach(logits_NC!), { dim: -1 }),
      ...Object.fromEntries(held.map((targets_N, i) => [i, logitsAt(logits_NC!, targets_N, range)])),
      ...(temperature === undefined ? {} : entropyParts(div(logits_NC!, temperature))),
    }),
    options,
  );
  const lse_N = logsumexp(found.get("lse")!, 1);
  return {
    logProbabilities: targets.map((_, i) => sub(sumDim(found.get(`${i}`)!, 1), lse_N)),
    entropy_N: temperature === undefined ? undefined : entropyOf(found),
    largest_N: sub(amax(found.get("largest")!, { dim: 1 }), detach(lse_N)),
  };
}

/** Logits of the targets inside the chunk, 0 for the others, [N]. */
function logitsAt(logits_NC: Tensor, targets_N: Tensor, { start, count }: Range): Tensor {
  const offset_N = sub(targets_N, start);
  const inside_N = toDtype(logicalAnd(ge(offset_N, 0), lt(offset_N, count)), logits_NC.dtype);
  const columns_N1 = unsqueeze(clamp(offset_N, { min: 0, max: count - 1 }), 1);
  return mul(squeeze(gather(logits_NC, 1, columns_N1), 1), inside_N);
}

const entropyParts = (logits_NC: Tensor) => ({
  tempered: logsumexp(logits_NC, -1),
  mean: meanOf(logits_NC, logits_NC),
});

/** Σ softmax(logits) · values, [N]. */
const meanOf = (logits_NC: Tensor, values_NC: Tensor): Tensor =>
  sumDim(mul(softmax(logits_NC, -1), values_NC), -1);

function entropyOf(found: ReadonlyMap<string, Tensor>): Tensor {
  const tempered_NK = found.get("tempered")!;
  const lse_N = logsumexp(tempered_NK, 1);
  return sub(lse_N, weighted(found.get("mean")!, tempered_NK, lse_N));
}

/** Means of the chunks, by their shares. */
const weighted = (mean_NK: Tensor, lse_NK: Tensor, lse_N: Tensor): Tensor =>
  sumDim(mul(exp(sub(lse_NK, unsqueeze(lse_N, 1))), mean_NK), 1);

export interface Divergences {
  /** KL(p ‖ q), [N], in nats. */
  readonly forward_N: Tensor;
  /** KL(q ‖ p). */
  readonly reverse_N: Tensor;
}

/** Of p from q, row by row, for heads of one vocabulary. */
export function rowDivergences(p: HeadRows, q: HeadRows, options: ChunkOptions): Divergences {
  const found = overChunks(
    [p, q],
    ([p_NC, q_NC]) => {
      const difference_NC = sub(p_NC!, q_NC!);
      return {
        p: logsumexp(p_NC!, -1),
        q: logsumexp(q_NC!, -1),
        underP: meanOf(p_NC!, difference_NC),
        underQ: meanOf(q_NC!, difference_NC),
      };
    },
    options,
  );
  const [p_NK, q_NK] = [found.get("p")!, found.get("q")!];
  const [p_N, q_N] = [logsumexp(p_NK, 1), logsumexp(q_NK, 1)];
  const shift_N = sub(q_N, p_N);
  return {
    forward_N: add(weighted(found.get("underP")!, p_NK, p_N), shift_N),
    reverse_N: neg(add(weighted(found.get("underQ")!, q_NK, q_N), shift_N)),
  };
}
