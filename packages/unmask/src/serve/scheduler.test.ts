import { describe, expect, it } from "vitest";
import { newCanvas } from "../decode/canvas.ts";
import type { Policy, Proposer } from "../decode/policies/policy.ts";
import { scriptedProposer } from "../decode/scripted.ts";
import type { EngineEvent } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import { type ScheduledRequest, Scheduler, type SchedulerOptions } from "./scheduler.ts";

/** Writes one column a forward. */
const oneByOne: Policy = {
  name: "one_by_one",
  limit: (canvas) => canvas.length,
  start: (canvas) => ({
    plan() {
      const column = canvas.open.indexOf(1);
      return column < 0 ? undefined : { from: 0, to: canvas.length, candidates: Int32Array.of(column) };
    },
    decide: () => ({ commit: [0] }),
  }),
};

interface Script {
  name?: string;
  length?: number;
  count?: number;
  client?: string;
  bytes?: number;
  deadline?: number;
  /** Of the sequence with this index, instead of opening it. */
  breaks?: number;
}

/** A request of sequences that write `length` tokens, each told as a text delta. */
function requestOf({
  name = "",
  length = 3,
  count = 1,
  client = "",
  bytes = 1,
  ...more
}: Script = {}): ScheduledRequest {
  return {
    ...{ client, count, bytes, promptTokens: 5, deadline: more.deadline },
    open(index) {
      if (more.breaks === index) throw new Error(`${name} cannot be opened`);
      const canvas = newCanvas({ length, noiseId: 9, sequence: index });
      const told = (text: string): EngineEvent[] => [{ type: "text-delta", index, text }];
      return {
        canvas,
        policy: oneByOne,
        advance: ({ forward }) => told(`${name}${index}.${forward} `),
        finish: () => ({ events: told("end"), tokens: length, wasted: 0 }),
        cachedTokens: () => 2,
      };
    },
  };
}

/** A proposer whose forwards are counted, noted and, if need be, held or broken. */
function networkOf() {
  const forwards: number[] = [];
  const held = new Set<object>();
  const scripted = scriptedProposer(() => ({ token: 1 }));
  const network = {
    forwards,
    held,
    before: undefined as (() => Promise<void> | void) | undefined,
    async propose(requests: Parameters<Proposer["propose"]>[0]) {
      forwards.push(requests.length);
      for (const { canvas } of requests) held.add(canvas);
      await network.before?.();
      return scripted.propose(requests);
    },
    finish: (canvas: object) => void held.delete(canvas),
  };
  return network;
}

const usual = { maxQueue: 100, maxBatch: 100, maxMemory: 1000 };
function schedulerOf(options: Partial<SchedulerOptions> = {}) {
  const network = networkOf();
  return { network, scheduler: new Scheduler(network, { ...usual, ...options }) };
}

/** The events of a request, as an engine gives them. */
function submit(scheduler: Scheduler, request: ScheduledRequest, signal?: AbortSignal): EventQueue {
  const events: EventQueue = new EventQueue(() => leave());
  const leave = scheduler.submit(request, events, signal);
  return events;
}

async function textOf(events: AsyncIterable<EngineEvent>): Promise<string> {
  let text = "";
  for await (const event of events) if (event.type === "text-delta") text += event.text;
  return text;
}

/** Listeners on a signal, by a signal that counts them. */
function countedSignal() {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  }) as typeof add;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  }) as typeof remove;
  return { controller, signal, listeners: () => listeners };
}

const idle = { waiting: 0, running: 0, sequences: 0, reservedBytes: 0 };

