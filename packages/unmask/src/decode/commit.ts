// The only code that writes a token. It refuses to write where nothing is open, so that prompts and committed text are
// safe whatever a policy says.

import { invariant } from "../base/errors.ts";
import type { Canvas } from "./canvas.ts";
import type { Decision, Fill, Proposal } from "./policies/policy.ts";

/** What a decision would make of the canvas's ids. */
export function idsAfter(canvas: Canvas, proposal: Proposal, { commit, tokens }: Decision): Int32Array {
  const ids = canvas.ids.slice();
  for (const i of commit) ids[proposal.columns[i]!] = tokens?.get(i) ?? proposal.token[i]!;
  return ids;
}

/** Writes the decided tokens and closes their columns. */
export function commit(canvas: Canvas, proposal: Proposal, decision: Decision): void {
  for (const i of decision.commit) {
    const column = proposal.columns[i];
    invariant(column !== undefined && canvas.open[column] === 1, `column ${column} is not open`);
    canvas.ids[column] = decision.tokens?.get(i) ?? proposal.token[i]!;
    canvas.open[column] = 0;
    canvas.revealStep[column] = canvas.forwards - 1;
  }
}

/**
 * Writes one token over open and committed columns, never over given ones: the padding behind an end of text. Open
 * columns are closed, unless the fill keeps them open for the step's decision.
 */
export function fill(canvas: Canvas, { columns, token, keepOpen = false }: Fill): void {
  for (const column of columns) {
    invariant(column >= 0 && column < canvas.length, `column ${column} is outside the canvas`);
    if (canvas.given[column] === 1) continue;
    canvas.ids[column] = token;
    canvas.revealStep[column] = -1;
    if (!keepOpen) canvas.open[column] = 0;
  }
}

/** Closes what a fill had kept open. */
export function closeFilled(canvas: Canvas, { columns }: Fill): void {
  for (const column of columns) canvas.open[column] = 0;
}
