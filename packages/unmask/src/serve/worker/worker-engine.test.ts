// The thread is a script here: what the two sides say to each other, and what happens when one of them dies.

import { describe, expect, it } from "vitest";
import { ConfigError, UnmaskError } from "../../base/errors.ts";
import type { EngineEvent, EngineRequest } from "../engine.ts";
import { ClosedError, DeadlineError, OverloadedError } from "../errors.ts";
import { errorOf, plainError } from "./protocol.ts";
import { WorkerEngine, type WorkerOptions } from "./worker-engine.ts";

/** Says back a request's prompt; some prompts are orders. */
const script = `
import { parentPort, workerData } from "node:worker_threads";
const news = (...all) => parentPort.postMessage({ type: "news", news: all });
const left = [];
parentPort.on("message", ({ type, id, request, within }) => {
  if (type === "stats") parentPort.postMessage({ type: "stats", id, stats: { left } });
  if (type === "leave") left.push(id);
  if (type === "close") {
    parentPort.postMessage({ type: "closed" });
    parentPort.close();
  }
  if (type !== "submit") return;
  if (request.prompt === "throw") throw new Error("a bug");
  if (request.prompt === "exit") process.exit(7);
  if (request.prompt === "wait") return;
  if (request.prompt === "refuse")
    return news({ id, error: { name: "OverloadedError", message: "full", data: { retryAfter: 9 } } });
  const event = { type: "text-delta", index: 0, text: request.prompt };
  news({ id, event }, { id, event }, { id, end: true });
});
if (workerData.model === "none") parentPort.postMessage({ type: "failed", error: { name: "CheckpointError", message: "no such folder", data: {} } });
else if (workerData.model === "dead") process.exit(3);
else parentPort.postMessage({ type: "ready", model: { id: workerData.id } });
`;
const module = new URL(`data:text/javascript,${encodeURIComponent(script)}`);

const open = (options: Partial<WorkerOptions> = {}) =>
  WorkerEngine.open({ model: "m", id: "it", module, least: 0, ...options });

async function textOf(events: AsyncIterable<EngineEvent>): Promise<string> {
  let text = "";
  for await (const event of events) if (event.type === "text-delta") text += event.text;
  return text;
}
const ask = (engine: WorkerEngine, prompt: string, signal?: AbortSignal) =>
  textOf(engine.submit({ prompt } satisfies EngineRequest, signal));

const leftOf = async (engine: WorkerEngine) => (await engine.stats()) as unknown as { left: number[] };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("WorkerEngine", () => {
  it("passes requests and events through the port", async () => {
    const engine = await open();
    expect([engine.model, engine.ready]).toEqual([{ id: "it" }, true]);
    expect(await Promise.all(["a", "b"].map((prompt) => ask(engine, prompt)))).toEqual(["aa", "bb"]);
    await expect(ask(engine, "refuse")).rejects.toMatchObject({ name: "OverloadedError", retryAfter: 9 });
    await engine.close();
    expect(engine.ready).toBe(false);
    await expect(ask(engine, "late")).rejects.toMatchObject({ name: "ClosedError" });
  });

  it("tells the thread when a reader leaves, by signal or by itself, and once", async () => {
    const engine = await open();
    const controller = new AbortController();
    const gone = ask(engine, "wait", controller.signal);
    controller.abort();
    expect(await gone).toBe("");
    const events = engine.submit({ prompt: "wait" });
    await events.return!();
    await ask(engine, "whole");
    expect(await ask(engine, "never", AbortSignal.abort())).toBe("");
    expect(await leftOf(engine)).toEqual({ left: [0, 1] });
    await engine.close();
  });

  it.each([
    ["throw", "a bug"],
    ["exit", "exit code 7"],
  ])("fails what was at work when the thread dies (%s), and starts it again", async (order, reason) => {
    const engine = await open();
    const waiting = ask(engine, "wait");
    const killing = ask(engine, order);
    const stats = engine.stats();
    const message = `the engine ended while it was at work (${reason}); ask again`;
    const all = [waiting, killing].map((one) => expect(one).rejects.toThrow(message));
    await Promise.all([...all, stats.catch(() => undefined)]);
    expect(engine.ready).toBe(false);
    await expect(ask(engine, "early")).rejects.toMatchObject({ name: "OverloadedError", retryAfter: 5 });
    await until(() => engine.ready);
    expect(await ask(engine, "again")).toBe("againagain");
    await engine.close();
  });

  it("stays down when the thread dies soon after its start, and says why", async () => {
    const engine = await open({ least: 60_000 });
    await expect(ask(engine, "throw")).rejects.toThrow("a bug");
    await expect(ask(engine, "more")).rejects.toThrow(/ended twice|start the server again/);
    await expect(engine.stats()).rejects.toThrow("a bug");
    expect([engine.ready, engine.failed]).toEqual([false, true]);
    await engine.close();
  });

  it("throws what loading throws", async () => {
    await expect(open({ model: "none" })).rejects.toMatchObject({ name: "CheckpointError", exitCode: 2 });
    await expect(open({ model: "dead" })).rejects.toThrow("ended while it loaded (exit code 3)");
  });
});

describe("errors across the port", () => {
  it.each([
    new ConfigError("wrong", { option: "x" }),
    new OverloadedError("full", 12),
    new DeadlineError("late"),
    new ClosedError("closing"),
    new UnmaskError("failed", { unclonable: () => undefined }),
    new TypeError("a bug"),
  ])("$name keeps its class, message and data", (error) => {
    const again = errorOf(structuredClone(plainError(error)));
    expect(again.message).toBe(error.message);
    const known = error instanceof UnmaskError;
    expect(again).toBeInstanceOf(known ? error.constructor : Error);
    expect(again instanceof UnmaskError).toBe(known);
    if (error instanceof ConfigError) expect(again).toMatchObject({ data: { option: "x" }, exitCode: 2 });
    if (error instanceof OverloadedError) expect(again).toMatchObject({ retryAfter: 12 });
  });
});
