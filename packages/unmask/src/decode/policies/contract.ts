// What every policy must keep, over random tables: run it with a policy and the canvases that it is for.

import { describe, expect, it } from "vitest";
import { streams, uniform } from "../../base/rng.ts";
import { type Canvas, isFinished, newCanvas } from "../canvas.ts";
import { commit } from "../commit.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { type ScriptedAnswer, scriptedProposer } from "../scripted.ts";
import type { Plan, Policy } from "./policy.ts";

export interface ContractOptions {
  /** Makes the policy anew. */
  policy(): Policy;
  /** Columns of the canvases and of their prompts. */
  lengths?: readonly (readonly [length: number, prompt: number])[];
  /** Whether columns behind the prompt may be given too; true by default. */
  infills?: boolean;
}

const noise = 999;

/** Numbers in [0, 1) that depend on their place: a table for the scripted proposer. */
export const chance = (seed: number, sequence: number, step: number, column: number): number =>
  uniform({ seed, stream: streams.story }, sequence, step, column);

/** A network that thinks at random, the same for the same sequence, column and forward. */
export const randomTable =
  (seed: number) =>
  (sequence: number, column: number, forward: number): ScriptedAnswer => ({
    token: Math.floor(chance(seed, sequence, forward, 4 * column) * 100),
    probability: chance(seed, sequence, forward, 4 * column + 1),
    entropy: 3 * chance(seed, sequence, forward, 4 * column + 2),
    margin: chance(seed, sequence, forward, 4 * column + 3),
  });

export function canvasOf(
  length: number,
  prompt: number,
  given: readonly number[] = [],
  sequence = 0,
): Canvas {
  return newCanvas({
    length,
    noiseId: noise,
    sequence,
    // A prompt may hold the noise token literally.
    prompt: Array.from({ length: prompt }, (_, i) => (i === 0 ? noise : 500 + i)),
    given: new Map(given.map((column) => [column, 600 + column])),
  });
}

/** Runs to the end; a list of steps for each canvas. */
export async function run(
  canvases: readonly Canvas[],
  policies: Policy | readonly Policy[],
  answer: ReturnType<typeof randomTable>,
): Promise<SequenceStep[][]> {
  const steps: SequenceStep[][] = canvases.map(() => []);
  for await (const taken of decode(canvases, scriptedProposer(answer), policies)) {
    for (const one of taken) steps[one.row]!.push(one);
  }
  return steps;
}

/** Canvases of several lengths, with holes between given columns. */
function canvasesOf({ lengths = usual, infills = true }: ContractOptions): Canvas[] {
  return lengths.map(([length, prompt], i) => {
    const given = Array.from({ length }, (_, column) => column).filter(
      (column) => infills && column >= prompt && chance(7, i, 0, column) < 0.3,
    );
    return canvasOf(length, prompt, given, i);
  });
}

const usual = [
  [20, 4],
  [9, 8],
  [33, 1],
  [7, 7],
] as const;

export function policyContract(name: string, options: ContractOptions): void {
  describe(`policy contract: ${name}`, () => {
    it.each([1, 2, 3])(
      "writes every open column once, and no given one, within its limit (table %i)",
      (seed) => writesAllOnce(options, seed),
    );
    it("plans open columns inside what is fed, and a cache without gaps", () => plansWell(options));
    it("decides a sequence alone as beside others", () => decidesAlone(options));
    it("goes on from any recorded step as the recorded run did", () => goesOn(options));
  });
}

async function writesAllOnce(options: ContractOptions, seed: number): Promise<void> {
  const before = canvasesOf(options);
  const after = canvasesOf(options);
  const steps = await run(after, options.policy(), randomTable(seed));
  after.forEach((canvas, row) => {
    expect(isFinished(canvas)).toBe(true);
    const written = steps[row]!.flatMap(({ proposal, decision }) =>
      decision.commit.map((i) => proposal.columns[i]!),
    );
    const open = [...before[row]!.open.keys()].filter((column) => before[row]!.open[column] === 1);
    expect([...written].sort((a, b) => a - b)).toEqual(open);
    for (const [column, id] of before[row]!.ids.entries()) {
      if (before[row]!.given[column] === 1) expect(canvas.ids[column]).toBe(id);
    }
    expect(steps[row]!.length).toBeLessThanOrEqual(options.policy().limit(canvas));
  });
}

async function plansWell(options: ContractOptions): Promise<void> {
  const after = canvasesOf(options);
  const steps = await run(after, options.policy(), randomTable(4));
  steps.forEach((taken, row) => {
    let cached = 0;
    for (const { plan, decision } of taken) {
      const { candidates } = plan;
      expect([...candidates]).toEqual([...new Set(candidates)].sort((a, b) => a - b));
      for (const column of candidates) expect(column >= plan.from && column < plan.to).toBe(true);
      expect(plan.to).toBeLessThanOrEqual(after[row]!.length);
      expect(decision.commit).toEqual([...decision.commit].sort((a, b) => a - b));
      cached = cacheAfter(cached, plan);
    }
  });
}

async function decidesAlone(options: ContractOptions): Promise<void> {
  const together = canvasesOf(options);
  await run(together, options.policy(), randomTable(5));
  for (const [row, canvas] of canvasesOf(options).entries()) {
    await run([canvas], options.policy(), randomTable(5));
    expect(canvas.ids).toEqual(together[row]!.ids);
    expect(canvas.revealStep).toEqual(together[row]!.revealStep);
  }
}

async function goesOn(options: ContractOptions): Promise<void> {
  const [recorded] = canvasesOf(options) as [Canvas];
  const [steps] = await run([recorded], options.policy(), randomTable(6));
  for (let k = 0; k < steps!.length; k++) {
    const [canvas] = canvasesOf(options) as [Canvas];
    const decoder = options.policy().start(canvas);
    for (const [i, { plan, proposal, decision }] of steps!.entries()) {
      expect(decoder.plan()).toEqual(plan);
      canvas.forwards++;
      // Up to step k the record is followed without asking, then every question is asked twice.
      if (i >= k) decoder.decide(proposal);
      const decided = i < k ? decision : decoder.decide(proposal);
      expect(decided).toEqual(decision);
      commit(canvas, proposal, decided);
    }
    expect(decoder.plan()).toBeUndefined();
    expect(canvas.ids).toEqual(recorded.ids);
  }
}

/** Columns in the cache after a plan; fails where the fed ones do not join on. */
export function cacheAfter(cached: number, { from, to, cache }: Plan): number {
  if (cache === undefined) return cached;
  const { truncate = cached, at, keep } = cache;
  expect(truncate).toBeLessThanOrEqual(cached);
  if (at === undefined) {
    expect(from).toBe(truncate);
    expect(keep).toBeLessThanOrEqual(to - from);
    return truncate + keep;
  }
  expect(at).toBe(from);
  expect(at).toBeLessThanOrEqual(truncate);
  return Math.max(truncate, at + (to - from));
}
