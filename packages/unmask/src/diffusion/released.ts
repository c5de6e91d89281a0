// The arithmetic of the published samplers (fidelity "released"), kept apart from the default path, which draws by
// inverse CDF in float64 and ends at t = 0 (propose/sample.ts, decode/policies/ancestral.ts). MDLM's, and a draw of T3D's.
// Reference: haoyangzheng-ai/didi-instruct 7825a02, trainer_base.py (AbsorbingState._ancestral_update and
// _analytic_update, sample_categorical, Diffusion.generate_samples); kuleshov-group/mdlm c112c52, diffusion.py.
//
//   grid      t_k = linspace(1, 1e-5, N + 1); step k goes from t_k to t_{k+1}
//   SUBS      masked position: log-softmax without the mask; visible position: all mass on its own token
//   ancestral weight of token v: p(v) (alpha_s − alpha_t), of staying masked: 1 − alpha_s
//   analytic  the same divided by 1 − alpha_t, all mass on its own token where visible
//   draw      argmax_v q_v / (1e-10 − ln(u_v + 1e-10)), one uniform number per position and token, all in float32
//   end       N steps leave masks behind; "ancestral" draws once more with alpha_s = 1, "greedy" takes the argmax
//
// Ties go to the lowest token. Known oddities kept: the float32 race cannot draw tokens whose noise would have to be
// below 6e-8 (it truncates tails, which lowers entropy), and draws at visible positions are made and thrown away.
// Smoke test: at a masked position with t = 0.5, s = 0.25, P(stay) = 1/2 whatever the network says.
//
// Letters: B batch, L length, V vocabulary.

import {
  add,
  arange,
  argmax,
  convert,
  div,
  eq,
  exp,
  log,
  logSoftmax,
  maskedFill,
  mul,
  ne,
  neg,
  oneHot,
  pow,
  sub,
  type Tensor,
  toDtype,
  unsqueeze,
  where,
} from "@unmask/torch";

/** What the reference writes for minus infinity. */
const never = -1e6;
const raceEpsilon = 1e-10;

/** SUBS log-probabilities float32 [B, L, V] of raw logits [B, L, V] for ids int64 [B, L]. */
export function subsLogProbabilities(logits_BLV: Tensor, ids_BL: Tensor, maskId: number): Tensor {
  const isMask_V = maskColumnOf(logits_BLV, maskId);
  const masked_BLV = logSoftmax(add(logits_BLV, mul(toDtype(isMask_V, "float32"), never)), -1);
  const own_BLV = oneHotOf(ids_BL, logits_BLV);
  return where(unsqueeze(ne(ids_BL, maskId), -1), mul(sub(own_BLV, 1), -never), masked_BLV);
}

/** alpha at the time t that a step leaves and at the earlier time s where it ends. */
export interface ReleasedStep {
  maskId: number;
  alphaT: number;
  alphaS: number;
}

/** Unnormalised weights of an ancestral step from SUBS probabilities; those of visible positions mean nothing. */
export function ancestralWeights(probability_BLV: Tensor, { maskId, alphaT, alphaS }: ReleasedStep): Tensor {
  const isMask_V = maskColumnOf(probability_BLV, maskId);
  return maskedFill(mul(probability_BLV, alphaS - alphaT), isMask_V, 1 - alphaS);
}

/** Probabilities of an analytic ("Tweedie") step: in law the ancestral ones, and the token itself where visible. */
export function analyticProbabilities(probability_BLV: Tensor, ids_BL: Tensor, step: ReleasedStep): Tensor {
  const moved_BLV = div(ancestralWeights(probability_BLV, step), 1 - step.alphaT);
  const isVisible_BL1 = unsqueeze(ne(ids_BL, step.maskId), -1);
  return where(isVisible_BL1, oneHotOf(ids_BL, probability_BLV), moved_BLV);
}

/** The exponential race: int64 [B, L] drawn from weights [B, L, V] with uniform numbers float32 [B, L, V]. */
export function exponentialRace(weights_BLV: Tensor, uniforms_BLV: Tensor): Tensor {
  const noise_BLV = add(neg(log(add(uniforms_BLV, raceEpsilon))), raceEpsilon);
  return argmax(div(weights_BLV, noise_BLV), { dim: -1 });
}

/**
 * Gumbel noise as LLaDA, Dream and T3D write it: argmax_v of exp(z_v) / (−ln u_v)^T in float64, int64 [N], a draw from
 * softmax(z / T). Logits above 709 overflow, there as here.
 */
export function gumbelRace(logits_NV: Tensor, uniforms_NV: Tensor, temperature: number): Tensor {
  const weight_NV = exp(convert(logits_NV, "float64", undefined));
  const noise_NV = pow(neg(log(convert(uniforms_NV, "float64", undefined))), temperature);
  return argmax(div(weight_NV, noise_NV), { dim: -1 });
}

/** `drawn_BL` where `ids_BL` holds the mask, else the visible token. */
export function keepVisible(ids_BL: Tensor, drawn_BL: Tensor, maskId: number): Tensor {
  return where(eq(ids_BL, maskId), drawn_BL, ids_BL);
}

/** bool [V], true at the mask. */
function maskColumnOf(like_BLV: Tensor, maskId: number): Tensor {
  return eq(arange(0, like_BLV.shape.at(-1)!, { dtype: "int64", device: like_BLV.device }), maskId);
}

function oneHotOf(ids_BL: Tensor, like_BLV: Tensor): Tensor {
  return toDtype(oneHot(ids_BL, { numClasses: like_BLV.shape.at(-1)! }), "float32");
}
