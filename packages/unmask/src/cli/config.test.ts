import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "../base/errors.ts";
import { trainConfigSchema } from "../train/config.ts";
import {
  type ConfigSources,
  configText,
  describeKeys,
  isOverride,
  readConfig,
  resolveConfig,
} from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function yamlFile(text: string): string {
  const path = join(folder, "run.yaml");
  writeFileSync(path, text);
  return path;
}

const schema = z.strictObject({
  name: z.string().min(1),
  train: z
    .strictObject({
      steps: z.number().int().positive().default(5000),
      minutes: z.number().positive().optional(),
      rate: z.number().positive(),
      schedule: z.enum(["linear", "cosine"]).default("cosine"),
      ema: z.number().min(0).max(1).default(0.9),
    })
    .prefault({ rate: 0.5 }),
  threads: z.union([z.literal("auto"), z.number().int().positive()]).default("auto"),
});

const resolve = (sources: ConfigSources) => resolveConfig(schema, { base: { name: "n" }, ...sources });

function messageOf(sources: ConfigSources): string {
  try {
    resolve(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message).not.toContain("\n");
    return message;
  }
  throw new Error("resolved");
}

describe("layers", () => {
  it("puts defaults under base under file under flags under overrides", () => {
    const file = yamlFile("train:\n  steps: 7\n  rate: 2\n");
    const { config } = resolve({
      base: { name: "base", train: { steps: 1, ema: 0.1 } },
      file,
      flags: { "train.rate": 3, "train.steps": 8 },
      overrides: ["train.steps=9"],
    });
    expect(config).toEqual({
      name: "base",
      train: { steps: 9, ema: 0.1, rate: 3, schedule: "cosine" },
      threads: "auto",
    });
  });

  it("lets an undefined flag stand for no flag, and the last override win", () => {
    const { config } = resolve({
      flags: { "train.steps": undefined },
      overrides: ["train.steps=1", "train.steps=2"],
    });
    expect(config.train.steps).toBe(2);
  });

  it("reports what changed, once a key, and nothing that stayed", () => {
    const { changes } = resolve({
      flags: { name: "n" },
      overrides: [
        "train.steps=1",
        "train.steps=100",
        "train.minutes=5",
        "train.schedule=cosine",
        "threads=2",
      ],
    });
    expect(changes).toEqual([
      "train.steps: 5000 -> 100",
      "train.minutes: not set -> 5",
      "threads: auto -> 2",
    ]);
  });

  it("does not call the first value of a required key a change", () => {
    expect(resolveConfig(schema, { overrides: ["name=x"] }).changes).toEqual([]);
  });

  it("takes the group's own default as the value before", () => {
    expect(resolve({ overrides: ["train.rate=1"] }).changes).toEqual(["train.rate: 0.5 -> 1"]);
  });

  it("treats empty values as not set", () => {
    const file = yamlFile("train:\nthreads: null\n");
    expect(resolve({ file }).config).toMatchObject({ threads: "auto", train: { steps: 5000 } });
    const minutes = yamlFile("train: { minutes: 3, rate: 1 }\n");
    expect(resolve({ file: minutes, overrides: ["train.minutes="] }).config.train.minutes).toBeUndefined();
    expect(resolve({ file: yamlFile("") }).config.name).toBe("n");
  });

  it("reads a pipe once, however often it is looked at", () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    spawn("sh", ["-c", 'echo "{name: x}" > "$0"', pipe], { stdio: "ignore" });
    expect(readConfig(pipe)).toEqual({ name: "x" });
    expect(readConfig(pipe)).toEqual({ name: "x" });
  });

  it("takes a group as a whole", () => {
    const { config } = resolve({ overrides: ["train={ steps: 3, ema: 0 }", "train.rate=1"] });
    expect(config.train).toMatchObject({ steps: 3, ema: 0, rate: 1 });
  });
});

describe("values of overrides", () => {
  it.each([
    ["name=2024", "2024"],
    ["name=true", "true"],
    ["name=a=b", "a=b"],
    ["name=a: b", "a: b"],
    ["name=[x", "[x"],
    ['name="1"', "1"],
    ["name=data/my file.txt", "data/my file.txt"],
  ])("%s is a text where the schema wants one", (override, expected) => {
    expect(resolve({ overrides: [override] }).config.name).toBe(expected);
  });

  it.each([
    ["data.path=2024", "2024"],
    ["data.path=*.jsonl", "*.jsonl"],
    ["data.path=owner/name", "owner/name"],
    ["data.path=[a.txt, 7.txt]", ["a.txt", "7.txt"]],
  ])("%s is a text or a list where the schema wants either", (override, expected) => {
    expect(resolveConfig(trainConfigSchema, { overrides: [override] }).config.data.path).toEqual(expected);
  });

  it("knows an override from a file name", () => {
    expect(isOverride("train.steps=100")).toBe(true);
    expect(isOverride("seed=1")).toBe(true);
    expect(isOverride("runs/a=b.yaml")).toBe(false);
    expect(isOverride("tiny.yaml")).toBe(false);
    expect(isOverride("=1")).toBe(false);
  });
});

