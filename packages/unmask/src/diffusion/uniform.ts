// The continuous-time NELBO of uniform noise (Austin et al. 2021, D3PM; in the limit of many steps, Sahoo et al. 2025,
// "The diffusion duality", eq. 8).
//
// Backwards in time a position with noisy token i jumps to v at a rate proportional to q(z_t = v | x) / q(z_t = i | x).
// With x̄ = V alpha x + (1 − alpha), r_v = x̄_v / x̄_i and ρ_v the same of the prediction, the loss is the distance of
// the two sets of rates:
//
//   loss = Σ_v  r_v ln(r_v / ρ_v) − r_v + ρ_v  ≥ 0,     weight −alpha′ / (alpha V)
//
// The published form V/x̄_i − V/x̄θ_i − Σ … is the same with Σ x̄ = V used; summed term by term nothing cancels.
// The best prediction of a position is p(x | the other positions): dividing by x̄_i brings its own noisy token in.
// Smoke test: 0 where the prediction is the truth.
//
// Letters: N positions, V vocabulary.

import {
  add,
  div,
  gather,
  log,
  mul,
  neg,
  oneHot,
  softmax,
  sub,
  sumDim,
  type Tensor,
  toDtype,
  unsqueeze,
} from "@unmask/torch";

/** Unweighted losses [N] of raw logits [N, V]. All tensors as in NoisyPositions (noise.ts). */
export function uniformLosses(
  logits_NV: Tensor,
  { targets_N, noisy_N, alpha_N }: { targets_N: Tensor; noisy_N: Tensor; alpha_N: Tensor },
): Tensor {
  const V = logits_NV.shape[1]!;
  const alpha_N1 = toDtype(unsqueeze(alpha_N, 1), logits_NV.dtype);
  /** x̄ over x̄ of the noisy token. */
  const ratios = (clean_NV: Tensor): Tensor => {
    const mixed_NV = add(mul(clean_NV, mul(alpha_N1, V)), add(neg(alpha_N1), 1));
    return div(mixed_NV, gather(mixed_NV, 1, unsqueeze(noisy_N, 1)));
  };
  const true_NV = ratios(toDtype(oneHot(targets_N, { numClasses: V }), logits_NV.dtype));
  const predicted_NV = ratios(softmax(logits_NV, -1));
  const information_NV = mul(true_NV, sub(log(true_NV), log(predicted_NV)));
  return sumDim(add(information_NV, sub(predicted_NV, true_NV)), 1);
}
