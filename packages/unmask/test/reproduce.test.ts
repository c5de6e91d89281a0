// An evaluation is made again after one thing was changed: each change is found, in the right place and for the right
// reason.

import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EvalConfig, evalConfigSchema } from "../src/evaluate/run/config.ts";
import { type Comparison, compareGrades, compareRun, readManifest } from "../src/evaluate/run/reproduce.ts";
import { evaluate } from "../src/evaluate/run/run.ts";
import { evaluated, evaluationScene, type Scene, samplesOf, task } from "./evaluation.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-reproduce-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let scene: Scene;
let base: EvalConfig;
beforeAll(async () => {
  scene = await evaluationScene(root, { questions: 8, temperature: 0.5 });
  base = scene.config("base");
  await evaluated(base);
});

let runs = 0;

/** Evaluates again with changes, and compares. */
async function again(changes: object, folder = base.out): Promise<Comparison> {
  const recorded = readManifest(folder);
  const out = join(root, `again-${runs++}`);
  const config = evalConfigSchema.parse({ ...recorded.manifest.config, ...changes, out });
  const done = await evaluate(config, { inProcess: true });
  return compareRun(recorded, done!);
}

/** The model's folder with one file changed. */
function changedModel(name: string, change: (folder: string) => void): string {
  const folder = join(root, `model-${name}`);
  cpSync(scene.model, folder, { recursive: true });
  change(folder);
  return folder;
}

it("nothing changed: everything is equal", async () => {
  const found = await again({});
  expect(found).toMatchObject({ equal: true, causes: [], differences: [] });
  expect(found.tasks[0]).toMatchObject({ questions: 8, differing: {} });
});

it("another seed: other samples, because of the seed", async () => {
  const { equal, tasks, differences } = await again({ seed: 9 });
  expect(equal).toBe(false);
  expect(tasks[0]!.differing.generation).toBe(differences.length);
  expect(new Set(differences.map(({ kind, why }) => `${kind}: ${why}`))).toEqual(
    new Set(["generation: seed (sampling)"]),
  );
});

it("other weights: other texts, because of the weights", async () => {
  const model = changedModel("weights", (folder) => {
    const path = join(folder, "model.safetensors");
    const bytes = readFileSync(path);
    // The sign of every seventh number of four bytes behind the header.
    for (let at = 8 + Number(bytes.readBigUInt64LE()) + 3; at < bytes.length; at += 28) bytes[at]! ^= 0x80;
    writeFileSync(path, bytes);
  });
  const { differences, causes } = await again({ model });
  expect(causes.map(({ name }) => name)).toEqual(["weights"]);
  expect(differences.length).toBeGreaterThan(0);
  for (const one of differences) {
    expect(one).toMatchObject({ kind: "generation", why: "weights" });
    expect(one.divergence).toBeDefined();
  }
});

it("another chat template: other prompts, because of the template", async () => {
  const chat = { ...base, out: join(root, "chat"), apply_chat_template: true };
  await evaluated(chat);
  const model = changedModel("template", (folder) =>
    writeFileSync(
      join(folder, "chat_template.jinja"),
      "{% for m in messages %}<{{ m.content }}>{% endfor %}",
    ),
  );
  const { differences, causes } = await again({ model }, chat.out);
  expect(causes.map(({ name }) => name)).toEqual(["chat template", "prompts"]);
  expect(differences).toHaveLength(8);
  for (const one of differences) expect(one).toMatchObject({ kind: "prompt", why: "chat template, prompts" });
});

it("an option of the decoder: named", async () => {
  const { differences } = await again({ decoder_options: { ...base.decoder_options, steps: 8 } });
  expect(differences.length).toBeGreaterThan(0);
  for (const { kind, why } of differences)
    expect({ kind, why }).toEqual({ kind: "generation", why: "decoder option steps" });
});

it("other data: a question that is asked otherwise, one whose target changed, and one more", async () => {
  const lines = readFileSync(scene.data, "utf8").trimEnd().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as { question: string; answer: string });
  const right = samplesOf(base.out).find(({ unmask }) => unmask.verdicts[0]!.correct)!.doc_id;
  const asked = right === 0 ? 1 : 0;
  rows[asked]!.question += "?";
  rows[right]!.answer = "#### 123456";
  const data = join(root, "other.jsonl");
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  appendFileSync(data, `${JSON.stringify({ question: "one more", answer: "#### 3" })}\n`);
  const { differences } = await again({ tasks: [{ name: task, data }] });
  const kinds = Object.fromEntries(differences.map(({ doc, kind }) => [doc, kind]));
  expect(kinds).toEqual({
    [asked]: "prompt",
    ...(right === undefined ? {} : { [right]: "score" }),
    8: "missing",
  });
  expect(differences.every(({ why }) => /data|prompts|limit/.test(why))).toBe(true);
});

it("edited samples: the extraction is found, with and without the model", async () => {
  const folder = join(root, "edited");
  cpSync(base.out, folder, { recursive: true });
  const path = join(folder, `samples_${task}.jsonl`);
  const [first, ...others] = readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  first.unmask.verdicts[0].extracted = "31415";
  writeFileSync(path, [first, ...others].map((line) => `${JSON.stringify(line)}\n`).join(""));
  const recorded = readManifest(folder);
  const regraded = await compareGrades(
    recorded,
    evalConfigSchema.parse({ ...recorded.manifest.config, out: "x" }),
    {
      inProcess: true,
    },
  );
  for (const { equal, differences } of [regraded, await again({}, folder)]) {
    expect(equal).toBe(false);
    expect(differences).toMatchObject([{ doc: 0, kind: "extraction" }]);
    expect(differences[0]!.what).toMatch(/^read as "31415" → /);
    expect(differences[0]!.why).toContain("nothing that is recorded changed");
  }
});

it("samples without a field are refused with file and row", async () => {
  const folder = join(root, "damaged");
  cpSync(base.out, folder, { recursive: true });
  const path = join(folder, `samples_${task}.jsonl`);
  const lines = readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  delete lines[2].resps;
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await expect(again({}, folder)).rejects.toThrow(`${path}, row 3: resps is missing or wrong`);
});
