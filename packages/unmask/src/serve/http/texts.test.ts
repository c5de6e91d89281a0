import { describe, expect, it } from "vitest";
import { eventsOf, jsonOf, testApp, user } from "../../../test/serve/app.ts";
import { ClosedError, DeadlineError, OverloadedError } from "../errors.ts";
import { ScriptedEngine } from "../scripted-engine.ts";

describe("chat completions", () => {
  it("answers in OpenAI's shape, with what an answer can be repeated with", async () => {
    const engine = new ScriptedEngine();
    const { chat } = testApp({ engine });
    const response = await chat({ messages: [user("one two three")], max_tokens: 2, seed: 7, steps: 4 });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f-]{36}$/),
      object: "chat.completion",
      created: expect.any(Number),
      model: "scripted",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "one two", refusal: null },
          logprobs: null,
          finish_reason: "length",
        },
      ],
      usage: {
        prompt_tokens: 3,
        completion_tokens: 2,
        total_tokens: 5,
        prompt_tokens_details: { cached_tokens: 0 },
      },
      unmask: {
        seed: 7,
        decoder: "low_confidence",
        forwards: [2],
        queued_ms: expect.any(Number),
        worked_ms: expect.any(Number),
      },
    });
    expect(engine.requests[0]).toMatchObject({
      prompt: [{ role: "user", content: "one two three" }],
      ...{ count: 1, decoder: "low_confidence", decoderOptions: { steps: 4 }, maxNewTokens: 2, seed: 7 },
    });
  });

  it("streams deltas that append to the whole text, then usage and [DONE]", async () => {
    const { chat } = testApp();
    const options = { stream: true, stream_options: { include_usage: true }, n: 2, seed: 3 };
    const response = await chat({ messages: [user("one two three")], ...options });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const events = eventsOf(await response.text());
    expect(events.at(-1)?.data).toBe("[DONE]");
    const chunks = events.slice(0, -1).map(({ data }) => data);
    expect(chunks.every(({ object }) => object === "chat.completion.chunk")).toBe(true);
    expect(chunks[0]).toMatchObject({
      choices: [{ index: 0, delta: { role: "assistant", content: "" } }],
      usage: null,
      unmask: { seed: 3, decoder: "low_confidence" },
    });
    for (const index of [0, 1]) {
      const own = chunks.flatMap(({ choices }) => choices).filter((one) => one.index === index);
      expect(own.map(({ delta }) => delta.content ?? "").join("")).toBe("one two three");
      expect(own.map(({ finish_reason }) => finish_reason)).toEqual([null, null, null, null, "stop"]);
    }
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 },
      unmask: { forwards: [3, 3] },
    });
  });

  it("sends drafts only where they are asked for, as events without choices", async () => {
    const { chat } = testApp();
    const plain = eventsOf(await (await chat({ stream: true })).text());
    expect(plain.filter(({ name }) => name !== undefined)).toEqual([]);
    const asked = { stream: true, stream_options: { include_canvas: true } };
    const events = eventsOf(await (await chat(asked)).text());
    const drafts = events.filter(({ name }) => name === "canvas").map(({ data }) => data);
    expect(drafts).toHaveLength(3);
    expect(drafts[1]).toMatchObject({
      choices: [],
      canvas: { index: 0, step: 1, steps: 3, tokens: ["a", " b", "␣"], states: "wfo" },
    });
  });

  it("joins parts of text and takes the developer for the system", async () => {
    const engine = new ScriptedEngine();
    const { chat } = testApp({ engine });
    const parts = [
      { type: "text", text: "a " },
      { type: "text", text: "b" },
    ];
    const messages = [
      { role: "developer", content: "short" },
      { role: "user", content: parts },
      { role: "assistant", content: "c", refusal: null, annotations: [] },
      user("d"),
    ];
    expect((await chat({ messages })).status).toBe(200);
    expect(engine.requests[0]?.prompt).toEqual([
      { role: "system", content: "short" },
      user("a b"),
      { role: "assistant", content: "c" },
      user("d"),
    ]);
  });

  it("reports log-probabilities, of as many tokens as asked", async () => {
    const { chat } = testApp();
    const { choices } = await jsonOf(chat({ logprobs: true, top_logprobs: 2 }));
    expect(choices[0].logprobs.content).toHaveLength(3);
    expect(choices[0].logprobs.content[1]).toEqual({
      ...{ token: " b", logprob: -0.5, bytes: [32, 98] },
      top_logprobs: [
        { token: " b", logprob: -0.5, bytes: [32, 98] },
        { token: " b1", logprob: -1.5, bytes: [32, 98, 49] },
      ],
    });
    const bare = await jsonOf(chat({ logprobs: true }));
    expect(bare.choices[0].logprobs.content[0].top_logprobs).toEqual([]);
  });
});

