// `unmask generate`: samples from a model, with the canvas filling live in a terminal, plain text elsewhere, or one
// JSON object (`--json`).

import { readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UsageError } from "../base/errors.ts";
import type {
  GeneratedSequence,
  GenerateEvent,
  GenerateOptions,
  GenerateTotals,
  Prompt,
} from "../generate/events.ts";
import type { Model } from "../generate/load.ts";
import type { Structure } from "../structure/structure.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { CanvasView } from "./canvas-view.ts";
import { decoderOptionsOf } from "./decoder-flags.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { duration } from "./numbers.ts";
import { hasColours, isLive, styles } from "./terminal.ts";
import { modelOrUsual, usualPrompt } from "./usual-model.ts";

/** The decoder's options stand beside these. */
export interface GenerateFlags {
  readonly model?: string;
  readonly revision?: string;
  readonly seed: number;
  readonly count: number;
  readonly length?: number;
  readonly maxNewTokens?: number;
  /** Folder of a LoRA adapter. */
  readonly adapter?: string;
  readonly prompt?: string;
  readonly suffix?: string;
  /** A file. */
  readonly jsonSchema?: string;
  readonly regex?: string;
  readonly chat?: boolean;
  readonly system?: string;
  readonly decoder?: string;
  readonly fidelity: "corrected" | "released";
  readonly stop?: readonly string[];
  readonly stopId?: readonly number[];
  readonly fillAll?: boolean;
  readonly trajectory?: string;
  readonly recordProposals?: boolean;
  readonly batchSize?: number;
  readonly device: string;
  readonly dtype: "auto" | "float32" | "bfloat16" | "int8";
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function generateVerb(given: GenerateFlags): Promise<number> {
  const isNothing = given.model === undefined && given.prompt === undefined && given.suffix === undefined;
  const flags = isNothing ? { ...given, prompt: usualPrompt } : given;
  if (flags.recordProposals === true && flags.trajectory === undefined) {
    throw new UsageError("--record-proposals needs a file to record them in; give --trajectory out.parquet");
  }
  const [{ generate }, { TrajectoryShard }] = await Promise.all([
    import("../generate/generate.ts"),
    import("../generate/trajectory-shard.ts"),
  ]);
  const { model, tokenizer } = await loadFor(modelOrUsual(flags.model), flags);
  const interrupt = onInterrupt(() => undefined);
  const shard = flags.trajectory === undefined ? undefined : new TrajectoryShard(flags.trajectory, tokenizer);
  const options: GenerateOptions = {
    ...optionsOf(flags),
    batchSize: flags.batchSize ?? (showsCanvas(flags) ? 1 : undefined),
    frames: showsCanvas(flags),
    signal: interrupt.signal,
    recordProposals: flags.recordProposals,
    onTrajectory: shard === undefined ? undefined : (one, header) => shard.add(one, header),
  };
  const viewer = flags.json ? jsonViewer(model, flags) : textViewer(tokenizer, flags);
  try {
    for await (const event of generate(model, promptOf(flags), options)) {
      await nextTurn(); // forwards block the event loop: signals and the terminal's size get their turn here
      viewer.onEvent(event);
      if (interrupt.signal.aborted) break;
    }
    shard?.finish();
  } finally {
    viewer.end();
    interrupt.release();
  }
  if (!interrupt.signal.aborted) return 0;
  process.stderr.write(`Stopped after ${viewer.finished()} of ${flags.count} sequences.\n`);
  return interruptedExitCode;
}

/** Loads a model for writing text, with the progress of a download on stderr. */
export async function loadFor(
  source: string,
  flags: Pick<GenerateFlags, "revision" | "device" | "dtype" | "adapter" | "fidelity">,
): Promise<{ model: Model; tokenizer: Tokenizer }> {
  const [{ load, tokenizerOf }, { checkDevice }, { downloadProgress }] = await Promise.all([
    import("../generate/load.ts"),
    import("./device.ts"),
    import("./download.ts"),
  ]);
  const { revision, dtype, adapter, fidelity } = flags;
  const onProgress = downloadProgress(process.stderr);
  const model = await load(source, {
    device: checkDevice(flags.device),
    dtype,
    adapter,
    revision,
    onProgress,
    // Exact and faster; but DiDi-Instruct's released sampler tells the network the noise.
    fold: fidelity !== "released",
  });
  return { model, tokenizer: tokenizerOf(model) };
}

function optionsOf(flags: GenerateFlags): GenerateOptions {
  const { seed, count, length, maxNewTokens, suffix, decoder, fidelity, stop, stopId } = flags;
  return {
    ...{ seed, count, length, maxNewTokens, suffix, decoder, fidelity, stop },
    stopIds: stopId,
    stopAtEnd: flags.fillAll !== true,
    decoderOptions: decoderOptionsOf(flags),
    structure: structureOf(flags),
  };
}

function structureOf({ jsonSchema, regex }: GenerateFlags): Structure | undefined {
  if (jsonSchema !== undefined && regex !== undefined) {
    throw new UsageError("--json-schema and --regex are two structures for one text; give one of them");
  }
  if (regex !== undefined) return { kind: "regex", pattern: regex };
  if (jsonSchema === undefined) return undefined;
  try {
    return { kind: "json-schema", schema: JSON.parse(readFileSync(jsonSchema, "utf8")) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--json-schema ${jsonSchema} cannot be read as JSON: ${reason}`, {}, { cause });
  }
}

function promptOf({ prompt = "", chat = false, system }: GenerateFlags): Prompt {
  if (!chat && system === undefined) return prompt;
  const head = system === undefined ? [] : [{ role: "system" as const, content: system }];
  return [...head, { role: "user" as const, content: prompt }];
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
      process.stdout.write(`${JSON.stringify(jsonResult(model, flags, { ...event, sequences }))}\n`);
    },
    finished: () => sequences.length,
    end: () => undefined,
  };
}

export interface Generated {
  readonly decoder: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly sequences: readonly GeneratedSequence[];
  readonly totals: GenerateTotals;
}

/** What the JSON tells of a request besides the decoder's options. */
export type RequestFlags = Pick<
  GenerateFlags,
  | "seed"
  | "count"
  | "length"
  | "maxNewTokens"
  | "prompt"
  | "suffix"
  | "system"
  | "fidelity"
  | "batchSize"
  | "adapter"
>;

export function jsonResult(
  model: Pick<Model, "folder">,
  flags: RequestFlags,
  { decoder, options, sequences, totals }: Generated,
) {
  const { seed, count, length, maxNewTokens, prompt = "", suffix, system, fidelity } = flags;
  const { batchSize, adapter } = flags;
  const request = {
    ...{ seed, count, length, max_new_tokens: maxNewTokens, prompt, suffix, system, fidelity },
    ...{ batch_size: batchSize, adapter },
  };
  return { model: model.folder, decoder, options: { ...request, ...options }, sequences, totals };
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
        const text = wholeText(tokenizer, flags, event.sequence);
        const title = `── ${event.index + 1}/${flags.count} · ${event.sequence.nfe} forwards ──`;
        if (view !== undefined) view.write(text, style.dim(title));
        else process.stdout.write(`${finished > 1 ? "\n" : ""}${text}\n`);
      } else if (event.type === "finish") process.stderr.write(`${summary(event.totals)}\n`);
    },
    finished: () => finished,
    end: () => view?.end(),
  };
}

/**
 * Prompt and completion, joined as the tokenizer joins tokens; the answer alone where the prompt is a conversation or the
 * answer has a structure.
 */
function wholeText(
  tokenizer: Tokenizer,
  flags: GenerateFlags,
  { prompt_ids, text }: GeneratedSequence,
): string {
  if (flags.chat === true || flags.system !== undefined) return text;
  if (flags.jsonSchema !== undefined || flags.regex !== undefined) return text;
  const prompt = tokenizer.decode(prompt_ids, { skipSpecials: true });
  return prompt === "" ? text : prompt + (tokenizer.kind === "words" ? " " : "") + text;
}

/** Tokens per forward counts every sequence's own forwards, so that it does not depend on the batch. */
export function summary({ tokens, nfe, seconds, ...ratios }: GenerateTotals): string {
  const perForward = ratios.tokens_per_forward.toFixed(2);
  const perSecond = ratios.tokens_per_second.toFixed(0);
  return `${tokens} tokens, ${nfe} forwards, ${duration(seconds)}: ${perForward} tokens a forward, ${perSecond} tokens/s`;
}
