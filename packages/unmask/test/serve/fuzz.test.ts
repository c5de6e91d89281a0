import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../src/serve/errors.ts";
import { ScriptedEngine } from "../../src/serve/scripted-engine.ts";
import { testApp } from "./app.ts";
import { Fuzz } from "./fuzz.ts";
import { isRight, send, tally } from "./fuzz-answers.ts";
import { rawClient, testServer } from "./port.ts";

/** Some requests find the queue full. */
function newEngine(): ScriptedEngine {
  let count = 0;
  return new ScriptedEngine({
    answer: ({ prompt }) => {
      if (++count % 50 === 0) throw new OverloadedError("the queue is full", 1);
      return typeof prompt === "string" ? prompt : "an answer";
    },
    pause: () => nextTurn(),
  });
}

const patience = { timeout: 300_000 };

describe("10,000 requests that nobody should send", patience, () => {
  it("are answered with 2xx or 4xx, each with an id, and leave nothing behind", async () => {
    const engine = newEngine();
    const { app, lines } = testApp({ engine });
    const fuzz = new Fuzz(8);
    const statuses: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      statuses.push(await send(app.fetch, fuzz.next()));
      lines.length = 0;
    }
    const counts = tally(statuses);
    expect(engine.live).toBe(0);
    // Every kind of answer was among them: the requests were neither all wrong nor all right.
    for (const status of [200, 400, 403, 404, 405, 408, 415, 429]) {
      expect(counts.get(status) ?? 0, `${status} of ${JSON.stringify([...counts])}`).toBeGreaterThan(0);
    }
    expect(counts.get(200)).toBeGreaterThan(1000);
  });
});

describe("bytes that nobody should send", patience, () => {
  it("over 1,000 connections end in 2xx, 4xx or a closed connection, and the server lives", async () => {
    const engine = newEngine();
    const { server, port, url } = await testServer({ engine, limits: { bodySeconds: 0.2 } });
    const fuzz = new Fuzz(9);
    for (let round = 0; round < 20; round++) {
      const clients = Array.from({ length: 50 }, (_, i) => {
        const { path, method, headers, body = "" } = fuzz.next();
        const length = Buffer.byteLength(body);
        const head = Object.entries({ host: "localhost", ...headers, "content-length": String(length) });
        const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const bytes = Buffer.concat([
          Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}connection: close\r\n\r\n`),
          Buffer.from(body),
        ]);
        // A third is whole, a third loses bytes in the middle, a third is cut off and goes away.
        const cut = Math.floor((bytes.length * ((i * 7919) % 97)) / 97);
        if (i % 3 === 1) bytes.fill(i, cut, cut + 3);
        const client = rawClient(port);
        client.socket.write(i % 3 === 2 ? bytes.subarray(0, cut) : bytes);
        // Headers that lost their end would be waited for.
        setTimeout(() => client.socket.destroy(), i % 3 === 2 ? i % 5 : 700);
        return client;
      });
      await Promise.all(clients.map(({ closed }) => closed));
      for (const { text } of clients) {
        const status = /^HTTP\/1\.1 (\d+)/.exec(text())?.[1];
        if (status !== undefined) expect(isRight(Number(status)), text().slice(0, 600)).toBe(true);
      }
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await expect.poll(() => engine.live).toBe(0);
    await server.stop(0);
  });
});
