// Every decoder on every family, with the parity fixtures' small networks: what fits, what is kept, and that neither
// batch nor company changes a text. That a run goes on from any recorded step as it did is every policy's contract
// (decode/policies/contract.ts).

import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TinyFamily, tinyFamilies, tinyModel } from "../../test/tiny-models.ts";
import { type OptionValues, readOptions } from "../decode/decoder.ts";
import { decoders } from "../decode/decoders.ts";
import { decodeTrajectories } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import type { GeneratedSequence, GenerateEvent, GenerateOptions, Prompt } from "./events.ts";
import { generate } from "./generate.ts";
import { load, type Model } from "./load.ts";
import { TrajectoryShard } from "./trajectory-shard.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-families-"));
const models = {} as Record<TinyFamily, Model>;
beforeAll(async () => {
  for (const family of tinyFamilies) models[family] = await load(await tinyModel(root, family));
});
afterAll(() => {
  for (const model of Object.values(models)) model.dispose();
  rmSync(root, { recursive: true, force: true });
});

async function run(model: Model, prompts: Prompt | readonly Prompt[], options: GenerateOptions = {}) {
  const events: GenerateEvent[] = [];
  const all = { maxNewTokens: 7, stopAtEnd: false, ...options };
  for await (const event of generate(model, prompts, all)) events.push(event);
  return events;
}

const sequencesOf = (events: readonly GenerateEvent[]): GeneratedSequence[] =>
  events.flatMap((event) => (event.type === "sequence" ? [event.sequence] : []));

/** What does not depend on the clock. */
const written = ({ token_ids, reveal_step, nfe, text }: GeneratedSequence) => ({
  ...{ token_ids, reveal_step, nfe, text },
});

const names = decoders.map(({ name }) => name);
/** Needs a discriminator beside the weights. */
const isGuided = (name: string) => name === "reward_guided";
const pairs = tinyFamilies.flatMap((family) => names.map((name) => [family, name] as const));
const fits = (family: TinyFamily, name: string): boolean => {
  const decoder = decoders.find((one) => one.name === name)!;
  return !isGuided(name) && decoder.refuses(models[family].facts) === undefined;
};

/** MDLM's network keeps no keys and values. */
const withoutCache = (family: TinyFamily, name: string): OptionValues => {
  if (family !== "mdlm") return {};
  if (name.startsWith("fast_dllm")) return { cache: "none" };
  return name === "d2f" ? { use_cache: false } : {};
};

describe("every decoder on every family", () => {
  it.each(pairs)("%s, %s: fits, or is refused with those that do", async (family, name) => {
    const model = models[family];
    const decoder = decoders.find((one) => one.name === name)!;
    if (isGuided(name) && decoder.refuses(model.facts) === undefined) {
      return expect(run(model, "hi", { decoder: name })).rejects.toThrow(/discriminator/);
    }
    if (!fits(family, name)) {
      const fitting = decoders.filter((one) => one.refuses(model.facts) === undefined);
      const failing = run(model, "hi", { decoder: name });
      await expect(failing).rejects.toThrow(`does not fit this ${family} model`);
      await expect(failing).rejects.toThrow(fitting.map((one) => one.name).join(", "));
      return await expect(failing).rejects.toMatchObject({ exitCode: 2 });
    }
    const decoderOptions = withoutCache(family, name);
    const events = await run(model, "hi", { decoder: name, decoderOptions });
    const [one] = sequencesOf(events);
    expect(one!.token_ids).toHaveLength(7);
    expect(one!.token_ids).not.toContain(model.facts.maskId);
    const shown = events.flatMap((event) => (event.type === "text-delta" ? [event.text] : []));
    expect(shown.join("")).toBe(one!.text);
    const ends = events.flatMap((event) => (event.type === "block-end" ? [event.end] : []));
    expect(ends.at(-1) ?? 7).toBe(7);
  });

  it.each(pairs)("%s, %s: given columns and a suffix never change", async (family, name) => {
    if (!fits(family, name)) return;
    const given = new Map([
      [1, 120],
      [4, 121],
    ]);
    const options = { decoder: name, given, suffix: "zz", maxNewTokens: 6, count: 2 };
    const decoderOptions = withoutCache(family, name);
    const events = await run(models[family], "ab", { ...options, decoderOptions });
    for (const one of sequencesOf(events)) {
      expect(one.token_ids).toHaveLength(8);
      expect([1, 4, 6, 7].map((column) => one.token_ids[column])).toEqual([120, 121, 122, 122]);
      for (const column of [1, 4, 6, 7]) expect(one.reveal_step[column]).toBe(-1);
    }
    for (const frame of events.filter((event) => event.type === "canvas-frame")) {
      const behind = frame.ids.slice(frame.prompt);
      expect([1, 4, 6, 7].map((column) => behind[column])).toEqual([120, 121, 122, 122]);
    }
  });

  it.each(pairs)("%s, %s: prompts of other lengths beside it change nothing", async (family, name) => {
    if (!fits(family, name)) return;
    const prompts = ["ab", "abcdef", "a"];
    const decoderOptions = withoutCache(family, name);
    const options = { decoder: name, decoderOptions, seed: 3, maxNewTokens: 6 };
    const together = sequencesOf(await run(models[family], prompts, options)).map(written);
    const batches = sequencesOf(await run(models[family], prompts, { ...options, batchSize: 1 }));
    expect(batches.map(written)).toEqual(together);
  });

  it.each(decoders)("$name: an alias is its option", (decoder) => {
    for (const [name, { aliases = [], kind, choices, min = 0 }] of Object.entries(decoder.options)) {
      const value = kind === "flag" ? true : kind === "choice" ? choices!.at(-1)! : Math.max(1, min);
      const expected = readOptions(decoder, { [name]: value });
      for (const alias of aliases) expect(readOptions(decoder, { [alias]: value })).toEqual(expected);
    }
  });
});

