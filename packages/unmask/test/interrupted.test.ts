// What only another process can show of a training run: a kill at any moment, a disk without room.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { uniform } from "../src/base/rng.ts";
import { checkpointSteps } from "../src/train/checkpoint.ts";
import { type TrainConfig, trainConfigSchema } from "../src/train/config.ts";
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
  try {
    await train(${JSON.stringify(config)}, { resume: true, onEvent: (event) => {
      if (event.type === "start") console.log("from " + event.fromStep);
      if (event.type === "checkpoint") console.log("saved " + event.step);
    } });
  } catch (error) {
    console.log(JSON.stringify({ message: error.message, exitCode: error.exitCode }));
  }`;

it("a kill at any moment leaves a newest checkpoint that loads, of a step that was saved last", async () => {
  const config = configFor("killed", { steps: 1_000_000, save_every: 1, keep: 2 });
  let saved = 0;
  for (let i = 0; i < 8; i++) {
    const delay = 60 * uniform({ seed: 11, stream: 1 }, 0, 0, i);
    let from = -1;
    const { signal, stderr } = await runModule(script(config), {
      onLine: (line, kill) => {
        const [word, step] = line.split(" ");
        if (word === "from") from = Number(step);
        if (word === "saved") saved = Number(step);
        if (word === "saved" && saved === from + 1) setTimeout(kill, delay);
      },
    });
    expect({ signal, stderr }).toEqual({ signal: "SIGKILL", stderr: "" });
    const newest = checkpointSteps(checkpoints(config)).at(-1);
    expect(newest).toBeGreaterThanOrEqual(saved);
    expect(newest).toBeLessThanOrEqual(saved + 1);
  }
  const { step, reason } = await train(
    { ...config, train: { ...config.train, steps: saved + 3 } },
    { resume: true },
  );
  expect({ step, reason }).toEqual({ step: saved + 3, reason: "done" });
  expect(readdirSync(checkpoints(config))).toHaveLength(2);
});

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
});
