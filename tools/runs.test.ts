// The scripts of published experiments, every stage of each on a tiny network.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const scripts = readdirSync(join(root, "runs")).filter((name) => name.endsWith(".sh") && name !== "lib.sh");

function smoke(script: string): Promise<{ status: number | null; output: string }> {
  const env = { ...process.env, OMP_NUM_THREADS: "1", GPUS: "0" };
  const child = spawn(join(root, "runs", script), ["--smoke"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  return new Promise((done) => child.on("close", (status) => done({ status, output })));
}

/** Verbs of the stages, in order. */
const stages = (output: string) => [...output.matchAll(/^\+ unmask (\w+)/gm)].map(([, verb]) => verb);

const d3llm = ["train", "rollout", "distill", "merge", "sweep", "sweep", "aup"];
const expected: Record<string, string[]> = {
  "t3d-sdar.sh": ["train", "rollout", "distill", "sweep", "sweep", "sweep", "sweep", "aup"],
  "d3llm-llada.sh": d3llm,
  "d3llm-dream.sh": d3llm,
  "d3llm-coder.sh": d3llm.filter((verb) => verb !== "merge"), // all weights are trained
  "didi-mdlm.sh": ["train", "distill", "sweep", "sweep"],
};

test("every script is run here", () => expect(Object.keys(expected).sort()).toEqual(scripts.sort()));

test.each(Object.entries(expected))("%s --smoke", { timeout: 900_000 }, async (script, verbs) => {
  const { status, output } = await smoke(script);
  expect(output).not.toMatch(/^error/m);
  expect(status).toBe(0);
  expect(stages(output)).toEqual(verbs);
  expect(output).toContain(script === "didi-mdlm.sh" ? "generative perplexity" : "AUP");
});

test("an unknown argument is refused", async () => {
  const child = spawn(join(root, "runs", "t3d-sdar.sh"), ["--smock"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told += text;
  });
  const status = await new Promise((done) => child.on("close", done));
  expect([status, told.trim()]).toEqual([
    2,
    expect.stringContaining("unknown argument --smock; there is --smoke"),
  ]);
});
