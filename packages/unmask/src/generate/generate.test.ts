import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGenerator, liveTensors, rand, sub } from "@unmask/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { type MdlmConfig, mdlmParameterShapes } from "../models/mdlm.ts";
import { saveModel } from "../models/mdlm-save.ts";
import { byteTokenizer, wordTokenizer } from "../text/new-tokenizer.ts";
import { saveTokenizer } from "../text/tokenizer-files.ts";
import type { GenerateEvent, GenerateOptions } from "./events.ts";
import { generate } from "./generate.ts";
import { load, type Model } from "./load.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-generate-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const words = ["red", "green", "blue", "grey", "pink"];
const tokenizer = wordTokenizer(words);
const length = 10;
const config: MdlmConfig = {
  vocabularySize: tokenizer.vocabularySize,
  hiddenSize: 16,
  conditionSize: 4,
  blocks: 1,
  heads: 2,
  length,
};

/** A folder of random weights, large enough that predictions differ from uniform. */
async function makeFolder(change: Partial<MdlmConfig> = {}): Promise<string> {
  const folder = mkdtempSync(join(root, "m-"));
  const generator = createGenerator(5);
  const all = { ...config, ...change };
  const parameters = new Map(
    [...mdlmParameterShapes(all)].map(([name, shape]) => [name, sub(rand(shape, { generator }), 0.5)]),
  );
  saveModel(folder, all, parameters);
  await saveTokenizer(tokenizer, folder);
  return folder;
}

let model: Model;
let begun: Model;
beforeAll(async () => {
  model = await load(await makeFolder());
  begun = await load(await makeFolder({ ignoreBos: true }));
});

interface Asked extends GenerateOptions {
  prompt?: string;
  steps?: number;
  temperature?: number;
}

/** Whole canvases, unless asked otherwise. */
async function run(asked: Asked = {}, of = model): Promise<GenerateEvent[]> {
  const { prompt = "", steps = 4, temperature, ...options } = asked;
  const decoderOptions = { steps, temperature };
  const events: GenerateEvent[] = [];
  const all = { seed: 1, count: 3, stopAtEnd: false, decoderOptions, ...options };
  for await (const event of generate(of, prompt, all)) events.push(event);
  return events;
}
const sequencesOf = (events: GenerateEvent[]) =>
  events.flatMap((event) => (event.type === "sequence" ? [event.sequence] : []));
const eos = tokenizer.specials.eos!;
const mask = tokenizer.specials.mask!;