describe("Scheduler", () => {
  it("tells a request's story from start to finish", async () => {
    const { scheduler } = schedulerOf();
    const events: EngineEvent[] = [];
    for await (const event of submit(scheduler, requestOf({ length: 2 }))) events.push(event);
    expect(events.map(({ type }) => type)).toEqual([
      ...["queued", "start", "text-delta", "text-delta", "text-delta", "finish"],
    ]);
    expect(events[1]).toEqual({ type: "start", promptTokens: 5, cachedTokens: 2 });
    expect(scheduler.totals).toMatchObject({ finished: 1, tokens: 2, promptTokens: 5, cachedTokens: 2 });
    expect(scheduler.state).toEqual(idle);
  });

  it("decodes requests together, and lets those in that come later", async () => {
    const { scheduler, network } = schedulerOf();
    const early = textOf(submit(scheduler, requestOf({ name: "a", length: 4 })));
    let late: Promise<string> | undefined;
    network.before = () => {
      if (network.forwards.length === 2)
        late = textOf(submit(scheduler, requestOf({ name: "b", length: 2 })));
    };
    expect(await early).toBe("a0.0 a0.1 a0.2 a0.3 end");
    expect(await late).toBe("b0.0 b0.1 end");
    expect(network.forwards).toEqual([1, 1, 2, 2]);
  });

  it("gives the place of what is done away before the next forward", async () => {
    const { scheduler, network } = schedulerOf({ maxBatch: 1 });
    const all = ["a", "b", "c"].map((name) => textOf(submit(scheduler, requestOf({ name, length: 1 }))));
    expect(await Promise.all(all)).toEqual(["a0.0 end", "b0.0 end", "c0.0 end"]);
    expect(network.forwards).toEqual([1, 1, 1]);
  });

  it("lets a request for many sequences starve nobody", async () => {
    const { scheduler } = schedulerOf({ maxBatch: 2 });
    const order: string[] = [];
    const many = textOf(submit(scheduler, requestOf({ name: "many", count: 20, length: 1 }))).then(() =>
      order.push("many"),
    );
    const one = textOf(submit(scheduler, requestOf({ name: "one", length: 1 }))).then(() =>
      order.push("one"),
    );
    await Promise.all([many, one]);
    expect(order).toEqual(["one", "many"]);
  });

  it("lets in by memory: what does not fit now waits, what never will is refused", async () => {
    const { scheduler, network } = schedulerOf({ maxMemory: 10 });
    const all = [4, 4, 4].map((bytes) => textOf(submit(scheduler, requestOf({ bytes, length: 2 }))));
    await Promise.all(all);
    expect(network.forwards).toEqual([2, 2, 1, 1]);
    expect(() => submit(scheduler, requestOf({ bytes: 11 }))).toThrow(/ask for fewer tokens/);
    expect(scheduler.state).toEqual(idle);
  });

  it("refuses when the queue is full, with the seconds after which to try again", async () => {
    const { scheduler } = schedulerOf({ maxBatch: 1, maxQueue: 2 });
    const first = textOf(submit(scheduler, requestOf({ length: 3 })));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const more = [1, 2].map(() => textOf(submit(scheduler, requestOf())));
    if (scheduler.state.waiting === 2) {
      expect(() => submit(scheduler, requestOf())).toThrow(
        expect.objectContaining({ name: "OverloadedError", retryAfter: 1 }),
      );
      expect(scheduler.totals.refused).toBe(1);
    }
    await Promise.all([first, ...more]);
  });

  it("ends a request at its deadline, waiting or at work", async () => {
    const { scheduler, network } = schedulerOf({ maxBatch: 1 });
    network.before = () => new Promise((resolve) => setTimeout(resolve, 5));
    const running = textOf(submit(scheduler, requestOf({ length: 1000, deadline: 40 })));
    const waiting = textOf(submit(scheduler, requestOf({ deadline: 20 })));
    await Promise.all(
      [running, waiting].map((one) => expect(one).rejects.toMatchObject({ name: "DeadlineError" })),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(network.held.size).toBe(0);
    expect(scheduler.totals).toMatchObject({ expired: 2, finished: 0 });
    expect(scheduler.state).toEqual(idle);
  });

  it("lets a request go in every state: before, waiting, at work, during a forward, by its reader", async () => {
    const { scheduler, network } = schedulerOf({ maxBatch: 2 });
    const signals = Array.from({ length: 4 }, countedSignal);
    const ask = (i: number) => submit(scheduler, requestOf({ length: 50 }), signals[i]!.signal);
    signals[0]!.controller.abort();
    const gone = [0, 1, 2, 3].map((i) => textOf(ask(i)));
    const left = submit(scheduler, requestOf({ length: 50 }));
    network.before = () => {
      const { length } = network.forwards;
      // Number 3 waits, 1 is at work, 2 in this very forward.
      if (length === 2) signals[3]!.controller.abort();
      if (length === 3) signals[1]!.controller.abort();
      if (length === 4) signals[2]!.controller.abort();
    };
    await Promise.all(gone);
    for await (const event of left) if (event.type === "text-delta") break;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(scheduler.totals).toMatchObject({ aborted: 5, finished: 0, failed: 0 });
    expect(scheduler.totals.wastedTokens).toBeGreaterThan(5);
    expect(network.held.size).toBe(0);
    expect(scheduler.state).toEqual(idle);
    for (const { listeners } of signals.slice(1)) expect(listeners()).toBe(0);
  });

  it("a request that cannot go on fails alone; a forward that fails takes its requests with it", async () => {
    const { scheduler, network } = schedulerOf();
    const bad = textOf(submit(scheduler, requestOf({ name: "bad", count: 2, breaks: 1 })));
    const good = textOf(submit(scheduler, requestOf({ length: 1 })));
    await expect(bad).rejects.toThrow("bad cannot be opened");
    expect(await good).toBe("0.0 end");
    network.before = () => {
      network.before = undefined;
      throw new Error("out of memory");
    };
    const both = [1, 2].map(() => textOf(submit(scheduler, requestOf())));
    for (const one of both) await expect(one).rejects.toThrow("out of memory");
    expect(await textOf(submit(scheduler, requestOf({ length: 1 })))).toBe("0.0 end");
    expect(network.held.size).toBe(0);
    expect(scheduler.state).toEqual(idle);
  });

  it("closes: what waits is dropped, what runs may finish, for as long as was said", async () => {
    const { scheduler, network } = schedulerOf({ maxBatch: 1 });
    const running = textOf(submit(scheduler, requestOf({ length: 3 })));
    const waiting = textOf(submit(scheduler, requestOf()));
    network.before = () => {
      network.before = undefined;
      const closing = scheduler.close(10_000);
      expect(scheduler.ready).toBe(false);
      expect(() => submit(scheduler, requestOf())).toThrow(expect.objectContaining({ name: "ClosedError" }));
      void closing;
    };
    await expect(waiting).rejects.toMatchObject({ name: "ClosedError" });
    expect(await running).toBe("0.0 0.1 0.2 end");
    await scheduler.close();
    expect(network.held.size).toBe(0);
  });

  it("closes: what runs too long is dropped too", async () => {
    const { scheduler, network } = schedulerOf();
    network.before = () => new Promise((resolve) => setTimeout(resolve, 2));
    const running = textOf(submit(scheduler, requestOf({ length: 100_000 })));
    const failing = expect(running).rejects.toMatchObject({ name: "ClosedError" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await scheduler.close(10);
    await failing;
    expect(network.held.size).toBe(0);
    expect(scheduler.state).toEqual(idle);
  });
});
