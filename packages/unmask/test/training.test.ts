// Every objective through the command line, on data of a few lines: trained, its model written with, inspected and gone on
// from; and what is refused, with one sentence, its exit code and nothing left behind.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { byteTokenizer } from "../src/text/new-tokenizer.ts";
import { saveTokenizer } from "../src/text/tokenizer-files.ts";
import type { EventOf, TrainEvent } from "../src/train/events.ts";
import { run } from "./cli/run.ts";
import { randomModel, tinyGpt2 } from "./random-model.ts";
import { type TinyFamily, tinyFamilies, tinyModel } from "./tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-training-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

const stories = file("stories.txt", "ben has a cat . the cat sleeps . ".repeat(20));
const rows = file("rows.jsonl", lines(Array.from({ length: 20 }, (_, i) => ({ text: `ben ${i % 7}` }))));
const problems = file(
  "problems.jsonl",
  lines(Array.from({ length: 20 }, (_, i) => ({ prompt: `${i}+1?`, response: ` ${i + 1}` }))),
);
const turn = (i: number) => [
  { role: "user", content: `q${i}` },
  { role: "assistant", content: `a${i}` },
];
const chats = file(
  "chats.jsonl",
  lines(Array.from({ length: 20 }, (_, i) => ({ messages: [...turn(i), ...turn(i + 1)] }))),
);

const models = {} as Record<TinyFamily, string>;
beforeAll(async () => {
  for (const family of tinyFamilies) models[family] = await tinyModel(root, family);
});

const common = [
  ...["threads=1", "dtype=float32", "train.batch_size=3", "train.warmup=1", "train.steps=3"],
  ...["train.evaluate_every=0"],
];
const small = ["model.hidden_size=16", "model.blocks=1", "model.heads=2", "model.length=16"];

let runs = 0;
const newOut = (): string => join(root, `run-${runs++}`);
const trained = (out: string, ...args: string[]) => run("train", "--out", out, ...common, ...args);

function startOf(out: string): EventOf<"start"> {
  const [first] = readFileSync(join(out, "metrics.jsonl"), "utf8").split("\n", 1);
  return JSON.parse(first!) as EventOf<"start">;
}

