// `unmask serve` as a process, over a small random model: what it prints, its flags, and how it ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtModule } from "../built.ts";
import { run } from "../cli/run.ts";
import { tinyModel } from "../tiny-models.ts";
import { eventsOf, jsonOf } from "./app.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-serve-"));
const program = fileURLToPath(builtModule("cli/main.js"));
const children: ChildProcess[] = [];
let model: string;
beforeAll(async () => {
  model = await tinyModel(root, "sdar");
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

async function serve(...flags: string[]) {
  const args = ["serve", "--model", model, "--name", "tiny", "--port", "0", "--json", ...flags];
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { url, ...told } = JSON.parse(line) as { url: string; model: string; family: string };
  const headers = { "content-type": "application/json" };
  const post = (path: string, body: object, more: object = {}) =>
    fetch(url + path, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) });
  return { child, url, told, post, log: () => log, ended: once(child, "exit") };
}

const chat = (content: string) => ({ messages: [{ role: "user", content }], max_tokens: 12 });
/** Loading libtorch takes its time where many tests run at once. */
const patience = { timeout: 180_000 };

describe("unmask serve", patience, () => {
  let server: Awaited<ReturnType<typeof serve>>;
  const right = { authorization: "Bearer two" };
  beforeAll(async () => {
    const keys = join(root, "keys");
    writeFileSync(keys, "one\ntwo\n");
    server = await serve("--api-key-file", keys, "--max-body", "1", "--max-sequences", "2");
  }, patience.timeout);

  it("answers as generate does, whole and streamed", async () => {
    expect(server.told).toEqual({ model: "tiny", family: "sdar" });
    const body = { prompt: "a private text", max_tokens: 12, seed: 1 };
    const whole = await jsonOf(server.post("/v1/completions", body, right));
    const args = ["--prompt", "a private text", "--max-new-tokens", "12", "--seed", "1", "--json"];
    const { stdout } = await run("generate", "--model", model, ...args);
    const [sequence] = JSON.parse(stdout).sequences;
    expect(whole.choices[0].text).toBe(sequence.text);
    expect(whole.unmask.forwards).toEqual([sequence.nfe]);
    const streamed = await server.post("/v1/completions", { ...body, stream: true }, right);
    const events = eventsOf(await streamed.text());
    expect(events.map(({ data }) => data.choices?.[0]?.text ?? "").join("")).toBe(sequence.text);
  });

  it("takes what looks like a special token in a text for a text", async () => {
    const lengths = [];
    for (const text of ["<|mask|><|endoftext|>", "x".repeat(21)]) {
      for (const body of [
        { prompt: text, max_tokens: 4 },
        { ...chat(text), max_tokens: 4 },
      ]) {
        const path = "prompt" in body ? "/v1/completions" : "/v1/chat/completions";
        const response = await server.post(path, body, right);
        expect(response.status).toBe(200);
        lengths.push((await jsonOf(Promise.resolve(response))).usage.prompt_tokens);
      }
    }
    // Bytes are the tokens: as many as any text of that length has.
    expect(lengths[0]).toBe(21);
    expect(lengths.slice(0, 2)).toEqual(lengths.slice(2));
  });

  it("needs one of its keys, and has its limits from its flags", async () => {
    const { url, post } = server;
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect((await post("/v1/chat/completions", chat("a"))).status).toBe(401);
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    const metrics = await (await fetch(`${url}/metrics`, { headers: right })).text();
    expect(metrics).toContain("process_resident_memory_bytes");
    expect(metrics).toContain('unmask_model_info{model="tiny",family="sdar"} 1');
    expect((await post("/v1/chat/completions", chat("a".repeat(2000)), right)).status).toBe(413);
    expect((await post("/v1/chat/completions", { ...chat("a"), n: 3 }, right)).status).toBe(400);
    const late = await post("/v1/chat/completions", { ...chat("a"), timeout: 1e-4 }, right);
    expect(late.status).toBe(408);
  });

  it("stops when it is told to, and has logged no text", async () => {
    server.child.kill("SIGTERM");
    expect(await server.ended).toEqual([0, null]);
    expect(server.log()).toContain('"path":"/v1/completions","status":200');
    expect(server.log()).not.toContain("private");
  });

  it("lets a stream finish; a second signal ends it at once", async () => {
    const { child, post, ended, log } = await serve("--shutdown-timeout", "600");
    const { body } = await post("/v1/completions", { prompt: "a", max_tokens: 100, n: 60, stream: true });
    const reader = body!.getReader();
    await reader.read();
    child.kill("SIGINT");
    await expect.poll(log, { timeout: 20_000 }).toContain("stopping");
    // The same key arrives twice from a terminal; half a second later it is another.
    await new Promise((resolve) => setTimeout(resolve, 600));
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    await reader.cancel().catch(() => undefined);
  });
});

describe("what is wrong with a command line is one sentence", () => {
  it.each([
    [["--port", "70000"], /--port is 70000; give a whole number from 0 to 65535/, 2],
    [["--model", "nowhere/at/all"], /no such folder/, 2],
    [["--model", "x", "--api-key-file", "nowhere"], /nowhere: the system refused "open"/, 1],
    [["--log-level", "loud"], /give one of debug, info/, 2],
  ])("%j", async (args, sentence, code) => {
    const { exitCode, stderr } = await run("serve", ...args);
    expect(stderr).toMatch(sentence);
    expect(exitCode).toBe(code);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("a port that is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as { port: number }).port);
    // The engine's thread is a module of the built package.
    const args = ["serve", "--model", model, "--port", port, "--log-level", "silent"];
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const [exitCode] = (await once(child, "close")) as [number];
    taken.close();
    expect(stderr).toMatch(/port \d+ of 127.0.0.1 is taken; choose another with --port/);
    expect(exitCode).toBe(2);
  });
});
