import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, isUnmaskError, type UnmaskError } from "../base/errors.ts";
import { load } from "../generate/load.ts";
import { checkpointSteps } from "./checkpoint.ts";
import { type TrainConfig, trainConfigSchema } from "./config.ts";
import type { TrainEvent } from "./events.ts";
import { train } from "./train.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-loop-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const text = join(root, "text.txt");
writeFileSync(text, "the cat sat on the mat and the dog sat on the log ".repeat(40));
const other = join(root, "other.txt");
writeFileSync(other, "the cat sat on the log and the dog sat on the mat ".repeat(40));
const trivial = join(root, "trivial.txt");
writeFileSync(trivial, "red green blue ".repeat(200));

interface Change {
  path?: string;
  data?: object;
  model?: object;
  train?: object;
  seed?: number;
}

/** A run of a few milliseconds a step, in a folder of its own unless `out` says. */
function configFor(change: Change = {}, out = join(mkdtempSync(join(root, "run-")), "out")): TrainConfig {
  return trainConfigSchema.parse({
    data: { path: change.path ?? text, ...change.data },
    tokenizer: { kind: "words" },
    model: { hidden_size: 16, blocks: 1, heads: 2, condition_size: 4, length: 8, ...change.model },
    train: { steps: 8, batch_size: 4, warmup: 2, evaluate_every: 0, save_every: 0, ...change.train },
    seed: change.seed ?? 0,
    dtype: "float32",
    threads: 1,
    out,
  });
}

type Step = Extract<TrainEvent, { type: "step" }>;

interface Watched {
  events: TrainEvent[];
  steps: Step[];
}

/** Trains; `until` aborts after that step. */
async function run(
  config: TrainConfig,
  options: { resume?: boolean; until?: number } = {},
): Promise<Watched> {
  const events: TrainEvent[] = [];
  const controller = new AbortController();
  await train(config, {
    resume: options.resume,
    signal: controller.signal,
    onEvent: (event) => {
      events.push(event);
      if (event.type === "step" && event.step === options.until) controller.abort();
    },
  });
  return { events, steps: events.filter((event) => event.type === "step") };
}

async function failure(work: Promise<unknown>): Promise<UnmaskError> {
  const error = await work.then(
    () => expect.fail("no error"),
    (thrown: unknown) => thrown,
  );
  expect(isUnmaskError(error), String(error)).toBe(true);
  expect((error as Error).message).not.toContain("\n");
  return error as UnmaskError;
}

const checkpoints = (config: TrainConfig): string => join(config.out, "checkpoints");
const stateOf = (config: TrainConfig, step: number): Buffer =>
  Buffer.concat(
    ["weights.safetensors", "optimiser-1-of-1.safetensors"].map((name) =>
      readFileSync(join(checkpoints(config), `step-${step}`, name)),
    ),
  );
const countersOf = (config: TrainConfig, step: number): Record<string, unknown> => {
  const { seconds: _, ...rest } = JSON.parse(
    readFileSync(join(checkpoints(config), `step-${step}`, "counters.json"), "utf8"),
  );
  return rest;
};
const exported = (config: TrainConfig): Buffer =>
  readFileSync(join(config.out, "model", "model.safetensors"));
const timeless = (steps: readonly Step[]) =>
  steps.map(({ step, loss, smoothedLoss, learningRate, gradientNorm }) => {
    return { step, loss, smoothedLoss, learningRate, gradientNorm };
  });
