import { tensor, toTypedArray } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { publishedD2f } from "../../../test/oracle/d2f.ts";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { attentionBias } from "../../models/parts/visibility.ts";
import { type Canvas, newCanvas } from "../canvas.ts";
import { commit, fill } from "../commit.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { type DecodeFacts, readOptions } from "../decoder.ts";
import { type ScriptedAnswer, scriptedProposer } from "../scripted.ts";
import { policyContract } from "./contract.ts";
import { type D2fOptions, d2f, d2fDecoder } from "./d2f.ts";
import type { Policy } from "./policy.ts";

const [mask, end] = [9, 8];

const settings = (more: Partial<D2fOptions> = {}): D2fOptions => ({
  released: false,
  blockLength: 4,
  skip: 0.9,
  blockAddThreshold: 0.5,
  decodedTokenThreshold: 0.95,
  useCache: true,
  endIds: [],
  ...more,
});

type Answer = (column: number, forward: number) => ScriptedAnswer;

async function run(canvas: Canvas, policy: Policy, answer: Answer): Promise<SequenceStep[]> {
  const steps: SequenceStep[] = [];
  const proposer = scriptedProposer((_, column, forward) => answer(column, forward));
  for await (const [step] of decode([canvas], proposer, policy)) steps.push(step!);
  return steps;
}

const columnsOf = ({ proposal, decision }: SequenceStep): number[] =>
  decision.commit.map((i) => proposal.columns[i]!);

const canvasOf = (newTokens: number, prompt: readonly number[] = [1, 1, 1, 1]) =>
  newCanvas({ length: prompt.length + newTokens, noiseId: mask, prompt });

/** Random sizes, settings and answers, with ties. */
function randomTable(seed: number) {
  const next = mulberry32(seed);
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const oneOf = <T>(list: readonly T[]): T => list[whole(0, list.length - 1)]!;
  const answers = new Map<string, { token: number; probability: number }>();
  const ease = next() * 0.6;
  return {
    prompt: Array.from({ length: whole(1, 6) }, () => whole(0, 7)),
    blockLength: whole(1, 6),
    newTokens: whole(1, 24),
    skip: oneOf([0.25, 0.5, 0.75]),
    blockAdd: oneOf([0, 0.1, 0.5, 1]),
    decoded: oneOf([0, 0.5, 0.95, 1]),
    end: next() < 0.6 ? end : undefined,
    mask,
    answer(position: number, forward: number) {
      const key = `${position},${forward}`;
      const probability = next() < ease ? oneOf([0.5, 0.75, 0.875]) : oneOf([0.125, 0.25]);
      const known = answers.get(key) ?? { token: next() < 0.1 ? end : whole(0, 7), probability };
      answers.set(key, known);
      return known;
    },
  };
}

type Table = ReturnType<typeof randomTable>;

const optionsOf = (table: Table, released: boolean): D2fOptions =>
  settings({
    released,
    blockLength: table.blockLength,
    skip: table.skip,
    blockAddThreshold: table.blockAdd,
    decodedTokenThreshold: table.decoded,
    endIds: table.end === undefined ? [] : [table.end],
  });

describe("D2F on random tables", () => {
  const seeds = Array.from({ length: 300 }, (_, seed) => seed);

  it("released is the published loop, forward for forward", async () => {
    for (const seed of seeds) {
      const table = randomTable(seed);
      const expected = publishedD2f(table);
      const canvas = canvasOf(table.newTokens, table.prompt);
      const steps = await run(canvas, d2f(optionsOf(table, true)), (column, forward) =>
        table.answer(column, forward + 1),
      );
      const found = steps.map((step) => {
        const { from, to, cache } = step.plan;
        return { from, to, keep: cache!.keep, writes: columnsOf(step) };
      });
      expect(found, `seed ${seed}`).toEqual(expected.forwards);
      expect([...canvas.ids].slice(0, expected.x.length)).toEqual(expected.x);
      // What never grew is closed where there is an end of text.
      const rest = [...canvas.ids].slice(expected.x.length);
      expect(rest.every((token) => token === (table.end ?? mask))).toBe(true);
    }
  });

  it("corrected ends, closes all, keeps what is given and has one tail", async () => {
    for (const seed of seeds) {
      const table = randomTable(seed);
      const next = mulberry32(seed + 5000);
      const length = table.prompt.length + table.newTokens;
      const all = Array.from({ length }, (_, column) => [column, end] as const);
      const given = new Map(all.filter(() => next() < 0.15));
      const canvas = newCanvas({ length, noiseId: mask, prompt: table.prompt, given });
      const before = canvas.ids.slice();
      const open = canvas.open.reduce((sum, one) => sum + one, 0);
      const steps = await run(canvas, d2f(optionsOf(table, false)), (column, forward) =>
        table.answer(column, forward + 1),
      );
      expect(canvas.open, `seed ${seed}`).not.toContain(1);
      expect(steps.length).toBeLessThanOrEqual(open);
      const isWritten = (column: number) => canvas.given[column] === 0;
      const columns = [...canvas.ids.keys()];
      for (const column of columns) if (!isWritten(column)) expect(canvas.ids[column]).toBe(before[column]);
      const written = columns.filter(isWritten).map((column) => canvas.ids[column]);
      const first = written.indexOf(end);
      if (table.end !== undefined && first >= 0) {
        expect(
          written.slice(first).every((token) => token === end),
          `seed ${seed}`,
        ).toBe(true);
      }
    }
  });

  it("feeds the same candidates with and without a cache", async () => {
    for (const seed of seeds.slice(0, 50)) {
      const table = randomTable(seed);
      const runs = [true, false].map((useCache) =>
        run(
          canvasOf(table.newTokens, table.prompt),
          d2f({ ...optionsOf(table, false), useCache }),
          table.answer,
        ),
      );
      const [cached, plain] = await Promise.all(runs);
      expect(cached!.map(columnsOf)).toEqual(plain!.map(columnsOf));
      expect(plain!.every(({ plan }) => plan.from === 0 && plan.cache === undefined)).toBe(true);
    }
  });
});

