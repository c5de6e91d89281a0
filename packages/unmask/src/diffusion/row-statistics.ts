// Log-probabilities, entropies and divergences of rows whose logits are never whole, with exact gradients for whatever is
// made of them: certainty forcing gates and averages entropies, DDO subtracts log-probabilities of two networks,
// distillation weighs divergences from a teacher.
//
//   log p(y) = z_y − lse,   H(p) = Σ s (H_chunk − ln s),   KL(p ‖ q) = Σ s_p (KL_chunk + ln s_p − ln s_q)
//
// with the chunks' own distributions and their shares s = exp(lse_chunk − lse). Small entropies and divergences are sums
// of small numbers this way: lse − Σ p z would lose them in float32 to the size of the logits.
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
  logSoftmax,
  logsumexp,
  lt,
  mul,
  neg,
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

const entropyParts = (logits_NC: Tensor) => {
  const log_NC = logSoftmax(logits_NC, -1);
  return { tempered: logsumexp(logits_NC, -1), own: neg(sumDim(mul(exp(log_NC), log_NC), -1)) };
};

function entropyOf(found: ReadonlyMap<string, Tensor>): Tensor {
  const share_NK = logShares(found.get("tempered")!);
  return weighted(sub(found.get("own")!, share_NK), share_NK);
}

/** ln of each chunk's part of the whole. */
const logShares = (lse_NK: Tensor): Tensor => sub(lse_NK, unsqueeze(logsumexp(lse_NK, 1), 1));

/** Sums of values by the chunks' shares. */
const weighted = (values_NK: Tensor, share_NK: Tensor): Tensor => sumDim(mul(exp(share_NK), values_NK), 1);

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
      const [logP_NC, logQ_NC] = [logSoftmax(p_NC!, -1), logSoftmax(q_NC!, -1)];
      const difference_NC = sub(logP_NC, logQ_NC);
      return {
        p: logsumexp(p_NC!, -1),
        q: logsumexp(q_NC!, -1),
        underP: sumDim(mul(exp(logP_NC), difference_NC), -1),
        underQ: sumDim(mul(exp(logQ_NC), difference_NC), -1),
      };
    },
    options,
  );
  const [p_NK, q_NK] = [logShares(found.get("p")!), logShares(found.get("q")!)];
  const difference_NK = sub(p_NK, q_NK);
  return {
    forward_N: weighted(add(found.get("underP")!, difference_NK), p_NK),
    reverse_N: neg(weighted(add(found.get("underQ")!, difference_NK), q_NK)),
  };
}
