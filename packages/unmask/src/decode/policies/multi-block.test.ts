import { describe, expect, it } from "vitest";
import {
  type Answer,
  canvasOf,
  columnsOf,
  end,
  mask,
  run,
  settings,
} from "../../../test/oracle/multi-block-runs.ts";
import { ConfigError } from "../../base/errors.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { type DecodeFacts, readOptions } from "../decoder.ts";
import { scriptedProposer } from "../scripted.ts";
import { policyContract } from "./contract.ts";
import { type MultiBlockOptions, multiBlock, multiBlockDecoder } from "./multi-block.ts";

const rules = ["llada", "dream"] as const;
const fidelities = [true, false];

/** Entropy of softmax over ten logits of which one is z and the others 0. */
function entropyOf(z: number): number {
  const total = Math.exp(z) + 9;
  return Math.log(total) - (z * Math.exp(z)) / total;
}

/** Sure of the target from forward ready(offset) on, counted from 1; before that a little surer on the left. */
const readyAt =
  (ready: (offset: number) => number, target = (column: number) => (column % 7) + 1): Answer =>
  (column, forward) => ({
    token: target(column),
    entropy: entropyOf(forward + 1 >= ready(column - 4) ? 50 : 0.1 + 0.01 / (1 + column)),
  });

/** "0 · 5,9-11" as lists. */
const listed = (text: string): number[][] =>
  text.split(" · ").map((part) =>
    part.split(",").flatMap((run) => {
      const [from, to = from] = run.split("-").map(Number) as [number, number?];
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    }),
  );

describe("multi-block decoding: the conformance vectors", () => {
  const oddFirst = (j: number) => (j % 2 === 1 ? 1 : 5);
  const backwards = (j: number) => 16 - j;
  const all = [
    [0.1, 0.95],
    [0.5, 0.5],
    [1, 1],
  ] as const;
  const vectors: [string, (j: number) => number, readonly (readonly [number, number])[], string][] = [
    ["at once", () => 1, all, "0-3 · 4-7 · 8-11 · 12-15"],
    ["pairs", (j) => 1 + Math.floor(j / 2), all, "0-1 · 2-3 · 4-5 · 6-7 · 8-9 · 10-11 · 12-13 · 14-15"],
    ["one by one", (j) => 1 + j, all, Array.from({ length: 16 }, (_, j) => j).join(" · ")],
    ["backwards", backwards, [all[0]], "0 · 1 · 2 · 3 · 4 · 5,10,11 · 6,9,12-15 · 7,8"],
    ["backwards", backwards, [all[1]], "0 · 1 · 2 · 3 · 4 · 5 · 6,9-11 · 7,8,12-15"],
    ["backwards", backwards, [all[2]], "0 · 1 · 2 · 3 · 4 · 5 · 6 · 7 · 8-11 · 12-15"],
    ["odd first", oddFirst, [all[0], all[1]], "1,3 · 0,5,7 · 2,9,11 · 4,13,15 · 6,8,10,12,14"],
    ["odd first", oddFirst, [all[2]], "1,3 · 0 · 2 · 5,7 · 4,6 · 8-11 · 12-15"],
  ];
  const cases = vectors.flatMap(([name, ready, pairs, commits]) =>
    pairs.flatMap((pair) =>
      rules.flatMap((rule) => fidelities.map((released) => ({ name, ready, pair, commits, rule, released }))),
    ),
  );

  it.each(cases)("$name, $pair, $rule, released $released", async ({ ready, pair, commits, ...rest }) => {
    const [blockAddThreshold, decodedTokenThreshold] = pair;
    const canvas = canvasOf(16);
    const { rule, released } = rest;
    const options = settings({ rule, released, blockAddThreshold, decodedTokenThreshold });
    const steps = await run(canvas, options, readyAt(ready));
    expect(steps.map((step) => columnsOf(step).map((column) => column - 4))).toEqual(listed(commits));
    expect([...canvas.ids]).toEqual([1, 1, 1, 1, ...Array.from({ length: 16 }, (_, j) => ((j + 4) % 7) + 1)]);
    expect(canvas.forwards).toBe(steps.length);
  });

  it.each(rules)("what is never sure: %s", async (rule) => {
    const canvas = canvasOf(16);
    // The least entropy is mostly in later blocks.
    const entropy = (j: number) => 2 + (j % 4) / 100 - Math.floor(j / 4) / 1000;
    const answer: Answer = (column) => ({ token: 1, entropy: entropy(column - 4) });
    const steps = await run(canvas, settings({ rule }), answer);
    expect(steps.length).toBe(rule === "llada" ? 9 : 16);
  });

  const target = (column: number) => (column < 9 ? (column % 7) + 1 : column === 9 ? end : 3);
  const lateFour = readyAt((j) => (j === 4 ? 4 : 1), target);

  it.each(rules)("early stop: %s", async (rule) => {
    const released = canvasOf(16);
    const steps = await run(released, settings({ rule, endIds: [end] }), lateFour);
    expect(steps.length).toBe(3);
    expect([...released.ids.subarray(4, 12)]).toEqual([5, 6, 7, 1, 2, 8, 8, 8]);
    expect([...released.ids.subarray(12)]).toEqual(new Array(8).fill(3));
    const corrected = canvasOf(16);
    await run(corrected, settings({ rule, endIds: [end], released: false }), lateFour);
    expect([...corrected.ids.subarray(4)]).toEqual([5, 6, 7, 1, 2, ...new Array(11).fill(end)]);
    expect([...corrected.revealStep.subarray(10)]).toEqual(new Array(10).fill(-1));
    expect(corrected.open).not.toContain(1);
  });
});

