import { describe, expect, it } from "vitest";
import type { EngineEvent } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";

const delta = (text: string): EngineEvent => ({ type: "text-delta", index: 0, text });
const draft = (index: number, step: number): EngineEvent => ({
  ...{ type: "canvas", index, step, steps: 9, tokens: [] },
});

async function drain(queue: EventQueue): Promise<EngineEvent[]> {
  const events: EngineEvent[] = [];
  for await (const event of queue) events.push(event);
  return events;
}

function queueOf(): { queue: EventQueue; left: () => number } {
  let left = 0;
  const queue = new EventQueue(() => {
    left++;
  });
  return { queue, left: () => left };
}

describe("EventQueue", () => {
  it("gives events in order, pushed before or after they are wanted, and ends", async () => {
    const { queue, left } = queueOf();
    queue.push(delta("a"));
    const all = drain(queue);
    await new Promise((resolve) => setImmediate(resolve));
    queue.push(delta("b"));
    queue.end();
    queue.push(delta("late"));
    expect(await all).toEqual([delta("a"), delta("b")]);
    expect(left()).toBe(0);
  });

  it("keeps the newest draft of a sequence for a reader who is slow, and every other event", async () => {
    const { queue } = queueOf();
    for (const event of [draft(0, 1), delta("a"), draft(1, 1), draft(0, 2), delta("b"), draft(0, 3)])
      queue.push(event);
    queue.end();
    expect(await drain(queue)).toEqual([delta("a"), draft(1, 1), delta("b"), draft(0, 3)]);
  });

  it("throws behind what was pushed, once", async () => {
    const { queue } = queueOf();
    queue.push(delta("a"));
    queue.fail(new Error("broken"));
    expect((await queue.next()).value).toEqual(delta("a"));
    await expect(queue.next()).rejects.toThrow("broken");
    expect(await queue.next()).toEqual({ value: undefined, done: true });
    const { queue: waited } = queueOf();
    const next = waited.next();
    waited.fail(new Error("broken"));
    await expect(next).rejects.toThrow("broken");
  });

  it("tells who leaves, even while an event is waited for", async () => {
    const { queue, left } = queueOf();
    const next = queue.next();
    await queue.return();
    expect(await next).toEqual({ value: undefined, done: true });
    expect(left()).toBe(1);
    await queue.return();
    expect(left()).toBe(1);
  });
});