describe("generate", () => {
  it.each([1, 4, 100])(
    "fills sequences of the model's length in at most %i forwards, and tells all about them",
    async (steps) => {
      const events = await run({ steps, count: 5, batchSize: 2 });
      const sequences = sequencesOf(events);
      expect(events.flatMap((event) => (event.type === "sequence" ? [event.index] : []))).toEqual([
        0, 1, 2, 3, 4,
      ]);
      for (const one of sequences) {
        expect(one.prompt_ids).toEqual([]);
        expect(one.token_ids).toHaveLength(length);
        expect(one.token_ids.every((id) => id >= 0 && id < mask)).toBe(true);
        expect(one.reveal_step).toHaveLength(length);
        expect(Math.min(...one.reveal_step)).toBe(0);
        expect(Math.max(...one.reveal_step)).toBe(one.nfe - 1);
        expect(one.nfe).toBeLessThanOrEqual(Math.min(steps, length));
        expect(one.tokens).toBe(length);
        const end = one.token_ids.indexOf(eos);
        expect(one.finish_reason).toBe(end < 0 ? "length" : "stop");
        expect(one.text).toBe(tokenizer.decode(end < 0 ? one.token_ids : one.token_ids.slice(0, end)));
        expect(one.seconds).toBeGreaterThan(0);
      }
      const last = events.at(-1);
      if (last?.type !== "finish") return expect.fail("no finish event");
      const nfe = sequences.reduce((sum, one) => sum + one.nfe, 0);
      expect(last.totals).toMatchObject({ nfe, tokens: 5 * length, tokens_per_forward: (5 * length) / nfe });
      expect(last.totals.tokens_per_second).toBeCloseTo((5 * length) / last.totals.seconds, 6);
    },
  );

  it("a sequence is the same wherever it is asked for, by its place in the whole request", async () => {
    const all = sequencesOf(await run({ count: 6 })).map((one) => one.token_ids);
    const some: number[][] = [];
    const options = { seed: 1, stopAtEnd: false, places: [4, 1], decoderOptions: { steps: 4 } };
    for await (const event of generate(model, ["", ""], options)) {
      if (event.type === "sequence") some[event.index] = event.sequence.token_ids;
    }
    expect([some[4], some[1]]).toEqual([all[4], all[1]]);
    for (const places of [[0], [1, 1], [-1, 0]]) {
      const asking = generate(model, ["", ""], { ...options, places }).next();
      await expect(asking).rejects.toThrow("for 2 prompts; give one of its own to each");
    }
  });

  it("counts what was decoded behind an end", async () => {
    const one = sequencesOf(await run({ count: 1, steps: 1 }))[0]!;
    const stopIds = [one.token_ids[3]!];
    const first = one.token_ids.findIndex((id) => id === eos || stopIds.includes(id));
    const events = await run({ count: 1, steps: 1, stopAtEnd: true, stopIds });
    const [event] = events.filter(({ type }) => type === "sequence");
    expect(event).toMatchObject({ sequence: { tokens: first + 1 }, tokensBehindEnd: length - first - 1 });
  });

  it("shows frames of the first sequence of a batch that end in the sequence itself", async () => {
    const events = await run({ count: 2, prompt: "red blue", steps: 6 });
    const frames = events.filter((event) => event.type === "canvas-frame");
    let open = new Uint8Array(length).fill(1, 2).fill(0, 0, 2);
    for (const frame of frames) {
      expect(frame.steps).toBe(6);
      expect([...frame.ids.subarray(0, 2)]).toEqual([...tokenizer.encode("red blue")]);
      frame.open.forEach((one, i) => {
        expect(one + frame.fresh[i]!).toBe(open[i]);
        expect(frame.ids[i] === mask).toBe(one === 1);
      });
      open = frame.open.slice();
    }
    expect([...frames.at(-1)!.ids.subarray(2)]).toEqual(sequencesOf(events)[0]!.token_ids);
    expect(open.includes(1)).toBe(false);
  });

  it("keeps the prompt, in every sequence", async () => {
    for (const one of sequencesOf(await run({ prompt: "blue blue red", count: 4 }))) {
      expect(one.prompt_ids).toEqual([...tokenizer.encode("blue blue red")]);
      expect(one.token_ids).toHaveLength(length - 3);
      expect(one.reveal_step.every((step) => step >= 0)).toBe(true);
      expect(one.tokens).toBe(length - 3);
    }
  });

  it("begins rows with the end token where the model was trained so", async () => {
    const [one] = sequencesOf(await run({ prompt: "red", count: 1 }, begun));
    expect(one!.prompt_ids).toEqual([eos, ...tokenizer.encode("red")]);
    expect(one!.token_ids).toHaveLength(length - 2);
  });

  it("writes the same texts in batches of 1 and of 8, and the first of many as alone", async () => {
    const texts = async (options: Asked) =>
      sequencesOf(await run({ steps: 5, ...options })).map(({ token_ids, reveal_step, nfe }) => ({
        token_ids,
        reveal_step,
        nfe,
      }));
    const one = await texts({ count: 8, batchSize: 1 });
    expect(await texts({ count: 8, batchSize: 8 })).toEqual(one);
    expect(await texts({ count: 8, batchSize: 3 })).toEqual(one);
    expect(await texts({ count: 2 })).toEqual(one.slice(0, 2));
    expect(new Set(one.map(({ token_ids }) => token_ids.join())).size).toBeGreaterThan(6);
    expect(await texts({ count: 8, seed: 2 })).not.toEqual(one);
  });

  it("takes another length, and temperature 0", async () => {
    const greedy = sequencesOf(await run({ temperature: 0, steps: 1, length: 14, count: 2 }));
    expect(greedy[0]!.token_ids).toHaveLength(14);
    expect(greedy[0]!.token_ids).toEqual(greedy[1]!.token_ids);
  });

  it("ends early when aborted: no unfinished sequence, and the totals of what there is", async () => {
    const events = await run({ signal: AbortSignal.abort(), steps: 50 });
    const types = events.map((event) => event.type).filter((type) => type !== "text-delta");
    expect(types).toEqual(["canvas-frame", "finish"]);
    const controller = new AbortController();
    const seen: string[] = [];
    let tokens = -1;
    for await (const event of generate(model, "", {
      ...{ decoderOptions: { steps: 3 }, seed: 1, count: 9, batchSize: 1, stopAtEnd: false },
      signal: controller.signal,
    })) {
      seen.push(event.type);
      if (event.type === "sequence" && event.index === 1) controller.abort();
      if (event.type === "finish") tokens = event.totals.tokens;
    }
    expect(seen.filter((type) => type === "sequence")).toHaveLength(2);
    expect(tokens).toBe(2 * length);
  });

  it("keeps no tensors, also when it is left early", async () => {
    await run();
    const before = liveTensors().count;
    await run();
    for await (const _ of generate(model, "", { seed: 1, count: 3 })) break;
    expect(liveTensors().count).toBe(before);
  });

  it.each([
    [{ steps: 0 }, /steps is 0, expected an integer from 1 to 65536/],
    [{ steps: 1.5 }, /steps is 1\.5/],
    [{ steps: Number.NaN }, /steps is (NaN|null)/],
    [{ count: 0 }, /count is 0/],
    [{ length: 0 }, /length is 0/],
    [{ batchSize: -2 }, /batch_size is -2/],
    [{ temperature: -0.5 }, /temperature is -0\.5/],
    [{ temperature: Number.NaN }, /temperature is (NaN|null)/],
    [{ seed: -1 }, /seed is -1/],
    [{ seed: 0.5 }, /seed is 0\.5/],
    [
      { prompt: "red red", length: 2 },
      /the prompt has 2 tokens and the canvas 2; shorten .* or raise length/,
    ],
    [{ prompt: "red", maxNewTokens: 10 }, /are more than the model's 10; give max_new_tokens of at most 9/],
    [{ decoder: "multi_blok" }, /no decoder multi_blok; .* did you mean multi_block\?/],
    [{ decoder: "block_diffusion" }, /does not fit this mdlm model: .*; use one of .*ancestral/],
    [
      { decoderOptions: { block_length: 4 } },
      /the decoder ancestral has no option block_length; it has steps/,
    ],
    [{ stopIds: [99] }, /the stop id 99 lies outside the vocabulary/],
    [{ prompt: "red ".repeat(10) }, /the prompt has 10 tokens and the model takes 10; shorten the prompt/],
  ])("refuses %j", async (options, message) => {
    const failing = run(options);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe("load", () => {
  it("finds the model of a run's folder", async () => {
    expect(model.parameterCount).toBeGreaterThan(1000);
    expect(model.facts.maskId).toBe(mask);
    expect(model.tokenizer!.encode("red")).toEqual(tokenizer.encode("red"));
  });

  it.each([
    [
      "a missing folder",
      () => join(root, "none"),
      /none: no such folder; give the folder of a trained model/,
    ],
    [
      "a file",
      () => {
        const path = join(root, "file");
        writeFileSync(path, "");
        return path;
      },
      /file: no such folder/,
    ],
    [
      "an empty folder",
      () => mkdtempSync(join(root, "e-")),
      /holds no config\.json, and no model\/config\.json/,
    ],
  ])("refuses %s", async (_, path, message) => {
    await expect(load(path())).rejects.toThrow(CheckpointError);
    await expect(load(path())).rejects.toThrow(message);
  });

  it("loads a folder without a tokenizer, which cannot write text, and refuses another model's", async () => {
    const folder = await makeFolder();
    rmSync(join(folder, "tokenizer.json"));
    const silent = await load(folder);
    expect(silent.tokenizer).toBeUndefined();
    await expect(run({}, silent)).rejects.toThrow(/holds no tokenizer/);
    await saveTokenizer(byteTokenizer(), folder);
    await expect(load(folder)).rejects.toThrow(/mask id 257 does not lie inside the model's vocabulary of 8/);
  });
});