describe("multi-block decoding: feeds with a delayed cache", () => {
  const fed = async (cache: { delay: number; refreshInterval: number }, more: Partial<MultiBlockOptions>) => {
    const options = settings({ blockAddThreshold: 0.5, cache, ...more });
    const steps = await run(
      canvasOf(8),
      options,
      readyAt((j) => 1 + j),
    );
    return steps.map(({ plan: { from, to, cache } }) => [
      from,
      to - from,
      cache?.truncate ?? -1,
      cache?.keep ?? -1,
    ]);
  };
  const both = rules.flatMap((rule) => fidelities.map((released) => ({ rule, released })));

  it.each(both)("delay 1, refresh off: $rule, released $released", async (more) => {
    expect(await fed({ delay: 1, refreshInterval: 10_000 }, more)).toEqual([
      [0, 12, -1, 4],
      [4, 8, -1, 0],
      [4, 8, -1, 0],
      [4, 8, -1, 0],
      [0, 12, 0, 4],
      [4, 8, -1, 4],
      [8, 4, -1, 0],
      [8, 4, -1, 0],
    ]);
  });

  it.each(both)("delay 2, refresh 3: $rule, released $released", async (more) => {
    expect(await fed({ delay: 2, refreshInterval: 3 }, more)).toEqual([
      [0, 12, -1, -1],
      [0, 12, -1, 4],
      [0, 12, 0, 4],
      [4, 8, -1, 0],
      [0, 12, 0, 4],
      [0, 12, 0, 4],
      [4, 8, -1, 4],
      [8, 4, -1, 0],
    ]);
  });

  it("corrected: a forward that is due to refresh feeds all, also when it writes", async () => {
    const feeds = await fed({ delay: 1, refreshInterval: 1 }, { released: false });
    expect(feeds).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [0, 12, i === 0 ? -1 : 0, i < 5 ? 4 : 8]));
  });
});

for (const rule of rules) {
  const corrected = { rule, released: false, threshold: 1, blockLength: 5 };
  policyContract(`multi-block, ${rule}`, { policy: () => multiBlock(settings(corrected)) });
  const cache = { delay: 1, refreshInterval: 4 };
  policyContract(`multi-block with a cache, ${rule}`, {
    policy: () => multiBlock(settings({ ...corrected, cache })),
  });
  policyContract(`multi-block at random, ${rule}`, {
    policy: () => multiBlock(settings({ ...corrected, cache, remasking: "random" })),
  });
}

