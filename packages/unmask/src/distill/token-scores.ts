// How probable a network holds tokens: log p of one or two tokens at each row of logits, in the logits' precision.
//
// Letters: N rows, V vocabulary.

import { gather, logsumexp, narrow, squeeze, sub, type Tensor, unsqueeze } from "@unmask/torch";

/** Log-probabilities of the logits' rows, looked up as often as wanted. */
export class TokenScores {
  private readonly logits_NV: Tensor;
  private readonly lse_N: Tensor;

  constructor(logits_NV: Tensor) {
    this.logits_NV = logits_NV;
    this.lse_N = logsumexp(logits_NV, -1);
  }

  /** log p, [M], of a token int64 a row, for the first M rows. */
  of(tokens_M: Tensor): Tensor {
    const M = tokens_M.shape[0]!;
    const own_M1 = gather(narrow(this.logits_NV, 0, 0, M), 1, unsqueeze(tokens_M, 1));
    return sub(squeeze(own_M1, 1), narrow(this.lse_N, 0, 0, M));
  }
}
