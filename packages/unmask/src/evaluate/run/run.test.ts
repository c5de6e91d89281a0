// Whole evaluations in this process; what only other processes show is in test/evaluation.test.ts.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bytesOf,
  evaluated,
  evaluationScene,
  resultFiles,
  type Scene,
  task,
} from "../../../test/evaluation.ts";
import { randomModel, tinyGpt2 } from "../../../test/random-model.ts";
import { tinyModel } from "../../../test/tiny-models.ts";
import { load } from "../../generate/load.ts";
import { byteTokenizer } from "../../text/new-tokenizer.ts";
import { saveTokenizer } from "../../text/tokenizer-files.ts";
import { parseAupFile } from "../aup-file.ts";
import { scoreItem } from "../score-choices.ts";
import { findTask } from "../tasks/tasks.ts";
import { type SweepConfig, sweepConfigSchema } from "./config.ts";
import { readJson, readJsonLines } from "./files.ts";
import type { ResultsJson } from "./results.ts";
import { evaluate, prepareEvaluation } from "./run.ts";
import { sweepVariants, writeSweep } from "./sweep.ts";
import type { TaskTiming } from "./timing.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-run-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let scene: Scene;
beforeAll(async () => {
  scene = await evaluationScene(root, { questions: 6 });
  await evaluated(scene.config("base"));
});
const results = (folder: string) => readJson(join(folder, "results.json")) as ResultsJson;
const lines = (name: string, rows: readonly object[]): string => {
  const path = join(root, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
};

describe("the files", () => {
  it("have the harness's shape, with the cost of decoding and intervals beside the scores", () => {
    const found = results(join(root, "base"));
    const scores = found.results[task]!;
    const right = (scores["exact_match,flexible-extract"] as number) * 6;
    expect(right).toBeGreaterThan(0.5);
    expect(scores["exact_match_stderr,flexible-extract"]).toBeCloseTo(
      Math.sqrt(((right / 6) * (1 - right / 6)) / 5),
      12,
    );
    expect(found["n-samples"]).toEqual({ [task]: { original: 6, effective: 6 } });
    expect(found["n-shot"]).toEqual({ [task]: 0 });
    expect(found.versions).toEqual({ [task]: "3" });
    expect(found.higher_is_better[task]).toMatchObject({ exact_match: true });
    expect(found.configs[task]).toMatchObject({
      output_type: "generate_until",
      generation_kwargs: { max_gen_toks: 32 },
    });
    const { decoding, metrics } = found.unmask.tasks[task]!;
    expect(decoding).toMatchObject({ answers: 6, tokens: 6 * 32, forwards: 6 * 16, tokens_per_forward: 2 });
    expect(metrics["correct,unmask"]).toMatchObject({ interval: "wilson", level: 0.95 });
    expect(JSON.stringify(found)).not.toContain("second"); // times stand elsewhere
  });

  it("name every sample's question, answer, verdict and trajectory", () => {
    const samples = readJsonLines(join(root, "base", `samples_${task}.jsonl`)) as Record<string, never>[];
    expect(samples.map(({ doc_id }) => doc_id)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(samples[4]).toMatchObject({
      doc: { question: "4: ?" },
      arguments: {
        gen_args_0: { arg_0: "Q: 4: ?\nA: Let's think step by step.", arg_1: { max_gen_toks: 32 } },
      },
      unmask: {
        ...{ id: "5", row: 5 },
        trajectory: { file: `trajectories/${task}.parquet`, rows: [4] },
        answers: [{ tokens: 32, forwards: 16 }],
      },
    });
  });

  it("tell times apart, with what they were worth and the warm-up by itself", () => {
    const { tasks } = readJson(join(root, "base", "timing.json")) as { tasks: Record<string, TaskTiming> };
    expect(tasks[task]).toMatchObject({
      ...{
        metric: "correct,unmask",
        tokens_per_forward: 2,
        answers: 4,
        tokens: 4 * 32,
        batch: 2,
        is_warm_up: false,
      },
      warm_up: { answers: 2 },
    });
    const { seconds, tokens_per_second } = tasks[task]!;
    expect(tokens_per_second).toBeCloseTo((4 * 32) / seconds, 9);
  });
});

describe("a folder that holds an evaluation", () => {
  it("is refused, unless it is gone on with", async () => {
    const config = scene.config("base");
    await expect(evaluate(config, { inProcess: true })).rejects.toThrow("go on with it by --resume");
    const before = bytesOf(config.out, resultFiles);
    const again = await evaluate(config, { inProcess: true, resume: true });
    expect(again!.record.times.filter(({ type }) => type === "unit")).toHaveLength(3); // nothing was asked again
    expect(bytesOf(config.out, resultFiles)).toEqual(before);
  });

  it("is gone on with only as what it was begun as", async () => {
    for (const [changes, path] of [
      [{ seed: 4 }, "run.seed"],
      [{ batch_size: 3 }, "run.batch_size"],
      [{ decoder_options: { steps: 8, block_length: 16 } }, "settings.0.options.steps"],
      [{ limit: 2 }, "tasks.0.questions"],
    ] as const) {
      const other = { ...scene.config("base", changes), out: join(root, "base") };
      await expect(evaluate(other, { inProcess: true, resume: true })).rejects.toThrow(
        `was begun with ${path} `,
      );
    }
  });
});

describe("what cannot be asked", () => {
  const refused = (changes: object) =>
    prepareEvaluation(scene.config("refused", changes)).then(
      () => "",
      (error: Error) => error.message,
    );

  it("is found before a weight is read", async () => {
    expect(await refused({ max_new_tokens: 490 })).toMatch(
      /6 of 6 prompts \(the first in row 1, the longest of \d+ tokens\) and 490 new tokens are more than the model's 512; give max_new_tokens of at most \d+, or max_prompt_tokens=22, /,
    );
    expect(
      await refused({
        tasks: [
          { name: task, data: scene.data },
          { name: task, data: scene.data },
        ],
      }),
    ).toContain("is asked twice; name one of them otherwise with as: NAME");
    expect(await refused({ decoder_options: { threshold: 0.5 } })).toContain("has no option threshold");
    expect(
      await refused({
        tasks: [{ name: task, data: lines("bad.jsonl", [{ question: "1?", answer: "1" }, { answer: "2" }]) }],
      }),
    ).toContain(`bad.jsonl, row 2 has no question`);
    const bare = join(root, "bare");
    expect(await refused({ tasks: ["gsm8k_cot_zeroshoot"] })).toContain('did you mean "gsm8k_cot_zeroshot"?');
    expect(existsSync(bare)).toBe(false);
  });

  it("a prompt that is too long loses its beginning where that is asked for, and it is told", async () => {
    const config = scene.config("cut", { max_prompt_tokens: 10, limit: 2 });
    await evaluated(config);
    expect(results(config.out).unmask.tasks[task]!.prompts_cut).toBe(2);
    const [first] = readJsonLines(join(config.out, `samples_${task}.jsonl`)) as {
      unmask: Record<string, number>;
    }[];
    expect(first!.unmask).toMatchObject({
      prompt_tokens: 10,
      prompt_tokens_cut: "Q: 0: ?\nA: Let's think step by step.".length - 10,
    });
  });
});

it("a network trained on texts of one length gets a task's usual answers no longer than its room", async () => {
  const model = await tinyModel(root, "mdlm");
  const { plan, model: described } = await prepareEvaluation(
    scene.config("room", {
      max_prompt_tokens: 10,
      model,
      max_new_tokens: undefined,
      decoder: "ancestral",
      decoder_options: { steps: 4 },
    }),
  );
  const longest = Math.max(...plan.tasks[0]!.prompts.map(({ ids }) => ids.length));
  expect(plan.tasks[0]!.options.maxNewTokens).toBe(described.facts.contextLength - longest);
});

describe("other kinds of tasks", () => {
  it("choices get the likelihoods that score-choices gives them", async () => {
    const data = lines("arc.jsonl", [
      { id: "a", question: "Red?", choices: { text: ["sky", "blood"], label: ["A", "B"] }, answerKey: "B" },
      {
        id: "b",
        question: "Wet?",
        choices: { text: ["sea", "sand", "sun"], label: ["A", "B", "C"] },
        answerKey: "A",
      },
      { id: "c", question: "Hot?", choices: { text: ["ice", "fire"], label: ["A", "B"] }, answerKey: "B" },
    ]);
    const tasks = [{ name: "arc_easy", data, num_fewshot: 0 }];
    const config = scene.config("choices", { tasks, likelihood_draws: 4, max_new_tokens: undefined });
    await evaluated(config);
    const samples = readJsonLines(join(config.out, "samples_arc_easy.jsonl")) as { resps: number[][] }[];
    const open = await (await findTask("arc_easy")).open({ data, numFewshot: 0 });
    const model = await load(scene.model, { fold: true });
    for (const [sequence, { resps }] of samples.entries()) {
      if (open.kind !== "choose") throw new Error("no choices");
      const scores = scoreItem(model, open.items[sequence]!, { draws: 4, seed: 0, sequence });
      for (const [at, { nll }] of scores.entries()) expect(-resps[at]![0]!).toBeCloseTo(nll, 3);
    }
    model.dispose();
    expect(results(config.out).results.arc_easy).toHaveProperty("acc,none");
    const sweep = sweepVariants({ ...config, sweep: [{ option: "steps", values: [4, 8] }] });
    await expect(prepareEvaluation(config, { variants: sweep })).rejects.toThrow("ask it with unmask eval");
  });

  it("a task's own temperature and number of answers count, and a temperature that is asked for counts more", async () => {
    const path = join(root, "warm.mjs");
    writeFileSync(
      path,
      `const items = [0, 1].map((n) => ({ id: "q" + n, row: n + 1, target: "e", prompt: { text: "say " + n, messages: [], answerPrefix: "" } }));
export const task = { name: "warm", version: "1", description: "", kind: "generate", open: async () => ({
  kind: "generate", name: "warm", version: "1", description: "", items, chat: false,
  generation: { stop: [], maxNewTokens: 16, temperature: 0.9, repeats: 3 },
  metrics: [{ name: "length,none", higherIsBetter: true, isShare: false }],
  provenance: { data: { source: "made", rows: 2 }, fewshot: { count: 0 } },
  grade: async (answers) => answers.map(({ id, responses }) => ({ id, scores: { "length,none": responses.length },
    verdicts: responses.map((text) => ({ correct: true, extracted: text, reason: "", unparsed: false })) })),
}) };`,
    );
    const options = { steps: 4, block_length: 16 };
    const said: string[][] = [];
    for (const [name, temperature] of [
      ["own", undefined],
      ["asked", 0],
    ] as const) {
      const config = scene.config(name, {
        tasks: [path],
        decoder_options: { ...options, temperature },
        max_new_tokens: undefined,
      });
      await evaluated(config);
      const [first] = readJsonLines(join(config.out, "samples_warm.jsonl")) as { resps: string[][] }[];
      said.push(first!.resps[0]!);
      expect(results(config.out).results.warm).toMatchObject({ "length,none": 3 });
    }
    expect(said[0]).toHaveLength(3);
    expect(new Set(said[0]).size).toBe(3);
    expect(new Set(said[1]).size).toBe(1);
  });

  it("perplexity under a judge comes with entropy", async () => {
    const judge = randomModel(join(root, "judge"), { ...tinyGpt2, vocab_size: 300, n_positions: 64 });
    await saveTokenizer(byteTokenizer(), judge);
    const config = scene.config("judged", { judge, limit: 3 });
    await evaluated(config);
    const { text } = results(config.out).unmask.tasks[task]!;
    expect(text).toMatchObject({ judge, texts: 3, too_short: 0 });
    expect(text!.generative_perplexity).toBeGreaterThan(1);
    expect(text!.entropy).toBeGreaterThan(0);
  });
});

describe("a sweep", () => {
  it("gives every point its folder, and curves that the AUP reader reads", async () => {
    const sweep = [
      { option: "steps", values: [32, 8] },
      { method: "by entropy", decoder: "block_entropy", option: "threshold", values: [0.5] },
    ];
    const config: SweepConfig = sweepConfigSchema.parse({ ...scene.config("sweep"), sweep });
    const variants = sweepVariants(config);
    const done = await evaluate(config, { inProcess: true, variants });
    const { tasks, aup } = await writeSweep(done!, variants);
    const text = readFileSync(join(config.out, "curves.yaml"), "utf8");
    const [curve] = parseAupFile(text, "curves.yaml").tasks;
    expect(curve).toMatchObject({
      name: task,
      methods: [{ name: "low_confidence" }, { name: "by entropy" }],
    });
    const points = curve!.methods.flatMap((method) => method.points);
    expect(points.map(({ parallelism }) => parallelism)).toEqual(
      tasks[task]!.points.map((one) => one.tokens_per_forward),
    );
    expect(points.slice(0, 2).map(({ parallelism }) => parallelism)).toEqual([1, 4]);
    for (const [at, { accuracy, verdicts }] of points.entries()) {
      expect(verdicts).toHaveLength(6);
      expect(accuracy).toBeCloseTo(100 * tasks[task]!.points[at]!.score, 9);
    }
    expect(aup!.tasks[0]!.methods.map(({ name }) => name)).toEqual(["low_confidence", "by entropy"]);
    for (const folder of ["low_confidence_steps=32", "low_confidence_steps=8", "by_entropy_threshold=0.5"]) {
      const { decoding } = results(join(config.out, folder)).unmask.tasks[task]!;
      expect(decoding!.answers).toBe(6);
    }
    const page = readFileSync(join(config.out, "report.html"), "utf8");
    expect(page.match(/<svg /g)!.length).toBeGreaterThanOrEqual(2);
  });
});