describe("multi-block decoding: details", () => {
  it("ties go to the lowest column", async () => {
    const canvas = canvasOf(4);
    const steps = await run(canvas, settings({ rule: "dream" }), () => ({ token: 1, entropy: 1 }));
    expect(steps.map(columnsOf)).toEqual([[4], [5], [6], [7]]);
  });

  it("LLaDA takes the threshold itself, Dream only less", async () => {
    const counts = rules.map(async (rule) => {
      const steps = await run(canvasOf(4), settings({ rule }), () => ({ token: 1, entropy: 0.5 }));
      return steps.length;
    });
    expect(await Promise.all(counts)).toEqual([1, 4]);
  });

  it("random remasking: about a share of the threshold is written, the same for the same seed", async () => {
    const options = settings({
      remasking: "random",
      released: false,
      blockLength: 400,
      threshold: 0.3,
      seed: 5,
    });
    const first = await run(canvasOf(400), options, () => ({ token: 1, entropy: 9 }));
    expect(first[0]!.decision.commit.length).toBeGreaterThan(90);
    expect(first[0]!.decision.commit.length).toBeLessThan(150);
    const again = await run(canvasOf(400), options, () => ({ token: 1, entropy: 0 }));
    expect(again.map(columnsOf)).toEqual(first.map(columnsOf));
    const other = await run(canvasOf(400), { ...options, seed: 6 }, () => ({ token: 1 }));
    expect(other.map(columnsOf)).not.toEqual(first.map(columnsOf));
  });

  it("a length that is no multiple of the block: corrected has a short last block, released gives up", async () => {
    const answer: Answer = () => ({ token: 1 });
    const corrected = canvasOf(6);
    expect((await run(corrected, settings({ released: false }), answer)).length).toBe(2);
    expect(corrected.open).not.toContain(1);
    const released = canvasOf(6);
    expect((await run(released, settings(), answer)).length).toBe(10_001);
    expect([...released.open.subarray(8)]).toEqual([1, 1]);
  });

  it("without a prompt, and with nothing to write", async () => {
    const canvas = canvasOf(8, []);
    const cache = { delay: 1, refreshInterval: 10_000 };
    await run(canvas, settings({ released: false, cache }), () => ({ token: 1 }));
    expect([...canvas.ids]).toEqual(new Array(8).fill(1));
    expect(await run(canvasOf(0), settings({ released: false }), () => ({ token: 1 }))).toEqual([]);
  });

  it("any of several ends ends the text; the first one fills", async () => {
    const canvas = canvasOf(8);
    const options = settings({ released: false, endIds: [end, 7] });
    await run(canvas, options, (column) => ({ token: column === 6 ? 7 : 1 }));
    expect([...canvas.ids.subarray(4)]).toEqual([1, 1, 7, end, end, end, end, end]);
  });
});

describe("the decoder multi_block", () => {
  const facts: DecodeFacts = {
    family: "llada",
    maskId: mask,
    endIds: [end, 7],
    shift: 0,
    contextLength: 64,
    denoises: true,
  };
  const context = { facts, seed: 0, fidelity: "corrected" as const, promptLength: 4, newTokens: 8 };

  it("takes the published spellings", async () => {
    const values = readOptions(multiBlockDecoder, {
      block_size: 2,
      entropy_threshold: 1,
      cache_delay_iter: 1,
    });
    expect(values).toMatchObject({ block_length: 2, threshold: 1, cache_delay_iter: 1, early_stop: true });
    const { policy, sampling } = multiBlockDecoder.create(values, context);
    expect(sampling.temperature).toBe(0);
    const canvas = canvasOf(8);
    const steps: SequenceStep[] = [];
    const proposer = scriptedProposer((_, column) => ({ token: column === 6 ? 7 : 1 }));
    for await (const [step] of decode([canvas], proposer, policy)) steps.push(step!);
    expect([...canvas.ids.subarray(4)]).toEqual([1, 1, 7, end, end, end, end, end]);
    expect(steps.every(({ plan }) => plan.cache !== undefined)).toBe(true);
  });

  it("has the family's threshold", () => {
    const firstCommits = ([0, 1] as const).map((shift) => {
      const values = readOptions(multiBlockDecoder, { block_length: 4 });
      const { policy } = multiBlockDecoder.create(values, { ...context, facts: { ...facts, shift } });
      const canvas = canvasOf(4);
      const decoder = policy.start(canvas);
      const plan = decoder.plan()!;
      const answers = Array.from(plan.candidates, () => ({ token: 1, entropy: 0.47 }));
      const columns = plan.candidates;
      const entropy = Float32Array.from(answers, (one) => one.entropy);
      const token = Int32Array.from(answers, (one) => one.token);
      const numbers = { probability: entropy, entropy, margin: entropy, plainProbability: entropy };
      return decoder.decide({ columns, token, best: token, plainEntropy: entropy, ...numbers }).commit.length;
    });
    expect(firstCommits).toEqual([4, 1]);
  });

  it("says which models it does not fit, and which options it does not have", () => {
    expect(multiBlockDecoder.refuses(facts)).toBeUndefined();
    expect(multiBlockDecoder.refuses({ ...facts, denoises: false })).toMatch("next tokens");
    expect(multiBlockDecoder.refuses({ ...facts, blockLength: 4 })).toMatch("block by block");
    expect(multiBlockDecoder.refuses({ ...facts, maskId: undefined })).toMatch("mask");
    expect(() => readOptions(multiBlockDecoder, { treshold: 1 })).toThrow(ConfigError);
    expect(() => readOptions(multiBlockDecoder, { block_add_threshold: 2 })).toThrow(/from 0 to 1/);
  });
});
