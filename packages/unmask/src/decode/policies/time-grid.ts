// Dream's time grid and what its algorithms call confidence.
//
// N steps go from time 1 to eps on a straight line, t_0 = 1 … t_N = eps. Of the columns that are open at t_i a share of
// 1 − t_{i+1} / t_i is written; the last step writes all that is left.
//
//   released    the number is cut to an integer, in float32: with as many steps as columns the first step writes
//               nothing and the last one several
//   corrected   after step i the nearest integer to (columns at the start) · t_{i+1} stays open, and a step writes one
//               at least; where there are more steps than columns, decoding ends early

import { streams } from "../../base/rng.ts";
import type { Fidelity } from "../decoder.ts";
import type { Proposal } from "./policy.ts";
import { largest, randomScores } from "./select.ts";

export interface GridStep {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  readonly eps: number;
}

/** t_i, in float32 as torch.linspace makes it: from both ends towards the middle. */
export function gridTime(i: number, { steps, eps }: Omit<GridStep, "step">): number {
  const { fround } = Math;
  const width = fround(fround(fround(eps) - 1) / steps);
  if (i < (steps + 1) >> 1) return fround(1 + fround(width * i));
  return fround(fround(eps) - fround(width * (steps - i)));
}

/** Share of the open columns that a step writes; 1 in the last. */
export function gridShare(grid: GridStep): number {
  if (grid.step >= grid.steps - 1) return 1;
  return Math.fround(1 - Math.fround(gridTime(grid.step + 1, grid) / gridTime(grid.step, grid)));
}

/** How many columns a step writes, of `open` that are left of `total`. */
export function gridQuota(
  open: number,
  total: number,
  grid: GridStep & { readonly fidelity: Fidelity },
): number {
  if (grid.step >= grid.steps - 1) return open;
  if (grid.fidelity === "released") return Math.trunc(Math.fround(open * gridShare(grid)));
  return Math.max(1, open - Math.round(total * gridTime(grid.step + 1, grid)));
}

/** Numbers that say how sure the network is: of the sampling distribution, after temperature and filters. */
export const surenesses = {
  maskgit_plus: ({ probability }: Proposal): ArrayLike<number> => probability,
  topk_margin: ({ margin }: Proposal): ArrayLike<number> => margin,
  entropy: ({ entropy }: Proposal): ArrayLike<number> => entropy.map((one) => -one),
} as const;

export type Sureness = keyof typeof surenesses;

export interface Order {
  /** Draws columns from softmax(sureness / temperature) instead of taking the surest; 0 or absent for those. */
  readonly temperature?: number | undefined;
  readonly seed: number;
  readonly sequence: number;
  readonly step: number;
}

/** Indices, ascending, of `count` columns: the surest, or drawn without replacement. */
export function pick(
  scores: ArrayLike<number>,
  count: number,
  { columns, temperature = 0, ...place }: Order & { readonly columns: Int32Array },
): number[] {
  if (temperature === 0) return largest(scores, count);
  // The largest of scores with independent Gumbel noise are such a draw.
  const uniforms = randomScores(columns, { ...place, stream: streams.reveal });
  const noisy = uniforms.map((u, i) => scores[i]! / temperature - Math.log(-Math.log(u + 2 ** -25)));
  return largest(noisy, count);
}
