// A trajectory as a film: the canvas after each forward.

import type { Trajectory } from "./record.ts";

export interface Frame {
  /** Forward (from 0) whose proposal was just committed. */
  readonly forward: number;
  /** Tokens behind the prompt; the mask where still open. */
  readonly ids: Int32Array;
  readonly open: Uint8Array;
  /** Columns (of the text behind the prompt) that this forward revealed, ascending. */
  readonly revealed: readonly number[];
}

/**
 * The canvas after every forward, the last of which shows the finished text. Tokens that were written without a
 * proposal (padding behind an end) appear with the last forward.
 */
export function* replay(trajectory: Trajectory, maskId: number): Generator<Frame> {
  const { token_ids: tokens, given, reveal_step: steps, forwards } = trajectory;
  const byForward = new Map<number, number[]>();
  steps.forEach((step, column) => {
    if (step < 0) return;
    const columns = byForward.get(step) ?? [];
    columns.push(column);
    byForward.set(step, columns);
  });
  const ids = Int32Array.from(tokens, (token, column) => (given[column] === 1 ? token : maskId));
  const open = Uint8Array.from(given, (one) => 1 - one);
  for (let forward = 0; forward < forwards; forward++) {
    const revealed = byForward.get(forward) ?? [];
    const shown = forward === forwards - 1 ? tokens.keys() : revealed;
    for (const column of shown) {
      ids[column] = tokens[column]!;
      open[column] = 0;
    }
    yield { forward, ids: ids.slice(), open: open.slice(), revealed };
  }
}
