// A proposer that answers from a table, so that everything above the network is tested without a tensor.

import { type Canvas, openPositions } from "./canvas.ts";
import type { Proposer } from "./policies/policy.ts";

export interface ScriptedAnswer {
  token: number;
  probability?: number;
  entropy?: number;
  margin?: number;
}

/** `answer(row, column, step)` stands for the network; every row with an open position takes part in each forward. */
export function scriptedProposer(
  answer: (row: number, column: number, step: number) => ScriptedAnswer,
): Proposer {
  return {
    propose(canvas: Canvas, step: number) {
      const positions = openPositions(canvas);
      const rows = Array.from(positions, (flat) => Math.floor(flat / canvas.length));
      for (const row of new Set(rows)) canvas.forwards[row]!++;
      const answers = Array.from(positions, (flat, i) => answer(rows[i]!, flat % canvas.length, step));
      return {
        positions,
        token: Int32Array.from(answers, (one) => one.token),
        probability: Float32Array.from(answers, (one) => one.probability ?? 1),
        entropy: Float32Array.from(answers, (one) => one.entropy ?? 0),
        margin: Float32Array.from(answers, (one) => one.margin ?? 1),
      };
    },
  };
}
