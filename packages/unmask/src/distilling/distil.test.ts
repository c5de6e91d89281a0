// The whole way on tiny networks: a model, its rollout, a student of each method, resumed and not.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { problemAt } from "../cli/language.ts";
import { type DistillerName, distillers } from "../distill/distillers.ts";
import { describe as describeModel, load, modelFolder } from "../generate/load.ts";
import { rolloutConfigSchema } from "../rollout/config.ts";
import { readPrompts } from "../rollout/prompts.ts";
import { rollout } from "../rollout/run.ts";
import type { BaseModel } from "../train/base-model.ts";
import { trainConfigSchema } from "../train/config.ts";
import type { EventOf, TrainEvent } from "../train/events.ts";
import { train } from "../train/train.ts";
import { type DistillConfig, distillConfigSchema, usual } from "./config.ts";
import { distil, optionsOf } from "./run.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-distil-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const data = join(root, "problems.jsonl");
const families = ["sdar", "llada", "mdlm"] as const;
type Family = (typeof families)[number];
const modelOf = (family: Family) => join(root, family);
const rolloutOf = (family: Family) => join(root, `rollout-${family}`);

beforeAll(async () => {
  const lines = Array.from({ length: 40 }, (_, i) => {
    const { question, reasoning, answer } = problemAt("tiny", "varied", 1, i);
    return JSON.stringify({ prompt: question, response: ` ${reasoning} answer ${answer}`, answer });
  });
  mkdirSync(root, { recursive: true });
  writeFileSync(data, `${lines.join("\n")}\n`);
  for (const family of families) {
    const config = trainConfigSchema.parse({
      data: { path: data, held_out: 0 },
      tokenizer: { kind: "words" },
      model: { family, hidden_size: 32, blocks: 1, heads: 2, length: 40 },
      train: { steps: 6, batch_size: 8, warmup: 1, save_every: 0, evaluate_every: 0 },
      ...{ threads: 1, dtype: "float32", out: modelOf(family) },
    });
    await train(config);
    await rolloutWith(family, { out: rolloutOf(family), limit: 12 });
  }
}, 120_000);

async function rolloutWith(family: Family, { out, limit, ...more }: { out: string; limit: number }) {
  const config = rolloutConfigSchema.parse({
    ...{ model: modelOf(family), data: { path: data, limit }, max_new_tokens: 12, shard_size: 5 },
    ...{ batch_size: 4, out, ...more },
  });
  const model = await load(config.model);
  const summary = await rollout(model, await readPrompts(config), { config });
  model.dispose();
  return summary!;
}

async function baseOf(family: Family): Promise<BaseModel> {
  const folder = await modelFolder(modelOf(family));
  const { facts, tokenizer } = await describeModel(folder);
  const model = await load(folder);
  model.dispose();
  return { name: modelOf(family), folder, facts, tokenizer: tokenizer!, template: model.template };
}

function configFor(
  method: DistillerName,
  family: Family,
  change: Record<string, unknown> = {},
): DistillConfig {
  const fromTrajectories = distillers[method].data === "trajectories";
  const { train: training, distill, ...rest } = change;
  return distillConfigSchema(method).parse({
    ...(fromTrajectories ? { trajectories: { path: rolloutOf(family) } } : { data: { path: data } }),
    model: { path: modelOf(family) },
    distill: { method, ...(distill as object) },
    train: {
      ...(usual[method].train as object),
      ...{ steps: 4, batch_size: 4, warmup: 0, save_every: 0, evaluate_every: 0, ...(training as object) },
    },
    ...{ threads: 1, dtype: "float32", out: mkdtempSync(join(root, `${method}-`)), ...rest },
  }) as unknown as DistillConfig;
}

async function run(
  config: DistillConfig,
  family: Family,
  options: { resume?: boolean; until?: number } = {},
) {
  const events: TrainEvent[] = [];
  const controller = new AbortController();
  const result = await distil(config, {
    base: await baseOf(family),
    resume: options.resume,
    signal: controller.signal,
    onEvent(event) {
      events.push(event);
      if (event.type === "step" && event.step === options.until) controller.abort();
    },
  });
  return { result, steps: events.filter((event): event is EventOf<"step"> => event.type === "step") };
}

const weightsOf = ({ out }: DistillConfig): Buffer => {
  const folder = join(out, "checkpoints", readdirSync(join(out, "checkpoints")).at(-1)!);
  return Buffer.concat(
    readdirSync(folder)
      .filter((name) => name.endsWith(".safetensors"))
      .sort()
      .map((name) => readFileSync(join(folder, name))),
  );
};

const homes: [DistillerName, Family][] = [
  ["t3d", "sdar"],
  ["trajectory", "sdar"],
  ["sft", "sdar"],
  ["d3llm", "llada"],
  ["dparallel", "llada"],
  ["didi", "mdlm"],
  ["sdtt", "mdlm"],
];

