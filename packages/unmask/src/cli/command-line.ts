// The verbs of `unmask`, their options, and what a wrong command line says. Verbs load their code when they run, so that --help needs no engine.
// Exit codes: 0 done, 1 failed while running, 2 wrong use, 130 interrupted.

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { wordings } from "../language/reasoning.ts";
import { addAup } from "./aup-flags.ts";
import { addEval, addReproduce, addSweep } from "./evaluation-commands.ts";
import { addChat, addGenerate } from "./generation-commands.ts";
import { addGrade } from "./grade-flags.ts";
import { addLaunch } from "./launch-flags.ts";
import { dashed, oneOf, positiveNumber, weightDtype, wholeNumber } from "./options.ts";
import { reportOf } from "./report.ts";
import { addServe } from "./serve-command.ts";
import { hasColours, styles } from "./terminal.ts";

const seed = wholeNumber("--seed", { least: 0, example: 0 });

/** Of the verb that ran last. */
let exitCode = 0;

/** Runs a verb and keeps its exit code. Options of the program and of the verb arrive as one object. */
function verb(run: (options: never, args: string[]) => Promise<number>) {
  return async (...received: unknown[]): Promise<void> => {
    const command = received.at(-1) as Command;
    exitCode = await run(command.optsWithGlobals() as never, command.args);
  };
}

export function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const root = new Command("unmask")
    .description("Diffusion language models: train, generate, look inside")
    .version(version, "--version", "print the version")
    .option("--verbose", "print stack traces of errors")
    .option("--json", "one JSON object on stdout, for programs")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true });
  addTrain(root);
  addRollout(root);
  addDistill(root);
  addGenerate(root, verb);
  addChat(root, verb);
  addServe(root, verb);
  addMerge(root);
  addEval(root, verb);
  addSweep(root, verb);
  addReproduce(root, verb);
  addAup(root).action(verb(async (options, files) => (await import("./aup.ts")).aupVerb(files, options)));
  addGrade(root).action(verb(async (options) => (await import("./grade.ts")).gradeVerb(options)));
  addForward(root);
  addInspect(root);
  addSetup(root);
  addDoctor(root);
  addQuickstart(root);
  addLanguage(root);
  addLaunch(root).action(
    verb(async (options, args) => {
      const { launchVerb } = await import("./launch.ts");
      return launchVerb(
        args,
        options,
        root.commands.map((command) => command.name()),
      );
    }),
  );
  return root;
}

/** Flags of whatever runs the training loop. */
const addLoop = (command: Command, { steps, schema }: { steps: number; schema: string }): Command =>
  command
    .option("--resume", "go on with the run in that folder")
    .option("--dry-run", "print plan, memory and steps; train nothing")
    .option("--schema", `print the JSON Schema of ${schema}, for editors`)
    .option("--seed <n>", "random numbers", seed)
    .option("--steps <n>", "training steps", wholeNumber("--steps", { least: 1, example: steps }))
    .option(
      "--minutes <n>",
      "stop after this long",
      positiveNumber("--minutes", { least: 1e-3, example: 10 }),
    )
    .option("--device <name>", "cpu, cuda or cuda:<index>")
    .option("--dtype <name>", "of matrix products: auto, float32 or bfloat16");

function addTrain(root: Command): void {
  const command = root
    .command("train")
    .description("train a model, fresh or one you have, on texts, chats or answers")
    .argument("[config-and-changes...]", "CONFIG.yaml and key=value, such as train.steps=100")
    .option("--data <file>", "UTF-8 text or JSONL, with built-in settings for its size")
    .option("--out <dir>", "folder of the run");
  addLoop(command, { steps: 5000, schema: "CONFIG.yaml" }).action(
    verb(async (options, args) => (await import("./train.ts")).trainVerb(args, options)),
  );
}

