// The only code that writes a token. It refuses to write where nothing is open, so that prompts and committed
// text are safe whatever a policy says.

import { invariant } from "../base/errors.ts";
import type { Canvas } from "./canvas.ts";
import type { Decision, Proposal } from "./policies/policy.ts";

/** Writes the decided tokens and closes their positions. */
export function commit(canvas: Canvas, proposal: Proposal, decision: Decision): void {
  for (const i of decision.commit) {
    const flat = proposal.positions[i];
    invariant(flat !== undefined && canvas.open[flat] === 1, `position ${flat} is not open`);
    canvas.ids[flat] = proposal.token[i]!;
    canvas.open[flat] = 0;
    canvas.revealStep[flat] = canvas.forwards[Math.floor(flat / canvas.length)]! - 1;
  }
}