const lossesOf = (out: string): number[] =>
  readFileSync(join(out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainEvent)
    .flatMap((event) => (event.type === "step" ? [event.loss] : []));

interface Case {
  readonly data: string;
  /** Family of a fresh model, or of one that is gone on from. */
  readonly fresh?: string;
  readonly base?: TinyFamily;
  readonly method: string;
  readonly more?: readonly string[];
}

const cases: Record<string, Case> = {
  "joined texts": { data: stories, fresh: "mdlm", method: "rows" },
  "padded texts": {
    data: rows,
    fresh: "mdlm",
    method: "rows",
    more: ["data.layout=pad", "tokenizer.kind=words"],
  },
  "uniform noise": { data: stories, fresh: "mdlm", method: "rows", more: ["objective.noise=uniform"] },
  "texts with the shift": { data: stories, fresh: "dream", method: "answers" },
  "texts in blocks": {
    data: stories,
    fresh: "sdar",
    method: "blocks",
    more: ["tokenizer.kind=bpe", "tokenizer.size=270"],
  },
  "answers of a fresh llada": { data: problems, fresh: "llada", method: "answers" },
  "bfloat16 weights": {
    ...{ data: stories, fresh: "mdlm", method: "rows" },
    more: ["weights=bfloat16", "train.recompute=true", "train.micro_batch_size=2", "train.ema=0.9"],
  },
  "a saved mdlm": { data: stories, base: "mdlm", method: "rows" },
  "a saved llada": { data: problems, base: "llada", method: "answers" },
  "a saved dream": { data: problems, base: "dream", method: "answers", more: ["train.ema=0.9"] },
  "a saved sdar": { data: problems, base: "sdar", method: "blocks" },
  "chats, each turn": { data: chats, base: "llada", method: "answers", more: ["data.turns=each"] },
  "chats, all turns": { data: chats, base: "sdar", method: "blocks", more: ["data.turns=all"] },
};

const modelArgs = ({ fresh, base }: Case): readonly string[] =>
  base === undefined
    ? [...small, `model.family=${fresh}`]
    : [`model.path=${models[base]}`, ...(base === "mdlm" ? [] : ["model.length=64"])];

describe("unmask train learns", () => {
  it.each(Object.entries(cases))("%s, and its model serves", async (_name, one) => {
    const [out, next] = [newOut(), newOut()];
    const { exitCode, stderr } = await trained(
      out,
      `data.path=${one.data}`,
      ...modelArgs(one),
      ...(one.more ?? []),
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(startOf(out)).toMatchObject({ method: one.method, fromStep: 0 });
    expect(lossesOf(out).every((loss) => loss > 0 && Number.isFinite(loss))).toBe(true);
    const written = await run(
      "generate",
      "--model",
      out,
      "--prompt",
      "ben",
      "--max-new-tokens",
      "4",
      "--json",
    );
    expect(written.exitCode).toBe(0);
    expect((await run("inspect", "model", join(out, "model"))).exitCode).toBe(0);
    const noise = one.more?.filter((change) => change.startsWith("objective.")) ?? [];
    const on = await trained(next, `data.path=${stories}`, `model.path=${out}`, "model.length=16", ...noise);
    expect({ exitCode: on.exitCode, stderr: on.stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it.each(["llada", "dream", "sdar"] as const)("adapters of %s, which serve and merge", async (family) => {
    const [out, merged] = [newOut(), newOut()];
    const base = models[family];
    const args = [`data.path=${problems}`, `model.path=${base}`, "model.length=64", "adapter.rank=2"];
    const { exitCode, stdout } = await trained(out, ...args, "train.learning_rate=0.05");
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`unmask generate --model ${base} --adapter ${out}`);
    const { parameters, trainedParameters } = startOf(out);
    expect(trainedParameters).toBeLessThan(parameters / 5);
    const write = async (...model: string[]) => {
      const how = ["--prompt", "1+1?", "--max-new-tokens", "4", "--seed", "1", "--json"];
      const done = await run("generate", ...model, ...how);
      expect(done.exitCode).toBe(0);
      return (JSON.parse(done.stdout) as { text: string }).text;
    };
    const beside = await write("--model", base, "--adapter", out);
    expect((await run("merge", "--model", base, "--adapter", out, "--out", merged)).exitCode).toBe(0);
    expect(await write("--model", merged)).toBe(beside);
    expect((await run("generate", "--model", out, "--prompt", "x")).stderr).toContain(
      `holds an adapter beside ${base}; give that as --model and this folder as --adapter`,
    );
  });

  it("a stream of several files, resumed, as it would without a pause", async () => {
    const second = file("more.jsonl", lines(Array.from({ length: 20 }, (_, i) => ({ text: `tom ${i}` }))));
    const args = [`data.path=[${rows},${second}]`, "data.stream=true", "data.shuffle_buffer=7", ...small];
    const more = [`data.held_out_path=${stories}`, "train.schedule=constant"];
    const [whole, parts] = [newOut(), newOut()];
    expect((await trained(whole, ...args, ...more, "train.steps=30")).exitCode).toBe(0);
    for (const steps of [11, 12, 30]) {
      const begun = existsSync(parts);
      const { exitCode } = begun
        ? await run("train", "--resume", "--out", parts, `train.steps=${steps}`)
        : await trained(parts, ...args, ...more, `train.steps=${steps}`);
      expect(exitCode).toBe(0);
    }
    const model = (out: string) => readFileSync(join(out, "model", "model.safetensors"));
    expect(model(parts).equals(model(whole))).toBe(true);
    expect(lossesOf(parts)).toEqual(lossesOf(whole));
  });

  it("the same from its own config.yaml", async () => {
    const [first, again] = [newOut(), newOut()];
    expect((await trained(first, "--data", stories, ...small)).exitCode).toBe(0);
    expect((await run("train", join(first, "config.yaml"), `out=${again}`)).exitCode).toBe(0);
    const model = (out: string) => readFileSync(join(out, "model", "model.safetensors"));
    expect(model(again).equals(model(first))).toBe(true);
  });
});

describe("unmask train refuses", () => {
  const broken = file("broken.jsonl", '{"text":"a"}\n{"text":"b"}\n{"text":"c\n{"text":"d"}\n');
  const wrongField = file("field.jsonl", '{"txt":"a"}\n{"txt":"b"}\n');
  const half = file("half.jsonl", '{"prompt":"a"}\n');
  const long = file("long.jsonl", lines([{ prompt: "a".repeat(60), response: "b" }]));
  const yaml = file("unknown.yaml", stringify({ data: { path: stories, layuot: "wrap" } }));
  const fresh = (path: string, ...more: string[]) => [`data.path=${path}`, ...small, ...more];
  const gpt2 = randomModel(join(root, "gpt2"), { ...tinyGpt2, n_positions: 64, vocab_size: 258 });
  beforeAll(() => saveTokenizer(byteTokenizer(), gpt2));
  const going =
    (family: TinyFamily, path: string, ...more: string[]) =>
    () => [`data.path=${path}`, `model.path=${models[family]}`, ...more];

  const wrong: [string, string, (() => string[]) | string[]][] = [
    [
      "an unknown key",
      'unknown key "train.stepz" (did you mean "train.steps"?)',
      fresh(stories, "train.stepz=4"),
    ],
    ["an unknown key of a file", 'unknown key "data.layuot" (did you mean "data.layout"?)', [yaml]],
    [
      "a shift",
      "objective.shift is true, and a mdlm network is not shifted",
      fresh(stories, "objective.shift=true"),
    ],
    [
      "blocks that do not fill a row",
      "rows of 16 tokens are no whole number of blocks of 5; give model.length as a multiple of 5",
      fresh(stories, "model.family=sdar", "model.block_length=5"),
    ],
    ["blocks of another family", 'objective.kind "blocks" needs', fresh(stories, "objective.kind=blocks")],
    ["rows of answers", 'objective.kind "rows" needs texts', fresh(problems, "objective.kind=rows")],
    ["an adapter of nothing", "give model.path, or leave it out", fresh(stories, "adapter.rank=4")],
    ["two sizes", "model.hidden_size is for a fresh model", going("llada", stories, "model.hidden_size=8")],
    ["two tokenizers", "has its own tokenizer", going("llada", stories, "tokenizer.kind=words")],
    ["too long rows", "model.length is 32 and", going("mdlm", stories, "model.length=32")],
    [
      "adapters of mdlm",
      "adapters are served for LLaDA, Dream and SDAR",
      going("mdlm", stories, "adapter.rank=2"),
    ],
    [
      "a causal model",
      "a gpt2 network is causal and fills in nothing",
      [`data.path=${stories}`, `model.path=${gpt2}`],
    ],
    ["a missing file", "does not exist", fresh(join(root, "none.txt"))],
    ["an empty file", "nothing to learn from (no rows at all)", fresh(file("empty.jsonl", ""))],
    ["a corrupt row", "broken.jsonl, line 3: not valid JSON", fresh(broken)],
    ["a wrong field", 'the fields are: txt (did you mean "txt"?)', fresh(wrongField)],
    ["half a pair", "the fields are: prompt; set data.field", fresh(half)],
    [
      "a prompt that fills its row",
      "whose prompts alone fill a row of 16",
      fresh(long, "model.family=llada"),
    ],
    [
      "a decay of 1",
      "train.beta2 is 1; expected a number of at least 0 and below 1",
      fresh(stories, "train.beta2=1"),
    ],
  ];

  it.each(wrong)("%s", async (_name, sentence, args) => {
    const out = newOut();
    const { exitCode, stderr } = await trained(out, ...(typeof args === "function" ? args() : args));
    const said = stderr.trim().split("\n");
    expect(said.filter((line) => line.startsWith("error: "))).toHaveLength(1);
    expect(said.at(-1)).toContain(sentence);
    expect(exitCode).toBe(2);
    expect(existsSync(out)).toBe(false);
  });

  it("to go on with something else, naming it, and leaves the run as it was", async () => {
    const text = file("changing.txt", readFileSync(stories, "utf8"));
    const out = newOut();
    expect((await trained(out, "--data", text, ...small)).exitCode).toBe(0);
    const config = readFileSync(join(out, "config.yaml"), "utf8");
    const resumed = async (...changes: string[]) => {
      const { exitCode, stderr } = await run("train", "--resume", "--out", out, ...changes);
      expect(exitCode).toBe(2);
      return stderr;
    };
    const isOther = (what: string) => `step-3: ${what} not what the run was begun with; resume with the same`;
    expect(await resumed("train.batch_size=4", "train.steps=6")).toContain(isOther("train.batch_size is"));
    expect(await resumed("seed=4", "train.ema=0.5")).toContain(isOther("seed, train.ema are"));
    expect(await resumed("tokenizer.kind=words")).toContain(isOther("tokenizer is"));
    writeFileSync(text, readFileSync(stories, "utf8").replace("cat", "dog"));
    expect(await resumed("train.steps=6")).toContain(isOther("data is"));
    expect(readFileSync(join(out, "config.yaml"), "utf8")).toBe(config);
  });

  it("to go on beside other weights of the model", async () => {
    const base = await tinyModel(root, "llada");
    const out = newOut();
    const args = [`data.path=${problems}`, `model.path=${base}`, "model.length=32"];
    expect((await trained(out, ...args)).exitCode).toBe(0);
    const weights = join(base, "model.safetensors");
    const bytes = readFileSync(weights);
    const middle = Math.floor(0.6 * bytes.length);
    bytes[middle] = bytes[middle]! ^ 1;
    writeFileSync(weights, bytes);
    const { exitCode, stderr } = await run("train", "--resume", "--out", out, "train.steps=6");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("the model at model.path is not what the run was begun with");
  });
});
