// DiDi-Instruct on texts of two tokens, where everything can be enumerated: a student that is a table of logits, exact
// marginals under noise, the exact ratio in the critic's place, and the gradient of the integral KL divergence by central
// differences, in float64.
//
//   p^tau(x)     law of the student's texts that stop over at tau
//   q(z, tau)    Σ_x p^tau(x) Q(z | x), Q the noise that the method puts on a text
//   IKL          E over tau of  ω(tau) KL(q_student(·, tau) ‖ q_real(·, tau))

import { indexSelect, setRequiresGrad, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { betaDensity } from "../../src/base/beta.ts";
import { logLinear, revealProbability } from "../../src/diffusion/schedule.ts";
import { betaParameters, type DidiOptions } from "../../src/distill/didi/options.ts";
import { hide } from "../../src/distill/didi/prepare.ts";
import { timeWeight } from "../../src/distill/didi/reward.ts";
import type { Denoiser, DidiBatch } from "../../src/distill/didi/rollout.ts";
import { softmax } from "../oracle/chi-square.ts";

export const tokens = 2;
export const vocabularySize = tokens + 1;
export const maskId = tokens;
const schedule = logLinear();

/** Row of the table for a column of a state. */
const rowOf = (first: number, second: number, column: number): number =>
  (first * vocabularySize + second) * 2 + column;
const rows = rowOf(maskId, maskId, 1) + 1;

/** Logits [rows · vocabulary] of every state and column. */
export type Table = Float64Array;

export const tableOf = (value: (index: number) => number): Table =>
  Float64Array.from({ length: rows * vocabularySize }, (_, index) => value(index));

/** Entries that a rollout can read: of open columns, the mask's own aside. */
export const usedEntries = (): number[] => {
  const used: number[] = [];
  for (let a = 0; a <= tokens; a++) {
    for (let b = 0; b <= tokens; b++) {
      for (const column of [0, 1]) {
        if ((column === 0 ? a : b) !== maskId) continue;
        for (let token = 0; token < tokens; token++) used.push(rowOf(a, b, column) * vocabularySize + token);
      }
    }
  }
  return used;
};

/** A network that looks its logits up; its one parameter wants a gradient. */
export function tableNetwork(table: Table): Denoiser & { readonly table: Tensor } {
  const parameter = setRequiresGrad(tensor(table, [rows, vocabularySize]), true);
  return {
    table: parameter,
    parameters: new Map([["table", parameter]]),
    logits(ids_BL, rows_N) {
      const ids = toNumbers(ids_BL);
      const wanted = toNumbers(rows_N!).map((at) => {
        const text = Math.floor(at / 2);
        return rowOf(ids[2 * text]!, ids[2 * text + 1]!, at % 2);
      });
      return indexSelect(parameter, 0, tensor(BigInt64Array.from(wanted, BigInt)));
    },
  };
}

function chances(table: Table, row: number): number[] {
  return softmax([...table.subarray(row * vocabularySize, row * vocabularySize + tokens)]);
}

/** p^tau of texts (a, b), [tokens · tokens]. */
export function textLaw(table: Table, tau: number): number[] {
  const early = revealProbability(schedule, 1, tau);
  const [first, second] = [
    chances(table, rowOf(maskId, maskId, 0)),
    chances(table, rowOf(maskId, maskId, 1)),
  ];
  const law: number[] = [];
  for (let a = 0; a < tokens; a++) {
    for (let b = 0; b < tokens; b++) {
      const together = first[a]! * second[b]!;
      const firstEarly = first[a]! * chances(table, rowOf(a, maskId, 1))[b]!;
      const secondEarly = second[b]! * chances(table, rowOf(maskId, b, 0))[a]!;
      law.push((early ** 2 + (1 - early) ** 2) * together + early * (1 - early) * (firstEarly + secondEarly));
    }
  }
  return law;
}

/** q of noisy texts, [vocabulary · vocabulary]: each token hidden with probability 1 − alpha, at least one of them. */
export function noisyLaw(law: readonly number[], time: number): number[] {
  const hidden = 1 - schedule.alpha(time);
  const one = hidden * (1 - hidden) + (1 - hidden) ** 2 / 2;
  const noisy = Array<number>(vocabularySize ** 2).fill(0);
  law.forEach((chance, text) => {
    const [a, b] = [Math.floor(text / tokens), text % tokens];
    for (const [first, second, weight] of [
      [maskId, b, one],
      [a, maskId, one],
      [maskId, maskId, hidden ** 2],
    ] as const) {
      noisy[first * vocabularySize + second]! += chance * weight;
    }
  });
  return noisy;
}

/** KL(p ‖ q). */
const divergence = (p: readonly number[], q: readonly number[]): number =>
  p.reduce((sum, chance, i) => (chance === 0 ? sum : sum + chance * Math.log(chance / q[i]!)), 0);

/** IKL over the law of tau, its ends included, by the midpoint rule. */
export function integralDivergence(table: Table, real: readonly number[], options: DidiOptions): number {
  const { tauMinEps: end, tauMode } = options;
  const [a, b] = betaParameters(tauMode);
  const at = (tau: number) =>
    timeWeight(tau, options) * divergence(noisyLaw(textLaw(table, tau), tau), noisyLaw(real, tau));
  const parts = 600;
  const width = (1 - 2 * end) / parts;
  let sum = 0;
  let inside = 0;
  for (let k = 0; k < parts; k++) {
    const tau = end + (k + 0.5) * width;
    const mass = betaDensity(a, b, tau) * width;
    inside += mass;
    sum += mass * at(tau);
  }
  // What tau's law has beyond the ends is put on them; the laws in use are symmetric.
  return sum + ((1 - inside) / 2) * (at(end) + at(1 - end));
}

/** ∂ IKL / ∂ table, at the entries in use. */
export function exactGradient(table: Table, real: readonly number[], options: DidiOptions): number[] {
  const step = 1e-5;
  return usedEntries().map((entry) => {
    const moved = (by: number) => {
      const other = table.slice();
      other[entry]! += by;
      return integralDivergence(other, real, options);
    };
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

/** log q_real − log q_student of each noisy text: what a perfect critic would say. */
export function exactRewards(batch: DidiBatch, table: Table, real: readonly number[]): Float64Array {
  const noisy = hide(batch.texts, batch.hidden.fake, maskId);
  return Float64Array.from(batch.tau, (tau, row) => {
    const state = noisy[2 * row]! * vocabularySize + noisy[2 * row + 1]!;
    const [ours, theirs] = [noisyLaw(textLaw(table, tau), tau), noisyLaw(real, tau)];
    return Math.log(theirs[state]! / ours[state]!);
  });
}