const recorded = (config: TrainConfig): TrainEvent[] =>
  readFileSync(join(config.out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainEvent);

describe("a resumed run", () => {
  it("is bit for bit the run that was not interrupted: weights, average, optimiser, losses", async () => {
    const settings = { train: { steps: 8, weight_decay: 0.01, schedule: "cosine" } };
    const [whole, parts] = [configFor(settings), configFor(settings)];
    const expected = await run(whole);
    const first = await run(parts, { until: 4 });
    expect(first.events.at(-1)).toMatchObject({ type: "finish", reason: "interrupted", step: 4 });
    expect(checkpointSteps(checkpoints(parts))).toEqual([4]);
    const second = await run(parts, { resume: true });
    expect(second.events[0]).toMatchObject({ type: "start", fromStep: 4 });
    expect(timeless([...first.steps, ...second.steps])).toEqual(timeless(expected.steps));
    expect(stateOf(parts, 8).equals(stateOf(whole, 8))).toBe(true);
    expect(countersOf(parts, 8)).toEqual(countersOf(whole, 8));
    expect(exported(parts).equals(exported(whole))).toBe(true);
    const losses = recorded(parts).filter((event) => event.type === "step");
    expect(timeless(losses)).toEqual(timeless(expected.steps));
  });

  it("that was finished only evaluates again; one beyond its steps is told", async () => {
    const config = configFor({ train: { steps: 3 } });
    const first = await run(config);
    const again = await run(config, { resume: true });
    expect(again.steps).toEqual([]);
    const [a, b] = [first, again].map(({ events }) => events.find((event) => event.type === "evaluate"));
    expect(b).toEqual(a);
    config.train.steps = 2;
    expect((await failure(train(config, { resume: true }))).message).toMatch(/3 steps and train\.steps is 2/);
  });

  it("refuses other data, another model and another seed, naming the checkpoint", async () => {
    const config = configFor();
    await run(config, { until: 2 });
    const changes: Change[] = [
      { path: other },
      { model: { hidden_size: 32 } },
      { seed: 1 },
      { train: { batch_size: 5 } },
    ];
    for (const change of changes) {
      const error = await failure(train(configFor(change, config.out), { resume: true }));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toContain(join(checkpoints(config), "step-2"));
    }
    await run(config, { resume: true });
  });

  it("refuses a damaged checkpoint and goes on from the earlier one when it is removed", async () => {
    const config = configFor({ train: { save_every: 2 } });
    const whole = await run(config, { until: 4 });
    const newest = join(checkpoints(config), "step-4");
    writeFileSync(join(newest, "weights.safetensors"), stateOf(config, 4).subarray(0, 1000));
    expect((await failure(train(config, { resume: true }))).message).toContain(newest);
    rmSync(newest, { recursive: true });
    const { steps } = await run(config, { resume: true });
    expect(timeless(steps.slice(0, 2))).toEqual(timeless(whole.steps.slice(2)));
  });
});

describe("training", () => {
  it("is the same for the same seed, and another for another", async () => {
    const configs = [configFor({ seed: 1 }), configFor({ seed: 1 }), configFor({ seed: 2 })];
    for (const config of configs) await run(config);
    const [a, b, c] = configs.map(exported);
    expect(a!.equals(b!)).toBe(true);
    expect(a!.equals(c!)).toBe(false);
  });

  it("begins at the loss of uniform predictions and learns a trivial text, with a flat number of tensors", async () => {
    const counts: number[] = [];
    const config = configFor({
      path: trivial,
      train: { steps: 150, batch_size: 16, learning_rate: 0.01, evaluate_every: 75, ema: 0.9 },
    });
    const events: TrainEvent[] = [];
    const { metrics } = await train(config, {
      onEvent: (event) => {
        events.push(event);
        if (event.type === "step") counts.push(liveTensors().count);
      },
    });
    const losses = events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const tokenizer = (await load(config.out)).tokenizer!;
    // Before the first step predictions are uniform: every masked token costs ln(V − 1), on average 0.999 of that.
    expect(losses[0]! / Math.log(tokenizer.vocabularySize - 1)).toBeGreaterThan(0.7);
    expect(losses[0]! / Math.log(tokenizer.vocabularySize - 1)).toBeLessThan(1.3);
    // Knowing the words alone gives ln 3: it must use their order.
    expect(mean(losses.slice(-20))).toBeLessThan(0.8 * Math.log(3));
    expect(metrics!.nelbo!).toBeLessThan(0.8 * Math.log(3));
    expect(events.filter((event) => event.type === "evaluate").map((event) => event.step)).toEqual([
      75, 150, 150,
    ]);
    // The first step and the first evaluation make tables that stay. Fewer is no leak: an earlier run's may be collected.
    expect(Math.max(...counts.slice(1, 75))).toBe(counts[1]);
    expect(Math.max(...counts.slice(75))).toBe(counts[75]);
  });

  it("gets through batches in which nothing is masked", async () => {
    const { steps } = await run(configFor({ train: { steps: 40, batch_size: 1 }, model: { length: 2 } }));
    expect(steps.some(({ loss }) => loss === 0)).toBe(true);
    expect(
      steps.every(({ loss, gradientNorm }) => Number.isFinite(loss) && Number.isFinite(gradientNorm)),
    ).toBe(true);
  });

  it("keeps as many checkpoints as it is told, and tells of each", async () => {
    const config = configFor({ train: { steps: 7, save_every: 2, keep: 2 } });
    const { events } = await run(config);
    expect(events.filter((event) => event.type === "checkpoint").map((event) => event.step)).toEqual([
      2, 4, 6, 7,
    ]);
    expect(readdirSync(checkpoints(config)).sort()).toEqual(["step-6", "step-7"]);
    expect(recorded(config)).toEqual(events.map((event) => JSON.parse(JSON.stringify(event))));
  });

  it("works with padded documents and without held-out rows", async () => {
    const path = join(root, "rows.jsonl");
    writeFileSync(path, '{"text":"a b c"}\n{"text":"c b a"}\n'.repeat(5));
    const config = configFor({ path, data: { layout: "pad", held_out: 0 }, train: { steps: 3 } });
    const { events } = await run(config);
    expect(events.at(-1)).toMatchObject({ type: "finish", reason: "done" });
    expect((await load(config.out)).facts.givenBegin).toBe(true);
  });

  it("that is aborted before its first step takes none and still leaves a model", async () => {
    const config = configFor();
    const result = await train(config, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ step: 0, reason: "interrupted", metrics: undefined });
    await load(config.out);
  });

  it("refuses a batch that does not fit before it makes anything", async () => {
    const error = await failure(train(configFor({ train: { batch_size: 1_000_000_000 } })));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(
      /forward of 1000000000 examples needs about .* use train\.micro_batch_size=\d+ or less/,
    );
  });

  it("stops with a sentence when the loss is no number any more, and keeps what it had saved", async () => {
    const config = configFor({
      train: { steps: 50, save_every: 1, learning_rate: 1e37, warmup: 0, schedule: "constant" },
    });
    const error = await failure(train(config));
    expect(error.message).toMatch(
      /the loss became .* at step \d+; the batch is kept in .*failed-batch-\d+\.json; lower train\.learning_rate/,
    );
    expect(error.exitCode).toBe(1);
  });
});
