// How fluent the answers are: generative perplexity under a causal judge, always with their entropy.

import { load, tokenizerOf } from "../../generate/load.ts";
import { textQuality } from "../perplexity.ts";
import type { EvalConfig } from "./config.ts";
import type { TaskOutcome } from "./outcome.ts";

export interface TaskText {
  readonly judge: string;
  /** exp of the mean surprise of a token, in the judge's tokens. */
  readonly generative_perplexity: number;
  /** Mean entropy of an answer's token frequencies, nats: repetition lowers it, and perplexity with it. */
  readonly entropy: number;
  readonly distinct_1: number;
  readonly distinct_2: number;
  readonly distinct_3: number;
  readonly scored_tokens: number;
  readonly texts: number;
  /** Answers too short to be scored. */
  readonly too_short: number;
}

/** By task; empty without a judge. */
export async function judgeTexts(
  outcomes: readonly TaskOutcome[],
  { judge: folder, device, dtype, fidelity }: Pick<EvalConfig, "judge" | "device" | "dtype" | "fidelity">,
): Promise<Map<string, TaskText>> {
  const found = new Map<string, TaskText>();
  if (folder === undefined) return found;
  const judge = await load(folder, { device: device as "cpu", dtype: dtype === "int8" ? "auto" : dtype });
  try {
    const tokenizer = tokenizerOf(judge);
    for (const { name, rows } of outcomes) {
      const texts = rows.flatMap(({ written }) => written.map(({ text }) => tokenizer.encode(text)));
      const long = texts.filter(({ length }) => length > 1);
      if (long.length === 0) continue;
      const quality = textQuality(judge, long, { rule: fidelity });
      const [distinct_1, distinct_2, distinct_3] = quality.distinct;
      found.set(name, {
        judge: folder,
        generative_perplexity: quality.perplexity,
        entropy: quality.entropy,
        ...{ distinct_1, distinct_2, distinct_3, scored_tokens: quality.scoredTokens },
        ...{ texts: quality.texts, too_short: texts.length - long.length },
      });
    }
  } finally {
    judge.dispose();
  }
  return found;
}
