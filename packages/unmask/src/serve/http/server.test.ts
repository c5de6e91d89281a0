import { afterEach, describe, expect, it } from "vitest";
import { eventsOf, jsonOf, user } from "../../../test/serve/app.ts";
import { rawClient, type TestServer, testServer, wire } from "../../../test/serve/port.ts";
import { ScriptedEngine } from "../scripted-engine.ts";

const servers: TestServer[] = [];
async function start(options: Parameters<typeof testServer>[0] = {}): Promise<TestServer> {
  const server = await testServer(options);
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const { server } of servers.splice(0)) await server.stop(0);
});

const path = "/v1/chat/completions";
const ask = { messages: [user("a b c")] };
const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

describe("over a port", () => {
  it("answers, streams and keeps the connection", async () => {
    const { url, port } = await start();
    const headers = { "content-type": "application/json" };
    const post = (body: object) => fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect((await jsonOf(post(ask))).choices[0].message.content).toBe("a b c");
    const events = eventsOf(await (await post({ ...ask, stream: true })).text());
    expect(events.map(({ data }) => data.choices?.[0]?.delta.content ?? "").join("")).toBe("a b c");
    const { socket, text } = rawClient(port, wire(path, ask) + wire("/v1/completions", { prompt: "d" }));
    await expect.poll(() => text().match(/HTTP\/1\.1 200/g)?.length).toBe(2);
    socket.destroy();
  });

  it("sends a word when there is one", async () => {
    const { open, opened } = gate();
    let words = 0;
    const engine = new ScriptedEngine({ pause: () => (++words === 2 ? opened : Promise.resolve()) });
    const { port } = await start({ engine });
    const { text, socket } = rawClient(port, wire(path, { ...ask, stream: true }));
    await expect.poll(text).toContain('"content":"a"');
    expect(text()).not.toContain('"content":" b"');
    open();
    await expect.poll(text).toContain("[DONE]");
    socket.destroy();
  });

  it("a client that goes away ends its request in every state", async () => {
    const engine = new ScriptedEngine({ answer: () => "word ".repeat(100_000), maxRunning: 2 });
    const { port } = await start({ engine });
    const bodies = [false, true].map((stream) => ({ ...ask, stream, max_tokens: 100_000 }));
    // Two at work, four in the queue, one whose body has not come.
    const all = [...bodies, ...bodies, ...bodies].map((body) => rawClient(port, wire(path, body)));
    const half = rawClient(port, wire(path, ask).slice(0, -5));
    await expect.poll(() => engine.live).toBe(6);
    for (const { socket } of [...all, half]) socket.destroy();
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.requests).toHaveLength(6);
    expect(engine.totals).toMatchObject({ finished: 0 });
  });

  it("a stream is ended in the middle when its client goes away", async () => {
    const engine = new ScriptedEngine({ answer: () => "word ".repeat(100_000) });
    const { port } = await start({ engine });
    const { text, socket } = rawClient(port, wire(path, { ...ask, stream: true, max_tokens: 100_000 }));
    await expect.poll(() => text().length).toBeGreaterThan(1000);
    socket.destroy();
    await expect.poll(() => engine.live).toBe(0);
    expect(engine.totals).toMatchObject({ aborted: 1, finished: 0 });
  });
});

