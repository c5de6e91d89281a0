// Accuracy and parallelism during training: the student writes answers to prompts that it does not learn from.

import { generate } from "../generate/generate.ts";
import type { Model } from "../generate/load.ts";
import type { Network } from "../models/family.ts";
import { rejection } from "../rollout/keep.ts";
import { asPrompt } from "../rollout/prompt-format.ts";
import { type Prompts, readPrompts } from "../rollout/prompts.ts";
import type { Metrics } from "../train/loop.ts";
import type { DistillConfig } from "./config.ts";

type EvaluateConfig = NonNullable<DistillConfig["evaluate"]>;

export function evaluationPrompts(config: EvaluateConfig): Promise<Prompts> {
  const { data: path, prompt_field, messages_field, gold_field, count: limit } = config;
  return readPrompts({
    data: {
      ...{ path, prompt_field, messages_field, gold_field, limit, response_field: "response" },
      ...{ split: "train", kind: "auto", on_corrupt: "fail", prompt_format: "auto", prompt_suffix: "" },
    },
  });
}

/** Share of right answers, and tokens a forward up to their ends. */
export async function writtenQuality(
  model: Model,
  network: Network,
  { prompts, config, seed }: { prompts: Prompts; config: EvaluateConfig; seed: number },
): Promise<Metrics> {
  const asked = prompts.prompts.map(({ prompt }) => asPrompt(prompt, "auto", model));
  const keep = {
    ended: false,
    min_tokens: 1,
    verified: config.verified,
    unverified: "drop",
    no_gold: "reject",
  } as const;
  const totals = { right: 0, tokens: 0, forwards: 0 };
  for await (const event of generate({ ...model, network }, asked, {
    ...{ decoder: config.decoder, decoderOptions: config.decoder_options, seed, frames: false },
    ...{ maxNewTokens: config.max_new_tokens, batchSize: config.batch_size },
  })) {
    if (event.type !== "sequence") continue;
    const { tokens, nfe } = event.sequence;
    totals.tokens += tokens;
    totals.forwards += nfe;
    if (rejection(event.sequence, prompts.prompts[event.index]!, keep) === undefined) totals.right++;
  }
  return {
    accuracy: totals.right / asked.length,
    tokens_per_forward: totals.tokens / Math.max(1, totals.forwards),
  };
}
