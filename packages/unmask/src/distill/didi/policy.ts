// The student's loss, for texts that were rolled out:
//
//   L = − mean over texts of  ω(t) A Σ over written tokens of log p(x_i | what the step saw)     REINFORCE
//       + kl_beta (kl_hi KL_first + kl_lo KL_second) − entropy_beta · H
//
// KL_step is between the teacher's and the student's predictions, H the entropy of the student's (half of each step), both
// means over the positions open before the step. A position that stays masked has no share in the policy: whether it does
// is chance, not the network's choice. Nothing is differentiated through sampling, A or ω.
//
// Letters: N open positions of both states, V vocabulary, M written tokens.

import {
  add,
  exp,
  indexSelect,
  logSoftmax,
  mul,
  narrow,
  neg,
  noGrad,
  type ProductDtype,
  reshape,
  sub,
  sum,
  sumDim,
  type Tensor,
  tensor,
} from "@unmask/torch";
import { sigma } from "../../diffusion/schedule.ts";
import type { LossParts } from "../../train/method.ts";
import type { DidiOptions } from "./options.ts";
import type { DidiCounts } from "./prepare.ts";
import { releasedLogProbabilities } from "./released.ts";
import { type Denoiser, type DidiBatch, deviceOf, int64, openLogits } from "./rollout.ts";
import { type States, statesOf, type Written, writtenTokens } from "./states.ts";

export interface PolicyContext {
  readonly options: DidiOptions;
  readonly products?: ProductDtype | undefined;
  readonly totals: DidiCounts;
  /** ω A of each text. */
  readonly coefficients: ArrayLike<number>;
}

/** The micro-batch's share. */
export function studentLoss(
  { student, teacher }: { student: Denoiser; teacher: Denoiser },
  batch: DidiBatch,
  context: PolicyContext,
): LossParts {
  const { options, totals } = context;
  const states = statesOf(batch);
  const student_NV = studentLogProbabilities(student, states, context);
  const { policy, logProbability } = policyTerm(student_NV, writtenTokens(batch, states, options), context);
  const means = stepMeans(states, totals, student_NV);
  const entropy = mul(add(...means(entropies(student_NV))), 0.5);
  const loss = sub(policy, mul(entropy, options.entropyBeta));
  const terms = { policy, entropy, log_probability: logProbability };
  const { klBeta, klHi, klLo } = options;
  if (klBeta * (klHi + klLo) === 0) return { loss, terms };
  const teacher_NV = noGrad(() => teacherLogProbabilities(teacher, batch, { states, ...context }));
  const [first, second] = means(divergences(teacher_NV, student_NV, options));
  const weighted = add(mul(first, klBeta * klHi), mul(second, klBeta * klLo));
  return { loss: add(loss, weighted), terms: { ...terms, kl_first: first, kl_second: second } };
}

/** log p [N, V] of the open positions of both states: SUBS, at sigma 0. */
export function studentLogProbabilities(
  student: Denoiser,
  states: States,
  { options, products }: Pick<PolicyContext, "options" | "products">,
): Tensor {
  const logits_NV = openLogits(student, { ...states, options, products });
  return options.fidelity === "released" ? releasedLogProbabilities(logits_NV) : logSoftmax(logits_NV, -1);
}

/** log q [N, V]: as the student's; as published of raw logits, and told the noise before the step. */
export function teacherLogProbabilities(
  teacher: Denoiser,
  { tau }: Pick<DidiBatch, "tau">,
  { states, options, products }: Pick<PolicyContext, "options" | "products"> & { states: States },
): Tensor {
  if (options.fidelity !== "released") {
    return logSoftmax(openLogits(teacher, { ...states, options, products }), -1);
  }
  const { ids, length, firstRows, reads } = states;
  const device = deviceOf(teacher);
  const times = [...Array<number>(firstRows).fill(1), ...tau];
  const levels = Float32Array.from(times, (time) => sigma(options.schedule, time));
  const ids_BL = int64(ids, { shape: [times.length, length], device });
  const sigma_B = tensor(levels, undefined, { device });
  return logSoftmax(teacher.logits(ids_BL, int64(reads, { device }), { products, sigma_B }), -1);
}

/** −Σ ω A log p / texts, and the mean log-probability of a text for the log. */
function policyTerm(
  student_NV: Tensor,
  tokens: readonly Written[],
  { coefficients, totals }: PolicyContext,
): { policy: Tensor; logProbability: Tensor } {
  const picked_M = logProbabilitiesOf(student_NV, tokens);
  const share = 1 / Math.max(1, totals.sequences);
  const weights = tokens.map(({ row, credited }) => (credited ? -coefficients[row]! * share : 0));
  return {
    policy: sum(mul(picked_M, floats(weights, picked_M))),
    logProbability: noGrad(() => mul(sum(picked_M), share)),
  };
}

/** log p of each token, [M]. */
export function logProbabilitiesOf(student_NV: Tensor, tokens: readonly Written[]): Tensor {
  const V = student_NV.shape[1]!;
  const places = tokens.map(({ read, token }) => read * V + token);
  return indexSelect(reshape(student_NV, [-1]), 0, int64(places, { device: student_NV.device }));
}

/** Means over the positions open before each step, of one number a position [N]. */
function stepMeans(
  { firstReads, reads, shared }: States,
  totals: DidiCounts,
  like: Tensor,
): (values_N: Tensor) => [Tensor, Tensor] {
  const shared_N = floats(shared, like);
  const [first, second] = [1 / Math.max(1, totals.open_first), 1 / Math.max(1, totals.open_second)];
  return (values_N) => [
    mul(sum(mul(narrow(values_N, 0, 0, firstReads), shared_N)), first),
    mul(sum(narrow(values_N, 0, firstReads, reads.length - firstReads)), second),
  ];
}

const entropies = (log_NV: Tensor): Tensor => neg(sumDim(mul(exp(log_NV), log_NV), -1));

/** KL of each position, [N], from log q of the teacher and log p of the student. */
export function divergences(
  teacher_NV: Tensor,
  student_NV: Tensor,
  { kl, jeffreyBeta }: Pick<DidiOptions, "kl" | "jeffreyBeta">,
): Tensor {
  const difference_NV = sub(teacher_NV, student_NV);
  const forward = () => sumDim(mul(exp(teacher_NV), difference_NV), -1);
  const reverse = () => neg(sumDim(mul(exp(student_NV), difference_NV), -1));
  if (kl === "forward") return forward();
  if (kl === "reverse") return reverse();
  return add(mul(forward(), 1 - jeffreyBeta), mul(reverse(), jeffreyBeta));
}

const floats = (values: ArrayLike<number>, { dtype, device }: Tensor): Tensor =>
  tensor(Float64Array.from(values), undefined, { dtype, device });
