import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { type OracleOptions, publishedMultiBlock } from "../../../test/oracle/multi-block.ts";
import { ConfigError } from "../../base/errors.ts";
import { type Canvas, newCanvas } from "../canvas.ts";
import { commit, fill } from "../commit.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { type DecodeFacts, readOptions } from "../decoder.ts";
import { type ScriptedAnswer, scriptedProposer } from "../scripted.ts";
import { type MultiBlockOptions, multiBlock, multiBlockDecoder } from "./multi-block.ts";

const [mask, end] = [9, 8];
const rules = ["llada", "dream"] as const;
const fidelities = [true, false];

const settings = (more: Partial<MultiBlockOptions> = {}): MultiBlockOptions => ({
  rule: "llada",
  released: true,
  blockLength: 4,
  threshold: 0.5,
  blockAddThreshold: 0.1,
  decodedTokenThreshold: 0.95,
  endIds: [],
  remasking: "low_confidence",
  seed: 0,
  ...more,
});

type Answer = (column: number, forward: number) => ScriptedAnswer;

async function run(canvas: Canvas, options: MultiBlockOptions, answer: Answer): Promise<SequenceStep[]> {
  const steps: SequenceStep[] = [];
  const proposer = scriptedProposer((_, column, forward) => answer(column, forward));
  for await (const [step] of decode([canvas], proposer, multiBlock(options))) steps.push(step!);
  return steps;
}

const columnsOf = ({ proposal, decision }: SequenceStep): number[] =>
  decision.commit.map((i) => proposal.columns[i]!);

const canvasOf = (newTokens: number, prompt = [1, 1, 1, 1]) =>
  newCanvas({ length: prompt.length + newTokens, noiseId: mask, prompt });

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
