// Arithmetic of the published training code (fidelity "released"), kept apart from the default path.
// Reference: haoyangzheng-ai/didi-instruct, algo.py of the training release.
//
//   reward   log(σ(l) + 1e-6) − log(1 − σ(l) + 1e-6) in float32, of a logit l
//   student  log-softmax of log(p + 1e-10), p the SUBS probabilities: a mask has the constant ln 1e-10
//   teacher  softmax of its raw logits, the mask's included, at the noise level of the step (it was trained at 0)
//   gradient NaN becomes 0, infinities ±1e5
//
// Letters: N positions, V vocabulary.

import {
  add,
  clamp,
  exp,
  gradientOf,
  isfinite,
  isnan,
  log,
  logSoftmax,
  maskedFill,
  noGrad,
  scope,
  setGradient,
  type Tensor,
  where,
} from "@unmask/torch";

const logOddsEpsilon = 1e-6;
const probabilityEpsilon = 1e-10;
const largestGradient = 1e5;

/** Through the sigmoid and in float32, which is coarse above 7 and ends at ±13.8. */
export function releasedLogOdds(logit: number): number {
  const { fround, exp: e, log: ln } = Math;
  const probability = fround(1 / fround(1 + fround(e(-logit))));
  const other = fround(1 - probability);
  return fround(ln(fround(probability + logOddsEpsilon)) - ln(fround(other + logOddsEpsilon)));
}

/** Log-probabilities [N, V] of logits whose mask is out of reach. */
export const releasedLogProbabilities = (logits_NV: Tensor): Tensor =>
  logSoftmax(log(add(exp(logSoftmax(logits_NV, -1)), probabilityEpsilon)), -1);

/** What the published code does to gradients before it clips them. */
export function cleanGradients(parameters: Iterable<Tensor>): void {
  noGrad(() =>
    scope(() => {
      for (const parameter of parameters) {
        const gradient = gradientOf(parameter);
        if (gradient === null) continue;
        const limits = { min: -largestGradient, max: largestGradient };
        const numbers = clamp(maskedFill(gradient, isnan(gradient), 0), limits);
        setGradient(parameter, where(isfinite(gradient), gradient, numbers));
      }
    }),
  );
}
