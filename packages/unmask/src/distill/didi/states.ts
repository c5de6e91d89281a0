// The two states that a text passed through, as rows of one forward, and which tokens were written from them.
//
// Before the first step a text is masks alone: texts that begin alike share a row. Behind those rows stands one a text, as
// the second step saw it.

import type { DidiOptions } from "./options.ts";
import { written } from "./prepare.ts";
import { beginnings, type DidiBatch } from "./rollout.ts";

export interface States {
  /** [rows · length]: the beginnings, then the texts as the second step saw them. */
  readonly ids: Int32Array;
  readonly length: number;
  /** Rows of `ids` that are beginnings. */
  readonly firstRows: number;
  /** Open positions, whose logits are wanted; those of the beginnings come first, so many. */
  readonly reads: readonly number[];
  readonly firstReads: number;
  /** How many texts each read of a beginning stands for. */
  readonly shared: Float64Array;
  /** Where in `reads` the position of a text is, before the first and before the second step. */
  readonly at: { readonly first: (flat: number) => number; readonly second: (flat: number) => number };
}

export function statesOf(batch: DidiBatch): States {
  const { rows, length, start, middle, steps } = batch;
  const { first, of, columns } = beginnings(batch);
  const S = first.length;
  const ids = new Int32Array((S + rows) * length);
  first.forEach((row, s) => {
    ids.set(start.subarray(row * length, (row + 1) * length), s * length);
  });
  ids.set(middle, S * length);
  const reads: number[] = [];
  const index = new Int32Array((S + rows) * length);
  const read = (at: number) => {
    index[at] = reads.push(at) - 1;
  };
  columns.forEach((own, s) => {
    for (const column of own) read(s * length + column);
  });
  const firstReads = reads.length;
  steps.forEach((step, flat) => {
    if (step >= written.second) read(S * length + flat);
  });
  const texts = new Float64Array(S);
  for (const s of of) texts[s] = texts[s]! + 1;
  const shared = Float64Array.from(reads.slice(0, firstReads), (at) => texts[Math.floor(at / length)]!);
  return {
    ...{ ids, length, firstRows: S, reads, firstReads, shared },
    at: {
      first: (flat) => index[of[Math.floor(flat / length)]! * length + (flat % length)]!,
      second: (flat) => index[S * length + flat]!,
    },
  };
}

/** A token that a step wrote (or, as published, the mask that it left). */
export interface Written {
  readonly row: number;
  /** Its position in the texts. */
  readonly flat: number;
  readonly step: "first" | "second";
  /** Of `reads`. */
  readonly read: number;
  readonly token: number;
  /** Whether the reward can have depended on it. */
  readonly credited: boolean;
}

/** Tokens whose log-probabilities make up the policy. */
export function writtenTokens(
  batch: DidiBatch,
  states: States,
  { logprobMode, credit, maskId }: Pick<DidiOptions, "logprobMode" | "credit" | "maskId">,
): Written[] {
  const { length, steps, lost, drawn, texts } = batch;
  const masks = logprobMode === "prev_is_mask";
  const isIdle = credit === "sequence" ? undefined : idle(batch);
  const all: Written[] = [];
  const add = (flat: number, step: "first" | "second", token: number) => {
    const credited = isIdle?.(flat, step) !== true;
    all.push({ row: Math.floor(flat / length), flat, step, token, read: states.at[step](flat), credited });
  };
  steps.forEach((step, flat) => {
    if (step === written.first || lost[flat] === 1) add(flat, "first", drawn[flat]!);
    else if (masks && step >= written.second) add(flat, "first", maskId);
    if (step === written.second) add(flat, "second", texts[flat]!);
    else if (masks && step === written.never) add(flat, "second", maskId);
  });
  return all;
}

/** Whether a token was hidden from the critic, and nothing was drawn after it that could depend on it. */
function idle({
  steps,
  hidden,
  length,
  rows,
}: DidiBatch): (flat: number, step: "first" | "second") => boolean {
  const isHidden = new Uint8Array(steps.length);
  for (const flat of hidden.fake) isHidden[flat] = 1;
  const last = Array.from({ length: rows }, (_, row) =>
    steps.subarray(row * length, (row + 1) * length).includes(written.second) ? "second" : "first",
  );
  return (flat, step) => isHidden[flat] === 1 && step === last[Math.floor(flat / length)];
}
