// Fast-dLLM (Wu et al. 2025) on networks without a shift: LLaDA's blocks, several tokens a forward where the network is
// sure, and keys and values kept of what a block does not change.
//
//   threshold   the most confident column, and every other whose confidence is at least the threshold
//   factor      the n-th most confident one is written while its confidence is at least 1 − factor/(n + 1)
//   steps       an even quota a step, as LLaDA
//
// The kept keys and values are those of the block's first forward: an approximation, since later tokens would change
// them. `corrected` fidelity leaves a block when it is full. The published threshold and quota code spends at least one
// forward with the cache on each block, even on a full one, and the published factor code also writes the last
// candidate if it is the first to fail (`released`).

import { ConfigError } from "../../base/errors.ts";
import { streams } from "../../base/rng.ts";
import { type Canvas, countOpen, openColumns } from "../canvas.ts";
import { checkCache, type Decoder, type Fidelity, type OptionValues, whyNotFullView } from "../decoder.ts";
import { checkDivides, type Remasking, sharedOptions } from "./low-confidence.ts";
import type { Policy, Proposal } from "./policy.ts";
import { evenShare, largest, largestAnd, randomScores, ranked } from "./select.ts";
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

export type ParallelRule =
  | { readonly kind: "threshold"; readonly threshold: number }
  | { readonly kind: "factor"; readonly factor: number }
  | { readonly kind: "quota"; readonly steps: number };

export interface FastDllmOptions {
  readonly rule: ParallelRule;
  readonly blockLength: number;
  readonly cache: BlockCache;
  readonly remasking: Remasking;
  readonly seed: number;
  readonly fidelity: Fidelity;
}

export function fastDllm(options: FastDllmOptions): Policy {
  const { rule, blockLength, cache, fidelity } = options;
  const alwaysTwo = fidelity === "released" && cache !== "none" && rule.kind !== "factor";
  return {
    name: "fast_dllm",
    limit: (canvas) => 2 * writable(canvas),
    blocks: (canvas) => blocksOf(canvas, blockLength),
    start(canvas) {
      const blocks = blocksOf(canvas, blockLength);
      const open = blocks.map(({ from, to }) => countOpen(canvas, from, to));
      const steps = rule.kind === "quota" ? quotaSteps(open, rule.steps, fidelity) : [];
      const turns = new Turns(canvas, blocks, ({ index }) => alwaysTwo && index < 2);
      return {
        plan() {
          const turn = turns.next();
          if (turn === undefined) return undefined;
          return {
            ...feedOf(turn, cache, canvas.length),
            candidates: openColumns(canvas, turn.from, turn.to),
          };
        },
        decide(proposal) {
          const turn = turns.current;
          const scores = confidences(proposal, canvas, { ...options, step: turn.step });
          if (rule.kind === "threshold") return { commit: largestAnd(scores, rule.threshold) };
          if (rule.kind === "factor") return { commit: byFactor(scores, rule.factor, fidelity) };
          return { commit: largest(scores, quotaOf(turn, steps)) };
        },
      };
    },
  };
}

function quotaSteps(open: readonly number[], steps: number, fidelity: Fidelity): number[] {
  if (fidelity === "corrected") return shareSteps(open, steps);
  return open.map(() => Math.max(1, Math.floor(steps / open.length)));
}

const quotaOf = ({ block, index, total }: Turn, steps: readonly number[]): number =>
  evenShare(total, steps[block]!, index) ?? total;

function confidences(
  { columns, plainProbability }: Proposal,
  { sequence }: Canvas,
  { remasking, seed, step }: { remasking: Remasking; seed: number; step: number },
): ArrayLike<number> {
  if (remasking === "low_confidence") return plainProbability;
  return randomScores(columns, { seed, stream: streams.reveal, sequence, step });
}

/** Indices, ascending, of the most confident columns up to the first that is below its bar. */
export function byFactor(scores: ArrayLike<number>, factor: number, fidelity: Fidelity): number[] {
  const order = ranked(scores);
  const failing = order.findIndex((i, rank) => rank > 0 && scores[i]! < 1 - factor / (rank + 2));
  const isLast = fidelity === "released" && failing === order.length - 1;
  return order.slice(0, failing < 0 || isLast ? order.length : failing).sort((a, b) => a - b);
}

function ruleOf(values: OptionValues): ParallelRule {
  const threshold = values.confidence_threshold as number | undefined;
  const factor = values.factor as number | undefined;
  const steps = values.steps as number | undefined;
  if (threshold !== undefined && factor !== undefined) {
    throw new ConfigError("confidence_threshold and factor are two rules; give one of them", {
      threshold,
      factor,
    });
  }
  if (factor !== undefined) return { kind: "factor", factor };
  if (threshold !== undefined || steps === undefined)
    return { kind: "threshold", threshold: threshold ?? 0.9 };
  return { kind: "quota", steps };
}

/** Line of the table of decoders. */
export const fastDllmDecoder: Decoder = {
  name: "fast_dllm",
  aliases: ["fast_dllm_v1", "fast_dllm_llada"],
  doc: "LLaDA's blocks with several sure tokens a forward and a cache of keys and values (Fast-dLLM).",
  options: {
    ...sharedOptions,
    steps: { ...sharedOptions.steps, doc: "Forwards for the whole text where neither rule is given." },
    confidence_threshold: {
      kind: "number",
      default: undefined,
      min: 0,
      max: 1,
      aliases: ["threshold"],
      doc: "Writes every token whose probability is at least this; 0.9 if no rule and no steps are given.",
    },
    factor: {
      kind: "number",
      default: undefined,
      min: 0,
      doc: "Writes the n-th surest token if its probability is at least 1 - factor / (n + 1).",
    },
    cache: {
      kind: "choice",
      default: "dual",
      choices: blockCaches,
      aliases: ["cache_mode"],
      doc: "What keys and values are kept of while a block is decoded: what precedes it, or all around it.",
    },
  },
  refuses: whyNotFullView,
  create(values, context) {
    const blockLength = values.block_length as number;
    checkCache(context, values.cache !== "none", "cache none");
    checkDivides(context, Math.min(blockLength, context.newTokens), values.steps as number | undefined);
    return {
      policy: fastDllm({
        rule: ruleOf(values),
        blockLength,
        cache: values.cache as BlockCache,
        remasking: values.remasking as Remasking,
        seed: context.seed,
        fidelity: context.fidelity,
      }),
      sampling: { temperature: values.temperature as number },
    };
  },
};
