// What became of one position: what was proposed for it, forward by forward, until it was written.

import type { Run } from "./run.ts";

export interface Proposal {
  /** The step that the forward led to, from 1 on. */
  readonly step: number;
  readonly text: string;
  readonly confidence: number;
  readonly entropy: number;
  readonly committed: boolean;
}

/** Empty where a file holds no proposals and nothing was committed at the place. */
export function historyOf(run: Run, place: number): Proposal[] {
  const { proposed } = run;
  const last = run.shownFrom[place]!;
  const committed = (step: number) => run.decoded[place] === 1 && step === last;
  if (proposed === undefined) {
    if (run.decoded[place] !== 1) return [];
    const [confidence, entropy] = [run.confidence[place]!, run.entropy[place]!];
    return [{ step: last, text: run.pieces[place]!, confidence, entropy, committed: true }];
  }
  const found: Proposal[] = [];
  for (let step = 1; step <= run.forwards; step++) {
    for (let i = proposed.start[step - 1]!; i < proposed.start[step]!; i++) {
      if (proposed.column[i] !== place) continue;
      found.push({
        ...{ step, text: proposed.text(i), committed: committed(step) },
        ...{ confidence: proposed.confidence[i]!, entropy: proposed.entropy[i]! },
      });
    }
  }
  return found;
}

/** Proposals one after the other that said the same. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly confidence: readonly [number, number];
  readonly committed: boolean;
}

export function stretchesOf(history: readonly Proposal[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { step, text, confidence, committed } of history) {
    const last = stretches.at(-1);
    if (last !== undefined && last.text === text) {
      stretches[stretches.length - 1] = {
        ...last,
        to: step,
        confidence: [last.confidence[0], confidence],
        committed,
      };
    } else stretches.push({ from: step, to: step, text, confidence: [confidence, confidence], committed });
  }
  return stretches;
}