describe("requests", () => {
  it("numbers sequences by prompt and count", async () => {
    const prompts = ["a", "bc"];
    const events = await run(models.mdlm, prompts, { count: 3, batchSize: 4 });
    const found = events.flatMap((event) =>
      event.type === "sequence" ? [[event.index, event.sequence.prompt_ids.length]] : [],
    );
    expect(found).toEqual([...[0, 1, 2].map((index) => [index, 1]), ...[3, 4, 5].map((index) => [index, 2])]);
    // The first prompt's are the same as without the second.
    const alone = await run(models.mdlm, "a", { count: 3 });
    expect(sequencesOf(alone).map(written)).toEqual(sequencesOf(events).slice(0, 3).map(written));
  });

  it("puts the model's template around a conversation", async () => {
    const messages = [
      { role: "system", content: "be kind" },
      { role: "user", content: "hello <|mask|>" },
    ] as const;
    const [one] = sequencesOf(await run(models.llada, messages, { maxNewTokens: 2 }));
    const expected = "[system] be kind\n[user] hello <|mask|>\n[assistant] ";
    expect(one!.prompt_ids).toEqual([...models.llada.tokenizer!.encode(expected)]);
    expect(one!.prompt_ids).not.toContain(models.llada.facts.maskId);
  });

  it("leaves early at an end, and saves the forwards behind it", async () => {
    const decoder = { decoder: "block_entropy", decoderOptions: { block_length: 4, entropy_threshold: 0 } };
    const options = { ...decoder, maxNewTokens: 24 };
    const [whole] = sequencesOf(await run(models.llada, "hi there", options));
    expect(whole!.nfe).toBe(24);
    const stop = whole!.token_ids[5]!;
    const end = whole!.token_ids.indexOf(stop) + 1;
    const early = { ...options, stopIds: [stop], stopAtEnd: true };
    const events = await run(models.llada, "hi there", early);
    const [one] = sequencesOf(events);
    expect(one!.token_ids).toEqual(whole!.token_ids.slice(0, end));
    expect(one!.finish_reason).toBe("stop");
    expect(one!.nfe).toBeLessThanOrEqual(4 * Math.ceil(end / 4));
    expect(one!.tokens).toBe(end);
    const ends = events.flatMap((event) => (event.type === "block-end" ? [event.end] : []));
    expect(ends.every((column) => column % 4 === 0 && column < end + 4)).toBe(true);
  });

  it("tells the ends of blocks in the order in which they are finished", async () => {
    const decoderOptions = { block_length: 4 };
    const events = await run(models.sdar, "hi", { decoderOptions, maxNewTokens: 9 });
    const ends = events.flatMap((event) => (event.type === "block-end" ? [event.end] : []));
    // SDAR's blocks are aligned to the canvas: two of the first block's columns are the prompt.
    expect(ends).toEqual([2, 6, 9]);
    const none = await run(models.dream, "hi", { decoder: "dream" });
    expect(none.some((event) => event.type === "block-end")).toBe(false);
  });

  it("sends no frames where nobody looks", async () => {
    const events = await run(models.llada, "hi", { frames: false });
    expect(events.some((event) => event.type === "canvas-frame")).toBe(false);
  });

  it.each([
    ["fast_dllm", {}, "give cache none"],
    ["fast_dllm_dream", { cache: "prefix" }, "give cache none"],
    ["d2f", {}, "give use_cache false"],
    ["multi_block", { cache_delay_iter: 1 }, "give no cache_delay_iter"],
  ])("refuses %s's cache where the network keeps none", async (decoder, decoderOptions, instead) => {
    const failing = run(models.mdlm, "hi", { decoder, decoderOptions });
    await expect(failing).rejects.toThrow(`a mdlm model keeps no keys and values; ${instead}`);
    await expect(failing).rejects.toMatchObject({ exitCode: 2 });
  });

  it("refuses a stop string without a character", async () => {
    await expect(run(models.llada, "hi", { stop: [""] })).rejects.toThrow(/a stop string is empty/);
  });
});

