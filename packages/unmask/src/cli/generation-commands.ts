// The flags of `unmask generate` and `unmask chat`.

import type { Command } from "commander";
import { addDecoderFlags } from "./decoder-flags.ts";
import { oneOf, several, weightDtype, wholeNumber } from "./options.ts";

/** Makes an action of a verb; the command line keeps its exit code. */
type Action = (
  run: (options: never, args: string[]) => Promise<number>,
) => (...received: unknown[]) => Promise<void>;

export function addGenerate(root: Command, verb: Action): void {
  const command = addModel(root.command("generate").description("write text with a model"))
    .option("--prompt <text>", "how the text begins")
    .option("--suffix <text>", "how it ends: fills in what lies between")
    .option("--json-schema <file>", "the text is JSON that is valid under this JSON Schema")
    .option("--regex <pattern>", "the text is what this regular expression matches as a whole")
    .option("--chat", "the prompt is a message; the model's chat template is put around it");
  addSystemAndLength(command)
    .option(
      "--length <n>",
      "tokens, prompt included (default: the model's)",
      wholeNumber("--length", { least: 1, example: 64 }),
    )
    .option("--count <n>", "texts to write", wholeNumber("--count", { least: 1, example: 4 }), 1);
  addDecoder(command)
    .option("--fill-all", "fill the whole canvas, whatever ends the text")
    .option("--trajectory <file>", "record what was written when: a Parquet file")
    .option("--record-proposals", "and everything that was proposed at every forward, written or not")
    .option(
      "--batch-size <n>",
      "texts at a time; changes speed only",
      wholeNumber("--batch-size", { least: 1, example: 16 }),
    );
  addLoading(command).action(verb(async (options) => (await import("./generate.ts")).generateVerb(options)));
}

export function addChat(root: Command, verb: Action): void {
  const command = addModel(root.command("chat").description("talk to a model, turn by turn"));
  addDecoder(addSystemAndLength(command));
  addLoading(command)
    .addHelpText("after", chatHelp)
    .action(verb(async (options) => (await import("./chat.ts")).chatVerb(options)));
}

const chatHelp = `
Without a terminal every line of stdin is a turn, and answers go to stdout; with
--json as one object a turn. Turn n is seeded with --seed + n.`;

const addModel = (command: Command): Command =>
  command
    .option(
      "--model <dir>",
      "folder of a run or of a model, a bundled name, or a Hugging Face id (default: tiny)",
    )
    .option("--revision <name>", "branch, tag or commit of a Hugging Face model");

const addSystemAndLength = (command: Command): Command =>
  command
    .option("--system <text>", "a system message before it")
    .option(
      "--max-new-tokens <n>",
      "tokens behind the prompt",
      wholeNumber("--max-new-tokens", { least: 1, example: 128 }),
    );

/** The decoder with its options, and what ends a text. */
function addDecoder(command: Command): Command {
  command.option("--decoder <name>", "how tokens are chosen, see below (default: the family's usual one)");
  return addDecoderFlags(command)
    .option("--seed <n>", "random numbers", wholeNumber("--seed", { least: 0, example: 0 }), 0)
    .option("--stop <text>", "ends the text; may be given several times", several)
    .option("--stop-id <n>", "a token that ends the text; may be given several times", severalIds)
    .option(
      "--fidelity <name>",
      "corrected, or released: the published code with its defects",
      oneOf("--fidelity", ["corrected", "released"]),
      "corrected",
    );
}

const addLoading = (command: Command): Command =>
  command
    .option("--adapter <dir>", "folder of a LoRA adapter (PEFT's files) for the model")
    .option("--device <name>", "cpu, cuda or cuda:<index>", "cpu")
    .option("--dtype <name>", "of the weights: auto, float32, bfloat16 or int8", weightDtype(), "auto");

const severalIds = (text: string, before: readonly number[] = []): number[] => [
  ...before,
  wholeNumber("--stop-id", { least: 0, example: 2 })(text),
];