function addRollout(root: Command): void {
  root
    .command("rollout")
    .description("record a teacher's answers to prompts, for distillers to learn from")
    .argument("[config-and-changes...]", "CONFIG.yaml and key=value, such as shard_size=100")
    .option("--model <dir>", "the teacher: folder of a run or of a model, or a Hugging Face id")
    .option("--data <file>", "prompts: JSONL, Parquet, a folder, or a dataset of the hub")
    .option("--out <dir>", "folder of the trajectories; the same command goes on with it")
    .option("--dry-run", "count the prompts; write nothing")
    .option("--schema", "print the JSON Schema of CONFIG.yaml, for editors")
    .option("--seed <n>", "random numbers", seed)
    .option("--device <name>", "cpu, cuda or cuda:<index>")
    .option("--dtype <name>", "of the weights: auto, float32, bfloat16 or int8")
    .action(verb(async (options, args) => (await import("./rollout.ts")).rolloutVerb(args, options)));
}

function addDistill(root: Command): void {
  const command = root
    .command("distill")
    .description("teach a model to write in fewer forwards")
    .argument("[config-and-changes...]", "CONFIG.yaml and key=value, such as distill.alpha=0.5")
    .option("--method <name>", "t3d, d3llm, didi, or a baseline: trajectory, sft, dparallel, sdtt, duo")
    .option("--model <dir>", "the model, its own teacher: a folder, or a Hugging Face id")
    .option("--data <path>", "what unmask rollout wrote, or for didi, sdtt and duo texts")
    .option("--out <dir>", "folder of the run");
  addLoop(command, { steps: 1000, schema: "the method's CONFIG.yaml" }).action(
    verb(async (options, args) => (await import("./distill.ts")).distillVerb(args, options)),
  );
}

function addForward(root: Command): void {
  root
    .command("forward")
    .description("one pass of a model over given token ids: raw logits into a file")
    .option("--model <dir>", "folder of a run or of a model, or a Hugging Face id (required)")
    .option("--input <file>", 'JSON: {"ids": [[1, 2], [3, 4]]}, see below (required)')
    .option("--output <file>", "safetensors file for logits float32 [rows, length, vocabulary] (required)")
    .option("--device <name>", "cpu, cuda or cuda:<index>", "cpu")
    .option("--dtype <name>", "of the weights: auto, float32, bfloat16 or int8", weightDtype(), "auto")
    .addHelpText("after", forwardInputHelp)
    .action(verb(async (options) => (await import("./forward.ts")).forwardVerb(options)));
}

const forwardInputHelp = `
Keys of the input:
  ids             token ids, one list a row, all of one length
  attention_mask  1 for real tokens, 0 for padding, which nobody sees
  position_ids    places of the tokens; by default 0, 1, 2 …, for Dream and SDAR
                  over real tokens only
  sigma           noise level of each row, for networks that are told (MDLM)

The logits are the network's own: Dream's row p predicts position p + 1, and the
mask has a column.`;

function addInspect(root: Command): void {
  const inspect = root
    .command("inspect")
    .description("look into a model without loading it, or into recorded generations");
  inspect
    .command("model")
    .description("facts, sizes and tensors of a model; reads no weight")
    .argument("[model]", "folder of a run or of a model, or a Hugging Face id")
    .action(verb(async (options, [model]) => (await import("./inspect.ts")).modelVerb(model, options)));
  inspect
    .command("estimate")
    .description("memory of a forward, before anything is loaded")
    .argument("[model]", "folder of a run or of a model, or a Hugging Face id")
    .option("--batch <n>", "rows", wholeNumber("--batch", { least: 1, example: 4 }), 1)
    .option(
      "--length <n>",
      "positions (default: 1024, or the model's context if that is less)",
      wholeNumber("--length", { least: 1, example: 512 }),
    )
    .option("--device <name>", "cpu, cuda or cuda:<index>", "cpu")
    .option("--dtype <name>", "of the weights: auto, float32, bfloat16 or int8", weightDtype(), "auto")
    .option("--cache", "with keys and values of all positions kept")
    .action(verb(async (options, [model]) => (await import("./inspect.ts")).estimateVerb(model, options)));
  inspect
    .command("trajectory")
    .description("recorded generations: forwards, parallelism, order, wasted work")
    .argument("[file]", "a Parquet file that generate --trajectory wrote, or the journal that it left")
    .option(
      "--sequence <n>",
      "one sequence, forward by forward",
      wholeNumber("--sequence", { least: 0, example: 0 }),
    )
    .option("--model <dir>", "the model that wrote them, to show their text")
    .action(
      verb(async (options, [file]) =>
        (await import("./inspect-trajectory.ts")).trajectoryVerb(file, options),
      ),
    );
  inspect
    .command("open")
    .description("a page in the browser: replay, training curves, evaluations")
    .argument("[files...]", "trajectories, metrics.jsonl, or folders of runs and evaluations")
    .option("--model <dir>", "the model that wrote the trajectories, where they hold no texts")
    .option(
      "--port <n>",
      "of 127.0.0.1 (default: a free one)",
      wholeNumber("--port", { least: 1, example: 8123 }),
    )
    .option("--no-browser", "print the address, start no browser")
    .action(verb(async (options, files) => (await import("./inspect-open.ts")).openVerb(files, options)));
}

