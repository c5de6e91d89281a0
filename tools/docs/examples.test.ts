// examples/: type-checked as they stand, compiled and run on a tiny model.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyModel } from "../../packages/unmask/test/tiny-models.ts";
import { compile } from "./programs.mjs";
import { commandPath, runIn } from "./run.mjs";

const root = join(import.meta.dirname, "..", "..");
const names = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));
const folder = mkdtempSync(join(tmpdir(), "unmask-examples-"));
let built: ReturnType<typeof compile>;
let model: string;

beforeAll(async () => {
  const texts = names.map((name) => readFileSync(join(root, "examples", name), "utf8"));
  built = compile(
    root,
    "examples",
    new Map(names.map((name, at) => [name.replace(/\.ts$/, ""), texts[at]!])),
  );
  model = await tinyModel(folder, "llada");
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (name: string, args: string[]) =>
  runIn(process.execPath, [built.compiled(name), ...args], { cwd: folder, path: process.env.PATH ?? "" });

test("they are type-checked, and all are run here", () => {
  expect(built.complaints).toBe("");
  expect(names.sort()).toEqual(["ask-server.ts", "write.ts"]);
});

test("write.ts", async () => {
  const { status, output } = await run("write", [model, "ab"]);
  expect(status, output).toBe(0);
  expect(output).toMatch(/\d+ forwards, \d+\.\d\d tokens a forward/);
  expect(output).toMatch(/^forward 0: "/m);
  expect(readdirSync(folder)).toContain("out.parquet");
  expect((await run("write", [])).status).toBe(2);
}, 300_000);

test("ask-server.ts, against unmask serve", async () => {
  const unmask = join(root, "packages", "unmask", "bin", "unmask.mjs");
  const server = spawn(process.execPath, [unmask, "serve", "--model", model, "--port", "0"], {
    cwd: folder,
    env: { ...process.env, PATH: commandPath(root, folder), OMP_NUM_THREADS: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    let told = "";
    const address = await new Promise<string>((done, fail) => {
      for (const stream of [server.stdout, server.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
          told += text;
          const found = /http:\/\/127\.0\.0\.1:\d+/.exec(told)?.[0];
          if (found !== undefined) done(found);
        });
      server.on("close", () => fail(new Error(`the server ended: ${told}`)));
    });
    const { status, output } = await run("ask-server", [`${address}/v1`]);
    expect(status, output).toBe(0);
    const [whole, streamed] = output.split("\n");
    expect(streamed).toBe(whole);
  } finally {
    server.kill();
  }
}, 300_000);
