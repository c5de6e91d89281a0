import { describe, expect, it } from "vitest";
import { rolloutConfigSchema } from "./config.ts";
import { type Answered, rejection } from "./keep.ts";

const keepOf = (keep: object) =>
  rolloutConfigSchema.parse({ model: "model", data: { path: "prompts.jsonl" }, keep }).keep;
const answer = (text: string, more: Partial<Answered> = {}): Answered => ({
  ...{ text, tokens: 5, finish_reason: "stop" },
  ...more,
});

describe("what is kept of a rollout", () => {
  it("is all, unless more is asked", () => {
    expect(rejection(answer("", { finish_reason: "length" }), { prompt: "q", gold: "4" }, keepOf({}))).toBe(
      undefined,
    );
  });

  it("asks for an end and for lengths", () => {
    const why = (more: Partial<Answered>, keep: object) =>
      rejection(answer("4", more), { prompt: "q", gold: undefined }, keepOf(keep));
    expect(why({ finish_reason: "length" }, { ended: true })).toBe("unended");
    expect(why({ tokens: 2 }, { min_tokens: 3 })).toBe("short");
    expect(why({ tokens: 3 }, { min_tokens: 3, max_tokens: 3 })).toBe(undefined);
    expect(why({ tokens: 4 }, { min_tokens: 3, max_tokens: 3 })).toBe("long");
  });

  it("compares with the gold answer; without one it rejects or keeps, as asked", () => {
    const why = (text: string, gold: string | undefined, keep: object = {}) =>
      rejection(answer(text), { prompt: "q", gold }, keepOf({ verified: "math", ...keep }));
    expect(why("\\boxed{4}", "4")).toBe(undefined);
    expect(why("\\boxed{5}", "4")).toBe("wrong");
    expect(why("\\boxed{5}", "4", { no_gold: "keep" })).toBe("wrong");
    expect(why("\\boxed{5}", undefined)).toBe("no_gold");
    expect(why("\\boxed{5}", undefined, { no_gold: "keep" })).toBe(undefined);
    expect(why("\\boxed{5}", "", { no_gold: "keep" })).toBe(undefined);
  });

  it("judges a word problem by its own question", () => {
    const why = (text: string) =>
      rejection(answer(text), { prompt: "no problem", gold: undefined }, keepOf({ verified: "problems" }));
    expect(why("what ?")).toBe("wrong");
  });
});
