// Multi-block decoding over random tables: released against the published code's oracle, corrected against its promises.

import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { type OracleOptions, publishedMultiBlock } from "../../../test/oracle/multi-block.ts";
import {
  type Answer,
  canvasOf,
  columnsOf,
  end,
  mask,
  run,
  settings,
} from "../../../test/oracle/multi-block-runs.ts";
import { type Canvas, newCanvas } from "../canvas.ts";
import { commit, fill } from "../commit.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { scriptedProposer } from "../scripted.ts";
import { type MultiBlockOptions, multiBlock } from "./multi-block.ts";

const rules = ["llada", "dream"] as const;

interface Table extends Required<Pick<OracleOptions, "family" | "threshold" | "blockAdd" | "decoded">> {
  promptLength: number;
  newTokens: number;
  blockLength: number;
  end: number | undefined;
  cache: { delay: number; refresh: number } | undefined;
  answer: (position: number, forward: number) => { token: number; entropy: number };
}

/** Random sizes, settings and answers. Few different entropies, so that there are ties. */
function randomTable(seed: number): Table {
  const next = mulberry32(seed);
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const oneOf = <T>(list: readonly T[]): T => list[whole(0, list.length - 1)]!;
  const blockLength = whole(1, 6);
  const cache = next() < 0.6 ? { delay: whole(0, 4), refresh: oneOf([1, 2, 3, 5, 10_000]) } : undefined;
  const isWhole = cache === undefined || next() < 0.7;
  const ease = next() * 0.6;
  const answers = new Map<string, { token: number; entropy: number }>();
  return {
    family: oneOf(rules),
    promptLength: whole(1, 6),
    blockLength,
    newTokens: isWhole ? blockLength * whole(1, 5) : whole(blockLength, 25),
    threshold: oneOf([0.25, 0.5, 1]),
    blockAdd: oneOf([0, 0.1, 0.5, 1]),
    decoded: oneOf([0, 0.5, 0.95, 1]),
    end: next() < 0.6 ? end : undefined,
    cache,
    answer(position, forward) {
      const key = `${position},${forward}`;
      const known = answers.get(key);
      if (known !== undefined) return known;
      const entropy = next() < ease ? oneOf([0.125, 0.25, 0.5]) : oneOf([1, 1.5, 2]);
      const answer = { token: next() < 0.1 ? end : whole(0, 7), entropy };
      answers.set(key, answer);
      return answer;
    },
  };
}

const optionsOf = (table: Table, released: boolean): MultiBlockOptions =>
  settings({
    rule: table.family,
    released,
    blockLength: table.blockLength,
    threshold: table.threshold,
    blockAddThreshold: table.blockAdd,
    decodedTokenThreshold: table.decoded,
    endIds: table.end === undefined ? [] : [table.end],
    cache:
      table.cache === undefined
        ? undefined
        : { delay: table.cache.delay, refreshInterval: table.cache.refresh },
  });

const answerOf =
  ({ answer }: Table): Answer =>
  (column, forward) =>
    answer(column, forward + 1);

const promptOf = ({ promptLength }: Table) => Array.from({ length: promptLength }, (_, i) => i % 7);

/** What a real cache would hold after the steps, and what each forward saw of it. */
function caches(steps: readonly SequenceStep[]) {
  let length = 0;
  return steps.map(({ plan: { from, to, cache } }) => {
    const past = cache === undefined ? 0 : Math.min(cache.truncate ?? length, length);
    if (cache !== undefined) length = past + cache.keep;
    return { from, length: to - from, past, after: cache === undefined ? 0 : length };
  });
}

