// The student's loss, for texts that were rolled out:
//
//   L = − mean over texts of  ω(t) A Σ over written tokens of log p(x_i | what the step saw)     REINFORCE
//       + kl_beta (kl_hi KL_first + kl_lo KL_second) − entropy_beta · H
//
// KL_step is between the teacher's and the student's predictions, H the entropy of the student's (half of each step), both
// means over the positions open before the step. A position that stays masked has no share in the policy: whether it does
// is chance, not the network's choice. Nothing is differentiated through sampling, A or ω.
//
// One forward of each network sees both steps. Texts that begin alike share the row of the first.
//
// Letters: N open positions of both states, M written tokens.

import { add, mul, narrow, noGrad, sub, sum, type Tensor, tensor } from "@unmask/torch";
import type { LossParts } from "../../train/method.ts";
import type { DidiCounts } from "./prepare.ts";
import type { Denoiser, DidiBatch } from "./rollout.ts";
import { type RowContext, rowNumbers } from "./rows.ts";
import { type States, statesOf, writtenTokens } from "./states.ts";

export interface PolicyContext extends RowContext {
  readonly totals: DidiCounts;
  /** ω A of each position [rows · length]: what the token written there is worth. */
  readonly coefficients: ArrayLike<number>;
}

/** The micro-batch's share. */
export function studentLoss(
  networks: { readonly student: Denoiser; readonly teacher: Denoiser },
  batch: DidiBatch,
  context: PolicyContext,
): LossParts {
  const { options, totals, coefficients } = context;
  const states = statesOf(batch);
  const tokens = writtenTokens(batch, states, options);
  const { logProbability_M, entropy_N, divergence_N } = rowNumbers(
    networks,
    { batch, states, tokens },
    context,
  );
  const share = 1 / Math.max(1, totals.sequences);
  const weights = tokens.map(({ flat, credited }) => (credited ? -coefficients[flat]! * share : 0));
  const policy = sum(mul(logProbability_M, floats(weights, logProbability_M)));
  const entropy = mul(add(...stepMeans(entropy_N, states, totals)), 0.5);
  const loss = sub(policy, mul(entropy, options.entropyBeta));
  const log_probability = noGrad(() => mul(sum(logProbability_M), share));
  const terms = { policy, entropy, log_probability };
  if (divergence_N === undefined) return { loss, terms };
  const { klBeta, klHi, klLo } = options;
  const [first, second] = stepMeans(divergence_N, states, totals);
  const weighted = add(mul(first, klBeta * klHi), mul(second, klBeta * klLo));
  return { loss: add(loss, weighted), terms: { ...terms, kl_first: first, kl_second: second } };
}

/** Means over the positions open before each step, of one number a position. */
function stepMeans(
  values_N: Tensor,
  { firstReads, reads, shared }: States,
  totals: DidiCounts,
): [Tensor, Tensor] {
  const first_N = narrow(values_N, 0, 0, firstReads);
  const second_N = narrow(values_N, 0, firstReads, reads.length - firstReads);
  return [
    mul(sum(mul(first_N, floats(shared, values_N))), 1 / Math.max(1, totals.open_first)),
    mul(sum(second_N), 1 / Math.max(1, totals.open_second)),
  ];
}

const floats = (values: ArrayLike<number>, { dtype, device }: Tensor): Tensor =>
  tensor(Float64Array.from(values), undefined, { dtype, device });
