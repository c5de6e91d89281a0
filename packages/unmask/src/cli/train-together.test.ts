// Training in several processes against training in one: the same examples, noise and sums, so the same weights but for
// the order of additions.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { abs, amax, item, openSafetensors, scope, sub } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "unmask-together-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The end of `unmask ...args`; everything it wrote is told if it failed. */
async function unmask(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, OMP_NUM_THREADS: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, output).toBe(0);
  return output;
}

/** Largest difference between the weights of two checkpoints. */
function difference(a: string, b: string): number {
  const [ours, theirs] = [a, b].map((run) =>
    openSafetensors(join(folder, run, "checkpoints", "step-6", "weights.safetensors")),
  );
  const each = ours!.names.map((name) =>
    scope(() => item(amax(abs(sub(ours!.tensor(name), theirs!.tensor(name)))))),
  );
  return Math.max(...each);
}

describe.runIf(existsSync(program))("training in several processes", () => {
  it("gives the weights of one process, also when the number changes on the way", {
    timeout: 180_000,
  }, async () => {
    const text = join(folder, "text.txt");
    const words = ["a red kite", "the old boat", "my green hat", "one small dog"];
    writeFileSync(
      text,
      Array.from({ length: 400 }, (_, i) => `${words[(i * i + 3 * i) % 4]} ${i % 13}\n`).join(""),
    );
    const train = (out: string) => [
      "train",
      "--data",
      text,
      "--out",
      join(folder, out),
      "--dtype",
      "float32",
    ];
    // 7 rows in micro-batches of 2: the ranks' parts are unequal, and gradients are added up before they travel.
    const sizes = ["model.hidden_size=16", "model.blocks=2", "model.heads=2", "train.batch_size=7"];
    const settings = [...sizes, "train.micro_batch_size=2", "train.warmup=0", "train.schedule=constant"];
    await unmask(...train("one"), "--steps", "6", ...settings);
    const said = await unmask(
      "launch",
      "--nproc",
      "2",
      "--",
      ...train("several"),
      "--steps",
      "4",
      ...settings,
    );
    expect(said.match(/^Done: 4 steps/gm)).toHaveLength(1);
    const resumed = ["train", "--resume", "--out", join(folder, "several"), "--steps", "6"];
    await unmask("launch", "--nproc", "3", "--", ...resumed);
    expect(difference("one", "several")).toBeLessThan(2e-6);
  });
});