describe.each(homes)("%s on %s", (method, family) => {
  it("goes on after an interruption bit for bit, and leaves a model that writes", async () => {
    const rounds = method === "t3d" ? { round_interval: 2 } : method === "sdtt" ? { grow_dt_every: 2 } : {};
    const [whole, parts] = [0, 1].map(() => configFor(method, family, { distill: rounds }));
    const expected = await run(whole!, family);
    const first = await run(parts!, family, { until: 3 });
    expect(first.result.reason).toBe("interrupted");
    const second = await run(parts!, family, { resume: true });
    const losses = (steps: readonly EventOf<"step">[]) =>
      steps.map(({ loss, gradientNorm }) => [loss, gradientNorm]);
    expect(losses([...first.steps, ...second.steps])).toEqual(losses(expected.steps));
    expect(expected.steps).toHaveLength(4);
    expect(expected.steps.every(({ gradientNorm }) => gradientNorm > 0)).toBe(true);
    expect(weightsOf(parts!).equals(weightsOf(whole!))).toBe(true);
    const model = await load(whole!.out);
    expect(model.facts.family).toBe(family);
    model.dispose();
  });
});

describe("trajectories", () => {
  it("of another model are refused, with both names", async () => {
    const config = configFor("t3d", "llada", { trajectories: { path: rolloutOf("sdar") } });
    await expect(run(config, "llada")).rejects.toThrow(
      new RegExp(
        `shard-00000\\.parquet: was written by ${modelOf("sdar")}, whose model .* is not that of ${modelOf("llada")}`,
      ),
    );
  });

  it("of an unfinished rollout are refused by the journal's name", async () => {
    const folder = mkdtempSync(join(root, "unfinished-"));
    writeFileSync(join(folder, "shard-00000.parquet.journal"), "");
    const config = configFor("t3d", "sdar", { trajectories: { path: folder } });
    await expect(run(config, "sdar")).rejects.toThrow(
      /journal: the rollout is not finished; run unmask rollout again/,
    );
  });
});

describe("a rollout", () => {
  it("is the same in other batches and shards' parts, and goes on where it was", async () => {
    const out = join(root, "again");
    const first = await rolloutWith("sdar", { out, limit: 12 });
    expect(first).toMatchObject({ prompts: 12, answers: 12, finished: true });
    const before = readFileSync(join(out, "shard-00001.parquet"));
    rmSync(join(out, "shard-00001.parquet"));
    const second = await rolloutWith("sdar", { out, limit: 12 });
    expect(second).toMatchObject({ answers: 12, finished: true });
    const ids = async (bytes: Buffer) =>
      (await (await import("../trajectory/file.ts")).decodeTrajectories(bytes, "x")).rows.map(
        ({ sequence, token_ids, reveal_step }) => [sequence, token_ids, reveal_step],
      );
    expect(await ids(readFileSync(join(out, "shard-00001.parquet")))).toEqual(await ids(before));
    await expect(rolloutWith("sdar", { out, limit: 11 })).rejects.toThrow(
      /holds a rollout with other prompts; go on with the same ones/,
    );
  });

  it("takes what room a small model has, where no length is given", async () => {
    const out = join(root, "room");
    const more = { max_new_tokens: undefined };
    expect(await rolloutWith("sdar", { out, limit: 3, ...more })).toMatchObject({
      answers: 3,
      finished: true,
    });
  });
});

it("draws random tokens among the words alone", async () => {
  const base = await baseOf("sdar");
  const options = (distill: object) => optionsOf(configFor("t3d", "sdar", { distill }), base);
  const { randomTokens } = options({}) as { randomTokens: number };
  const last = Math.max(...base.tokenizer.specialTokens.values());
  expect(base.tokenizer.specialTokens.size).toBeGreaterThan(0);
  expect(new Set(base.tokenizer.specialTokens.values()).has(randomTokens - 1)).toBe(false);
  expect(randomTokens).toBeLessThanOrEqual(last);
  expect(options({ random_tokens: 3 })).toMatchObject({ randomTokens: 3 });
});

describe("targets", () => {
  it("are learnt in the place of recorded answers, whole runs and resumed ones", async () => {
    const path = rolloutOf("llada");
    const with_ = { trajectories: { path, targets: { path: data } } };
    const [own, other, resumed] = [{}, with_, with_].map((change) => configFor("d3llm", "llada", change));
    const losses = async (config: DistillConfig) =>
      (await run(config, "llada")).steps.map(({ loss }) => loss);
    const expected = await losses(other!);
    expect(expected).not.toEqual(await losses(own!));
    await run(resumed!, "llada", { until: 2 });
    await run(resumed!, "llada", { resume: true });
    expect(weightsOf(resumed!).equals(weightsOf(other!))).toBe(true);
  });

  it("must be there for every recorded prompt, and only where a method takes them", async () => {
    const some = join(root, "some.jsonl");
    writeFileSync(some, `${readFileSync(data, "utf8").split("\n").slice(0, 3).join("\n")}\n`);
    const path = rolloutOf("llada");
    const config = configFor("d3llm", "llada", { trajectories: { path, targets: { path: some } } });
    await expect(run(config, "llada")).rejects.toThrow(
      /some\.jsonl has answers to 3 of the 12 recorded prompts; give the data that unmask rollout was given/,
    );
    expect(() => configFor("t3d", "sdar", { trajectories: { path, targets: { path: data } } })).toThrow(
      /targets/,
    );
  });
});
