// The clients that application engineers have, really over HTTP.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, streamText, zodSchema } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { OverloadedError } from "../../src/serve/errors.ts";
import { ScriptedEngine } from "../../src/serve/scripted-engine.ts";
import { eventsOf } from "./app.ts";
import { type TestServer, testServer } from "./port.ts";

const key = "a-key";
const json = '{"name": "Anna", "age": 7}';
let tries = 0;

/** Echoes; JSON where JSON is asked for; a prompt "busy" is refused twice. */
const engine = new ScriptedEngine({
  answer: ({ prompt, structure }) => {
    const text = typeof prompt === "string" ? prompt : "ids" in prompt ? "" : (prompt.at(-1)?.content ?? "");
    if (text === "busy" && ++tries <= 2) throw new OverloadedError("the queue is full", 0);
    if (text === "broken") throw new Error("secret");
    return structure === undefined ? text : json;
  },
});

let test: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  test = await testServer({ engine, access: { keys: [key] } });
  openai = new OpenAI({ baseURL: `${test.url}/v1`, apiKey: key });
});
afterAll(() => test.server.stop(0));

const messages = [{ role: "user" as const, content: "one two three" }];

describe("the openai package", () => {
  it("gets an answer, with options of ours beside its own", async () => {
    const answer = await openai.chat.completions.create({
      model: "scripted",
      messages,
      max_tokens: 2,
      ...{ block_length: 8, decoder: "fast_dllm" },
    });
    expect(answer.choices[0]?.message.content).toBe("one two");
    expect(answer.usage?.completion_tokens).toBe(2);
    expect(answer._request_id).toMatch(/^req_/);
    expect(engine.requests.at(-1)).toMatchObject({
      decoder: "fast_dllm",
      decoderOptions: { block_length: 8 },
    });
  });

  it("streams; drafts pass by whoever reads deltas", async () => {
    const options = { include_usage: true, include_canvas: true };
    const stream = await openai.chat.completions.create({
      model: "scripted",
      messages,
      stream: true,
      stream_options: options,
    });
    let text = "";
    let drafts = 0;
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if ("canvas" in chunk) drafts++;
      usage = chunk.usage ?? usage;
    }
    expect({ text, drafts }).toEqual({ text: "one two three", drafts: 3 });
    expect(usage?.total_tokens).toBe(6);
  });

  it("its stream helper puts a message together, drafts or not", async () => {
    const runner = openai.chat.completions.stream({
      model: "scripted",
      messages,
      n: 2,
      stream_options: { ...{ include_canvas: true }, include_usage: true },
    });
    const { choices, usage } = await runner.finalChatCompletion();
    expect(choices.map(({ message }) => message.content)).toEqual(["one two three", "one two three"]);
    expect(usage?.completion_tokens).toBe(6);
  });

  it("reads log-probabilities of both endpoints", async () => {
    const asked = { model: "scripted", messages, logprobs: true, top_logprobs: 2 };
    const [choice] = (await openai.chat.completions.create(asked)).choices;
    expect(choice?.logprobs?.content?.map(({ token }) => token)).toEqual(["one", " two", " three"]);
    const older = await openai.completions.create({ model: "scripted", prompt: "a b", logprobs: 1 });
    expect(older.choices[0]?.logprobs?.text_offset).toEqual([0, 1]);
  });

  it("completes lists of prompts, and fills in before a suffix", async () => {
    const { choices } = await openai.completions.create({
      model: "scripted",
      prompt: ["a", "b"],
      n: 2,
      suffix: " end",
    });
    expect(choices.map(({ index, text }) => `${index}${text}`)).toEqual(["0a", "1a", "2b", "3b"]);
    expect(engine.requests.at(-1)).toMatchObject({ suffix: " end" });
  });

  it("parses an answer to a schema", async () => {
    const format = {
      type: "json_schema" as const,
      json_schema: { name: "person", strict: true, schema: { type: "object" } },
    };
    const answer = await openai.chat.completions.parse({
      model: "scripted",
      messages,
      response_format: format,
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? "")).toEqual({ name: "Anna", age: 7 });
    expect(engine.requests.at(-1)?.structure).toEqual({ kind: "json-schema", schema: { type: "object" } });
  });

  it("lists models", async () => {
    const ids = [];
    for await (const model of openai.models.list()) ids.push(model.id);
    expect(ids).toEqual(["scripted"]);
    expect((await openai.models.retrieve("scripted")).owned_by).toBe("unmask");
  });

  it("has its own class for each error, with the field's name", async () => {
    const asked = { model: "scripted", messages };
    const wrong = openai.chat.completions.create({ ...asked, temperature: -1 });
    await expect(wrong).rejects.toMatchObject({ status: 400, param: "temperature" });
    await expect(wrong).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    const other = new OpenAI({ baseURL: `${test.url}/v1`, apiKey: "wrong" });
    await expect(other.chat.completions.create(asked)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const missing = openai.chat.completions.create({ ...asked, model: "gpt-4" });
    await expect(missing).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const broken = openai.chat.completions.create(
      { model: "scripted", messages: [{ role: "user", content: "broken" }] },
      { maxRetries: 0 },
    );
    await expect(broken).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    await expect(broken).rejects.not.toThrow(/secret/);
  });

  it("comes back by itself when the queue was full", async () => {
    const answer = await openai.chat.completions.create({
      model: "scripted",
      messages: [{ role: "user", content: "busy" }],
    });
    expect(answer.choices[0]?.message.content).toBe("busy");
    expect(tries).toBe(3);
  });

  it("ends the request when it stops reading", async () => {
    const content = "word ".repeat(20_000);
    const stream = await openai.chat.completions.create({
      model: "scripted",
      messages: [{ role: "user", content }],
      max_tokens: 20_000,
      stream: true,
    });
    for await (const _ of stream) break;
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals.aborted).toBeGreaterThan(0);
  });
});