describe("unknown keys", () => {
  it.each([
    [["train.stepz=5"], "train.stepz", "train.steps"],
    [["steps=5"], "steps", "train.steps"],
    [["tran.steps=5"], "tran.steps", "train.steps"],
    [["Train.Steps=5"], "Train.Steps", "train.steps"],
    [["thread=5"], "thread", "threads"],
    [["train.steps.more=5"], "train.steps.more", undefined],
    [["__proto__.steps=5"], "__proto__.steps", "train.steps"],
    [["train={ stepz: 5 }"], "train.stepz", "train.steps"],
  ])("%j names the key and the nearest one", (overrides, key, nearest) => {
    const message = messageOf({ overrides });
    expect(message).toContain(`"${key}"`);
    if (nearest !== undefined) expect(message).toContain(`did you mean "${nearest}"`);
  });

  it("names the file, also for a key deep in it", () => {
    const file = yamlFile("train:\n  shedule: linear\n");
    expect(messageOf({ file })).toBe(`${file}: unknown key "train.shedule" (did you mean "train.schedule"?)`);
  });

  it("lists the keys where nothing is near", () => {
    expect(messageOf({ overrides: ["train.zzzzzzzz=1"] })).toContain("steps, minutes, rate, schedule, ema");
  });
});

describe("wrong values", () => {
  it.each([
    ["train.steps=abc", 'train.steps is "abc"; expected a whole number of at least 1'],
    ["train.steps=0", "train.steps is 0; expected a whole number of at least 1"],
    ["train.steps=1.5", "train.steps is 1.5; expected a whole number of at least 1"],
    ["train.rate=0", "train.rate is 0; expected a number above 0"],
    ["train.ema=2", "train.ema is 2; expected a number from 0 to 1"],
    ["train.schedule=cosin", 'train.schedule is "cosin"; expected one of "linear", "cosine"'],
    ["threads=none", 'threads is "none"; expected "auto" or a whole number of at least 1'],
    ["train=5", "train is 5; expected a group of keys (steps, minutes, rate, schedule, ema)"],
  ])("%s says what was expected and what was found", (override, message) => {
    expect(messageOf({ overrides: [override] })).toBe(message);
  });

  it("blames the file only for the file's values", () => {
    const file = yamlFile("train: { steps: many, rate: 1 }\n");
    expect(messageOf({ file })).toBe(`${file}: train.steps is "many"; expected a whole number of at least 1`);
    expect(messageOf({ file, overrides: ["train.steps=-1"] })).toMatch(/^train\.steps is -1/);
  });

  it("says which key is missing, and how many problems more there are", () => {
    expect(() => resolveConfig(schema, {})).toThrow(
      '"name" is missing; give name=..., a text that is not empty',
    );
    expect(messageOf({ overrides: ["train.steps=0", "train.ema=9"] })).toContain("(and 1 more)");
  });
});

describe("checks between keys", () => {
  it("say their own sentence", () => {
    const even = schema.refine(({ train }) => train.steps % 2 === 0, {
      path: ["train", "steps"],
      error: "must be even",
    });
    const sources = { base: { name: "n" }, overrides: ["train.steps=3"] };
    expect(() => resolveConfig(even, sources)).toThrow(/^train\.steps: must be even$/);
    expect(resolveConfig(even, { base: { name: "n" } }).config.train.steps).toBe(5000);
  });
});

describe("files", () => {
  it("refuses what is missing, no YAML, or no keys", () => {
    yamlFile("{}");
    expect(messageOf({ file: join(folder, "ran.yaml") })).toContain(
      `does not exist (did you mean "${join(folder, "run.yaml")}"?)`,
    );
    expect(messageOf({ file: folder })).toContain("EISDIR");
    expect(messageOf({ file: yamlFile("a: [1\nb: 2\n") })).toMatch(/run\.yaml, line \d+: not valid YAML/);
    expect(messageOf({ file: yamlFile("name: a\nname: b\n") })).toContain("not valid YAML");
    expect(messageOf({ file: yamlFile("- 1\n") })).toContain("holds [1], not keys");
  });

  it("refuses a bomb of aliases", () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(",")}]`,
    );
    expect(messageOf({ file: yamlFile(`a0: &a0 [x]\n${levels.join("\n")}\n`) })).toContain("not usable YAML");
  });
});

describe("the configuration of training", () => {
  it("resolves from a data path alone, and reads back what it writes", () => {
    const { config } = resolveConfig(trainConfigSchema, { flags: { "data.path": "book.txt" } });
    expect(config.data).toMatchObject({ path: "book.txt", kind: "auto" });
    const text = configText(config, "a comment");
    expect(text).toMatch(/^# a comment\n/);
    expect(resolveConfig(trainConfigSchema, { base: parse(text) }).config).toEqual(config);
  });

  it("describes every key with its default", () => {
    const help = describeKeys(trainConfigSchema);
    expect(help).toMatch(/^ {2}train\.batch_size +.*a whole number of at least 1 \(default 64\)$/m);
    expect(help).toMatch(/^ {2}data\.path +file, folder/m);
  });
});
