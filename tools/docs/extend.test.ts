// docs/extend.md: its files are put where their first lines say (as far as imports can tell), checked and run.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { newCanvas } from "../../packages/unmask/src/decode/canvas.ts";
import { decode } from "../../packages/unmask/src/decode/decode.ts";
import { type Decoder, readOptions } from "../../packages/unmask/src/decode/decoder.ts";
import { scriptedProposer } from "../../packages/unmask/src/decode/scripted.ts";
import { distillerContract } from "../../packages/unmask/src/distill/contract.ts";
import type { OpenGenerateTask, Task } from "../../packages/unmask/src/evaluate/tasks/task.ts";
import type { Family } from "../../packages/unmask/src/models/family.ts";
import { tinyNetwork } from "../../packages/unmask/test/oracle/tiny-networks.ts";
import { tinyPlainFacts, tinyTrajectories } from "../../packages/unmask/test/oracle/tiny-trajectories.ts";
import { blocksOf } from "./blocks.mjs";

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "node_modules", ".cache", "docs-extend");
const page = readFileSync(join(root, "docs", "extend.md"), "utf8");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const { text } of blocksOf("extend.md", page).filter(({ language }) => language === "ts")) {
  const place = /^\/\/ (packages\S+)/.exec(text)?.[1] ?? "";
  const absolute = (path: string) => resolve(root, dirname(place), path);
  const code = text.replace(/ from "(\.[^"]+)"/g, (_, path) => ` from ${JSON.stringify(absolute(path))}`);
  writeFileSync(join(folder, basename(place)), code);
}
const file = (name: string) => import(join(folder, name));

test("the files are type-checked", () => {
  const base = join(root, "tsconfig.base.json");
  const compilerOptions = {
    ...{
      noEmit: true,
      composite: false,
      declaration: false,
      sourceMap: false,
      allowImportingTsExtensions: true,
    },
    ...{ rewriteRelativeImportExtensions: false, rootDir: root, types: ["node"] },
    paths: { "@unmask/torch": [join(root, "packages", "torch", "src", "index.ts")] },
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: base, compilerOptions, include: ["*.ts"] }),
  );
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8", cwd: folder });
  expect(stdout).toBe("");
}, 600_000);

test("the decoder writes what is sure, and one token at least", async () => {
  const { surePrefixDecoder } = (await file("sure-prefix.ts")) as { surePrefixDecoder: Decoder };
  const values = readOptions(surePrefixDecoder, { threshold: 0.5 });
  const facts = {
    family: "llada",
    maskId: 9,
    endIds: [8],
    shift: 0,
    contextLength: 8,
    denoises: true,
  } as const;
  const context = { facts, seed: 0, fidelity: "corrected", promptLength: 0, newTokens: 5 } as const;
  const canvas = newCanvas({ length: 5, noiseId: 9 });
  const doubts = new Set(["0 2", "1 4"]); // forward and column
  const proposer = scriptedProposer((_, column, forward) => ({
    token: column,
    probability: doubts.has(`${forward} ${column}`) ? 0.1 : 0.9,
  }));
  for await (const _ of decode([canvas], proposer, surePrefixDecoder.create(values, context).policy));
  expect([...canvas.revealStep]).toEqual([0, 0, 1, 1, 2]);
});

let secondHalf: typeof import("../../packages/unmask/src/distill/sft.ts").sftMethod;
beforeAll(async () => {
  ({ secondHalf } = await file("second-half.ts"));
});
distillerContract({
  name: "second_half",
  method: () => secondHalf(tinyPlainFacts),
  make: () => {
    const network = tinyNetwork("dream");
    return { networks: { student: network }, trained: new Map([["student", network.parameters]]) };
  },
  examples: tinyTrajectories,
});

test("the task asks and judges", async () => {
  const { even } = (await file("even.ts")) as { even: Task };
  const task = (await even.open({ limit: 2 })) as OpenGenerateTask;
  const answers = task.items.map(({ id, target }) => ({ id, responses: [` ${target}, of course`] }));
  const graded = await task.grade(answers);
  expect(graded.map(({ scores }) => scores["correct,none"])).toEqual([1, 1]);
  const [wrong] = await task.grade([{ id: task.items[0]!.id, responses: ["perhaps"] }]);
  expect(wrong?.verdicts[0]).toMatchObject({ correct: false, unparsed: true });
});

test("the family reads its own field", async () => {
  const { mirror } = (await file("mirror.ts")) as { mirror: Family<{ facts: object }> };
  const folderOf = join(root, "packages", "unmask", "test", "parity", "fixtures", "llada", "checkpoint");
  const { mask_token_id: mask_id, ...others } = JSON.parse(
    readFileSync(join(folderOf, "config.json"), "utf8"),
  );
  const values = { ...others, mask_id, model_type: "mirror" };
  const { facts } = mirror.readConfig({ path: "config.json", values });
  expect(facts).toMatchObject({ family: "mirror", maskId: mask_id });
});