function addMerge(root: Command): void {
  root
    .command("merge")
    .description("write a LoRA adapter into its model's weights: an ordinary model")
    .option("--model <dir>", "folder of a run or of a model, or a Hugging Face id (required)")
    .option("--adapter <dir>", "folder with adapter_config.json and adapter_model.safetensors (required)")
    .option("--out <dir>", "new folder for the model (required)")
    .action(verb(async (options) => (await import("./merge.ts")).mergeVerb(options)));
}

function addSetup(root: Command): void {
  root
    .command("setup")
    .description("find or fetch libtorch and build the addon that reaches it; needed once after npm install")
    .option(
      "--download <build>",
      "take the official libtorch: cpu or cuda",
      oneOf("--download", ["cpu", "cuda"]),
    )
    .option("--no-system", "never install system packages (also: UNMASK_NO_SYSTEM=1)")
    .option("--build", "look for libtorch again and build even what seems current")
    .action(verb(async (options) => (await import("./setup.ts")).setupVerb(options)));
}

function addDoctor(root: Command): void {
  root
    .command("doctor")
    .description("print what this machine offers; paste it into a bug report")
    .action(verb(async (options) => (await import("./doctor.ts")).doctorVerb(options)));
}

function addQuickstart(root: Command): void {
  root
    .command("quickstart")
    .description("in minutes: train teachers, teach students fewer forwards, measure both, write a report")
    .option("--data <file>", "your own text instead of the built-in language")
    .option("--seed <n>", "random numbers", seed, 0)
    .option("--out <dir>", "folder of all that is made; the same command goes on with it", "runs/quickstart")
    .option("--from-scratch", "also train the two teachers that come bundled: most of an hour more")
    .action(
      verb(async ({ data, seed: chosen, out, fromScratch = false, json = false }: QuickstartFlags) => {
        const { quickstart } = await import("./quickstart/quickstart.ts");
        return quickstart({ data, seed: chosen, out, fromScratch, json });
      }),
    );
}

interface QuickstartFlags {
  readonly data?: string;
  readonly seed: number;
  readonly out: string;
  readonly fromScratch?: boolean;
  readonly json?: boolean;
}

function addLanguage(root: Command): void {
  const language = root
    .command("language")
    .description("the synthetic language: sample it, score texts in it");
  const size = ["--size <name>", "tiny, small, medium or large", "medium"] as const;
  language
    .command("sample")
    .description("print stories, one or several a line")
    .option(...size)
    .option("--count <n>", "lines", wholeNumber("--count", { least: 1, example: 5 }), 5)
    .option(
      "--stories <n>",
      "of a line, one after another",
      wholeNumber("--stories", { least: 1, example: 10 }),
      1,
    )
    .option("--seed <n>", "random numbers", seed, 0)
    .action(verb(async (options) => (await import("./language.ts")).sampleVerb(options)));
  language
    .command("problems")
    .description("print word problems with their reasoning, one JSON object a line: prompt, response, answer")
    .option(...size)
    .option("--wording <name>", "plain or varied", oneOf("--wording", wordings), "plain")
    .option("--count <n>", "problems", wholeNumber("--count", { least: 1, example: 5 }), 5)
    .option("--skip <n>", "begin behind so many", wholeNumber("--skip", { least: 0, example: 1000 }), 0)
    .option("--seed <n>", "random numbers", seed, 0)
    .action(verb(async (options) => (await import("./language.ts")).problemsVerb(options)));
  language
    .command("mixture")
    .description("print stories and word problems as the bundled model learns them, one JSON object a line")
    .option("--count <n>", "examples", wholeNumber("--count", { least: 1, example: 7 }), 7)
    .option("--seed <n>", "random numbers", seed, 0)
    .action(verb(async (options) => (await import("./language.ts")).mixtureVerb(options)));
  language
    .command("score")
    .description("read one text a line, print its validity and log-probabilities as JSON")
    .option(...size)
    .action(verb(async (options) => (await import("./language.ts")).scoreVerb(options)));
  language
    .command("describe")
    .description("print the sizes of the language")
    .action(verb(async (options) => (await import("./language.ts")).describeVerb(options)));
}

