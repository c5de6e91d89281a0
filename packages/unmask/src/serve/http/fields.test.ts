import { describe, expect, it } from "vitest";
import { jsonOf, testApp, user } from "../../../test/serve/app.ts";
import { UsageError } from "../../base/errors.ts";
import { ScriptedEngine } from "../scripted-engine.ts";

/** Fields that are refused, with the name that the answer gives and a part of its sentence. */
const refused: readonly (readonly [object, string, string])[] = [
  [{ messages: undefined }, "messages", "expected array"],
  [{ messages: [] }, "messages", "Too small"],
  [{ messages: "hello" }, "messages", "expected array"],
  [{ messages: [null] }, "messages.0", "expected object"],
  [{ messages: [{ role: "robot", content: "a" }] }, "messages.0.role", "expected one of"],
  [{ messages: [{ role: "user", content: 3 }] }, "messages.0.content", "expected a text"],
  [{ messages: [{ ...user("a"), image: 1 }] }, "messages.0.image", "not supported"],
  [
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    "messages.0.content",
    "parts of type text",
  ],
  [{ model: 3 }, "model", "expected string"],
  [{ n: 0 }, "n", "Too small"],
  [{ n: 1.5 }, "n", "expected int"],
  [{ n: 1e9 }, "n", "more than 64"],
  [{ seed: -1 }, "seed", "Too small"],
  [{ seed: 2 ** 60 }, "seed", "expected int"],
  [{ max_tokens: "8" }, "max_tokens", "expected number"],
  [{ max_tokens: 8, max_completion_tokens: 9 }, "max_tokens", "says otherwise"],
  [{ stop: "" }, "stop", "Too small"],
  [{ stop: Array.from({ length: 17 }, (_, i) => `${i}`) }, "stop", "more than 16"],
  [{ stream: "yes" }, "stream", "expected boolean"],
  [{ stream_options: { include_usage: true } }, "stream_options", "needs stream"],
  [{ stream: true, stream_options: { include_all: true } }, "stream_options.include_all", "not supported"],
  [{ top_logprobs: 3 }, "top_logprobs", "needs logprobs"],
  [{ logprobs: true, top_logprobs: 21 }, "top_logprobs", "Too big"],
  [{ response_format: { type: "xml" } }, "response_format.type", "Invalid"],
  [{ response_format: { type: "json_schema" } }, "response_format.json_schema", "expected object"],
  [
    { response_format: { type: "json_schema", json_schema: { name: "a" } } },
    "response_format.json_schema.schema",
    "expected a JSON Schema",
  ],
  [{ response_format: { type: "regex" } }, "response_format.pattern", "expected string"],
  [{ tools: [{ type: "function" }] }, "tools", "not supported"],
  [{ presence_penalty: 0.5 }, "presence_penalty", "give 0"],
  [{ logit_bias: { 50: 1 } }, "logit_bias", "give {}"],
  [{ suffix: "x" }, "suffix", "not supported"],
  [{ stepz: 3 }, "stepz", "did you mean steps?"],
  [{ temperature: -1 }, "temperature", "at least 0"],
  [{ temperature: "hot" }, "temperature", "a number"],
  [{ temperature: [0] }, "temperature", "expected a number, a text"],
  [{ steps: 1.5 }, "steps", "an integer"],
  [{ top_p: 0.5 }, "top_p", "no such option"],
  [{ threshold: 0.9 }, "threshold", "no such option; it has steps"],
  [{ decoder: "beam" }, "decoder", "give one of low_confidence, fast_dllm"],
  [{ decoder: "ancestral" }, "decoder", "does not fit this model"],
  [{ decoder: ["low_confidence"] }, "decoder", "expected string"],
  [{ fidelity: "perfect" }, "fidelity", "expected one of"],
  [{ timeout: 0 }, "timeout", "Too small"],
  [{ constructor: 1 }, "constructor", "not supported"],
  [{ toString: 1 }, "toString", "not supported"],
];

