// Training in several processes: what one comes to, what a checkpoint of two goes on as, and what a death leaves behind.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors, toNumbers } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { checkpointSteps } from "../src/train/checkpoint.ts";
import { type TrainConfig, trainConfigSchema } from "../src/train/config.ts";
import type { TrainEvent } from "../src/train/events.ts";
import { train } from "../src/train/train.ts";
import { builtModule } from "./built.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-together-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const text = join(root, "text.txt");
writeFileSync(text, "the cat sat on the mat and the dog sat on the log ".repeat(40));
const answers = join(root, "answers.jsonl");
writeFileSync(
  answers,
  Array.from({ length: 23 }, (_, i) => {
    const row = { prompt: `${"ab".repeat(1 + (i % 3))}?`, response: "xyz".slice(0, 1 + (i % 3)).repeat(2) };
    return `${JSON.stringify(row)}\n`;
  }).join(""),
);

/** Five examples a batch: unequal parts for two processes and for three. */
function configFor(name: string, training: object = {}, change: object = {}): TrainConfig {
  return trainConfigSchema.parse({
    data: { path: text },
    model: { hidden_size: 16, blocks: 1, heads: 2, length: 16 },
    train: { ...{ steps: 50, batch_size: 5, warmup: 5, evaluate_every: 0, save_every: 0 }, ...training },
    dtype: "float32",
    threads: 1,
    out: join(root, name),
    ...change,
  });
}

const fineTuning = { data: { path: answers }, model: { family: "llada", hidden_size: 16, heads: 2 } };

/** A port nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs configurations one after the other in a world of `count` processes, each going on where it stands. */
async function trainedBy(
  count: number,
  configs: readonly TrainConfig[],
  onLine?: (line: string, kill: (rank: number) => void) => void,
): Promise<Ended[]> {
  const port = await freePort();
  const script = `
    import { initDistributed } from ${JSON.stringify(import.meta.resolve("@unmask/torch"))};
    import { train } from ${JSON.stringify(builtModule("train/train.js"))};
    const world = await initDistributed({ joinTimeout: 60, heartbeatTimeout: 3, timeout: 60 });
    const onEvent = (event) => event.type === "step" && console.log("step " + event.step);
    try {
      for (const config of ${JSON.stringify(configs)}) await train(config, { world, resume: true, onEvent });
      await world.close();
    } catch (error) {
      await world.fail(error.message);
      console.error(error.message);
      process.exit(1);
    }`;
  const children = Array.from({ length: count }, (_, rank) => {
    const variables = { RANK: rank, LOCAL_RANK: rank, WORLD_SIZE: count, MASTER_PORT: port };
    const strings = Object.fromEntries(Object.entries(variables).map(([name, one]) => [name, String(one)]));
    return spawn(process.execPath, ["--input-type=module", "--eval", script], {
      env: { ...process.env, OMP_NUM_THREADS: "1", MASTER_ADDR: "127.0.0.1", ...strings },
      stdio: ["ignore", "pipe", "pipe"],
    });
  });
  const kill = (rank: number) => void children[rank]!.kill("SIGKILL");
  return Promise.all(
    children.map((child) => {
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (more: Buffer) => {
        stdout += more;
        for (const line of String(more).split("\n")) onLine?.(line, kill);
      });
      child.stderr.on("data", (more: Buffer) => {
        stderr += more;
      });
      return new Promise<Ended>((resolve) =>
        child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr })),
      );
    }),
  );
}

async function together(count: number, configs: readonly TrainConfig[]): Promise<void> {
  const ends = await trainedBy(count, configs);
  expect(ends.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
    Array(count).fill({ status: 0, stderr: "" }),
  );
}

/** Weights and averages of the newest checkpoint, by name. */
function weightsOf({ out }: TrainConfig): Map<string, number[]> {
  const folder = join(out, "checkpoints");
  const file = openSafetensors(join(folder, `step-${checkpointSteps(folder).at(-1)}`, "weights.safetensors"));
  return new Map(file.names.map((name) => [name, toNumbers(file.tensor(name))]));
}