describe("clients that are slow", () => {
  it("a body that does not come is answered and the connection closed", async () => {
    const { port } = await start({ limits: { bodySeconds: 0.1 } });
    const { text, closed } = rawClient(port, wire(path, ask).slice(0, -5));
    await closed;
    expect(statusOf(text())).toBe(408);
    expect(text()).toContain("the body took longer");
  });

  it("one that does not read is dropped, streaming or not", async () => {
    const engine = new ScriptedEngine({ answer: () => "word".repeat(4_000_000) });
    const { port, service } = await start({ engine, limits: { stallSeconds: 0.3, bufferedBytes: 1e9 } });
    const dropped = async () => (await service.metrics.slowClients.get()).values[0]?.value;
    for (const [i, stream] of [false, true].entries()) {
      const { socket, closed } = rawClient(port);
      socket.pause();
      socket.write(wire(path, { ...ask, stream }));
      await expect.poll(dropped, { timeout: 20_000 }).toBe(i + 1);
      // What had gone out can still be read; then comes the end.
      socket.resume();
      await closed;
      expect(socket.bytesRead).toBeLessThan(16_000_000);
    }
  });

  it("one that reads a little at a time gets all of it", async () => {
    const engine = new ScriptedEngine({ answer: () => "word".repeat(2_000_000) });
    const { port } = await start({ engine, limits: { stallSeconds: 1 } });
    const { socket, closed } = rawClient(port, wire(path, ask, { connection: "close" }));
    socket.on("data", () => {
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    });
    await closed;
    expect(socket.bytesRead).toBeGreaterThan(8_000_000);
  });

  it("headers that do not end are cut off, and what is no HTTP", async () => {
    const { port } = await start();
    const junk = rawClient(port, "\x16\x03\x01\x02 hello\r\n\r\n");
    await junk.closed;
    expect(statusOf(junk.text())).toBe(400);
    const long = rawClient(port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    await long.closed;
    expect(statusOf(long.text())).toBe(431);
  });

  it("idle ones stand in nobody's way, up to the limit", async () => {
    const { port, url } = await start({ connections: 60 });
    const idle = Array.from({ length: 50 }, () => rawClient(port));
    await expect.poll(() => idle.every(({ socket }) => !socket.connecting)).toBe(true);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const more = Array.from({ length: 20 }, () => rawClient(port));
    await Promise.all(more.slice(-5).map(({ closed }) => closed));
    for (const { socket } of [...idle, ...more]) socket.destroy();
    await expect.poll(async () => (await fetch(`${url}/health`).catch(() => undefined))?.status).toBe(200);
  });
});

describe("what is sent over the wire", () => {
  it("a body that is too large is told so, though more of it comes", async () => {
    const { port } = await start({ limits: { bodyBytes: 1000 } });
    for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
      const isChunked = "transfer-encoding" in headers;
      const head = wire(path, {}, headers).split("\r\n\r\n")[0]!;
      const sized = isChunked
        ? head.replace(/content-length: \d+\r\n/, "")
        : head.replace(/length: \d+/, "length: 3000000");
      const { socket, text, closed } = rawClient(port, `${sized}\r\n\r\n`);
      const part = " ".repeat(100_000);
      for (let i = 0; i < 30; i++)
        socket.write(isChunked ? `${part.length.toString(16)}\r\n${part}\r\n` : part);
      await closed;
      expect(statusOf(text())).toBe(413);
      expect(text()).toContain("the body has more than 1000 bytes");
    }
  });

  it.each([
    ["GET http://elsewhere/health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400],
    ["OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", 400],
    ["GET //elsewhere/health HTTP/1.1\r\nhost: localhost\r\n\r\n", 404],
    ["GET /health HTTP/1.1\r\n\r\n", 400],
    ["GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", 404],
    ["GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", 404],
    ["GET /health HTTP/1.1\r\nhost: localhost\r\nx-request-id: a\rb\r\n\r\n", 400],
    ["GET /health HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", 200],
    ["TRACE /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400],
    ["BREW /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400],
    [
      "POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
  ])("%j gets its status", async (sent, status) => {
    const { port, url } = await start();
    const { text, socket } = rawClient(port, sent);
    await expect.poll(() => statusOf(text())).toBe(status);
    socket.destroy();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it("no header can be smuggled into an answer", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/models/a%0d%0aset-cookie:%20x=1`);
    expect(response.status).toBe(404);
    expect(response.headers.get("set-cookie")).toBeNull();
  });
});

describe("a stop", () => {
  it("lets running requests finish, and tells who still comes", async () => {
    const { open, opened } = gate();
    const engine = new ScriptedEngine({ pause: () => opened });
    const { server, url, port } = await start({ engine });
    const running = rawClient(port, wire(path, { ...ask, stream: true }));
    await expect.poll(() => engine.live).toBe(1);
    const stopped = server.stop(20);
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    const late = rawClient(port, wire(path, ask));
    await late.closed;
    expect(statusOf(late.text())).toBe(503);
    open();
    await stopped;
    await running.closed;
    expect(running.text()).toContain("[DONE]");
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it("drops what takes longer, with what is there", async () => {
    const words = new Map<object, number>();
    const pause = (request: object) => {
      const count = (words.get(request) ?? 0) + 1;
      words.set(request, count);
      return new Promise((resolve) => setTimeout(resolve, count > 2 ? 100 : 0));
    };
    const engine = new ScriptedEngine({ pause, answer: () => "word ".repeat(100) });
    const { server, port } = await start({ engine });
    const streaming = rawClient(port, wire(path, { ...ask, stream: true }));
    const waiting = rawClient(port, wire(path, ask));
    await expect.poll(() => [...words.values()].filter((count) => count > 2).length).toBe(2);
    await server.stop(0.05);
    await Promise.all([streaming.closed, waiting.closed]);
    expect(streaming.text()).toContain('"interrupted":true');
    expect(streaming.text()).toContain("[DONE]");
    expect(waiting.text()).toContain('"finish_reason":"length"');
  });

  it("leaves a port that another can take", async () => {
    const { server, port } = await start();
    await server.stop(0);
    const again = await testServer();
    await again.server.stop(0);
    expect(port).toBeGreaterThan(0);
  });
});
