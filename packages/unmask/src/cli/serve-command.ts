// The flags of `unmask serve`.

import type { Command } from "commander";
import { usualLimits } from "../serve/http/limits.ts";
import { oneOf, positiveNumber, several, weightDtype, wholeNumber } from "./options.ts";

type Action = (
  run: (options: never, args: string[]) => Promise<number>,
) => (...received: unknown[]) => Promise<void>;

export function addServe(root: Command, verb: Action): void {
  const command = root
    .command("serve")
    .description("answer requests over HTTP: OpenAI's interface, and a page to watch texts appear")
    .option(
      "--model <dir>",
      "folder of a run or of a model, a bundled name, or a Hugging Face id (default: tiny)",
    )
    .option("--revision <name>", "branch, tag or commit of a Hugging Face model")
    .option("--name <text>", "what clients call the model (default: what was given as --model)");
  addDoor(command);
  addEngine(command);
  addLimits(command);
  command
    .option("--adapter <dir>", "folder of a LoRA adapter (PEFT's files) for the model")
    .option("--device <name>", "cpu, cuda or cuda:<index>", "cpu")
    .option("--dtype <name>", "of the weights: auto, float32, bfloat16 or int8", weightDtype(), "auto")
    .addHelpText("after", help)
    .action(verb(async (options) => (await import("./serve.ts")).serveVerb(options)));
}

/** Where it listens and to whom. */
const addDoor = (command: Command): Command =>
  command
    .option("--host <name>", "address to listen on; 0.0.0.0 for all of this machine", "127.0.0.1")
    .option(
      "--port <n>",
      "0 for any free one",
      wholeNumber("--port", { least: 0, most: 65535, example: 8000 }),
      8000,
    )
    .option("--api-key-file <file>", "clients must give one of its keys, one a line (default: none needed)")
    .option("--allow-host <name>", "answer this name in the Host header too; several times", several)
    .option("--allow-origin <url>", "pages of this site may ask; several times", several)
    .option("--log-level <name>", "of the log on stderr", oneOf("--log-level", levels), "info");

const levels = ["debug", "info", "warn", "error", "silent"] as const;

const addEngine = (command: Command): Command =>
  command
    .option(
      "--max-batch <n>",
      "sequences decoded at once",
      wholeNumber("--max-batch", { least: 1, example: 32 }),
    )
    .option(
      "--max-queue <n>",
      "requests that may wait",
      wholeNumber("--max-queue", { least: 0, example: 256 }),
    )
    .option(
      "--max-memory <mb>",
      "megabytes for running sequences",
      wholeNumber("--max-memory", { least: 1, example: 2048 }),
    )
    .option(
      "--threads <n>",
      "processor threads of an operator",
      wholeNumber("--threads", { least: 1, example: 2 }),
    );

const { requestSeconds, sequences, bodyBytes } = usualLimits;

const addLimits = (command: Command): Command =>
  command
    .option(
      "--request-timeout <seconds>",
      "most time for a request, waiting included",
      positiveNumber("--request-timeout", { least: 1e-3, example: requestSeconds }),
      requestSeconds,
    )
    .option(
      "--shutdown-timeout <seconds>",
      "time for running requests when the server is stopped",
      positiveNumber("--shutdown-timeout", { least: 0, example: 30 }),
      30,
    )
    .option(
      "--max-body <kb>",
      "kilobytes of a request's body",
      wholeNumber("--max-body", { least: 1, example: bodyBytes / 1024 }),
      bodyBytes / 1024,
    )
    .option(
      "--max-sequences <n>",
      "prompts times n of a request",
      wholeNumber("--max-sequences", { least: 1, example: sequences }),
      sequences,
    )
    .option(
      "--max-connections <n>",
      "open at once",
      wholeNumber("--max-connections", { least: 1, example: 2048 }),
      2048,
    );

const help = `
Endpoints: /v1/chat/completions, /v1/completions, /v1/models, /health, /ready,
/metrics, and the inspector at /. Ctrl-C lets running requests finish; a second
one ends at once.`;