function furthest(one: TrainConfig, other: TrainConfig): number {
  const [a, b] = [weightsOf(one), weightsOf(other)];
  expect([...b.keys()].sort()).toEqual([...a.keys()].sort());
  return Math.max(
    ...[...a].flatMap(([name, values]) => values.map((value, i) => Math.abs(value - b.get(name)![i]!))),
  );
}

const lossesOf = ({ out }: TrainConfig): number[] =>
  readFileSync(join(out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainEvent)
    .flatMap((event) => (event.type === "step" ? [event.loss] : []));

const cases: [string, object, object][] = [
  ["rows", {}, {}],
  ["accumulated", { micro_batch_size: 2 }, {}],
  ["answers", { micro_batch_size: 2 }, fineTuning],
];

describe("two processes", { timeout: 180_000 }, () => {
  it("come to the weights of one after 50 steps, at unequal parts and with accumulation", async () => {
    const alone = cases.map(([name, training, change]) => configFor(`${name}-alone`, training, change));
    const both = cases.map(([name, training, change]) => configFor(`${name}-both`, training, change));
    for (const config of alone) await train(config);
    await together(2, both);
    const distances = alone.map((config, i) => furthest(config, both[i]!));
    for (const distance of distances) expect(distance).toBeLessThan(1e-6);
    for (const [i, config] of alone.entries()) {
      const [mine, theirs] = [lossesOf(config), lossesOf(both[i]!)];
      expect(theirs).toHaveLength(50);
      mine.forEach((loss, step) => void expect(theirs[step]).toBeCloseTo(loss, 5));
    }
  });

  it("leave a checkpoint that one and three go on from, as if nothing had happened", async () => {
    const [whole, one, three] = ["whole", "one", "three"].map((name) => configFor(`onwards-${name}`));
    const half = (config: TrainConfig, steps: number) => ({ ...config, train: { ...config.train, steps } });
    // The schedule goes by the number of steps: constant, so that it may be raised.
    for (const config of [whole!, one!, three!]) Object.assign(config.train, { schedule: "constant" });
    await train(half(whole!, 20));
    await together(2, [half(one!, 10), half(three!, 10)]);
    expect(checkpointSteps(join(one!.out, "checkpoints"))).toEqual([10]);
    await train(half(one!, 20), { resume: true });
    await together(3, [half(three!, 20)]);
    expect(furthest(whole!, one!)).toBeLessThan(1e-6);
    expect(furthest(whole!, three!)).toBeLessThan(1e-6);
  });

  it("of which one is killed end with its name, and the job goes on from its last checkpoint", async () => {
    const [whole, job] = [configFor("unkilled"), configFor("killed", { save_every: 10 })];
    const ends = await trainedBy(2, [job], (line, kill) => {
      if (line === "step 25") kill(1);
    });
    expect(ends.map(({ status, signal }) => status ?? signal)).toEqual([1, "SIGKILL"]);
    expect(ends[0]!.stderr).toMatch(/^rank 1 \(process \d+ on \S+\) has shown no sign of life for 3 s\n$/);
    const before = checkpointSteps(join(job.out, "checkpoints")).at(-1)!;
    expect(before).toBeGreaterThanOrEqual(20);
    await together(2, [job]);
    await train(whole);
    expect(furthest(whole, job)).toBeLessThan(1e-6);
    expect(lossesOf(job)).toHaveLength(50);
  });

  it("are refused a batch of one example", async () => {
    const config = configFor("single", { batch_size: 1 });
    const ends = await trainedBy(2, [config]);
    for (const { status, stderr } of ends) {
      expect(status).toBe(1);
      expect(stderr).toContain("train.batch_size is 1 and 2 processes train together");
    }
    expect(existsSync(config.out)).toBe(false);
  });
});
