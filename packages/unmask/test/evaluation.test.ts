// What only whole evaluations show, most of it in processes of their own: kills at any moment, workers that die,
// batches.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { uniform } from "../src/base/rng.ts";
import { readJsonLines } from "../src/evaluate/run/files.ts";
import { decodeTrajectories } from "../src/trajectory/file.ts";
import { builtModule, type Child, runModule } from "./built.ts";
import {
  bytesOf,
  evaluated,
  evaluationScene,
  resultFiles,
  type Sample,
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
    const delay = 5 * uniform({ seed: 4, stream: 1 }, 0, 0, kills);
    const { signal } = await command(args, (line, kill) => {
      const answered = Number(/(\d+) of 10 answered/.exec(line)?.[1] ?? 0);
      if (answered >= 2 + 4 * kills) setTimeout(kill, delay);
    });
    expect(signal).toBe("SIGKILL");
  }
  const last = await command(args);
  expect(last.status).toBe(0);
  expect(last.stdout).toMatch(/^(?:[6-9]|10) of 10 questions are answered already/m);
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
  ["drawn", { decoder_options: { steps: 16, block_length: 16, temperature: 0.8 }, seed: 5 }],
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

it("a grader that hangs is cut, and so is one whose process ends; both count as wrong, the others are judged", async () => {
  const path = join(root, "hangs.mjs");
  writeFileSync(
    path,
    `const items = ["fine", "hangs", "dies", "fine too"].map((id, n) => ({ id, row: n + 1, target: "", prompt: { text: id, messages: [], answerPrefix: "" } }));
export const task = { name: "hangs", version: "1", description: "", kind: "generate", open: async () => ({
  kind: "generate", name: "hangs", version: "1", description: "", items, chat: false,
  generation: { stop: [], maxNewTokens: 16, temperature: 0, repeats: 1 },
  metrics: [{ name: "right,none", higherIsBetter: true, isShare: true }],
  provenance: { data: { source: "made", rows: 4 }, fewshot: { count: 0 } },
  grade: async (answers) => answers.map(({ id }) => {
    if (id === "hangs") for (;;);
    if (id === "dies") process.exit(3);
    return { id, scores: { "right,none": 1 }, verdicts: [{ correct: true, extracted: id, reason: "", unparsed: false }] };
  }),
}) };`,
  );
  const changes = { tasks: [path], grade_seconds: 3, max_new_tokens: 16, batch_size: 4 };
  const { status, stdout } = await command(["eval", scene.file("hanging", changes)]);
  expect(stdout).toContain("hangs: 2 graders did not end and were cut");
  expect(status).toBe(0);
  const samples = readJsonLines(join(root, "hanging", "samples_hangs.jsonl")) as Sample[];
  expect(samples.map(({ unmask }) => unmask.verdicts[0])).toMatchObject([
    { correct: true },
    { correct: false, unparsed: true, reason: "the grader did not end within 3 s" },
    { correct: false, unparsed: true, reason: "the grader's process ended (exit code 3)" },
    { correct: true },
  ]);
}, 180_000);

it("a grader that cannot even begin is an error, and no answer is lost", async () => {
  const path = join(root, "once.mjs");
  writeFileSync(
    path,
    `import { existsSync, writeFileSync } from "node:fs";
const flag = ${JSON.stringify(join(root, "opened"))};
export const task = { name: "once", version: "1", description: "", kind: "generate", open: async () => {
  if (existsSync(flag)) process.exit(4);
  writeFileSync(flag, "");
  return { kind: "generate", name: "once", version: "1", description: "", chat: false,
    items: [{ id: "a", row: 1, target: "", prompt: { text: "a", messages: [], answerPrefix: "" } }],
    generation: { stop: [], maxNewTokens: 16, temperature: 0, repeats: 1 },
    metrics: [{ name: "right,none", higherIsBetter: true, isShare: true }],
    provenance: { data: { source: "made", rows: 1 }, fewshot: { count: 0 } },
    grade: async () => [] };
} };`,
  );
  const { status, stdout } = await command([
    "eval",
    scene.file("once", { tasks: [path], max_new_tokens: 16 }),
  ]);
  expect(stdout).toContain("no grader could be started: the grader's process ended (exit code 4)");
  expect(status).toBe(1);
  expect(readJsonLines(join(root, "once", "journal.jsonl"))).toMatchObject([
    { type: "begin" },
    { type: "header" },
    { type: "answer" },
  ]);
}, 180_000);
