// `unmask serve` as a process, over small networks, under requests that nobody should send.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { builtModule } from "../built.ts";
import { tinyModel } from "../tiny-models.ts";
import { Fuzz, type FuzzedRequest } from "./fuzz.ts";
import { send, tally } from "./fuzz-answers.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-fuzz-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function serve(model: string) {
  const args = [
    "serve",
    "--model",
    model,
    "--port",
    "0",
    "--json",
    "--log-level",
    "error",
    "--max-queue",
    "4",
  ];
  const child = spawn(process.execPath, [fileURLToPath(builtModule("cli/main.js")), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = once(child, "exit");
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, ended, url: (JSON.parse(line) as { url: string }).url, log: () => log };
}

/** With a few tokens asked for, where none are: a whole context of them would be written. */
function shortened(request: FuzzedRequest): FuzzedRequest {
  if (typeof request.body !== "string" || !request.body.startsWith("{")) return request;
  return { ...request, body: request.body.replace("{", '{"max_tokens":6,') };
}

/** What the engine holds, by the names of /metrics. */
async function held(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const gauges = /^(unmask_engine_(?:requests\{.*\}|up|sequences|live_tensors|reserved_bytes)) (\d+)$/gm;
  return Object.fromEntries([...text.matchAll(gauges)].map(([, name, value]) => [name, Number(value)]));
}

const count = 10_000;
const together = 16;

describe.each(["llada", "sdar", "mdlm"] as const)("a %s model served", (family) => {
  it(`answers ${count} requests with 2xx or 4xx, lives, and keeps nothing of them`, async () => {
    const { child, ended, url, log } = await serve(await tinyModel(root, family));
    try {
      // What a network makes once and keeps is there after its first answer.
      const body = JSON.stringify({ prompt: "a", max_tokens: 4 });
      const headers = { "content-type": "application/json" };
      expect(await send(fetch, { path: "/v1/completions", method: "POST", headers, body }, url)).toBe(200);
      const before = await held(url);
      expect(Object.keys(before)).toHaveLength(6);
      expect(before.unmask_engine_live_tensors).toBeGreaterThan(0);
      const fuzz = new Fuzz(10);
      const statuses: number[] = [];
      let sent = 0;
      const client = async () => {
        while (sent++ < count) statuses.push(await send(fetch, shortened(fuzz.next()), url));
      };
      await Promise.all(Array.from({ length: together }, client));
      const counts = tally(statuses);
      const told = JSON.stringify([...counts]);
      expect(statuses).toHaveLength(count);
      for (const status of [200, 400]) expect(counts.get(status), told).toBeGreaterThan(count / 20);
      // SDAR keeps what it computed of prompts, on purpose; engine-stress.test.ts counts its tensors without.
      const kept = family === "sdar" ? { unmask_engine_live_tensors: expect.any(Number) } : {};
      await expect.poll(() => held(url)).toEqual({ ...before, ...kept });
      expect(child.exitCode, log()).toBeNull();
      child.kill("SIGTERM");
      expect(await ended, log()).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  }, 300_000);
});
