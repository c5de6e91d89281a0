// The loop: propose, decide, commit, record. Where a policy leaves a choice, a judge makes it. Everything else is another proposer or another policy.
//
// Sequences are independent: each has its own decoder, joins between two forwards and leaves when it is done. What
// happened comes out step by step, with all that a trajectory records. decode() runs the loop over a fixed set of
// canvases; a server's scheduler adds and removes them as requests come and go.

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
  Question,
  SequenceDecoder,
} from "./policies/policy.ts";

/** One step of one sequence. */
export interface SequenceStep {
  /** Number of the sequence in its loop: of its canvas, in decode(). */
  readonly row: number;
  /** Forward (from 0) that the proposal came from. */
  readonly forward: number;
  readonly plan: Plan;
  readonly proposal: Proposal;
  readonly decision: Decision;
}

/** A sequence that left the loop. */
export interface Departure {
  readonly row: number;
  /** Why its decoder could not go on; absent when it is done. */
  readonly error?: unknown;
}

/** What one forward brought: those it failed for have left the loop. */
export interface LoopStep {
  readonly steps: readonly SequenceStep[];
  readonly failed: readonly Departure[];
}

export interface SequenceOptions {
  /** Asked before every step: a sequence that has all it needs leaves early. */
  readonly isDone?: (() => boolean) | undefined;
  /** Chooses where the policy decides on alternatives. */
  readonly judge?: Judge | undefined;
}

export interface DecodeOptions {
  /** As isDone of each row. */
  readonly isDone?: ((row: number) => boolean) | undefined;
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
  const loop = new DecodeLoop(proposer);
  canvases.forEach((canvas, row) => {
    const policy = "name" in policies ? policies : policies[row];
    invariant(policy !== undefined, `canvas ${row} has no policy`);
    loop.add(canvas, policy, { isDone: () => isDone(row), judge });
  });
  try {
    for (;;) {
      throwFirst(loop.plan());
      if (loop.size === 0) return;
      const { steps, failed } = await loop.step();
      throwFirst(failed);
      yield [...steps];
    }
  } finally {
    loop.clear();
  }
}

function throwFirst(departures: readonly Departure[]): void {
  const failed = departures.find((one) => "error" in one);
  if (failed !== undefined) throw failed.error;
}

interface Running {
  readonly row: number;
  readonly canvas: Canvas;
  readonly policy: Policy;
  readonly decoder: SequenceDecoder;
  readonly isDone: () => boolean;
  readonly judge: Judge | undefined;
  steps: number;
}

interface Planned {
  readonly sequence: Running;
  readonly plan: Plan;
}

/** A planned sequence, what the network says of it and what is decided. */
interface Decided extends Planned {
  readonly proposal: Proposal;
  readonly decision: Decision;
}

/** plan(), step(), plan(), step() … : between step() and plan() sequences join and leave. */
export class DecodeLoop {
  private readonly proposer: Proposer;
  private readonly running = new Map<number, Running>();
  private planned = new Map<number, Planned>();
  private added = 0;

  constructor(proposer: Proposer) {
    this.proposer = proposer;
  }

  /** Sequences that have not left. */
  get size(): number {
    return this.running.size;
  }

  /** Takes a sequence in; its number. Throws what the policy throws of its canvas. */
  add(canvas: Canvas, policy: Policy, { isDone = () => false, judge }: SequenceOptions = {}): number {
    const decoder = policy.start(canvas);
    const row = this.added++;
    this.running.set(row, { row, canvas, policy, decoder, isDone, judge, steps: 0 });
    return row;
  }

  /** Takes a sequence out as it is and frees what the proposer holds for it; nothing if it has left. */
  remove(row: number): void {
    const sequence = this.running.get(row);
    if (sequence === undefined) return;
    this.running.delete(row);
    this.planned.delete(row);
    this.proposer.finish?.(sequence.canvas);
  }

  /** Takes all out. */
  clear(): void {
    for (const row of [...this.running.keys()]) this.remove(row);
  }

