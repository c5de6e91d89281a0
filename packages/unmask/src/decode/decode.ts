// The loop: propose, decide, commit, record. Everything else is another proposer or another policy.
//
// Sequences are independent: each has its own decoder and leaves when it is done. What happened comes out step by
// step, with all that a trajectory records.

import { UnmaskError } from "../base/errors.ts";
import type { Canvas } from "./canvas.ts";
import { closeFilled, commit, fill } from "./commit.ts";
import type { Decision, Plan, Policy, Proposal, Proposer, SequenceDecoder } from "./policies/policy.ts";

/** One step of one sequence. */
export interface SequenceStep {
  /** Index into the canvases. */
  readonly row: number;
  /** Forward (from 0) that the proposal came from. */
  readonly forward: number;
  readonly plan: Plan;
  readonly proposal: Proposal;
  readonly decision: Decision;
}

interface Running {
  readonly row: number;
  readonly canvas: Canvas;
  readonly policy: Policy;
  readonly decoder: SequenceDecoder;
}

export interface DecodeOptions {
  /** Asked before every step: a sequence that has all it needs leaves early. */
  readonly isDone?: ((row: number) => boolean) | undefined;
}

/**
 * Decodes the canvases, each under its policy (one for all, or one each). Yields after every step what each sequence
 * that took part did. Leaving the iteration early leaves the canvases as they are.
 */
export async function* decode(
  canvases: readonly Canvas[],
  proposer: Proposer,
  policies: Policy | readonly Policy[],
  { isDone = () => false }: DecodeOptions = {},
): AsyncGenerator<SequenceStep[]> {
  let running: Running[] = canvases.map((canvas, row) => {
    const policy = "name" in policies ? policies : policies[row]!;
    return { row, canvas, policy, decoder: policy.start(canvas) };
  });
  try {
    while (running.length > 0) {
      const planned = planAll(running, proposer, isDone);
      running = planned.map(({ sequence }) => sequence);
      if (running.length === 0) return;
      const proposals = await proposer.propose(
        planned.map(({ sequence, plan }) => ({ canvas: sequence.canvas, plan })),
      );
      yield planned.map((one, i) => takeStep(one, proposals[i]!));
    }
  } finally {
    for (const { canvas } of running) proposer.finish?.(canvas);
  }
}

interface Planned {
  readonly sequence: Running;
  readonly plan: Plan;
}

/** The next forward of every sequence; those that are done leave. */
function planAll(
  running: readonly Running[],
  proposer: Proposer,
  isDone: (row: number) => boolean,
): Planned[] {
  const planned: Planned[] = [];
  for (const sequence of running) {
    const { canvas, policy, decoder } = sequence;
    const plan = isDone(sequence.row) ? undefined : decoder.plan();
    if (plan?.fill !== undefined) fill(canvas, plan.fill);
    if (plan === undefined) {
      const ending = decoder.ending?.();
      if (ending !== undefined) fill(canvas, ending);
      proposer.finish?.(canvas);
      continue;
    }
    if (canvas.forwards > policy.limit(canvas)) {
      throw new UnmaskError(`decoding with ${policy.name} did not end after ${canvas.forwards} forwards`);
    }
    planned.push({ sequence, plan });
  }
  return planned;
}

function takeStep({ sequence, plan }: Planned, proposal: Proposal): SequenceStep {
  const { row, canvas, decoder } = sequence;
  const decision = decoder.decide(proposal);
  commit(canvas, proposal, decision);
  if (plan.fill?.keepOpen === true) closeFilled(canvas, plan.fill);
  return { row, forward: canvas.forwards - 1, plan, proposal, decision };
}
