// The parity runner over the repository's fixtures, and what it does with cases that are wrong, strange or broken.

import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readParameters } from "../../src/models/load.ts";
import { openModel } from "../../src/models/open.ts";
import { saveLike } from "../../src/models/save.ts";
import { writeNetworkCases } from "./network-cases.ts";
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

/** Copies a case, and its checkpoint, into the temporary folder, with changes to its JSON. */
function copyCase(name: string, changes: Changes = {}, family = "mdlm"): void {
  const target = join(folder, family);
  const source = join(fixtures, family);
  for (const model of ["model", "checkpoint"].filter((one) => existsSync(join(source, one))))
    cpSync(join(source, model), join(target, model), { recursive: true });
  const json = JSON.parse(readFileSync(join(source, `${name}.json`), "utf8"));
  for (const [path, change] of Object.entries(changes)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    const owner = keys.reduce((inside, key) => inside[key], json);
    owner[last] = change(owner[last]);
  }
  writeFileSync(join(target, `${name}.json`), JSON.stringify(json));
  const tensors = json.tensors_file ?? json.outputs?.tensors;
  if (tensors !== undefined) cpSync(join(source, tensors), join(target, tensors));
}

describe("the repository's fixtures", () => {
  it("all agree, each with a line, nothing left uncompared", async () => {
    const { exitCode, lines, summary } = await parity(fixtures);
    expect(summary.cases.filter(({ status }) => status !== "passed")).toEqual([]);
    const count = summary.cases.length;
    expect(count).toBeGreaterThanOrEqual(39);
    expect(summary).toMatchObject({ passed: count, failed: 0, skipped: 0, unknown: 0 });
    expect(lines).toHaveLength(count + 1);
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

describe("networks of other dimensions", () => {
  it.each([1, 2, 3])("agree with the float64 oracle (seed %i)", async (seed) => {
    const names = writeNetworkCases(folder, seed);
    const { exitCode, summary } = await parity(folder);
    expect(summary.cases.filter(({ status }) => status !== "passed")).toEqual([]);
    expect(summary.cases.map((one) => one.case).sort()).toEqual(names.sort());
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

describe("cases of networks", () => {
  it("fail by what is wrong: an argmax, an id, a position, padding that is not honoured, an array", async () => {
    const one = JSON.parse(readFileSync(join(fixtures, "llada", "logits_b2_left_pad.json"), "utf8"));
    copyCase("logits_b1", { "outputs.argmax.0.3": (id) => id + 1 }, "llada");
    copyCase("logits_b2", { "inputs.input_ids.1.2": (id) => (id + 1) % 300 }, "llada");
    copyCase("logits_b2_left_pad", { "inputs.attention_mask": () => undefined }, "llada");
    copyCase(
      "logits_mask_ignored",
      {
        "outputs.compare_positions": () => one.inputs.attention_mask.map((row: number[]) => row.map(() => 1)),
      },
      "llada",
    );
    copyCase("logits_b2_left_pad", { "inputs.position_ids.1.9": (place) => place + 1 }, "dream");
    copyCase("logits_kv_cache", { "arguments.block_size": () => 2 }, "sdar");
    copyCase("logits", { "outputs.mean_nll": (nll) => nll + 2e-4 }, "gpt2");
    const { summary } = await parity(folder);
    expect(summary.cases.filter(({ status }) => status !== "failed")).toEqual([]);
    const worst = Object.fromEntries(summary.cases.map((found) => [found.case, found.worst?.quantity]));
    expect(worst["llada/logits_b1"]).toMatch(/^argmax/);
    expect(worst["gpt2/logits"]).toMatch(/^mean_nll/);
  });

  it("are compared where they count: what stands at padding is free", async () => {
    copyCase("logits_b2_left_pad", { "outputs.argmax.1.0": () => 1 }, "llada");
    expect((await parity(folder)).exitCode).toBe(0);
  });

  it("of LLaDA and Dream hold for a sharded checkpoint beside the single file, bit for bit", async () => {
    for (const family of ["llada", "dream"]) {
      copyCase("logits_b1", {}, family);
      const single = join(folder, family, "checkpoint");
      const origin = openModel(single);
      saveLike(origin, readParameters(origin), { folder: `${single}_sharded`, maxShardBytes: 100_000 });
      expect(readdirSync(`${single}_sharded`)).toContain("model.safetensors.index.json");
    }
    const { exitCode } = await parity(folder);
    expect(exitCode).toBe(0);
    const embedding = join(folder, "dream", "checkpoint_sharded", "model-00001-of-00007.safetensors");
    const bytes = readFileSync(embedding);
    bytes[bytes.length - 4]! ^= 1;
    writeFileSync(embedding, bytes);
    const { summary } = await parity(folder);
    expect(summary.cases.map(({ status }) => status)).toEqual(["failed", "passed"]);
  });
});

describe("kinds", () => {
  it.each([
    [["--kind", "logits,cache"], ["dream", "gpt2", "llada", "mdlm", "sdar"], 16],
    [["--kind=kv_cache", "--kind", "didi/student_ema,logits_full"], ["didi", "sdar"], 4],
  ])("%j runs those alone", async (args, expected, count) => {
    const { exitCode, lines, summary } = await parity(fixtures, ...args);
    expect(summary).toMatchObject({ passed: count, failed: 0, skipped: 0, unknown: 0 });
    expect(lines).toHaveLength(count + 1);
    expect([...new Set(summary.cases.map(({ kind }) => kind.split("/")[0]))].sort()).toEqual(expected);
    expect(exitCode).toBe(0);
  });

  it("selected ones decide the exit code, also where none is there", async () => {
    copyCase("stratified_t");
    copyCase("noise_schedule", { "outputs.alpha.7": (alpha) => alpha + 1e-4 });
    expect((await parity(folder, "--kind", "stratified")).exitCode).toBe(0);
    expect((await parity(folder, "--kind", "noise")).exitCode).toBe(1);
    const none = await parity(folder, "--kind", "logits");
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain("holds no case of the kinds logits");
  });

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

  it("a kind with nothing to compute is skipped with the reason, and that is no failure", async () => {
    mkdirSync(join(folder, "aup"));
    for (const name of ["leaderboard_average", "leaderboard_average_2"]) {
      writeFileSync(join(folder, "aup", `${name}.json`), JSON.stringify({ name, inputs: {} }));
    }
    const { exitCode, summary, lines } = await parity(folder);
    expect(summary).toMatchObject({ passed: 0, failed: 0, skipped: 2, unknown: 0 });
    expect(summary.cases.map(({ kind }) => kind)).toEqual([
      "aup/leaderboard_average",
      "aup/leaderboard_average",
    ]);
    expect(lines[0]).toMatch(
      /^skip {2}aup\/leaderboard_average_2 {2,}aup: published averages, .* nothing to compute$/,
    );
    expect(exitCode).toBe(0);
  });
});

describe("the command", () => {
  it.each([
    [["/nowhere/at-all"], "is no folder"],
    [["--fast"], "unknown option --fast"],
    [["a", "b"], "give one folder"],
    [["--kind"], "--kind takes words"],
    [["--kind", "logit"], 'is called "logit" (did you mean "logits"?); known are mdlm/dit_logits, '],
    [["--kind", "mdlm/decode"], 'no kind of case is called "mdlm/decode"'],
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