for (const useCache of [true, false]) {
  policyContract(`D2F, cache ${useCache}`, { policy: () => d2f(settings({ useCache, skip: 0.6 })) });
}

describe("D2F: details", () => {
  it("grows, activates and stores as described", async () => {
    const canvas = canvasOf(8);
    const steps = await run(canvas, d2f(settings()), (column, forward) => ({
      token: 2,
      probability: forward >= column - 4 ? 0.95 : 0.5 - column / 100,
    }));
    const feeds = steps.map(({ plan: { from, to, cache } }) => [from, to, cache!.keep]);
    expect(steps.map(columnsOf)).toEqual([[4], [5], [6], [7], [8], [9], [10], [11]]);
    expect(feeds).toEqual([
      [0, 8, 4],
      [4, 8, 0],
      [4, 12, 0],
      [4, 12, 0],
      [4, 12, 4],
      [8, 12, 0],
      [8, 12, 0],
      [8, 12, 0],
    ]);
  });

  it("a run goes on from its record, and is the same beside others", async () => {
    const table = randomTable(3);
    const policy = d2f(optionsOf(table, false));
    const make = (sequence: number) =>
      newCanvas({ length: 20 + sequence, noiseId: mask, sequence, prompt: [1, 2, 3] });
    const proposer = scriptedProposer((sequence, column, forward) =>
      table.answer(100 * sequence + column, forward),
    );
    const [alone, first, second] = [make(1), make(0), make(1)];
    const steps: SequenceStep[] = [];
    for await (const [step] of decode([alone], proposer, policy)) steps.push({ ...step!, row: 1 });
    const beside: SequenceStep[] = [];
    for await (const found of decode([first, second], proposer, policy)) {
      beside.push(...found.filter(({ row }) => row === 1));
    }
    expect(beside).toEqual(steps);
    const replayed = make(1);
    const decoder = policy.start(replayed);
    const known = Math.floor(steps.length / 2);
    for (const { plan, proposal, decision } of steps.slice(0, known)) {
      expect(decoder.plan()).toEqual(plan);
      if (plan.fill !== undefined) fill(replayed, plan.fill);
      replayed.forwards++;
      commit(replayed, proposal, decision);
    }
    const rest: SequenceStep[] = [];
    const goOn = { ...policy, start: () => decoder };
    for await (const [step] of decode([replayed], proposer, goOn)) rest.push({ ...step!, row: 1 });
    expect(rest).toEqual(steps.slice(known));
    expect(replayed.ids).toEqual(alone.ids);
  });

  it("the decoder takes the published spellings and ends at an end of text", async () => {
    const facts: DecodeFacts = {
      ...{ family: "llada", maskId: mask, endIds: [end], shift: 0, contextLength: 64, denoises: true },
    };
    const values = readOptions(d2fDecoder, { block_size: 4, skip_threshold: 0.5, block_add_threshold: 1 });
    const context = { facts, seed: 0, fidelity: "corrected", promptLength: 4, newTokens: 12 } as const;
    const { policy } = d2fDecoder.create(values, context);
    const canvas = canvasOf(12);
    const steps = await run(canvas, policy, (column) => ({ token: column === 6 ? end : 1 }));
    expect([...canvas.ids.subarray(4)]).toEqual([1, 1, ...new Array(10).fill(end)]);
    expect(steps.length).toBe(1);
    expect(d2fDecoder.refuses(facts)).toBeUndefined();
    expect(d2fDecoder.refuses({ ...facts, denoises: false })).toMatch("next tokens");
  });
});

describe("block-causal visibility behind a prompt", () => {
  it("lets a column see the prompt, what is before its block, and its block", () => {
    for (const firstBlock of [0, 1, 3, 5]) {
      for (const at of [0, 1, 2, 3, 4, 6, 7]) {
        const [queries, keys] = [3, 10];
        const visibility = { kind: "block-causal", blockLength: 2, firstBlock } as const;
        const bias = attentionBias(visibility, { at, queries, keys, device: tensor([0]).device });
        const block = (column: number) => (column < firstBlock ? -1 : Math.floor((column - firstBlock) / 2));
        const expected = Array.from({ length: queries * keys }, (_, i) =>
          block(i % keys) <= block(at + Math.floor(i / keys)) ? 0 : Number.NEGATIVE_INFINITY,
        );
        const found = bias === undefined ? expected.map(() => 0) : Array.from(toTypedArray(bias), Number);
        expect(found, `first block ${firstBlock}, at ${at}`).toEqual(expected);
      }
    }
  });
});