describe("trajectories", () => {
  async function recorded(model: Model, options: GenerateOptions) {
    const rows: Trajectory[] = [];
    let header: TrajectoryHeader | undefined;
    const onTrajectory = (one: Trajectory, of: TrajectoryHeader) => {
      rows.push(one);
      header = of;
    };
    const events = await run(model, "hi there", { ...options, onTrajectory });
    return { rows, header: header!, sequences: sequencesOf(events) };
  }

  it("say what the cache spared: fed and cached columns of each forward", async () => {
    const fast = (cache: string) => ({
      ...{ maxNewTokens: 8, decoder: "fast_dllm" },
      decoderOptions: { block_length: 4, steps: 4, cache },
    });
    const feeds = async (model: Model, asked: GenerateOptions) => {
      const { rows } = await recorded(model, asked);
      const [{ fed_from, fed_length, cached, forwards }] = rows as [Trajectory];
      expect(fed_from).toHaveLength(forwards);
      return fed_from.map((from, i) => [from, fed_length[i], cached[i]]);
    };
    expect(await feeds(models.llada, fast("none"))).toEqual(new Array(4).fill([0, 16, 0]));
    // A block's first forward feeds all, with nothing kept; the second the block, or what follows too.
    expect(await feeds(models.llada, fast("dual"))).toEqual([
      ...[
        [0, 16, 0],
        [8, 4, 16],
      ],
      ...[
        [0, 16, 0],
        [12, 4, 16],
      ],
    ]);
    expect(await feeds(models.llada, fast("prefix"))).toEqual([
      ...[
        [0, 16, 0],
        [8, 8, 8],
      ],
      ...[
        [0, 16, 0],
        [12, 4, 12],
      ],
    ]);
    const blocks = { maxNewTokens: 8, decoderOptions: { denoising_steps: 2 } };
    expect(await feeds(models.sdar, blocks)).toEqual([
      ...[
        [0, 12, 0],
        [8, 4, 8],
      ],
      ...[
        [8, 8, 8],
        [12, 4, 12],
      ],
    ]);
  });

  it("come out of the file as generate told them", async () => {
    const path = join(root, "told.parquet");
    const shard = new TrajectoryShard(path);
    const { rows, header, sequences } = await recorded(models.llada, {
      ...{ decoder: "multi_block", count: 3, maxNewTokens: 12, suffix: "!" },
      decoderOptions: { block_length: 4 },
    });
    for (const row of rows) shard.add(row, header);
    shard.finish();
    const file = await decodeTrajectories(await readFile(path), path);
    expect(file.header).toEqual(header);
    expect(header).toMatchObject({ decoder: "multi_block", mask_id: 316, end_ids: [311] });
    expect(header.tokenizer_hash).toBe(models.llada.tokenizer!.hash);
    expect(file.rows).toEqual(rows);
    for (const [i, row] of file.rows.entries()) {
      const { prompt_ids, token_ids, reveal_step, nfe, seconds } = sequences[i]!;
      expect(row).toMatchObject({ sequence: i, prompt_ids, token_ids, reveal_step, forwards: nfe, seconds });
      expect(row.given).toEqual(new Array(12).fill(0).concat(1));
      expect(row.confidence.map(Number.isNaN)).toEqual(reveal_step.map((step) => step < 0));
    }
  });
});
