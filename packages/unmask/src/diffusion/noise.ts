// Noise processes behind one interface: what noise does to tokens, how it is undone, and what the loss is.
//
//   marginal    q(z_t | x)        = alpha_t x + (1 − alpha_t) π
//   posterior   q(z_s | z_t, x)   for s < t; with a prediction in the place of x it is the step of the reverse process
//   NELBO       ∫ E[ lossWeight(t) · loss(z_t, prediction) ] dt, nats a position
//
//   absorbing   π = the mask. The network's prediction never is the mask, and a clean token stays (SUBS).
//   uniform     π = 1/V everywhere: any token may be noise, so every position is in the loss (uniform.ts).
//
// Letters: N positions in the loss, V vocabulary.

import { add, crossEntropyLoss, type Tensor, tensor } from "@unmask/torch";
import { absorb, type Corrupted, randomise } from "./corrupt.ts";
import { maskColumn } from "./objective.ts";
import { type NoiseSchedule, nelboWeight } from "./schedule.ts";
import { uniformLosses } from "./uniform.ts";

export interface NoiseDraws {
  /** Time of each row. */
  readonly times: readonly number[];
  /** One number in [0, 1) a position; 1 where the token is given: it gets no noise and is in no loss. */
  readonly uniforms: ArrayLike<number>;
  /** One more a position, of which uniform noise takes its token. */
  readonly choices: ArrayLike<number>;
}

/** What the losses of N noisy positions need besides logits. */
export interface NoisyPositions {
  /** True tokens, int64 [N]. */
  readonly targets_N: Tensor;
  /** Tokens that the network was shown, int64 [N]. */
  readonly noisy_N: Tensor;
  /** alpha of each position's time, float [N]. */
  readonly alpha_N: Tensor;
}

export interface NoiseProcess {
  readonly name: "absorbing" | "uniform";
  readonly schedule: NoiseSchedule;
  readonly vocabularySize: number;
  /** Clean ids [rows, length], given flat, with noise; `positions` are those in the loss. */
  corrupt(clean: Int32Array, length: number, draws: NoiseDraws): Corrupted;
  /** q(z_t | x), [V], for a distribution x over clean tokens. */
  marginal(clean: ArrayLike<number>, t: number): Float64Array;
  /** q(z_s | z_t, x), [V], for a distribution x over clean tokens: a certain one, or a prediction. */
  posterior(noisy: number, clean: ArrayLike<number>, times: { t: number; s: number }): Float64Array;
  /** What a position's loss counts at time t. */
  lossWeight(t: number): number;
  /** Unweighted losses [N] of raw logits [N, V], with gradient. */
  losses(logits_NV: Tensor, positions: NoisyPositions): Tensor;
  /** Where the losses are cross-entropies of the true tokens: what is added to the logits before, [V], or nothing. */
  readonly crossEntropy?: { readonly column: Float32Array | undefined } | undefined;
}

export interface AbsorbingOptions {
  readonly schedule: NoiseSchedule;
  readonly vocabularySize: number;
  readonly maskId: number;
  /** The mask's logit counts in the loss like any other (LLaDA, Dream, SDAR); MDLM takes it out. */
  readonly maskLogit?: boolean | undefined;
}

export function absorbingNoise(options: AbsorbingOptions): NoiseProcess {
  const { schedule, vocabularySize, maskId, maskLogit = false } = options;
  const { alpha } = schedule;
  const column = maskLogit ? undefined : maskColumn(vocabularySize, maskId);
  return {
    name: "absorbing",
    schedule,
    vocabularySize,
    crossEntropy: { column },
    corrupt: (clean, length, { times, uniforms }) =>
      absorb(clean, length, { maskId, probabilities: times.map((t) => 1 - alpha(t)), uniforms }),
    marginal(clean, t) {
      const result = Float64Array.from(clean, (p) => alpha(t) * p);
      result[maskId] = result[maskId]! + 1 - alpha(t);
      return result;
    },
    posterior(noisy, clean, { t, s }) {
      if (noisy !== maskId) return certain(vocabularySize, noisy);
      const total = sumOf(clean) - clean[maskId]!;
      const revealed = (alpha(s) - alpha(t)) / (1 - alpha(t));
      const result = Float64Array.from(clean, (p) => (revealed * p) / total);
      result[maskId] = 1 - revealed;
      return result;
    },
    lossWeight: (t) => nelboWeight(schedule, t),
    losses(logits_NV, { targets_N }) {
      const { device } = logits_NV;
      const kept = column === undefined ? logits_NV : add(logits_NV, tensor(column, undefined, { device }));
      return crossEntropyLoss(kept, targets_N, { reduction: 0 });
    },
  };
}

export interface UniformOptions {
  readonly schedule: NoiseSchedule;
  readonly vocabularySize: number;
}

/** alpha must stay above 0: the weight −alpha′ / (alpha V) is infinite there (logLinear() ends at 0.001). */
export function uniformNoise({ schedule, vocabularySize: V }: UniformOptions): NoiseProcess {
  const { alpha } = schedule;
  const mixed = (clean: ArrayLike<number>, a: number) => Float64Array.from(clean, (p) => a * p + (1 - a) / V);
  return {
    name: "uniform",
    schedule,
    vocabularySize: V,
    corrupt: (clean, length, { times, uniforms, choices }) =>
      randomise(clean, length, {
        probabilities: times.map((t) => 1 - alpha(t)),
        uniforms,
        choices,
        vocabularySize: V,
      }),
    marginal: (clean, t) => mixed(clean, alpha(t)),
    posterior(noisy, clean, { t, s }) {
      // Bayes: q(z_s | x) q(z_t | z_s) / q(z_t | x). It sums to 1 for every distribution x.
      const step = alpha(t) / alpha(s);
      const before = mixed(clean, alpha(s));
      const there = alpha(t) * clean[noisy]! + (1 - alpha(t)) / V;
      return before.map((p, v) => (p * ((v === noisy ? step : 0) + (1 - step) / V)) / there);
    },
    lossWeight: (t) => -schedule.alphaDerivative(t) / alpha(t) / V,
    losses: uniformLosses,
  };
}

/** All mass on one token. */
function certain(size: number, token: number): Float64Array {
  const result = new Float64Array(size);
  result[token] = 1;
  return result;
}

function sumOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
