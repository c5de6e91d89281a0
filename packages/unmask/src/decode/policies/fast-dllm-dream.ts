// Fast-dLLM on Dream: blocks from left to right with keys and values kept of what a block does not change (turns.ts),
// and one of Dream's ways to choose columns inside the block.
//
//   entropy, maskgit_plus, topk_margin   a quota of the surest columns from a time grid of the block's own
//   confidence_threshold                 the most confident column, and every other at or above the threshold
//   entropy_threshold                    the column of the lowest plain entropy, and every other below the threshold
//
// In the published code (`released`) a block's first forward writes its first column, whatever the network thinks of
// it, so that the shift never needs a row from the cache; then at least one forward with the cache follows. Its
// schedule begins at step 1, `steps` counts for each block, and every quota goes by entropy.
//
// `corrected` decides a block's first forward like the others, for the proposer reads the right row; it means by each
// algorithm what its name says, shares `steps` among the blocks, and leaves a block when it is full.

import { ConfigError } from "../../base/errors.ts";
import { countOpen, openColumns } from "../canvas.ts";
import { checkCache, type Decoder, type DecoderContext, type Fidelity, whyNotFullView } from "../decoder.ts";
import { withinEntropy } from "./block-entropy.ts";
import { dreamOptions, dreamSampling } from "./dream.ts";
import { checkDivides, sharedOptions } from "./low-confidence.ts";
import type { Policy, Proposal } from "./policy.ts";
import { largestAnd } from "./select.ts";
import { gridQuota, pick, surenesses } from "./time-grid.ts";
import {
  type BlockCache,
  blockCaches,
  blocksOf,
  feedOf,
  shareSteps,
  type Turn,
  Turns,
  writable,
} from "./turns.ts";

export const blockAlgorithms = [
  "entropy",
  "maskgit_plus",
  "topk_margin",
  "confidence_threshold",
  "entropy_threshold",
] as const;

export type BlockAlgorithm = (typeof blockAlgorithms)[number];

export interface FastDllmDreamOptions {
  readonly algorithm: BlockAlgorithm;
  /** A probability for confidence_threshold, nats for entropy_threshold. */
  readonly threshold: number;
  /** For the whole text; in released fidelity for each block. */
  readonly steps: number;
  readonly eps: number;
  readonly orderTemperature?: number | undefined;
  readonly blockLength: number;
  readonly cache: BlockCache;
  readonly seed: number;
  readonly fidelity: Fidelity;
}

export function fastDllmDream(options: FastDllmDreamOptions): Policy {
  const { algorithm, steps, blockLength, cache, fidelity } = options;
  const isReleased = fidelity === "released";
  return {
    name: "fast_dllm_dream",
    needsMargin: algorithm === "topk_margin" && !isReleased,
    limit: (canvas) => writable(canvas) * (isReleased ? 1 + steps : 1),
    blocks: (canvas) => blocksOf(canvas, blockLength),
    start(canvas) {
      const blocks = blocksOf(canvas, blockLength);
      const open = blocks.map(({ from, to }) => countOpen(canvas, from, to));
      const shares = isReleased ? open.map(() => steps) : shareSteps(open, steps);
      const turns = new Turns(canvas, blocks, ({ index }) => isReleased && index < 2);
      return {
        plan() {
          const turn = turns.next();
          if (turn === undefined) return undefined;
          const all = openColumns(canvas, turn.from, turn.to);
          const candidates = isReleased && turn.index === 0 ? all.slice(0, 1) : all;
          return { ...feedOf(turn, cache, canvas.length), candidates };
        },
        decide(proposal) {
          const turn = turns.current;
          if (isReleased && turn.index === 0) return { commit: [0] };
          const place = { turn, steps: shares[turn.block]!, sequence: canvas.sequence };
          return { commit: choose(proposal, place, options) };
        },
      };
    },
  };
}

function choose(
  proposal: Proposal,
  { turn, steps, sequence }: { turn: Turn; steps: number; sequence: number },
  { algorithm, threshold, eps, orderTemperature, seed, fidelity }: FastDllmDreamOptions,
): number[] {
  const { columns, probability, plainEntropy } = proposal;
  if (algorithm === "confidence_threshold") return largestAnd(probability, threshold);
  if (algorithm === "entropy_threshold") {
    return withinEntropy(plainEntropy, threshold, fidelity === "released");
  }
  const quota = gridQuota(columns.length, turn.total, { step: turn.index, steps, eps, fidelity });
  const scores = surenesses[fidelity === "released" ? "entropy" : algorithm](proposal);
  return pick(scores, quota, { columns, temperature: orderTemperature, seed, sequence, step: turn.step });
}

/** Line of the table of decoders. */
export const fastDllmDreamDecoder: Decoder = {
  name: "fast_dllm_dream",
  aliases: ["fast_dllm_block"],
  doc: "Dream block by block with a cache of keys and values (Fast-dLLM).",
  options: {
    steps: {
      ...sharedOptions.steps,
      doc: "Forwards where alg has no threshold: for the whole text, in released fidelity for each block.",
    },
    block_length: sharedOptions.block_length,
    alg: {
      kind: "choice",
      default: "confidence_threshold",
      choices: blockAlgorithms,
      aliases: ["algorithm"],
      doc: "Which columns of a block a forward writes.",
    },
    threshold: {
      kind: "number",
      default: undefined,
      min: 0,
      aliases: ["confidence_threshold", "entropy_threshold"],
      doc: "A probability for alg confidence_threshold (0.9 by default), nats for entropy_threshold (0.45).",
    },
    cache: {
      kind: "choice",
      default: "dual",
      choices: blockCaches,
      aliases: ["cache_mode"],
      doc: "What keys and values are kept of while a block is decoded: what precedes it, or all around it.",
    },
    ...dreamOptions,
  },
  refuses: whyNotFullView,
  create(values, context) {
    const blockLength = Math.min(values.block_length as number, Math.max(1, context.newTokens));
    const algorithm = values.alg as BlockAlgorithm;
    checkCache(context, values.cache !== "none", "cache none");
    checkDivides(context, blockLength);
    return {
      policy: fastDllmDream({
        algorithm,
        threshold:
          (values.threshold as number | undefined) ?? (algorithm === "entropy_threshold" ? 0.45 : 0.9),
        steps: stepsOf(values.steps as number | undefined, context, { blockLength, algorithm }),
        eps: values.eps as number,
        orderTemperature: values.alg_temp as number | undefined,
        blockLength,
        cache: values.cache as BlockCache,
        seed: context.seed,
        fidelity: context.fidelity,
      }),
      sampling: dreamSampling(values),
    };
  },
};

function stepsOf(
  given: number | undefined,
  { fidelity, newTokens }: DecoderContext,
  { blockLength, algorithm }: { blockLength: number; algorithm: BlockAlgorithm },
): number {
  if (fidelity === "corrected") return given ?? newTokens;
  const isQuota = algorithm !== "confidence_threshold" && algorithm !== "entropy_threshold";
  if (given === 1 && isQuota) {
    throw new ConfigError(
      "steps is 1; the published code leaves all but a block's first token unwritten then, give 2",
      {
        steps: given,
      },
    );
  }
  return given ?? Math.max(2, blockLength);
}
