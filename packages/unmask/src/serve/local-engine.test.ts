// Engines over the parity fixtures' small networks: requests in company say what they say alone.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors } from "@unmask/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TinyFamily, tinyModel } from "../../test/tiny-models.ts";
import { generate } from "../generate/generate.ts";
import { load, type Model } from "../generate/load.ts";
import type { EngineEvent, EngineRequest } from "./engine.ts";
import { LocalEngine, type LocalOptions } from "./local-engine.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-engine-"));
const models = {} as Record<TinyFamily, Model>;
beforeAll(async () => {
  for (const family of ["llada", "dream", "sdar"] as const) {
    const model = await load(await tinyModel(root, family));
    // Tables that a network keeps are made now.
    await alone(model, { prompt: "a".repeat(60), maxNewTokens: 30 });
    models[family] = model;
  }
}, 60_000);
afterAll(() => {
  for (const model of Object.values(models)) model.dispose();
  rmSync(root, { recursive: true, force: true });
});

type Body = (engine: LocalEngine, model: Model) => Promise<void>;

/** An engine that leaves no tensor behind. */
async function withEngine(family: TinyFamily, body: Body, options: Partial<LocalOptions> = {}) {
  const before = liveTensors().count;
  const model = models[family];
  const engine = new LocalEngine(
    { ...model, dispose: () => undefined },
    { liveTensors: () => liveTensors().count, maxMemory: 1 << 28, ...options },
  );
  try {
    await body(engine, model);
  } finally {
    await engine.close();
  }
  expect(liveTensors().count).toBe(before);
}

async function collect(events: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const all: EngineEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const textsOf = (events: readonly EngineEvent[]): string[] =>
  events.flatMap((event) => (event.type === "sequence" ? [event.text] : []));

/** The deltas of each sequence, joined. */
function joined(events: readonly EngineEvent[]): string[] {
  const texts = new Map<number, string>();
  for (const event of events) {
    if (event.type === "text-delta") texts.set(event.index, (texts.get(event.index) ?? "") + event.text);
  }
  return events.flatMap((event) => (event.type === "sequence" ? [texts.get(event.index) ?? ""] : []));
}

/** What generation says to the same request. */
async function alone(model: Model, { prompt, ...options }: EngineRequest): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of generate(model, prompt, options))
    if (event.type === "sequence") texts.push(event.sequence.text);
  return texts;
}

const requests: readonly EngineRequest[] = [
  { prompt: "ab", maxNewTokens: 9 },
  { prompt: "the same beginning, long enough to be kept, one", maxNewTokens: 6, seed: 4 },
  { prompt: "the same beginning, long enough to be kept, two", maxNewTokens: 11 },
  { prompt: [{ role: "user", content: "hello" }], maxNewTokens: 5, count: 3, seed: 7 },
  { prompt: { ids: [65, 66, 67] }, maxNewTokens: 7, decoderOptions: { temperature: 0.8 }, seed: 2 },
  { prompt: "stop", maxNewTokens: 12, stop: ["a", "e", "%"] },
];

