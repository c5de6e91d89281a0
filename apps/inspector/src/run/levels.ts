// Colours by number: every token gets one of a few levels, from 0 (calm) to levels − 1 (stands out). The style sheet says
// what a level looks like in the light and in the dark.

import type { Run } from "./run.ts";

export const levels = 12;

export const colourings = ["none", "step", "confidence", "entropy"] as const;
export type Colouring = (typeof colourings)[number];

/** Entropy from which on everything is at the top, nats. */
export const highEntropy = 3;

/** −1 for tokens without a number: given ones, padding, what a server does not tell. */
export function levelsOf(run: Run, colouring: Colouring): Int8Array {
  const level = (share: number) => Math.min(levels - 1, Math.max(0, Math.floor(share * levels)));
  return Int8Array.from(run.pieces, (_, place) => {
    if (colouring === "none" || run.decoded[place] !== 1) return -1;
    if (colouring === "step") return level((run.shownFrom[place]! - 1) / Math.max(1, run.forwards - 1));
    const value = colouring === "confidence" ? 1 - run.confidence[place]! : run.entropy[place]! / highEntropy;
    return Number.isNaN(value) ? -1 : level(value);
  });
}
