// Ancestral sampling of absorbing diffusion (MDLM §3.2, D3PM): step k of N goes from time t_k to t_{k+1} on the
// grid t_k = 1 − k/N. Every open column is revealed, independently of the others, with probability
//   (alpha(t_{k+1}) − alpha(t_k)) / (1 − alpha(t_k))
// and takes the token that was drawn from the network's distribution. Token and reveal draws are independent, so
// this is the reference's single draw from {stay, tokens} split in two.
//
// The last step ends at t = 0, where alpha = 1: everything still open is revealed, and N steps are N forwards.
// (The reference stops at t = 1e-5 and spends one more forward on what is left; `released` fidelity.)
// With the log-linear schedule step k of N reveals a share 1/(N − k) of what is open, to about 1e-3.
//
// A step after one that revealed nothing sees the same canvas: its proposal stands (MDLM's cached sampler).

import { generator, streams } from "../../base/rng.ts";
import type { NoiseSchedule } from "../../diffusion/schedule.ts";
import { revealProbability } from "../../diffusion/schedule.ts";
import { type Canvas, isFinished, openColumns } from "../canvas.ts";
import type { Policy } from "./policy.ts";

export interface AncestralOptions {
  steps: number;
  seed: number;
  schedule: NoiseSchedule;
}

export function ancestral({ steps, seed, schedule }: AncestralOptions): Policy {
  return {
    name: "ancestral",
    limit: () => steps,
    start(canvas) {
      let next = 0;
      return {
        plan() {
          if (next === steps || isFinished(canvas)) return undefined;
          next++;
          return { from: 0, to: canvas.length, candidates: openColumns(canvas), reuse: true };
        },
        decide(proposal) {
          const step = next - 1;
          const probability = revealProbability(schedule, 1 - step / steps, 1 - (step + 1) / steps);
          const uniforms = revealUniforms(canvas, seed, step);
          const commit: number[] = [];
          proposal.columns.forEach((column, i) => {
            if (next === steps || uniforms[column]! < probability) commit.push(i);
          });
          return { commit };
        },
      };
    },
  };
}

/** One reveal draw a column. */
function revealUniforms(canvas: Canvas, seed: number, step: number): Float64Array {
  const next = generator({ seed, stream: streams.reveal, sequence: canvas.sequence, step });
  return Float64Array.from({ length: canvas.length }, next);
}
