// The table of decoders. A new one is a policy file and one line here.

import type { DecodeFacts, Decoder } from "./decoder.ts";
import { ancestralDecoder } from "./policies/ancestral.ts";
import { blockDiffusionDecoder } from "./policies/block-diffusion.ts";
import { blockEntropyDecoder } from "./policies/block-entropy.ts";
import { d2fDecoder } from "./policies/d2f.ts";
import { dreamDecoder } from "./policies/dream.ts";
import { fastDllmDecoder } from "./policies/fast-dllm.ts";
import { fastDllmDreamDecoder } from "./policies/fast-dllm-dream.ts";
import { lowConfidenceDecoder } from "./policies/low-confidence.ts";
import { multiBlockDecoder } from "./policies/multi-block.ts";
import { rewardGuidedDecoder } from "./policies/reward-guided.ts";

export const decoders: readonly Decoder[] = [
  lowConfidenceDecoder,
  dreamDecoder,
  fastDllmDecoder,
  fastDllmDreamDecoder,
  blockEntropyDecoder,
  multiBlockDecoder,
  d2fDecoder,
  blockDiffusionDecoder,
  ancestralDecoder,
  rewardGuidedDecoder,
];

/** What a family was published with, where nothing is asked for. */
const usual: Readonly<Record<string, Decoder>> = {
  llada: lowConfidenceDecoder,
  dream: dreamDecoder,
  sdar: blockDiffusionDecoder,
  mdlm: ancestralDecoder,
};

/** The decoder of a model that is asked for none: its family's own, else the first that fits. */
export function usualDecoder(facts: DecodeFacts): Decoder {
  const own = usual[facts.family];
  if (own !== undefined && own.refuses(facts) === undefined) return own;
  return decoders.find((one) => one.refuses(facts) === undefined) ?? lowConfidenceDecoder;
}
