// The loop: propose, decide, commit, record. Everything else is another proposer or another policy.

import { type Canvas, isFinished } from "./canvas.ts";
import { commit } from "./commit.ts";
import type { Decision, Policy, Proposal, Proposer } from "./policies/policy.ts";

export interface DecodeStep {
  step: number;
  proposal: Proposal;
  decision: Decision;
}

/** Fills the canvas; yields after every step. Leaving the iteration early leaves the canvas as it is. */
export async function* decode(
  canvas: Canvas,
  proposer: Proposer,
  policy: Policy,
): AsyncGenerator<DecodeStep> {
  for (let step = 0; step < policy.steps && !isFinished(canvas); step++) {
    const proposal = await proposer.propose(canvas, step);
    const decision = policy.decide(canvas, proposal, step);
    commit(canvas, proposal, decision);
    yield { step, proposal, decision };
  }
}