/** Commander throws instead of exiting, here and in every verb. */
function quietly(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const sub of command.commands) quietly(sub);
  return command;
}

/** Runs one command line; never throws. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const verbose = args.includes("--verbose");
  try {
    const root = quietly(program());
    if (args.some((one) => one === "--help" || one === "-h")) await addKeys(root, args[0]);
    await root.parseAsync(dashed(args), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help")) {
      return error.exitCode === 0 ? 0 : 2;
    }
    const report = reportOf(error instanceof CommanderError ? wrongUse(error, args) : error);
    const { red } = styles(hasColours(process.stderr));
    process.stderr.write(`${red("error:")} ${report.message}\n`);
    if (verbose && error instanceof Error) process.stderr.write(`${error.stack}\n${causes(error)}`);
    return report.exitCode;
  }
}

/** The keys of verbs that take a configuration, in their help. */
const keysOf: Readonly<Record<string, () => Promise<string>>> = {
  train: async () => (await import("./train.ts")).trainKeys(),
  rollout: async () => (await import("./rollout.ts")).rolloutKeys(),
  distill: async () => (await import("./distill.ts")).distillKeys(),
  eval: async () => (await import("./eval.ts")).evalKeys(),
  sweep: async () => (await import("./sweep.ts")).sweepKeys(),
};

async function addKeys(root: Command, name: string | undefined): Promise<void> {
  const keys = name === undefined || !Object.hasOwn(keysOf, name) ? undefined : await keysOf[name]!();
  if (keys === undefined) return;
  const command = root.commands.find((one) => one.name() === name);
  command?.addHelpText("after", `\nKeys of CONFIG.yaml and key=value:\n${keys}`);
}

/** Commander's message as one sentence of ours, with our nearest name. */
function wrongUse({ code, message }: CommanderError, args: readonly string[]): UsageError {
  const text = message.replace(/^error: /, "").replace(/\n\(Did you mean .*\?\)/s, "");
  const command = commandOf(args);
  const help = `; see ${[...command.path].join(" ")} --help`;
  const [, name = ""] = /'(.*?)'/.exec(text) ?? [];
  if (code === "commander.unknownCommand") {
    const names = command.found.commands.map((one) => one.name());
    return new UsageError(`unknown verb "${name}"${didYouMean(name, names) || help}`, { name });
  }
  if (code === "commander.unknownOption") {
    const flag = name.replace(/=.*$/s, "");
    const flags = command.options.flatMap(({ long }) => (long ? [long] : []));
    return new UsageError(`unknown option ${flag}${didYouMean(flag, flags) || help}`, { flag });
  }
  return new UsageError(`${text}${help}`);
}

/** The verb that a command line names, for messages. */
function commandOf(args: readonly string[]) {
  let found = program();
  const path = [found.name()];
  const options = [...found.options];
  for (const word of args) {
    const next = found.commands.find((command) => command.name() === word);
    if (next === undefined) continue;
    found = next;
    path.push(next.name());
    options.push(...next.options);
  }
  return { found, path, options };
}

function causes(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `caused by: ${cause.stack}\n${causes(cause)}` : "";
}