describe("completions", () => {
  it("takes texts, token ids and lists of both; choices come prompt by prompt", async () => {
    const engine = new ScriptedEngine({ answer: ({ prompt }, i) => `${JSON.stringify(prompt)} ${i}` });
    const { complete } = testApp({ engine });
    const textsOf = async (prompt: unknown, n = 1) => {
      const { choices } = await jsonOf(complete({ prompt, n, seed: 5 }));
      return choices.map(({ text }: { text: string }) => text);
    };
    expect(await textsOf("a")).toEqual(['"a" 0']);
    expect(await textsOf(["a", "b"], 2)).toEqual(['"a" 0', '"a" 1', '"b" 0', '"b" 1']);
    expect(engine.requests.slice(1).map(({ seed }) => seed)).toEqual([5, 6]);
    expect(await textsOf([1, 2])).toEqual(['{"ids":[1,2]} 0']);
    expect(await textsOf([[1], [2, 3]])).toEqual(['{"ids":[1]} 0', '{"ids":[2,3]} 0']);
  });

  it("hands on a suffix and cuts at stop texts", async () => {
    const engine = new ScriptedEngine({ answer: () => "one two three" });
    const { complete } = testApp({ engine });
    const { choices, object } = await jsonOf(complete({ suffix: " end", stop: "tw" }));
    expect(object).toBe("text_completion");
    expect(choices[0]).toMatchObject({ text: "one ", finish_reason: "stop" });
    expect(engine.requests[0]).toMatchObject({ suffix: " end", stop: ["tw"] });
  });

  it("has the older form of log-probabilities, with offsets that go on over a stream", async () => {
    const { complete } = testApp();
    const whole = await jsonOf(complete({ logprobs: 2 }));
    expect(whole.choices[0].logprobs).toEqual({
      tokens: ["a", " b", " c"],
      token_logprobs: [-0.5, -0.5, -0.5],
      top_logprobs: [
        { a: -0.5, a1: -1.5 },
        { " b": -0.5, " b1": -1.5 },
        { " c": -0.5, " c1": -1.5 },
      ],
      text_offset: [0, 1, 3],
    });
    const events = eventsOf(await (await complete({ logprobs: 2, stream: true })).text());
    const offsets = events.flatMap(({ data }) => data.choices?.[0]?.logprobs?.text_offset ?? []);
    expect(offsets).toEqual([0, 1, 3]);
  });
});

describe("seeds", () => {
  it("are drawn where none is given, and told", async () => {
    const engine = new ScriptedEngine();
    const { complete } = testApp({ engine });
    const first = await jsonOf(complete({}));
    const second = await jsonOf(complete({}));
    expect(first.unmask.seed).toBe(engine.requests[0]?.seed);
    expect(first.unmask.seed).not.toBe(second.unmask.seed);
    const [chunk] = eventsOf(await (await complete({ stream: true })).text());
    expect(chunk?.data.unmask.seed).toBe(engine.requests[2]?.seed);
  });
});

describe("structure", () => {
  const formats = [
    [{ type: "text" }, undefined],
    [{ type: "json_object" }, { kind: "json" }],
    [
      { type: "json_schema", json_schema: { name: "x", schema: { type: "object" }, strict: true } },
      { kind: "json-schema", schema: { type: "object" } },
    ],
    [
      { type: "regex", pattern: "a+" },
      { kind: "regex", pattern: "a+" },
    ],
  ] as const;
  it.each(formats)("%j goes to the engine", async (format, structure) => {
    const engine = new ScriptedEngine();
    const { chat } = testApp({ engine });
    expect((await chat({ response_format: format })).status).toBe(200);
    expect(engine.requests[0]?.structure).toEqual(structure);
  });
});

describe("errors of the engine", () => {
  const failing = (error: Error) =>
    new ScriptedEngine({
      answer: () => {
        throw error;
      },
    });
  const cases = [
    [new OverloadedError("the queue is full", 4), 429, "retry-after", "4"],
    [new DeadlineError("too late"), 408, "x-should-retry", "false"],
    [new ClosedError("closing"), 503, "retry-after", "1"],
  ] as const;
  it.each(cases)("%s has its status, streamed or not", async (error, status, header, value) => {
    for (const stream of [false, true]) {
      const response = await testApp({ engine: failing(error) }).chat({ stream });
      expect(response.status).toBe(status);
      expect(response.headers.get(header)).toBe(value);
      expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
    }
  });

  it("a bug is a 500 that tells nothing, and the log has it by its id", async () => {
    const app = testApp({ engine: failing(new Error("secret /etc/path")) });
    const response = await app.chat({});
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secret");
    const id = response.headers.get("x-request-id")!;
    expect(JSON.parse(text).error.message).toContain(id);
    expect(app.lines).toContainEqual(
      expect.objectContaining({ request: id, err: expect.objectContaining({ message: "secret /etc/path" }) }),
    );
  });

  it("after the first word they are the stream's last event", async () => {
    let words = 0;
    const pause = async () => {
      if (++words === 3) throw new Error("secret");
    };
    const response = await testApp({ engine: new ScriptedEngine({ pause }) }).chat({ stream: true });
    expect(response.status).toBe(200);
    const events = eventsOf(await response.text());
    expect(events.at(-1)?.data).toEqual({
      error: {
        message: expect.stringContaining("req_"),
        type: "server_error",
        param: null,
        code: "internal",
      },
    });
  });
});
