import { describe, expect, it } from "vitest";
import { ScriptedEngine } from "../scripted-engine.ts";
import { together } from "./together.ts";

describe("requests together", () => {
  it("give all their events, each in its own order", async () => {
    const engine = new ScriptedEngine();
    const requests = ["a b", "c d e"].map((prompt) => ({ prompt }));
    const seen: string[][] = [[], []];
    const controller = new AbortController();
    for await (const { source, event } of together(engine, requests, controller)) {
      seen[source]!.push(event.type === "text-delta" ? event.text : event.type);
    }
    expect(seen).toEqual([
      ["queued", "start", "a", " b", "sequence", "finish"],
      ["queued", "start", "c", " d", " e", "sequence", "finish"],
    ]);
    expect(controller.signal.aborted).toBe(false);
  });

  it("end when the iteration is left, without a rejection that nobody handles", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    const answer = (): never => {
      throw new Error("late");
    };
    const engine = new ScriptedEngine({ answer });
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController();
      const events = together(engine, [{ prompt: "a" }, { prompt: "b" }, { prompt: "c" }], controller);
      await expect(events.next()).rejects.toThrow("late");
      expect(controller.signal.aborted).toBe(true);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
    expect(engine.live).toBe(0);
  });
});
