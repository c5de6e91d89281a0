// What a model writes by number of steps: figures for a table. In the synthetic language the truth is known, so
// validity and likelihood are exact; for other text the model itself is the judge.

import { absorbingNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { wilson } from "../evaluate/intervals.ts";
import type { GeneratedSequence } from "../generate/events.ts";
import { generate } from "../generate/generate.ts";
import { type Model, maskIdOf } from "../generate/load.ts";
import { logProbability, noisyLogProbability } from "../language/probability.ts";
import { type StorySize, storyGrammar } from "../language/stories.ts";
import { validate } from "../language/validate.ts";
import { heldOutLoss } from "../train/held-out.ts";
import { rowMethod } from "../train/masked-method.ts";

export interface QualityRow {
  steps: number;
  count: number;
  /** Mean forwards of the network a text. */
  forwards: number;
  tokensPerForward: number;
  tokensPerSecond: number;
  /** Share of valid stories, with its 95 % interval (Wilson). */
  valid?: { share: number; low: number; high: number };
  /** −log probability under the language with its noise channel, nats a word, mean over all texts. */
  nll?: number;
  /** The same under the language itself, over the valid texts; undefined if there is none. */
  validNll?: number | undefined;
  /** NELBO of the texts under the model that wrote them, nats a token. */
  selfNelbo?: number;
  example: string;
}

export interface QualityOptions {
  stepCounts: readonly number[];
  count: number;
  seed: number;
  /** Judge by the language of this size; left out, by the model. */
  size?: StorySize | undefined;
  signal?: AbortSignal | undefined;
}

/** One row per number of steps, as each is finished. */
export async function* quality(model: Model, options: QualityOptions): AsyncGenerator<QualityRow> {
  for (const steps of options.stepCounts) {
    const sequences: GeneratedSequence[] = [];
    let row: QualityRow | undefined;
    const { count, seed, signal } = options;
    for await (const event of generate(model, "", {
      ...{ count, seed, signal, batchSize: 128, stopAtEnd: false },
      decoderOptions: { steps },
    })) {
      if (event.type === "sequence") sequences.push(event.sequence);
      if (event.type !== "finish") continue;
      const { tokens_per_forward: tokensPerForward, tokens_per_second: tokensPerSecond, nfe } = event.totals;
      const example = sequences[0]?.text ?? "";
      row = { steps, count, forwards: nfe / count, tokensPerForward, tokensPerSecond, example };
    }
    if (row === undefined || sequences.length < count) return;
    yield {
      ...row,
      ...(options.size === undefined ? bySelf(model, sequences) : byLanguage(options.size, sequences)),
    };
  }
}

function byLanguage(size: StorySize, sequences: readonly GeneratedSequence[]): Partial<QualityRow> {
  const grammar = storyGrammar(size);
  const texts = sequences.map((sequence) => sequence.text.split(" "));
  const valid = texts.filter((words) => validate(grammar, words).valid);
  const mean = (of: string[][], score: (words: string[]) => number) =>
    of.reduce((sum, words) => sum - score(words) / words.length, 0) / of.length;
  return {
    valid: wilson(valid.length, texts.length),
    nll: mean(texts, (words) => noisyLogProbability(grammar, words)),
    validNll: valid.length > 0 ? mean(valid, (words) => logProbability(grammar, words)) : undefined,
  };
}

function bySelf(model: Model, sequences: readonly GeneratedSequence[]): Partial<QualityRow> {
  const { vocabularySize, givenBegin } = model.facts;
  const noise = absorbingNoise({ schedule: logLinear(), vocabularySize, maskId: maskIdOf(model) });
  const rows = sequences.map(({ prompt_ids, token_ids }) => ({
    ids: [...prompt_ids, ...token_ids],
    promptLength: givenBegin === true ? 1 : 0,
  }));
  const method = rowMethod(noise);
  return { selfNelbo: heldOutLoss(model.network, method, rows, { seed: 0, products: "float32", draws: 4 }) };
}

const percent = (share: number) => `${(100 * share).toFixed(1)}`;

/** The table's lines: a head, then one line a row. */
export function renderQuality(rows: readonly QualityRow[]): string[] {
  const language = rows.some((row) => row.valid !== undefined);
  const head = language
    ? ["steps", "forwards", "tokens/forward", "valid %", "95 % interval", "NLL", "NLL of valid"]
    : ["steps", "forwards", "tokens/forward", "NELBO under itself"];
  const body = rows.map((row) => {
    const start = [String(row.steps), row.forwards.toFixed(1), row.tokensPerForward.toFixed(2)];
    if (row.valid === undefined) return [...start, row.selfNelbo?.toFixed(3) ?? ""];
    const { share, low, high } = row.valid;
    const interval = `${percent(low)}–${percent(high)}`;
    return [...start, percent(share), interval, row.nll?.toFixed(3) ?? "", row.validNll?.toFixed(3) ?? "–"];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((cells) => cells[i]!.length)));
  return [head, ...body].map((cells) => cells.map((cell, i) => cell.padStart(widths[i]!)).join("  "));
}
