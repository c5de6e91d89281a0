// LLaDA's decoder (Nie et al. 2025, "low-confidence remasking"): blocks from left to right, and in each step the
// quota's most confident columns of the block are written. Confidence is the probability of the drawn token in the
// plain softmax, whatever the temperature. With one block, text is filled in anywhere between given columns.
//
//   corrected   the steps are shared among the blocks by what is open in them, and a block's columns are split evenly
//               over its steps; no step writes nothing
//   released    block_length must divide the text and the number of blocks the steps; where a block has fewer open
//               columns than steps, the last of them write nothing
//
// Two other choices look at no token: "random" writes any columns, "spread" those that lie far apart (as the dilated
// schedule of Luxembourg et al. 2025 and the Halton schedule of Besnier et al. 2025 do, in an order of our own). With text that
// is drawn (temperature 1) a few forwards then write what many would, for the tokens of one forward are drawn independently
// and far ones nearly are so.
//
// confidence_eos_eot_inf puts ends of text last. As published it also changes the other confidences: at temperature 0
// they are renormalised without both tokens (the code sets −inf in the logits it still needs), above 0 without the
// second one only, and the first is not put last.

import { ConfigError } from "../../base/errors.ts";
import { streams, uniform } from "../../base/rng.ts";
import { countOpen, openColumns } from "../canvas.ts";
import {
  type Decoder,
  type DecoderContext,
  type Fidelity,
  type OptionSpec,
  whyNotFullView,
} from "../decoder.ts";
import type { Policy, Proposal } from "./policy.ts";
import { evenShare, largest, randomScores, spreadScores } from "./select.ts";
import { blocksOf, shareSteps, type Turn, Turns, writable } from "./turns.ts";

export const remaskings = ["low_confidence", "random"] as const;

export type Remasking = (typeof remaskings)[number];

/** Choices of this decoder. */
export const selections = [...remaskings, "spread"] as const;

export type Selection = (typeof selections)[number];

export interface LowConfidenceOptions {
  /** Forwards for the whole text. */
  readonly steps: number;
  /** One block of everything by default. */
  readonly blockLength?: number | undefined;
  readonly remasking: Selection;
  readonly seed: number;
  readonly fidelity: Fidelity;
  /** Tokens that are written after all others. */
  readonly lastIds?: readonly number[] | undefined;
  /** Reads the proposal's `probability` instead of the plain one. */
  readonly adjusted?: boolean | undefined;
}

export function lowConfidence(options: LowConfidenceOptions): Policy {
  const { blockLength, fidelity } = options;
  return {
    name: "low_confidence",
    limit: (canvas) => options.steps + writable(canvas),
    blocks: (canvas) => blocksOf(canvas, blockLength),
    start(canvas) {
      const blocks = blocksOf(canvas, blockLength);
      const open = blocks.map(({ from, to }) => countOpen(canvas, from, to));
      const steps =
        fidelity === "corrected"
          ? shareSteps(open, options.steps)
          : blocks.map(() => Math.max(1, Math.floor(options.steps / blocks.length)));
      const turns = new Turns(canvas, blocks, ({ block, index }) => {
        return fidelity === "released" && index < steps[block]!;
      });
      return {
        plan() {
          const turn = turns.next();
          if (turn === undefined) return undefined;
          return { from: 0, to: canvas.length, candidates: openColumns(canvas, turn.from, turn.to) };
        },
        decide(proposal) {
          const { block, index, total } = turns.current;
          const scores = scoresOf(proposal, { turn: turns.current, sequence: canvas.sequence, options });
          return { commit: largest(scores, evenShare(total, steps[block]!, index) ?? total) };
        },
      };
    },
  };
}

/** What is written first has the highest. */
function scoresOf(
  proposal: Proposal,
  { turn, sequence, options }: { turn: Turn; sequence: number; options: LowConfidenceOptions },
): number[] {
  const { remasking, seed } = options;
  const source = { seed, stream: streams.reveal };
  if (remasking === "random") return randomScores(proposal.columns, { ...source, sequence, step: turn.step });
  if (remasking === "low_confidence") return confidences(proposal, options);
  // Another beginning for every text and block, or the same columns would always be written first.
  const offset = Math.floor(uniform(source, sequence, turn.block, 0) * (turn.to - turn.from));
  return spreadScores(proposal.columns, { ...turn, offset });
}

