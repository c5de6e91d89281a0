// What only another process can show of a training run: a kill at any moment, a disk without room.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { uniform } from "../src/base/rng.ts";
import { checkpointSteps } from "../src/train/checkpoint.ts";
import { type TrainConfig, trainConfigSchema } from "../src/train/config.ts";
import type { TrainEvent } from "../src/train/events.ts";
import { train } from "../src/train/train.ts";
import { builtModule, runModule } from "./built.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-interrupted-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const text = join(root, "text.txt");
writeFileSync(text, "the cat sat on the mat and the dog sat on the log ".repeat(40));

/** A run whose full state has 2 MB. */
const configFor = (name: string, training: object): TrainConfig =>
  trainConfigSchema.parse({
    data: { path: text },
    tokenizer: { kind: "words" },
    model: { hidden_size: 64, blocks: 2, heads: 2, condition_size: 4, length: 8 },
    train: { batch_size: 4, evaluate_every: 0, save_every: 0, schedule: "constant", ...training },
    dtype: "float32",
    threads: 1,
    out: join(root, name),
  });
const checkpoints = (config: TrainConfig): string => join(config.out, "checkpoints");

const script = (config: TrainConfig): string => `
  import { train } from ${JSON.stringify(builtModule("train/train.js"))};
  console.log("begun");
  try {
    await train(${JSON.stringify(config)}, { resume: true, onEvent: (event) => {
      if (event.type === "checkpoint") console.log("saved " + event.step);
      if (event.type === "finish") console.log("finished");
    } });
  } catch (error) {
    console.log(JSON.stringify({ message: error.message, exitCode: error.exitCode }));
  }`;

/** Everything that must not depend on when a run was interrupted. */
function outcomeOf(config: TrainConfig, step: number) {
  const folder = join(checkpoints(config), `step-${step}`);
  const { seconds: _, ...counters } = JSON.parse(readFileSync(join(folder, "counters.json"), "utf8"));
  const bytes = [
    join(folder, "weights.safetensors"), // averages too
    join(folder, "optimiser-1-of-1.safetensors"),
    join(config.out, "model", "model.safetensors"),
  ].map((path) => readFileSync(path).toString("base64"));
  return { counters, bytes, events: eventsOf(config) };
}

/** Without times, starts, and what was said of checkpoints: a kill may come before the word. */
const eventsOf = (config: TrainConfig): TrainEvent[] =>
  readFileSync(join(config.out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ type }) => ["step", "ratios", "evaluate"].includes(type))
    .map(({ seconds: _, secondsLeft: _left, tokensPerSecond: _speed, ...rest }) => rest);

/** Kills a run `kills` times, anywhere from its first line on, and lets it end; where it was each time. */
async function killed(config: TrainConfig, { kills, lane }: { kills: number; lane: number }) {
  const places: number[] = [];
  for (let i = 0; i < kills; i++) {
    const draw = (column: number) => uniform({ seed: 11, stream: 1 }, lane, i, column);
    // Every third one while the process begins, the others in the middle of a step, an evaluation or a save.
    const wanted = i % 3 === 2 ? 0 : 1 + Math.floor(4 * draw(0));
    const delay = (wanted === 0 ? 100 : 15) * draw(1);
    let seen = 0;
    let saved = places.at(-1) ?? 0;
    const { signal, stderr, stdout } = await runModule(script(config), {
      onLine: (line, kill) => {
        if (line.startsWith("saved ")) saved = Number(line.slice("saved ".length));
        if (seen++ === wanted) setTimeout(kill, delay);
      },
    });
    expect({ signal, stderr, stdout: stdout.includes("finished") }).toEqual({
      ...{ signal: "SIGKILL", stderr: "", stdout: false },
    });
    const newest = checkpointSteps(checkpoints(config)).at(-1) ?? 0;
    expect(newest).toBeGreaterThanOrEqual(saved);
    places.push(newest);
  }
  await train(config, { resume: true });
  return places;
}

it("killed at 20 moments and resumed, comes bit for bit to what an uninterrupted run comes to", async () => {
  const steps = 120;
  const settings = {
    ...{ steps, schedule: "cosine", warmup: 10, weight_decay: 0.01, ema: 0.99, keep: 2 },
    ...{ save_every: 1, evaluate_every: 7, ratios_every: 5, micro_batch_size: 3 },
  };
  const [whole, one, other] = ["whole", "killed-1", "killed-2"].map((name) => configFor(name, settings));
  await train(whole!);
  const expected = outcomeOf(whole!, steps);
  const lanes = await Promise.all([one!, other!].map((config, lane) => killed(config, { kills: 10, lane })));
  for (const places of lanes) {
    expect(new Set(places).size).toBeGreaterThan(4);
    expect(places.at(-1)).toBeLessThan(steps);
  }
  for (const config of [one!, other!]) {
    const { counters, bytes, events } = outcomeOf(config, steps);
    expect(events).toEqual(expected.events);
    expect(counters).toEqual(expected.counters);
    expect(bytes.map((text, i) => text === expected.bytes[i])).toEqual([true, true, true]);
    expect(readdirSync(checkpoints(config)).sort()).toEqual(["step-119", "step-120"]);
  }
}, 180_000);

it("a full disk while saving gives one sentence and spares the earlier checkpoint", async () => {
  const config = configFor("full", { steps: 4 });
  const controller = new AbortController();
  await train(config, {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "step" && event.step === 2) controller.abort();
    },
  });
  const state = join(checkpoints(config), "step-2", "weights.safetensors");
  const before = readFileSync(state);
  // Files of at most 256 or 512 KiB: the shell's blocks differ.
  const limit = "trap '' XFSZ; ulimit -f 512";
  const { status, stdout, stderr } = await runModule(script(config), { before: limit });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { message, exitCode } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  expect(message).toContain(`${join(checkpoints(config), "step-4")}: the checkpoint could not be written`);
  expect(message).toContain("earlier checkpoints are untouched");
  expect(message).not.toContain("\n");
  expect(exitCode).toBe(1);
  expect(readdirSync(checkpoints(config))).toEqual(["step-2"]);
  expect(readFileSync(state).equals(before)).toBe(true);
  expect((await train(config, { resume: true })).step).toBe(4);
  const model = readFileSync(join(config.out, "model", "model.safetensors"));
  const again = await runModule(script(config), { before: limit });
  const said = JSON.parse(again.stdout.trim().split("\n").at(-1)!);
  expect(said.message).toContain(`${join(config.out, "model")}: the model could not be written`);
  expect(said.exitCode).toBe(1);
  expect(readdirSync(config.out)).not.toContain("model.writing");
  expect(readFileSync(join(config.out, "model", "model.safetensors")).equals(model)).toBe(true);
});