describe("a chat's fields", () => {
  it.each(refused)("%j is a 400 that names it", async (fields, param, part) => {
    const engine = new ScriptedEngine();
    const response = await testApp({ engine }).chat(fields);
    const { error } = await jsonOf(Promise.resolve(response));
    expect({ status: response.status, param: error.param }).toEqual({ status: 400, param });
    expect(error).toMatchObject({ type: "invalid_request_error", message: expect.stringContaining(part) });
    expect(error.message.startsWith(param)).toBe(true);
    expect(error.message.length).toBeLessThanOrEqual(400);
    expect(engine.requests).toEqual([]);
  });

  it("names are short in an answer, however long they were", async () => {
    const { error } = await jsonOf(testApp().chat({ ["x".repeat(100_000)]: 1 }));
    expect(error.message.length).toBeLessThan(200);
    expect(error.param.length).toBeLessThan(120);
  });

  it("10,000 unknown fields are refused with one short sentence", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field_${i}`, i]));
    const response = await testApp().chat(many);
    expect(response.status).toBe(400);
    expect((await response.text()).length).toBeLessThan(300);
    const nested = await testApp().chat({ stream: true, stream_options: many });
    expect(nested.status).toBe(400);
    expect((await nested.text()).length).toBeLessThan(300);
  });

  it("what changes nothing is taken, and null is as good as absent", async () => {
    const engine = new ScriptedEngine();
    const response = await testApp({ engine }).chat({
      ...{ presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, tools: [], tool_choice: "auto" },
      ...{ user: "me", metadata: { a: "b" }, store: false, service_tier: "auto", top_p: 1 },
      ...{ stop: null, seed: null, max_tokens: null, stream: null, temperature: null, response_format: null },
    });
    expect(response.status).toBe(200);
    expect(engine.requests[0]).toMatchObject({ decoderOptions: {}, stop: [], maxNewTokens: undefined });
  });

  it("options of the decoder that is asked for are taken by alias too", async () => {
    const engine = new ScriptedEngine();
    const fields = { decoder: "fast_dllm_v1", threshold: 0.8, block_size: 8, temperature: 0.5 };
    expect((await testApp({ engine }).chat(fields)).status).toBe(200);
    expect(engine.requests[0]).toMatchObject({
      decoder: "fast_dllm",
      decoderOptions: { threshold: 0.8, block_size: 8, temperature: 0.5 },
    });
  });

  it("a deadline is the request's own, up to the server's", async () => {
    const engine = new ScriptedEngine();
    const { chat } = testApp({ engine, limits: { requestSeconds: 10 } });
    for (const timeout of [undefined, 2, 50]) await chat({ timeout });
    expect(engine.requests.map(({ deadline }) => deadline)).toEqual([10_000, 2000, 10_000]);
  });

  it("another model than the one served is a 404 in OpenAI's words", async () => {
    const { chat } = testApp();
    const response = await chat({ model: "gpt-4" });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { param: "model", code: "model_not_found" } });
    expect((await chat({ model: "scripted" })).status).toBe(200);
  });

  it("what the engine refuses is a 400 that names the field where the engine does", async () => {
    const told = [
      [new UsageError("the pattern is too long", { option: "structure" }), "response_format"],
      [
        new UsageError("a prompt of 3 tokens and 9 new ones; give max_new_tokens of at most 4"),
        "max_new_tokens",
      ],
    ] as const;
    for (const [error, param] of told) {
      const answer = (): never => {
        throw error;
      };
      const response = await testApp({ engine: new ScriptedEngine({ answer }) }).chat({});
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { param, message: error.message } });
    }
  });
});

describe("a completion's fields", () => {
  it.each([
    [{ prompt: 3 }, "prompt"],
    [{ prompt: [] }, "prompt"],
    [{ prompt: ["a", 3] }, "prompt"],
    [{ prompt: [[]] }, "prompt.0"],
    [{ prompt: [-1] }, "prompt.0"],
    [{ prompt: Array.from({ length: 33 }, () => "a"), n: 2 }, "prompt"],
    [{ suffix: 3 }, "suffix"],
    [{ logprobs: true }, "logprobs"],
    [{ echo: true }, "echo"],
    [{ best_of: 2 }, "best_of"],
    [{ messages: [user("a")] }, "messages"],
  ])("%j is a 400 that names it", async (fields, param) => {
    const response = await testApp().complete(fields);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });
});