  /** The next forward of every sequence that has none planned; those that are done leave. */
  plan(): Departure[] {
    const left: Departure[] = [];
    for (const [row, sequence] of this.running) {
      if (this.planned.has(row)) continue;
      try {
        const plan = nextPlan(sequence);
        if (plan !== undefined) this.planned.set(row, { sequence, plan });
        else left.push({ row });
      } catch (error) {
        left.push({ row, error });
      }
    }
    for (const { row } of left) this.remove(row);
    return left;
  }

  /** The forward that was planned, and what came of it. Throws what the proposer or a judge throws. */
  async step(): Promise<LoopStep> {
    const planned = [...this.planned.values()];
    this.planned.clear();
    if (planned.length === 0) return { steps: [], failed: [] };
    const requests = planned.map(({ sequence, plan }) => ({ canvas: sequence.canvas, plan }));
    const proposals = await this.proposer.propose(requests);
    const failed: Departure[] = [];
    const attempt = <One extends Planned, Result>(
      ones: readonly One[],
      body: (one: One) => Result,
    ): Result[] =>
      ones.flatMap((one) => {
        try {
          return [body(one)];
        } catch (error) {
          failed.push({ row: one.sequence.row, error });
          return [];
        }
      });
    const proposed = planned.map((one, i) => ({ ...one, proposal: proposals[i]! }));
    const decided = attempt(proposed, (one) => ({
      ...one,
      decision: one.sequence.decoder.decide(one.proposal),
    }));
    const settled = (await settle(decided)).filter(({ sequence }) => this.running.has(sequence.row));
    const steps = attempt(settled, takeStep);
    for (const { row } of failed) this.remove(row);
    return { steps, failed };
  }
}

/** What a sequence asks of the next forward; undefined when it is done. */
function nextPlan(sequence: Running): Plan | undefined {
  const { canvas, policy, decoder } = sequence;
  const plan = sequence.isDone() ? undefined : decoder.plan();
  if (plan?.fill !== undefined) fill(canvas, plan.fill);
  if (plan === undefined) {
    const ending = decoder.ending?.();
    if (ending !== undefined) fill(canvas, ending);
    return undefined;
  }
  if (sequence.steps === policy.limit(canvas)) {
    throw new UnmaskError(`decoding with ${policy.name} did not end after ${sequence.steps} steps`);
  }
  sequence.steps++;
  return plan;
}

/** Puts the judges' choices in the place of decisions that leave one; each judge is asked once. */
async function settle(decided: readonly Decided[]): Promise<readonly Decided[]> {
  const open = new Map<Judge, number[]>();
  decided.forEach(({ sequence, decision }, i) => {
    if (decision.alternatives === undefined) return;
    invariant(sequence.judge !== undefined, "a policy leaves a choice and the loop has no judge");
    open.set(sequence.judge, [...(open.get(sequence.judge) ?? []), i]);
  });
  const settled = [...decided];
  for (const [judge, rows] of open) {
    const questions = rows.map((i) => questionOf(decided[i]!));
    const chosen = await judge(questions);
    rows.forEach((i, k) => {
      const decision = questions[k]!.alternatives[chosen[k]!];
      invariant(decision !== undefined, `the judge chose alternative ${chosen[k]}, which does not exist`);
      settled[i] = { ...decided[i]!, decision };
    });
  }
  return settled;
}

const questionOf = ({ sequence, plan, proposal, decision }: Decided): Question => ({
  canvas: sequence.canvas,
  plan,
  proposal,
  alternatives: decision.alternatives!,
});

function takeStep({ sequence, plan, proposal, decision }: Decided): SequenceStep {
  const { row, canvas } = sequence;
  commit(canvas, proposal, decision);
  for (const one of decision.certain ?? []) fill(canvas, one);
  if (plan.fill?.keepOpen === true) closeFilled(canvas, plan.fill);
  return { row, forward: canvas.forwards - 1, plan, proposal, decision };
}
