import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { eventsOf, jsonOf, testApp } from "../../../test/serve/app.ts";
import { ClosedError } from "../errors.ts";
import { ScriptedEngine } from "../scripted-engine.ts";
import { readPages } from "./pages.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-pages-"));
afterAll(() => rmSync(root, { recursive: true }));

describe("paths", () => {
  it("that lead nowhere are told where there is something", async () => {
    const { get } = testApp();
    const response = await get("/v2/chat");
    expect(response.status).toBe(404);
    expect((await jsonOf(Promise.resolve(response))).error.message).toContain("/v1/chat/completions");
  });

  it("take their method only", async () => {
    const { app, get } = testApp();
    const response = await get("/v1/chat/completions");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expect((await app.request("/v1/models", { method })).status, method).toBe(405);
    }
    const head = await app.request("/health", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("list the model, and find it by its name, slashes and all", async () => {
    const { get } = testApp({ engine: new ScriptedEngine({ model: { id: "owner/model" } }) });
    const { data } = await jsonOf(get("/v1/models"));
    expect(data).toEqual([
      expect.objectContaining({ id: "owner/model", object: "model", context_length: 4096, family: "llada" }),
    ]);
    expect(await jsonOf(get("/v1/models/owner/model"))).toEqual(data[0]);
    expect(await jsonOf(get("/v1/models/owner%2Fmodel"))).toEqual(data[0]);
    expect((await get("/v1/models/other")).status).toBe(404);
  });

  it("say whether requests are taken", async () => {
    const engine = new ScriptedEngine();
    const { get, closing, chat } = testApp({ engine });
    expect((await get("/ready")).status).toBe(200);
    closing.begun = true;
    await engine.close();
    expect((await get("/ready")).status).toBe(503);
    expect((await get("/health")).status).toBe(200);
    const late = await chat({});
    expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(late.headers.get("connection")).toBe("close");
  });
});

describe("request ids", () => {
  it("are the client's where they are harmless, else ours; log and answer agree", async () => {
    const { get, lines } = testApp();
    expect((await get("/v1/models", { "x-request-id": "mine-1" })).headers.get("x-request-id")).toBe(
      "mine-1",
    );
    expect(lines).toContainEqual(expect.objectContaining({ request: "mine-1", status: 200, method: "GET" }));
    for (const id of ["a b", "x".repeat(65), "é", '"'])
      expect((await get("/health", { "x-request-id": id })).headers.get("x-request-id")).toMatch(/^req_/);
  });
});

describe("the inspector's files", () => {
  const folder = join(root, "built");
  mkdirSync(join(folder, "assets"), { recursive: true });
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>inspector</title>");
  writeFileSync(join(folder, "assets/main-1a.js"), "export {};");
  writeFileSync(join(root, "secret.txt"), "secret");
  const { get, app } = testApp({ pages: readPages(folder), access: { keys: ["k"] } });

  it("need no key, and may do nothing but what they are for", async () => {
    const page = await get("/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("content-security-policy")).not.toContain("script-src 'self' '");
    expect(await page.text()).toContain("inspector");
    const script = await get("/assets/main-1a.js");
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(script.headers.get("cache-control")).toContain("immutable");
  });

  it("are not sent twice", async () => {
    const tag = (await get("/")).headers.get("etag")!;
    const again = await get("/", { "if-none-match": tag });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it.each([
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/assets/../../secret.txt",
    "/assets/..%5c..%5csecret.txt",
    "//secret.txt",
    "/assets/%00",
    "/%",
    "/assets",
    "/constructor",
  ])("%s is none of them", async (path) => {
    const response = await app.fetch(new Request(`http://localhost${path}`));
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain("secret\n");
  });

  it("are none where there is no folder", async () => {
    expect(readPages(join(root, "nowhere")).size).toBe(0);
  });
});

describe("metrics", () => {
  it("count requests by route and status, and tell how the engine stands", async () => {
    const { chat, get } = testApp();
    await (await chat({ stream: true })).text();
    await chat({});
    await chat({ n: 0 });
    await get("/nowhere");
    const text = await (await get("/metrics")).text();
    for (const line of [
      'unmask_http_requests_total{route="chat",status="200"} 2',
      'unmask_http_requests_total{route="chat",status="400"} 1',
      'unmask_http_requests_total{route="page",status="404"} 1',
      'unmask_engine_requests_total{outcome="finished"} 2',
      'unmask_engine_tokens_total{kind="written"} 6',
      "unmask_engine_forwards_total 6",
      'unmask_engine_requests{state="running"} 0',
      "unmask_first_text_seconds_count 2",
      "unmask_queue_seconds_count 2",
      'unmask_tokens_per_forward_bucket{le="1"} 2',
      'unmask_model_info{model="scripted",family="llada"} 1',
      // The one that is being answered now.
      "unmask_http_open 1",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });
});

describe("an engine that has died", () => {
  class Dead extends ScriptedEngine {
    readonly failed = true;
    override get ready() {
      return false;
    }
    override stats(): never {
      throw new Error("dead");
    }
  }

  it("is neither healthy nor ready, and the server still tells its own figures", async () => {
    const { get } = testApp({ engine: new Dead() });
    expect((await get("/health")).status).toBe(503);
    expect((await get("/ready")).status).toBe(503);
    const text = await (await get("/metrics")).text();
    expect(text).toContain("unmask_engine_up 0");
    expect(text).toContain('unmask_http_requests_total{route="health",status="503"} 1');
  });
});

describe("who asks", () => {
  const body = JSON.stringify({ prompt: "a" });
  const ask = (app: ReturnType<typeof testApp>["app"], key: string, address: string) =>
    app.request(
      "/v1/completions",
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body,
      },
      { address },
    );

  it("is known by the key, or else by the address", async () => {
    const engine = new ScriptedEngine();
    const open = testApp({ engine }).app;
    await ask(open, "x", "10.0.0.1");
    await ask(open, "x", "10.0.0.2");
    const locked = testApp({ engine, access: { keys: ["x", "y"] } }).app;
    await ask(locked, "x", "10.0.0.1");
    await ask(locked, "y", "10.0.0.1");
    await ask(locked, "x", "10.0.0.2");
    expect(engine.requests.map(({ client }) => client)).toEqual([
      "10.0.0.1",
      "10.0.0.2",
      "key 0",
      "key 1",
      "key 0",
    ]);
  });
});

describe("a client that goes away", () => {
  const gate = () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { open, opened };
  };

  it("ends its request at work, and the log has 499", async () => {
    const { opened, open } = gate();
    const engine = new ScriptedEngine({ pause: () => opened });
    const { chat, lines } = testApp({ engine });
    const client = new AbortController();
    const answer = chat({}, { signal: client.signal });
    await expect.poll(() => engine.live).toBe(1);
    client.abort();
    open();
    await answer;
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals).toMatchObject({ aborted: 1, finished: 0 });
    expect(lines.at(-1)).toMatchObject({ status: 499 });
  });

  it("ends its request in the queue", async () => {
    const { opened, open } = gate();
    const engine = new ScriptedEngine({ pause: () => opened, maxRunning: 1 });
    const { chat } = testApp({ engine });
    const first = chat({});
    await expect.poll(() => engine.live).toBe(1);
    const client = new AbortController();
    const second = chat({ stream: true }, { signal: client.signal });
    await expect.poll(() => engine.live).toBe(2);
    client.abort();
    await expect.poll(() => engine.live).toBe(1);
    open();
    expect((await first).status).toBe(200);
    await second;
  });

  it("ends its stream, and all prompts of its list", async () => {
    const engine = new ScriptedEngine({ answer: () => "word ".repeat(200) });
    const { complete } = testApp({ engine });
    const { body } = await complete({ prompt: ["a", "b", "c"], n: 2, stream: true });
    const reader = body!.getReader();
    await reader.read();
    await reader.cancel();
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals).toMatchObject({ aborted: 3, finished: 0 });
  });

  it("one prompt that fails ends the others", async () => {
    const answer = ({ prompt }: { prompt: unknown }) => {
      if (prompt === "b") throw new Error("no");
      return "word ".repeat(500);
    };
    const engine = new ScriptedEngine({ answer });
    expect((await testApp({ engine }).complete({ prompt: ["a", "b", "c"] })).status).toBe(500);
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals.finished).toBe(0);
  });
});

describe("a shutdown", () => {
  const cut = (after: number) => {
    let words = 0;
    return new ScriptedEngine({
      pause: async () => {
        if (++words > after) throw new ClosedError("closing");
      },
    });
  };

  it("returns what is there", async () => {
    const { choices, unmask } = await jsonOf(testApp({ engine: cut(2) }).chat({}));
    expect(choices[0]).toMatchObject({ message: { content: "a b" }, finish_reason: "length" });
    expect(unmask.interrupted).toBe(true);
    const events = eventsOf(await (await testApp({ engine: cut(2) }).chat({ stream: true })).text());
    expect(events.at(-2)?.data).toMatchObject({
      choices: [{ delta: {}, finish_reason: "length" }],
      unmask: { interrupted: true },
    });
    expect(events.at(-1)?.data).toBe("[DONE]");
  });

  it("returns an error where there is nothing, or half of a structure", async () => {
    expect((await testApp({ engine: cut(0) }).chat({})).status).toBe(503);
    const half = await testApp({ engine: cut(2) }).chat({ response_format: { type: "json_object" } });
    expect(half.status).toBe(503);
  });
});

describe("a slow reader", () => {
  it("is dropped when too much waits for it", async () => {
    const engine = new ScriptedEngine({ answer: () => "word ".repeat(5000) });
    const { chat, get } = testApp({ engine, limits: { bufferedBytes: 10_000 } });
    const { body } = await chat({ stream: true, max_tokens: 5000 });
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals).toMatchObject({ aborted: 1, finished: 0 });
    await expect(body!.getReader().read()).rejects.toThrow(/too slowly/);
    expect(await (await get("/metrics")).text()).toContain("unmask_http_slow_clients_total 1");
  });

  it("misses drafts before it misses text", async () => {
    const answer = () => Array.from({ length: 300 }, (_, i) => `word-${i}`).join(" ");
    const engine = new ScriptedEngine({ answer });
    const options = { stream: true, max_tokens: 300, stream_options: { include_canvas: true } };
    const response = await testApp({ engine }).chat(options);
    await expect.poll(() => engine.live).toBe(0);
    const events = eventsOf(await response.text());
    const drafts = events.filter(({ name }) => name === "canvas");
    const text = events.map(({ data }) => data.choices?.[0]?.delta.content ?? "").join("");
    expect(text).toBe(answer());
    expect(drafts.length).toBeGreaterThan(10);
    expect(drafts.length).toBeLessThan(200);
  });

  it("of a silent stream gets comments", async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const engine = new ScriptedEngine({ pause: () => opened });
    const response = await testApp({ engine, limits: { keepAliveSeconds: 0.02 } }).chat({ stream: true });
    const reader = response.body!.getReader();
    const texts: string[] = [];
    for (let i = 0; i < 3; i++) texts.push(Buffer.from((await reader.read()).value!).toString());
    expect(texts.slice(1)).toEqual([": keep-alive\n\n", ": keep-alive\n\n"]);
    open();
    await reader.cancel();
  });
});
