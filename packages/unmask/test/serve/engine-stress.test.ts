// The engine in its thread, under clients that come, go and never finish: nothing is left of them afterwards, and who
// stays gets what it would get alone.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, EngineEvent, EngineRequest } from "../../src/serve/engine.ts";
import { builtModule } from "../built.ts";
import { mulberry32 } from "../oracle/mulberry32.ts";
import { tinyModel } from "../tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-stress-"));
let engine: Engine;
beforeAll(async () => {
  const { openEngine } = (await import(/* @vite-ignore */ builtModule("serve/open-engine.js"))) as {
    openEngine(options: object): Promise<Engine>;
  };
  const model = await tinyModel(root, "sdar");
  engine = await openEngine({ model, threads: 1, maxQueue: 300, maxMemory: 1 << 28, prefixMemory: 0 });
}, 120_000);
afterAll(async () => {
  await engine?.close();
  rmSync(root, { recursive: true, force: true });
});

const prompts = Array.from({ length: 20 }, (_, i) => "abcdefghij klmnop".slice(i % 10) + "x".repeat(i));
const requestOf = (i: number): EngineRequest => ({
  prompt: prompts[i % prompts.length]!,
  maxNewTokens: 4 + (i % 9),
  seed: i,
  count: 1 + (i % 2),
  decoderOptions: i % 3 === 0 ? { remasking_strategy: "low_confidence_dynamic", dynamic_threshold: 0.1 } : {},
});

async function textsOf(events: AsyncIterable<EngineEvent>): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of events) if (event.type === "sequence") texts[event.index] = event.text;
  return texts;
}

/** One client; a third of them leave, by signal or by leaving the iteration, at some moment. */
async function client(i: number, next: () => number): Promise<string[] | undefined> {
  await new Promise((resolve) => setTimeout(resolve, 50 * next()));
  if (i % 3 !== 0) return textsOf(engine.submit(requestOf(i)));
  if (i % 2 === 0) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 400 * next());
    await textsOf(engine.submit(requestOf(i), controller.signal));
    return undefined;
  }
  const patience = 5 * next();
  let seen = 0;
  for await (const _ of engine.submit(requestOf(i))) if (++seen > patience) break;
  return undefined;
}

describe("200 clients at once, a third of them dropping", () => {
  it("leave no tensor, row or reservation behind; results are those of the requests alone", async () => {
    const alone: string[][] = [];
    for (let i = 0; i < 200; i++) if (i % 3 !== 0) alone[i] = await textsOf(engine.submit(requestOf(i)));
    const { liveTensors } = await engine.stats();
    const memory: number[] = [];
    for (let wave = 0; wave < 4; wave++) {
      const next = mulberry32(wave);
      const together = await Promise.all(Array.from({ length: 200 }, (_, i) => client(i, next)));
      together.forEach((texts, i) => {
        if (texts !== undefined) expect(texts, `client ${i}`).toEqual(alone[i]);
      });
      const stats = await engine.stats();
      expect(stats).toMatchObject({ waiting: 0, running: 0, sequences: 0, reservedBytes: 0, liveTensors });
      expect(stats.totals).toMatchObject({ failed: 0, refused: 0, expired: 0 });
      memory.push(process.memoryUsage.rss());
    }
    expect((await engine.stats()).totals.aborted).toBeGreaterThan(0);
    // What a process takes settles in the first waves.
    expect(memory[3]! - memory[1]!).toBeLessThan(64 * 2 ** 20);
  }, 300_000);
});
