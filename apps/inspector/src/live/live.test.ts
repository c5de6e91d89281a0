import { describe, expect, it } from "vitest";
import { bodyOf, optionsOf } from "./client.ts";
import { EventReader } from "./events.ts";
import { Recording } from "./recording.ts";

const asked = {
  ...{
    prompt: "Hi",
    chat: true,
    suffix: "",
    maxTokens: 8,
    seed: undefined,
    decoder: undefined,
    options: { steps: 4 },
  },
};

describe("server-sent events", () => {
  it("are read whatever way they are cut", () => {
    const text = 'event: canvas\ndata: {"a": 1}\n\ndata: x\r\ndata: y\r\n\r\n: keep\n\ndata: [DONE]\n\n';
    const expected = [
      { name: "canvas", data: '{"a": 1}' },
      { name: "message", data: "x\ny" },
      { name: "message", data: "[DONE]" },
    ];
    for (const size of [1, 2, 3, 7, 1000]) {
      const reader = new EventReader();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)));
      expect(events, `pieces of ${size}`).toEqual(expected);
    }
  });
});

describe("what is asked", () => {
  it("names the decoder's options beside the fields", () => {
    expect(bodyOf(asked)).toEqual({
      ...{
        steps: 4,
        messages: [{ role: "user", content: "Hi" }],
        logprobs: true,
        max_tokens: 8,
        stream: true,
      },
      stream_options: { include_canvas: true },
    });
    expect(bodyOf({ ...asked, chat: false, suffix: " end" })).toMatchObject({
      prompt: "Hi",
      suffix: " end",
      logprobs: 0,
    });
  });

  it("reads options, and says which is none", () => {
    expect(optionsOf(" steps=8, threshold=0.5 early_stop=false cache=none ")).toEqual({
      ...{ steps: 8, threshold: 0.5, early_stop: false, cache: "none" },
    });
    expect(() => optionsOf("steps 8")).toThrow('"steps" is no option');
  });
});

describe("a recording", () => {
  it("becomes a trajectory: when each token came, and how sure it was", () => {
    const recording = new Recording();
    recording.addDraft({ step: 1, steps: 4, tokens: ["a", "_", "z"], states: "fog" });
    recording.addTokens([{ token: "a", logprob: Math.log(0.5) }]);
    // The draft of step 2 was left out.
    recording.addDraft({ step: 3, steps: 4, tokens: ["a", " b", "z"], states: "wfg" });
    recording.addTokens([{ token: " c", logprob: 0 }]);
    const { header, rows, texts } = recording.finish("m", asked, 1)!;
    const [row] = rows;
    expect(row).toMatchObject({ reveal_step: [0, 2, -1], given: [0, 0, 1], forwards: 3 });
    expect(row!.confidence[0]).toBeCloseTo(0.5);
    expect(row!.confidence.slice(1)).toEqual([Number.NaN, Number.NaN]);
    expect(row!.token_ids.map((id) => texts!.texts[id])).toEqual(["a", " b", "z"]);
    expect(header).toMatchObject({ model: "m", tokenizer_hash: "", options: { steps: 4 } });
  });

  it("is none where no draft came", () => {
    expect(new Recording().finish("m", asked, 1)).toBeUndefined();
  });
});
