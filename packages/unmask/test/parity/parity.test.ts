// The parity runner over the repository's fixtures, and what it does with cases that are wrong, strange or broken.

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeOracleCases } from "./oracle-cases.ts";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const runner = fileURLToPath(new URL("../../../../tools/parity/main.mjs", import.meta.url));

interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  unknown: number;
  cases: { case: string; kind: string; status: string; reason?: string; worst?: { quantity: string } }[];
}

/** Runs `npm run parity -- args` without npm. */
async function parity(...args: string[]) {
  const child = spawn(process.execPath, [runner, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) => {
    stream.setEncoding("utf8");
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  }) as [Promise<string>, Promise<string>];
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const lines = (await stdout).trimEnd().split("\n");
  const last = lines.at(-1) ?? "";
  const summary = last.startsWith("{") ? (JSON.parse(last) as Summary) : undefined;
  return { exitCode, lines, summary: summary!, stderr: await stderr };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "unmask-parity-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** New values by dotted path into the JSON; undefined removes. */
type Changes = Record<string, (old: number) => unknown>;

/** Copies a case, and the checkpoint, into the temporary folder, with changes to its JSON. */
function copyCase(name: string, changes: Changes = {}): void {
  const target = join(folder, "mdlm");
  cpSync(join(fixtures, "mdlm", "model"), join(target, "model"), { recursive: true });
  const json = JSON.parse(readFileSync(join(fixtures, "mdlm", `${name}.json`), "utf8"));
  for (const [path, change] of Object.entries(changes)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    const owner = keys.reduce((inside, key) => inside[key], json);
    owner[last] = change(owner[last]);
  }
  writeFileSync(join(target, `${name}.json`), JSON.stringify(json));
  const { tensors_file: tensors } = json;
  if (tensors !== undefined) cpSync(join(fixtures, "mdlm", tensors), join(target, tensors));
}

describe("the repository's fixtures", () => {
  it("all agree, each with a line, nothing left uncompared", async () => {
    const { exitCode, lines, summary } = await parity(fixtures);
    expect(summary.cases.filter(({ status }) => status !== "passed")).toEqual([]);
    expect(summary).toMatchObject({ passed: 11, failed: 0, skipped: 0, unknown: 0 });
    expect(lines).toHaveLength(12);
    expect(lines.filter((line) => line.includes("not compared"))).toEqual([]);
    expect(exitCode).toBe(0);
  });
});

describe("cases of other dimensions", () => {
  it("agree with the float64 oracle, whatever sizes, seeds and variants", async () => {
    const names = writeOracleCases(folder, 5);
    const { exitCode, summary } = await parity(folder);
    expect(summary.cases.filter(({ status }) => status !== "passed")).toEqual([]);
    expect(summary.cases.map((one) => one.case).sort()).toEqual(names.map((name) => `mdlm/${name}`).sort());
    expect(summary.cases.map(({ kind }) => kind)).toContain("mdlm/sampler_run");
    expect(exitCode).toBe(0);
  });
});

describe("a wrong case", () => {
  it("fails when a recorded token, number or array was changed, and only it", async () => {
    copyCase("stratified_t");
    copyCase("noise_schedule", { "outputs.alpha.7": (alpha) => alpha + 1e-4 });
    copyCase("sampler_run_greedy_end", { "outputs.final_tokens.3": () => 0 });
    copyCase("subs_logprobs");
    const arrays = join(folder, "mdlm", "subs_logprobs.safetensors");
    const bytes = readFileSync(arrays);
    bytes.writeFloatLE(-1, bytes.length - 4 * 320 + 4);
    writeFileSync(arrays, bytes);
    const { exitCode, summary, lines } = await parity(folder);
    const status = Object.fromEntries(summary.cases.map((one) => [one.case, one.status]));
    expect(status).toEqual({
      "mdlm/noise_schedule": "failed",
      "mdlm/sampler_run_greedy_end": "failed",
      "mdlm/stratified_t": "passed",
      "mdlm/subs_logprobs": "failed",
    });
    expect(lines.join("\n")).toMatch(
      /FAIL {2}mdlm\/sampler_run_greedy_end .*final_tokens\[3\]: 224, expected 0/,
    );
    expect(exitCode).toBe(1);
  });

  it("follows the case's own tolerance", async () => {
    copyCase("stratified_t", {
      tolerance: () => ({ abs: 0.01 }),
      "outputs.rows.0.t.0": (t) => t + 0.005,
    });
    expect((await parity(folder)).exitCode).toBe(0);
  });

  it("fails, and does not end the run, when it is broken", async () => {
    copyCase("ema");
    copyCase("nelbo_full", { "inputs.x0": () => undefined });
    copyCase("dit_logits", { checkpoint: () => "mdlm/nowhere" });
    copyCase("stratified_t", { "outputs.rows": () => [] });
    copyCase("ancestral_step");
    truncateSync(join(folder, "mdlm", "ancestral_step.safetensors"), 1000);
    writeFileSync(join(folder, "mdlm", "damaged.json"), '{"case": "dama');
    writeFileSync(join(folder, "mdlm", "stray.json"), '{"hello": 1}');
    const { exitCode, summary } = await parity(folder);
    const reasons = Object.fromEntries(summary.cases.map(({ case: name, reason }) => [name, reason]));
    expect(summary).toMatchObject({ passed: 1, failed: 6, unknown: 0 });
    expect(reasons["mdlm/nelbo_full"]).toBe("inputs.x0 is missing");
    expect(reasons["mdlm/dit_logits"]).toContain("there is no checkpoint folder mdlm/nowhere");
    expect(reasons["mdlm/stratified_t"]).toContain("nothing that could be compared");
    expect(reasons["mdlm/ancestral_step"]).toContain("ancestral_step.safetensors");
    expect(reasons["mdlm/damaged"]).toContain("cannot be read");
    expect(reasons["mdlm/stray"]).toContain("is no case");
    expect(exitCode).toBe(1);
  });
});

describe("kinds", () => {
  it("an unknown kind or family is an error that names a near one", async () => {
    copyCase("stratified_t");
    for (const path of ["mdlm/ancestral_setp_2", "mdml/ema"]) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, `${path}.json`), JSON.stringify({ case: "x", outputs: {} }));
    }
    const { exitCode, summary } = await parity(folder);
    expect(summary).toMatchObject({ passed: 1, failed: 0, skipped: 0, unknown: 2 });
    expect(summary.cases[0]!.reason).toBe('unknown kind "ancestral_setp"; did you mean "ancestral_step"?');
    expect(summary.cases[2]!.reason).toBe('unknown family "mdml"; did you mean "mdlm"?');
    expect(exitCode).toBe(1);
  });

  it("a kind that is not built yet is skipped with the reason, and that is no failure", async () => {
    mkdirSync(join(folder, "d3llm"));
    for (const name of ["llada_multi_block_kv_3", "dream_multi_block_7_left_pad"]) {
      writeFileSync(join(folder, "d3llm", `${name}.json`), JSON.stringify({ name, inputs: {} }));
    }
    const { exitCode, summary, lines } = await parity(folder);
    expect(summary).toMatchObject({ passed: 0, failed: 0, skipped: 2, unknown: 0 });
    expect(summary.cases.map(({ kind }) => kind)).toEqual([
      "d3llm/dream_multi_block",
      "d3llm/llada_multi_block_kv",
    ]);
    expect(lines[0]).toMatch(
      /^skip {2}d3llm\/dream_multi_block_7_left_pad {2,}d3llm: .* not implemented yet$/,
    );
    expect(exitCode).toBe(0);
  });
});

describe("the command", () => {
  it.each([
    [["/nowhere/at-all"], "is no folder"],
    [["--fast"], "unknown option --fast"],
    [["a", "b"], "give one folder"],
  ])("refuses %j with one sentence", async (args, words) => {
    const { exitCode, stderr } = await parity(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("fails where there is nothing to run", async () => {
    const { exitCode, summary, stderr } = await parity(folder);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("holds no case");
    expect(summary.cases).toEqual([]);
  });
});
