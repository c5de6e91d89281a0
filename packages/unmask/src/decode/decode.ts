// The loop: propose, decide, commit, record. Where a policy leaves a choice, a judge makes it. Everything else is another proposer or another policy.
//
// Sequences are independent: each has its own decoder and leaves when it is done. What happened comes out step by
// step, with all that a trajectory records.

import { invariant, UnmaskError } from "../base/errors.ts";
import type { Canvas } from "./canvas.ts";
import { closeFilled, commit, fill } from "./commit.ts";
import type {
  Decision,
  Judge,
  Plan,
  Policy,
  Proposal,
  Proposer,
  SequenceDecoder,
} from "./policies/policy.ts";

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
  steps: number;
}

export interface DecodeOptions {
  /** Asked before every step: a sequence that has all it needs leaves early. */
  readonly isDone?: ((row: number) => boolean) | undefined;
  /** Chooses where a policy decides on alternatives. */
  readonly judge?: Judge | undefined;
}

/**
 * Decodes the canvases, each under its policy (one for all, or one each). Yields after every step what each sequence
 * that took part did. Leaving the iteration early leaves the canvases as they are.
 */
export async function* decode(
  canvases: readonly Canvas[],
  proposer: Proposer,
  policies: Policy | readonly Policy[],
  { isDone = () => false, judge }: DecodeOptions = {},
): AsyncGenerator<SequenceStep[]> {
  let running: Running[] = canvases.map((canvas, row) => {
    const policy = "name" in policies ? policies : policies[row];
    invariant(policy !== undefined, `canvas ${row} has no policy`);
    return { row, canvas, policy, decoder: policy.start(canvas), steps: 0 };
  });
  try {
    while (running.length > 0) {
      const planned = planAll(running, proposer, isDone);
      running = planned.map(({ sequence }) => sequence);
      if (running.length === 0) return;
      const proposals = await proposer.propose(
        planned.map(({ sequence, plan }) => ({ canvas: sequence.canvas, plan })),
      );
      const decided = planned.map(({ sequence }, i) => sequence.decoder.decide(proposals[i]!));
      const decisions = await settle(decided, { planned, proposals, judge });
      yield planned.map((one, i) => takeStep(one, proposals[i]!, decisions[i]!));
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
    if (sequence.steps === policy.limit(canvas)) {
      throw new UnmaskError(`decoding with ${policy.name} did not end after ${sequence.steps} steps`);
    }
    sequence.steps++;
    planned.push({ sequence, plan });
  }
  return planned;
}

interface Undecided {
  readonly planned: readonly Planned[];
  readonly proposals: readonly Proposal[];
  readonly judge: Judge | undefined;
}

/** Puts the judge's choice in the place of decisions that leave one. */
async function settle(
  decided: readonly Decision[],
  { planned, proposals, judge }: Undecided,
): Promise<readonly Decision[]> {
  const rows = decided.flatMap(({ alternatives }, i) => (alternatives === undefined ? [] : [i]));
  if (rows.length === 0) return decided;
  invariant(judge !== undefined, "a policy leaves a choice and the loop has no judge");
  const questions = rows.map((i) => ({
    canvas: planned[i]!.sequence.canvas,
    plan: planned[i]!.plan,
    proposal: proposals[i]!,
    alternatives: decided[i]!.alternatives!,
  }));
  const chosen = await judge(questions);
  const settled = [...decided];
  rows.forEach((i, k) => {
    const decision = questions[k]!.alternatives[chosen[k]!];
    invariant(decision !== undefined, `the judge chose alternative ${chosen[k]}, which does not exist`);
    settled[i] = decision;
  });
  return settled;
}

function takeStep({ sequence, plan }: Planned, proposal: Proposal, decision: Decision): SequenceStep {
  const { row, canvas } = sequence;
  commit(canvas, proposal, decision);
  if (plan.fill?.keepOpen === true) closeFilled(canvas, plan.fill);
  return { row, forward: canvas.forwards - 1, plan, proposal, decision };
}