function confidences(proposal: Proposal, { lastIds = [], adjusted = false }: LowConfidenceOptions): number[] {
  const scores = Array.from(adjusted ? proposal.probability : proposal.plainProbability);
  return scores.map((score, i) => (lastIds.includes(proposal.token[i]!) ? Number.NEGATIVE_INFINITY : score));
}

/** Throws where the published code would: it splits neither blocks nor steps. */
export function checkDivides(context: DecoderContext, blockLength: number, steps?: number): void {
  const { fidelity, newTokens } = context;
  if (fidelity === "corrected") return;
  if (newTokens % blockLength !== 0) {
    throw new ConfigError(
      `block_length is ${blockLength} and max_new_tokens ${newTokens}; in released fidelity it must divide it`,
      { block_length: blockLength, max_new_tokens: newTokens },
    );
  }
  const blocks = newTokens / blockLength;
  if (steps !== undefined && steps % blocks !== 0) {
    throw new ConfigError(
      `steps is ${steps} for ${blocks} blocks; in released fidelity it must be a multiple of their number`,
      { steps, blocks },
    );
  }
}

/** Options that decoders of LLaDA share. */
export const sharedOptions = {
  steps: {
    kind: "integer",
    default: undefined,
    min: 1,
    aliases: ["diffusion_steps"],
    doc: "Forwards for the whole text; one a token by default.",
  },
  block_length: {
    kind: "integer",
    default: 32,
    min: 1,
    aliases: ["block_size"],
    doc: "Tokens of a block; as long as the text or longer for a single block.",
  },
  temperature: { kind: "number", default: 0, min: 0, doc: "0 takes the most probable token." },
  remasking: {
    kind: "choice",
    default: "low_confidence",
    choices: remaskings,
    aliases: ["remasking_strategy"],
    doc: "Which columns a step writes: the most confident ones, or any.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const lowConfidenceDecoder: Decoder = {
  name: "low_confidence",
  aliases: ["llada"],
  doc: "Blocks from left to right, an equal number of the most confident tokens a step (LLaDA).",
  options: {
    ...sharedOptions,
    remasking: {
      ...sharedOptions.remasking,
      choices: selections,
      doc: "Which columns a step writes: the most confident ones, any, or such that lie far apart.",
    },
    cfg_scale: {
      kind: "number",
      default: 0,
      min: 0,
      aliases: ["cfg", "guidance_scale"],
      doc: "Strength of classifier-free guidance, which doubles the work; 0 for none.",
    },
    logits_eos_inf: { kind: "flag", default: false, doc: "Never draws the end of text." },
    confidence_eos_eot_inf: { kind: "flag", default: false, doc: "Writes ends of text and of turn last." },
  },
  refuses: whyNotFullView,
  create(values, context) {
    const { facts, fidelity, seed, newTokens } = context;
    const steps = (values.steps as number | undefined) ?? newTokens;
    const blockLength = values.block_length as number;
    const temperature = values.temperature as number;
    checkDivides(context, Math.min(blockLength, newTokens), steps);
    const endsLast = values.confidence_eos_eot_inf === true;
    const doubted = temperature === 0 ? facts.endIds : facts.endIds.slice(1);
    const adjusted = endsLast && fidelity === "released";
    return {
      policy: lowConfidence({
        steps,
        blockLength,
        remasking: values.remasking as Selection,
        seed,
        fidelity,
        lastIds: endsLast && fidelity === "corrected" ? facts.endIds : [],
        adjusted,
      }),
      sampling: { temperature, doubted: adjusted ? doubted : undefined },
      guidance: values.cfg_scale as number,
      forbiddenIds: values.logits_eos_inf === true ? facts.endIds.slice(0, 1) : [],
    };
  },
};
