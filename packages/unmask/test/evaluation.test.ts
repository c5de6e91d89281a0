// What only whole evaluations show, most of it in processes of their own: kills at any moment, workers that die,
// batches.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { uniform } from "../src/base/rng.ts";
import { decodeTrajectories } from "../src/trajectory/file.ts";
import { builtModule, type Child, runModule } from "./built.ts";
import {
  bytesOf,
  evaluated,
  evaluationScene,
  resultFiles,
  type Scene,
  samplesOf,
  task,
} from "./evaluation.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-evaluation-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let scene: Scene;
beforeAll(async () => {
  scene = await evaluationScene(root);
});

/** Runs `unmask ...args` in a process of its own; what it says on stderr arrives line by line. */
const command = (
  args: readonly string[],
  onLine?: (line: string, kill: () => void) => void,
): Promise<Child> =>
  runModule(
    `import { main } from ${JSON.stringify(builtModule("cli/command-line.js"))};
     process.stderr.write = (text) => process.stdout.write(text);
     process.exitCode = await main(${JSON.stringify(args)});`,
    onLine === undefined ? {} : { onLine },
  );

it("killed twice at any moment and resumed, gives the bytes of an uninterrupted run", async () => {
  const whole = await command(["eval", scene.file("whole")]);
  expect(whole.status).toBe(0);
  const args = ["eval", scene.file("killed"), "--resume"];
  for (let kills = 0; kills < 2; kills++) {
    const delay = 150 * uniform({ seed: 4, stream: 1 }, 0, 0, kills);
    const { signal } = await command(args, (line, kill) => {
      if (line.includes(`${2 + 4 * kills} of 10 answered`)) setTimeout(kill, delay);
    });
    expect(signal).toBe("SIGKILL");
  }
  const last = await command(args);
  expect(last.status).toBe(0);
  expect(last.stdout).toMatch(/^[68] of 10 questions are answered already/m);
  const [one, other] = [join(root, "whole"), join(root, "killed")];
  for (const name of resultFiles) expect(bytesOf(other, [name]), name).toEqual(bytesOf(one, [name]));
  const right = samplesOf(one).filter(({ unmask }) => unmask.verdicts[0]!.correct).length;
  expect(right).toBeGreaterThan(0);
  expect(right).toBeLessThan(10);
}, 180_000);

it("two processes give what one gives", async () => {
  const { status } = await command(["eval", scene.file("two", { processes: 2 })]);
  expect(status).toBe(0);
  await evaluated(scene.config("one"));
  const files = resultFiles.filter((name) => name !== "manifest.json"); // built and source code have hashes of their own
  expect(bytesOf(join(root, "two"), files)).toEqual(bytesOf(join(root, "one"), files));
}, 180_000);

it.each([
  ["greedy", {}],
  ["drawn", { decoder: { name: "low_confidence", steps: 16, block_length: 16, temperature: 0.8 }, seed: 5 }],
])("batches of 1 and of 4 give the same %s answers", async (name, changes) => {
  const folders = [];
  for (const batch_size of [1, 4]) {
    const config = scene.config(`${name}-${batch_size}`, { ...changes, batch_size });
    await evaluated(config);
    folders.push(config.out);
  }
  const [alone, together] = folders.map(samplesOf);
  expect(together).toEqual(alone);
  const [first, second] = await Promise.all(folders.map(trajectoriesOf));
  expect(second!.map(({ reveal_step }) => reveal_step)).toEqual(first!.map(({ reveal_step }) => reveal_step));
});

async function trajectoriesOf(folder: string) {
  const path = join(folder, "trajectories", `${task}.parquet`);
  return (await decodeTrajectories(readFileSync(path), path)).rows;
}