describe("the AI SDK", () => {
  const provider = () =>
    createOpenAICompatible({
      name: "unmask",
      baseURL: `${test.url}/v1`,
      apiKey: key,
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
  const model = () => provider()("scripted");

  it("gets a text, with options of ours as the provider's", async () => {
    const { text, usage, finishReason } = await generateText({
      model: model(),
      prompt: "one two three",
      maxOutputTokens: 2,
      temperature: 0,
      seed: 3,
      providerOptions: { unmask: { steps: 7 } },
    });
    expect({ text, finishReason, tokens: usage.outputTokens }).toEqual({
      text: "one two",
      finishReason: "length",
      tokens: 2,
    });
    expect(engine.requests.at(-1)).toMatchObject({ seed: 3, decoderOptions: { steps: 7, temperature: 0 } });
  });

  it("streams a text, and passes over drafts", async () => {
    const drafting = createOpenAICompatible({
      ...{ name: "unmask", baseURL: `${test.url}/v1`, apiKey: key },
      transformRequestBody: (body) => ({ ...body, stream_options: { include_canvas: true } }),
    });
    for (const one of [provider(), drafting]) {
      const result = streamText({ model: one("scripted"), system: "short", prompt: "one two three" });
      const parts: string[] = [];
      for await (const part of result.textStream) parts.push(part);
      expect(parts).toEqual(["one", " two", " three"]);
      expect(await result.finishReason).toBe("stop");
      expect(engine.requests.at(-1)?.canvas).toBe(one === drafting);
      if (one !== drafting) expect((await result.usage).outputTokens).toBe(3);
    }
  });

  it("gets an object by its schema", async () => {
    const schema = zodSchema(z.object({ name: z.string(), age: z.number() }));
    const { object } = await generateObject({ model: model(), schema, prompt: "a person" });
    expect(object).toEqual({ name: "Anna", age: 7 });
    expect(engine.requests.at(-1)?.structure).toMatchObject({ kind: "json-schema" });
  });

  it("tells what is wrong", async () => {
    const asked = generateText({
      model: model(),
      prompt: "a",
      providerOptions: { unmask: { stepz: 1 } },
      maxRetries: 0,
    });
    await expect(asked).rejects.toThrow(/did you mean steps/);
  });

  it("completes by the older endpoint too", async () => {
    const { text } = await generateText({
      model: provider().completionModel("scripted"),
      prompt: "one",
      stopSequences: ["zzz"],
    });
    expect(text).toContain("one");
  });
});

describe("curl", () => {
  const curl = async (...args: string[]) =>
    (await promisify(execFile)("curl", ["-sS", "--max-time", "20", ...args])).stdout;

  it("streams events as they are", async () => {
    const body = JSON.stringify({ messages, stream: true });
    const headers = ["-H", `authorization: Bearer ${key}`, "-H", "content-type: application/json"];
    const out = await curl("-N", `${test.url}/v1/chat/completions`, ...headers, "-d", body);
    const events = eventsOf(out);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(events.map(({ data }) => data.choices?.[0]?.delta.content ?? "").join("")).toBe("one two three");
  });

  it("sees a clear 413 for a large file, though it waits for a go-ahead", async () => {
    const body = [
      "-H",
      `authorization: Bearer ${key}`,
      "-H",
      "content-type: application/json",
      "--data-binary",
      "@-",
    ];
    const child = execFile("curl", ["-sS", "--max-time", "20", `${test.url}/v1/completions`, ...body]);
    const parts: string[] = [];
    child.stdout?.on("data", (part) => parts.push(part));
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(" ".repeat(3_000_000));
    await new Promise((resolve) => child.once("close", resolve));
    expect(parts.join("")).toContain("body_too_large");
  });
});
