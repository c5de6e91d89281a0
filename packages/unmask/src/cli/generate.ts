// `unmask generate`: samples from a model, with the canvas filling live in a terminal, plain text elsewhere, or one
// JSON object (`--json`).

import { setImmediate as nextTurn } from "node:timers/promises";
import { UsageError } from "../base/errors.ts";
import type {
  GeneratedSequence,
  GenerateEvent,
  GenerateOptions,
  GenerateTotals,
} from "../generate/events.ts";
import type { Model } from "../generate/load.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { CanvasView } from "./canvas-view.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { duration } from "./numbers.ts";
import { hasColours, isLive, styles } from "./terminal.ts";

export interface GenerateFlags {
  readonly model?: string;
  readonly steps: number;
  readonly seed: number;
  readonly count: number;
  readonly length?: number;
  /** Folder of a LoRA adapter. */
  readonly adapter?: string;
  readonly prompt?: string;
  readonly temperature?: number;
  readonly batchSize?: number;
  readonly device: string;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function generateVerb(flags: GenerateFlags): Promise<number> {
  // Not commander's "required": that would hide a misspelt --model behind "not specified".
  if (flags.model === undefined) {
    throw new UsageError(
      "nothing to write with; give --model DIR, the folder of a run, as in --model runs/train",
    );
  }
  const [{ load, tokenizerOf }, { generate }, { checkDevice }] = await Promise.all([
    import("../generate/load.ts"),
    import("../generate/generate.ts"),
    import("./device.ts"),
  ]);
  const model = await load(flags.model, { device: checkDevice(flags.device), adapter: flags.adapter });
  const interrupt = onInterrupt(() => undefined);
  const options: GenerateOptions = {
    steps: flags.steps,
    seed: flags.seed,
    count: flags.count,
    length: flags.length,
    prompt: flags.prompt,
    temperature: flags.temperature,
    batchSize: flags.batchSize ?? (showsCanvas(flags) ? 1 : undefined),
    signal: interrupt.signal,
  };
  const viewer = flags.json ? jsonViewer(model, flags) : textViewer(tokenizerOf(model), flags);
  try {
    for await (const event of generate(model, options)) {
      await nextTurn(); // forwards block the event loop: signals and the terminal's size get their turn here
      viewer.onEvent(event);
      if (interrupt.signal.aborted) break;
    }
  } finally {
    viewer.end();
    interrupt.release();
  }
  if (!interrupt.signal.aborted) return 0;
  process.stderr.write(`Stopped after ${viewer.finished()} of ${flags.count} sequences.\n`);
  return interruptedExitCode;
}

const showsCanvas = ({ json }: GenerateFlags): boolean => json !== true && isLive(process.stdout);

interface Viewer {
  onEvent(event: GenerateEvent): void;
  finished(): number;
  end(): void;
}

/** One object at the end, the only thing on stdout; nothing if interrupted. */
function jsonViewer(model: Model, flags: GenerateFlags): Viewer {
  const sequences: GeneratedSequence[] = [];
  return {
    onEvent(event) {
      if (event.type === "sequence") sequences.push(event.sequence);
      if (event.type !== "finish") return;
      process.stdout.write(
        `${JSON.stringify(jsonResult(model, flags, { sequences, totals: event.totals }))}\n`,
      );
    },
    finished: () => sequences.length,
    end: () => undefined,
  };
}

export interface Generated {
  readonly sequences: readonly GeneratedSequence[];
  readonly totals: GenerateTotals;
}

export function jsonResult(
  model: Pick<Model, "folder" | "facts">,
  flags: GenerateFlags,
  { sequences, totals }: Generated,
) {
  const { steps, seed, count, length = model.facts.contextLength, prompt = "", temperature = 1 } = flags;
  const batch = flags.batchSize === undefined ? {} : { batch_size: flags.batchSize };
  const adapted = flags.adapter === undefined ? {} : { adapter: flags.adapter };
  const options = { steps, seed, count, length, prompt, temperature, ...batch, ...adapted };
  return { model: model.folder, decoder: "ancestral", options, sequences, totals };
}

function textViewer(tokenizer: Tokenizer, flags: GenerateFlags): Viewer {
  const view = showsCanvas(flags) ? new CanvasView(process.stdout, tokenizer) : undefined;
  const style = styles(hasColours(process.stdout));
  let finished = 0;
  return {
    onEvent(event) {
      if (event.type === "canvas-frame") view?.draw(event);
      else if (event.type === "sequence") {
        finished++;
        const text = wholeText(tokenizer, event.sequence);
        const title = `── ${event.index + 1}/${flags.count} · ${event.sequence.nfe} forwards ──`;
        if (view !== undefined) view.write(style.dim(title), text);
        else process.stdout.write(`${finished > 1 ? "\n" : ""}${text}\n`);
      } else process.stderr.write(`${summary(event.totals)}\n`);
    },
    finished: () => finished,
    end: () => view?.end(),
  };
}

/** Prompt and completion, joined as the tokenizer joins tokens. */
function wholeText(tokenizer: Tokenizer, { prompt_ids, text }: GeneratedSequence): string {
  const prompt = tokenizer.decode(prompt_ids, { skipSpecials: true });
  return prompt === "" ? text : prompt + (tokenizer.kind === "words" ? " " : "") + text;
}

/** Tokens per forward counts every sequence's own forwards, so that it does not depend on the batch. */
export function summary({
  tokens,
  nfe,
  seconds,
  tokens_per_forward,
  tokens_per_second,
}: GenerateTotals): string {
  return `${tokens} tokens, ${nfe} forwards, ${duration(seconds)}: ${tokens_per_forward.toFixed(2)} tokens a forward, ${tokens_per_second.toFixed(0)} tokens/s`;
}
