// The flags of `unmask eval`, `unmask sweep` and `unmask reproduce`.

import type { Command } from "commander";
import { several, wholeNumber } from "./options.ts";

type Action = (
  run: (options: never, args: string[]) => Promise<number>,
) => (...received: unknown[]) => Promise<void>;

export function addEval(root: Command, verb: Action): void {
  addCommon(
    root
      .command("eval")
      .description("ask a model the questions of tasks: scores with intervals, samples, speed, a report")
      .argument("[config-and-changes...]", "CONFIG.yaml and key=value, such as limit=100"),
  )
    .addHelpText("after", example)
    .action(verb(async (options, args) => (await import("./eval.ts")).evalVerb(args, options)));
}

export function addSweep(root: Command, verb: Action): void {
  addCommon(
    root
      .command("sweep")
      .description("evaluate along an option of the decoder: accuracy over tokens per forward, AUP")
      .argument("[config-and-changes...]", "CONFIG.yaml and key=value, such as limit=100"),
  )
    .addHelpText("after", sweepExample)
    .action(verb(async (options, args) => (await import("./sweep.ts")).sweepVerb(args, options)));
}

export function addReproduce(root: Command, verb: Action): void {
  root
    .command("reproduce")
    .description("an evaluation again from its manifest: what differs, question by question, and why")
    .argument("[manifest-and-changes...]", "manifest.json or its folder, and key=value, such as model=DIR")
    .option("--regrade", "only read and judge the recorded answers again")
    .option("--out <dir>", "folder of the new results (default: reproduced, beside the manifest)")
    .option("--resume", "go on with the reproduction in that folder")
    .addHelpText("after", "\nExit code 0: all questions give the same; 1: some differ.")
    .action(verb(async (options, args) => (await import("./reproduce.ts")).reproduceVerb(args, options)));
}

const addCommon = (command: Command): Command =>
  command
    .option("--model <dir>", "folder of a run or of a model, or a Hugging Face id")
    .option("--task <name>", "a task to ask, instead of the file's; may be given several times", several)
    .option("--out <dir>", "folder of the results")
    .option("--resume", "go on with the evaluation in that folder")
    .option("--dry-run", "check everything but the weights and print the plan; ask nothing")
    .option("--limit <n>", "only the first documents", wholeNumber("--limit", { least: 1, example: 100 }))
    .option("--seed <n>", "random numbers", wholeNumber("--seed", { least: 0, example: 0 }));

const example = `
Without a file: unmask eval --model DIR --task problems_small_varied --limit 100
CONFIG.yaml:
  model: runs/mine
  tasks:
  - name: gsm8k_cot_zeroshot
    data: gsm8k_test.jsonl
  decoder: low_confidence
  decoder_options: { steps: 64, block_length: 32 }
  max_new_tokens: 256
  out: runs/mine-gsm8k`;

const sweepExample = `
CONFIG.yaml: as of unmask eval, and
  sweep:
  - decoder: multi_block
    decoder_options: { block_length: 32 }
    option: threshold
    values: [0.2, 0.4, 0.6]       # or from, to and count
  - decoder: low_confidence
    decoder_options: { block_length: 32 }
    option: steps
    values: [256, 128, 64]`;