describe("multi-block decoding of random tables", () => {
  const seeds = Array.from({ length: 400 }, (_, seed) => seed);

  it("released is the published code, forward for forward", async () => {
    let [stopped, overlapping] = [0, 0];
    for (const seed of seeds) {
      const table = randomTable(seed);
      const expected = publishedMultiBlock({ ...table, prompt: promptOf(table), mask });
      const canvas = canvasOf(table.newTokens, promptOf(table));
      const policy = multiBlock(optionsOf(table, true));
      let counted = 0;
      const steps: SequenceStep[] = [];
      const start = (one: Canvas) => {
        const decoder = policy.start(one);
        return {
          plan: () => {
            const plan = decoder.plan();
            counted = decoder.counted;
            return plan;
          },
          decide: decoder.decide.bind(decoder),
          ending: () => decoder.ending?.(),
        };
      };
      const proposer = scriptedProposer((_, column, forward) => answerOf(table)(column, forward));
      for await (const [step] of decode([canvas], proposer, { ...policy, start })) steps.push(step!);
      const feeds = caches(steps);
      const found = steps.map((step, i) => ({ ...feeds[i]!, writes: columnsOf(step) }));
      expect(found, `seed ${seed}`).toEqual(expected.forwards);
      expect([[...canvas.ids], counted], `seed ${seed}`).toEqual([expected.x, expected.nfe]);
      if (counted > steps.length) stopped++;
      if (feeds.some(({ from, past }) => past > from)) overlapping++;
    }
    // The defects did show.
    expect(stopped).toBeGreaterThan(10);
    expect(overlapping).toBeGreaterThan(5);
  }, 60_000);

  it("corrected ends, closes all, keeps what is given and has one tail", async () => {
    for (const seed of seeds) {
      const table = randomTable(seed);
      const next = mulberry32(seed + 5000);
      const length = table.promptLength + table.newTokens;
      const given = new Map(
        Array.from({ length }, (_, column) => [column, end] as const).filter(() => next() < 0.15),
      );
      const canvas = newCanvas({ length, noiseId: mask, prompt: promptOf(table), given });
      const before = canvas.ids.slice();
      const open = canvas.open.reduce((sum, one) => sum + one, 0);
      const steps = await run(canvas, optionsOf(table, false), answerOf(table));
      expect(canvas.open, `seed ${seed}`).not.toContain(1);
      expect(steps.length).toBeLessThanOrEqual(open);
      const written = [...canvas.given.keys()].filter((column) => canvas.given[column] === 0);
      for (const column of canvas.given.keys()) {
        if (canvas.given[column] === 1) expect(canvas.ids[column]).toBe(before[column]);
      }
      const first = written.findIndex((column) => canvas.ids[column] === end);
      if (table.end !== undefined && first >= 0) {
        expect(
          written.slice(first).every((column) => canvas.ids[column] === end),
          `seed ${seed}`,
        ).toBe(true);
      }
      for (const { from, past } of caches(steps)) expect(past === 0 || past === from).toBe(true);
      for (const step of steps) expect(step.decision.commit.length).toBeGreaterThan(0);
    }
  }, 60_000);

  it("a run goes on from any recorded step as it did, and alone as beside others", async () => {
    for (const seed of seeds.slice(0, 60)) {
      const table = randomTable(seed);
      const released = seed % 2 === 0;
      const policy = multiBlock({
        ...optionsOf(table, released),
        remasking: seed % 3 === 0 ? "random" : "low_confidence",
      });
      const canvases = [0, 1, 2].map((sequence) =>
        newCanvas({
          length: table.promptLength + sequence + table.newTokens,
          noiseId: mask,
          sequence,
          prompt: [...promptOf(table), ...new Array<number>(sequence).fill(2)],
        }),
      );
      const proposer = scriptedProposer((sequence, column, forward) =>
        table.answer(100 * sequence + column, forward),
      );
      const beside: SequenceStep[][] = [[], [], []];
      for await (const steps of decode(canvases, proposer, policy)) {
        for (const step of steps) beside[step.row]!.push(step);
      }
      const { length } = canvases[1]!;
      const fresh = () => newCanvas({ length, noiseId: mask, sequence: 1, prompt: [...promptOf(table), 2] });
      const alone = fresh();
      const steps: SequenceStep[] = [];
      for await (const [step] of decode([alone], proposer, policy)) steps.push(step!);
      expect(steps.map((step) => ({ ...step, row: 1 }))).toEqual(beside[1]);
      expect(alone.ids).toEqual(canvases[1]!.ids);
      const replayed = fresh();
      const known = Math.floor(steps.length / 2);
      expect(await resume(replayed, policy, steps.slice(0, known), proposer)).toEqual(steps.slice(known));
      expect(replayed.ids).toEqual(alone.ids);
    }
  });
});

/** Replays recorded decisions, then decodes on. */
async function resume(
  canvas: Canvas,
  policy: ReturnType<typeof multiBlock>,
  known: readonly SequenceStep[],
  proposer: ReturnType<typeof scriptedProposer>,
): Promise<SequenceStep[]> {
  const decoder = policy.start(canvas);
  for (const { plan, proposal, decision } of known) {
    expect(decoder.plan()).toEqual(plan);
    if (plan.fill !== undefined) fill(canvas, plan.fill);
    canvas.forwards++;
    commit(canvas, proposal, decision);
    if (plan.fill?.keepOpen === true) for (const column of plan.fill.columns) canvas.open[column] = 0;
  }
  const rest: SequenceStep[] = [];
  for await (const [step] of decode([canvas], proposer, { ...policy, start: () => decoder }))
    rest.push(step!);
  return rest;
}
