#!/usr/bin/env node
// @ts-check
// `node tools/bundle.mjs RUN NAME [TASK...]`: puts the model of a training run beside the code as packages/unmask/models/NAME:
// weights in bfloat16, a chat template that spells what people type as the built-in language does, and manifest.json:
// how it was trained and what it scores on TASKs (problems_small_varied unless given), 200 questions, a token a forward.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convert, openSharded, saveSharded, scope } from "../packages/torch/dist/index.js";
import { readConfig } from "../packages/unmask/dist/cli/config.js";
import { evalConfigSchema } from "../packages/unmask/dist/evaluate/run/config.js";
import { evaluate } from "../packages/unmask/dist/evaluate/run/run.js";
import { describe } from "../packages/unmask/dist/generate/load.js";

const models = fileURLToPath(new URL("../packages/unmask/models", import.meta.url));

/** The last message alone, in small letters, with spaces before stops: the only spelling that the model has seen. */
const template = `{%- set text = messages[-1]["content"] | trim | lower -%}
{%- set text = text | replace(".", " .") | replace("?", " ?") | replace("  ", " ") -%}
{{- text }}{{ "" if text.endswith(".") or text.endswith("?") else " ." -}}
`;

/** @param {string} file @returns {any} */
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** @param {string} file @param {unknown} value */
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** @param {string} run @param {string} folder */
function copyModel(run, folder) {
  const from = join(run, "model");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  scope(() => {
    const checkpoint = openSharded(from);
    const tensors = new Map(
      checkpoint.names.map((name) => [name, convert(checkpoint.tensor(name), "bfloat16", "cpu")]),
    );
    saveSharded(folder, tensors, { metadata: { ...checkpoint.metadata } });
  });
  writeJson(join(folder, "config.json"), { ...readJson(join(from, "config.json")), torch_dtype: "bfloat16" });
  for (const name of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) {
    writeFileSync(join(folder, name), readFileSync(join(from, name)));
  }
  writeFileSync(join(folder, "chat_template.jinja"), template);
}

/** One token a forward. @param {string} folder */
async function slowest(folder) {
  const { facts } = await describe(folder);
  return facts.blockLength === undefined
    ? { decoder: "low_confidence", decoder_options: { steps: facts.contextLength, block_length: 8 } }
    : { decoder: "block_diffusion", decoder_options: { denoising_steps: facts.blockLength } };
}

/** @param {string} folder @param {string[]} tasks */
async function measure(folder, tasks) {
  const out = mkdtempSync(join(tmpdir(), "unmask-bundle-"));
  const settings = await slowest(folder);
  const keys = {
    model: folder,
    tasks,
    limit: 200,
    batch_size: 64,
    apply_chat_template: false,
    ...settings,
    out,
  };
  const evaluated = await evaluate(evalConfigSchema.parse(keys), { inProcess: true });
  rmSync(out, { recursive: true });
  const [outcomes = []] = evaluated?.outcomes ?? [];
  return outcomes.map(({ name, rows, metrics, decoding }) => ({
    task: name,
    questions: rows.length,
    ...settings,
    tokens_per_forward: decoding?.tokens_per_forward,
    metrics: Object.fromEntries(metrics.map(({ name, mean, low, high }) => [name, { mean, low, high }])),
  }));
}

/** How it was trained. @param {string} run */
function training(run) {
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const events = lines.map((line) => JSON.parse(line));
  const last = events.findLast((event) => event.type === "evaluate");
  const { step, seconds } = events.findLast((event) => event.type === "step");
  const { out: _out, ...config } = readConfig(join(run, "config.yaml"));
  return { steps: step, seconds: Math.round(seconds), held_out: last?.metrics, config };
}

async function main() {
  const [run, name, ...tasks] = process.argv.slice(2);
  if (run === undefined || name === undefined || !existsSync(join(run, "model"))) {
    process.stderr.write(
      "usage: node tools/bundle.mjs RUN NAME [TASK...]; RUN is the folder of a finished training\n",
    );
    process.exitCode = 2;
    return;
  }
  const folder = join(models, name);
  copyModel(run, folder);
  const measured = await measure(folder, tasks.length > 0 ? tasks : ["problems_small_varied"]);
  const recipe = `recipes/train-${name}.yaml`;
  writeJson(join(folder, "manifest.json"), { name, recipe, training: training(run), measured });
  process.stdout.write(`${folder}\n`);
}

await main();