describe("LocalEngine", () => {
  it.each(["llada", "dream", "sdar"] as const)("%s: requests in company say what they say alone", (family) =>
    withEngine(family, async (engine, model) => {
      const expected: string[][] = [];
      for (const request of requests) expected.push(await alone(model, request));
      for (let round = 0; round < 2; round++) {
        const together = await Promise.all(requests.map((request) => collect(engine.submit(request))));
        expect(together.map(textsOf)).toEqual(expected);
        for (const events of together) expect(textsOf(events)).toEqual(joined(events));
      }
      const stats = await engine.stats();
      expect(stats.totals.finished).toBe(2 * requests.length);
      expect(stats.totals.rows).toBeGreaterThan(stats.totals.forwards);
      expect(stats).toMatchObject({ waiting: 0, running: 0, sequences: 0, reservedBytes: 0 });
    }),
  );

  it("sdar: a beginning that was seen is not computed again, and says the same", () =>
    withEngine("sdar", async (engine) => {
      const prompt = "a beginning of some length that many requests share; ";
      const ask = async (rest: string) => {
        const events = await collect(engine.submit({ prompt: prompt + rest, maxNewTokens: 8 }));
        const start = events.find((event) => event.type === "start")!;
        return { start, texts: textsOf(events) };
      };
      const first = await ask("one");
      expect(first.start).toMatchObject({ cachedTokens: 0, promptTokens: prompt.length + 3 });
      const { positions } = (await engine.stats()).totals;
      const again = await ask("one");
      expect(again.texts).toEqual(first.texts);
      expect(again.start).toMatchObject({ cachedTokens: 48 });
      expect((await engine.stats()).totals.positions - positions).toBe(positions - 48);
      expect((await ask("two")).start).toMatchObject({ cachedTokens: 48 });
      // At once: one computes it for all.
      const others = ["x", "y", "z"].map(
        (one) => `${one} is another beginning of some length, as it was said`,
      );
      const company = await Promise.all(
        others.flatMap((one) => [0, 1].map(() => collect(engine.submit({ prompt: one, maxNewTokens: 4 })))),
      );
      const cached = company
        .map((events) => events.find(({ type }) => type === "start"))
        .map((one) => (one?.type === "start" ? one.cachedTokens : -1));
      expect(cached).toEqual([0, 48, 0, 48, 0, 48]);
    }));

  it("tells log-probabilities of written tokens, and the most probable beside them", () =>
    withEngine("llada", async (engine) => {
      const request = { prompt: "ab", maxNewTokens: 6, topLogprobs: 3 };
      const events = await collect(engine.submit(request));
      const told = events.flatMap((event) => (event.type === "text-delta" ? (event.logprobs ?? []) : []));
      expect(told.length).toBeGreaterThan(0);
      for (const { logprob, top, token } of told) {
        expect(top).toHaveLength(3);
        expect(top.map((one) => one.logprob)).toEqual(
          [...top.map((one) => one.logprob)].sort((a, b) => b - a),
        );
        // Temperature 0 writes the most probable.
        expect(top[0]).toMatchObject({ token });
        expect(top[0]!.logprob).toBeCloseTo(logprob, 4);
        expect(logprob).toBeLessThan(0);
      }
      const text = textsOf(events)[0]!;
      expect(Buffer.from(told.flatMap(({ bytes }) => [...bytes])).toString()).toBe(text);
      expect((await collect(engine.submit({ ...request, topLogprobs: undefined })))[1]).not.toHaveProperty(
        "logprobs",
        expect.anything(),
      );
    }));

  it("sends drafts only when they are asked for; a suffix is given and no part of the text", () =>
    withEngine("llada", async (engine) => {
      const request = { prompt: "ab", maxNewTokens: 6, suffix: "yz", canvas: true };
      const events = await collect(engine.submit(request));
      const drafts = events.filter((event) => event.type === "canvas");
      expect(drafts.length).toBeGreaterThan(0);
      for (const { tokens } of drafts) expect(tokens).toHaveLength(6);
      expect(textsOf(events)[0]).not.toContain("yz");
      expect(await collect(engine.submit({ ...request, canvas: false }))).not.toContainEqual(
        expect.objectContaining({ type: "canvas" }),
      );
    }));

  it.each([
    [{ prompt: "a", decoder: "no_such" }, /there is no decoder no_such/],
    [{ prompt: "a", decoderOptions: { stps: 4 } }, /no option stps/],
    [{ prompt: "a", count: 0 }, /count is 0/],
    [{ prompt: "a", maxNewTokens: 1e6 }, /more than the model's/],
    [{ prompt: "a", stop: [""] }, /a stop string is empty/],
    [{ prompt: "a", topLogprobs: 21 }, /from 0 to 20/],
    [{ prompt: { ids: [-1] } }, /outside the vocabulary/],
    [{ prompt: "a", structure: { kind: "regex", pattern: "(" } }, /no regular expression/],
    [{ prompt: "a", structure: { kind: "json-schema", schema: false } }, /no value was found/],
  ] as const)("refuses %j before it waits", (request, message) =>
    withEngine("llada", async (engine) => {
      await expect(collect(engine.submit(request))).rejects.toThrow(message);
    }),
  );

  it("holds texts to a structure", () =>
    withEngine("sdar", async (engine) => {
      const schema = { type: "object", properties: { a: { enum: [1, 2, 3] } }, required: ["a"] };
      const request = { prompt: "hi", count: 3, structure: { kind: "json-schema", schema } as const };
      const events = await collect(engine.submit({ ...request, maxNewTokens: 16 }));
      for (let index = 0; index < 3; index++) {
        const own = events.filter((event) => "index" in event && event.index === index);
        const text = own.flatMap((event) => (event.type === "text-delta" ? [event.text] : [])).join("");
        expect([1, 2, 3]).toContain(JSON.parse(text).a);
        expect(own.at(-1)).toMatchObject({ type: "sequence", text, finishReason: "stop" });
      }
    }));
});
