// How far a student's distributions are from a teacher's, row by row, without logits of the whole vocabulary.
//
//   kl-bwd  KL(student ‖ teacher): the student keeps to what the teacher finds likely (SDTT's and Duo's best)
//   kl-fwd  KL(teacher ‖ student): the student covers all that the teacher finds likely
//   tvd     ½ Σ |p − q|
//   mse     mean over the vocabulary of (ln p − ln q)²
//
// SDTT's code takes Σ |ln p − ln q| for its "tvd"; here it is the total variation.
//
// Letters: N rows, V vocabulary, C columns of a chunk.

import {
  abs,
  div,
  exp,
  logsumexp,
  mul,
  square,
  sub,
  sumDim,
  type Tensor,
  tensor,
  unsqueeze,
} from "@unmask/torch";
import { type ChunkOptions, type HeadRows, overChunks, type Range } from "../diffusion/head-chunks.ts";
import { rowDivergences } from "../diffusion/row-statistics.ts";

export const distillModes = ["kl-bwd", "kl-fwd", "tvd", "mse"] as const;
export type DistillMode = (typeof distillModes)[number];

export interface DivergenceOptions extends ChunkOptions {
  readonly mode: DistillMode;
  /** A token that neither can say; both heads must have its column out (maskColumn). */
  readonly maskId?: number | undefined;
}

/** [N]; only the student gets gradients, if the teacher's rows and head have none. */
export function divergences(student: HeadRows, teacher: HeadRows, options: DivergenceOptions): Tensor {
  const { mode, maskId, ...how } = options;
  if (mode === "kl-bwd") return rowDivergences(student, teacher, how).forward_N;
  if (mode === "kl-fwd") return rowDivergences(student, teacher, how).reverse_N;
  // Log-probabilities need the whole row's log-sum-exp: chunks are gone through twice.
  const sources = [student, teacher];
  const sums = overChunks(
    sources,
    ([p_NC, q_NC]) => ({ p: logsumexp(p_NC!, -1), q: logsumexp(q_NC!, -1) }),
    how,
  );
  const held = (name: string): Tensor => {
    const lse_N = logsumexp(sums.get(name)!, 1);
    return unsqueeze(how.recompute?.hold(lse_N) ?? lse_N, 1);
  };
  const [p_N1, q_N1] = [held("p"), held("q")];
  const parts = overChunks(
    sources,
    ([p_NC, q_NC], range) => {
      const [logP_NC, logQ_NC] = [sub(p_NC!, p_N1), sub(q_NC!, q_N1)];
      if (mode === "tvd") return { part: sumDim(abs(sub(exp(logP_NC), exp(logQ_NC))), 1) };
      return { part: sumDim(mul(square(sub(logP_NC, logQ_NC)), kept(range, maskId, logP_NC)), 1) };
    },
    how,
  );
  const total_N = sumDim(parts.get("part")!, 1);
  const V = student.head.weight_VD.shape[0]!;
  return div(total_N, mode === "tvd" ? 2 : V - (maskId === undefined ? 0 : 1));
}

/** 1 for each column of the chunk but the mask's: what is left of that is rounding. */
function kept({ start, count }: Range, maskId: number | undefined, like: Tensor): Tensor {
  const values = new Float64Array(count).fill(1);
  if (maskId !== undefined && maskId >= start && maskId < start + count) values[maskId - start] = 0;
  return tensor(values, undefined, { dtype: like.dtype, device: like.device });
}
