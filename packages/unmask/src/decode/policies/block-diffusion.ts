// Block diffusion (SDAR, T3D): block after block from left to right, each denoised in a few steps, and exact keys and
// values kept of what is finished. The network sees whole blocks and what stands before them, so that nothing written
// later changes what is in the cache.
//
// A forward that denoises a block looks at the block and keeps nothing of it. When the block is finished, its final
// keys and values are needed once: `corrected` fidelity feeds it together with the first denoising forward of the next
// block, where the network cannot tell the difference, and does the same with the prompt's full blocks. S steps a
// block are then S forwards. The published code spends a forward more on every block, and one on the prompt
// (`released`).
//
// A stop token ends the text: no block after it is planned, and columns behind it stay open, for they were never
// decided. `corrected` ends as soon as nothing before the end of the text is open, `released` when the block is done
// and fed again.
//
// The published code also overwrites fixed tokens where its quota exceeds the masks that are left. That is not
// reproduced: only open columns are ever written, in both fidelities.

import { ConfigError, invariant } from "../../base/errors.ts";
import { type Canvas, openColumns } from "../canvas.ts";
import type { DecodeFacts, Decoder, DecoderContext, Fidelity, OptionSpec, OptionValues } from "../decoder.ts";
import { type TextLimits, textEnd } from "../text-end.ts";
import { type Selection, type Strategy, select, strategies } from "./block-selection.ts";
import type { Decision, Plan, Policy, Proposal, SequenceDecoder, Span } from "./policy.ts";
import { evenShare } from "./select.ts";

export interface BlockDiffusionOptions {
  /** Blocks are aligned to column 0, and the canvas is made of whole ones. */
  readonly blockLength: number;
  /** Most denoising steps of a block. */
  readonly steps: number;
  readonly selection: Selection;
  readonly fidelity: Fidelity;
  readonly stopIds: readonly number[];
  /** Columns at the canvas's end that only fill the last block. */
  readonly extraColumns: number;
}

export function blockDiffusion(options: BlockDiffusionOptions): Policy {
  const { blockLength, steps, fidelity } = options;
  return {
    name: "block_diffusion",
    start(canvas) {
      invariant(canvas.length % blockLength === 0, "the canvas is made of whole blocks");
      const planner = fidelity === "released" ? separatePasses : fusedPasses;
      return planner(canvas, options);
    },
    blocks: (canvas) => blocksAligned(canvas, blockLength),
    limit(canvas) {
      const blocks = canvas.length / blockLength;
      return fidelity === "released" ? 1 + blocks * (steps + 1) : blocks * steps;
    },
  };
}

/** Blocks from column 0 on in which something is to be written. */
function blocksAligned({ given, length }: Canvas, blockLength: number): Span[] {
  const starts = Array.from({ length: length / blockLength }, (_, i) => i * blockLength);
  return starts
    .map((from) => ({ from, to: from + blockLength }))
    .filter(({ from, to }) => given.subarray(from, to).includes(0));
}

/** The columns that may be text, and what ends it. */
export function textLimits(canvas: Canvas, options: BlockDiffusionOptions): TextLimits {
  const { blockLength, stopIds, extraColumns, fidelity } = options;
  const to = canvas.length - extraColumns;
  if (fidelity === "corrected") return { from: 0, to, stopIds };
  const from = blockStart(promptEnd(canvas), blockLength);
  const length = releasedLength(to - promptEnd(canvas));
  return { from, to: promptEnd(canvas) + length, stopIds, scansGiven: true };
}

/**
 * How many tokens T3D's engine writes when asked for `newTokens`: it ends a text at 95 % of its length, whether memory
 * is short or not, unless that is less than 32 tokens, and one token later than meant.
 */
export function releasedLength(newTokens: number, share = 0.95): number {
  const end = Math.max(Math.trunc(newTokens * share), 32, Math.trunc(newTokens * 0.8));
  return Math.min(newTokens, end + 1);
}

/** Columns given from the start on. */
function promptEnd(canvas: Canvas): number {
  const first = canvas.given.indexOf(0);
  return first < 0 ? canvas.length : first;
}

const blockStart = (column: number, blockLength: number): number => column - (column % blockLength);

/** Counts the steps of a block and decides them. */
class Denoising {
  private readonly canvas: Canvas;
  private readonly options: BlockDiffusionOptions;
  /** Steps planned in this block, and in all. */
  private planned = 0;
  private total = 0;

  constructor(canvas: Canvas, options: BlockDiffusionOptions) {
    this.canvas = canvas;
    this.options = options;
  }

  nextBlock(): void {
    this.planned = 0;
  }

  get isSpent(): boolean {
    return this.planned >= this.options.steps;
  }

  /** The open columns of the block that starts at `start`, as candidates of its next step. */
  nextStep(start: number): Int32Array {
    this.planned++;
    this.total++;
    return openColumns(this.canvas, start, start + this.options.blockLength);
  }

  decide(proposal: Proposal): Decision {
    const { selection, fidelity, blockLength, steps } = this.options;
    // Entropies may ask for more steps than there are.
    if (this.isSpent && fidelity === "corrected") return { commit: Array.from(proposal.columns.keys()) };
    const quota = evenShare(blockLength, steps, this.planned - 1)!;
    const { sequence } = this.canvas;
    const commit = select(proposal, selection, { quota, sequence, step: this.total - 1 });
    if (fidelity === "corrected") return { commit };
    // Published networks may draw the mask; it leaves its column as it was.
    return { commit: commit.filter((i) => proposal.token[i] !== this.canvas.noiseId) };
  }
}

/** What was finished since the last block, and the block, in one forward. */
function fusedPasses(canvas: Canvas, options: BlockDiffusionOptions): SequenceDecoder {
  const { blockLength } = options;
  const limits = textLimits(canvas, options);
  const denoising = new Denoising(canvas, options);
  let block = -1;
  let cached = 0;
  return {
    plan() {
      if (textEnd(canvas, limits) !== undefined) return undefined;
      const start = blockStart(canvas.open.indexOf(1), blockLength);
      if (start !== block) denoising.nextBlock();
      block = start;
      const plan: Plan = {
        from: cached,
        to: start + blockLength,
        candidates: denoising.nextStep(start),
        cache: { keep: start - cached },
      };
      cached = start;
      return plan;
    },
    decide: (proposal) => denoising.decide(proposal),
  };
}

/** A forward for the prompt, and one for every finished block, as published. */
function separatePasses(canvas: Canvas, options: BlockDiffusionOptions): SequenceDecoder {
  const { blockLength } = options;
  const limits = textLimits(canvas, options);
  const denoising = new Denoising(canvas, options);
  let block = limits.from;
  let cached = 0;
  const store = (to: number): Plan => {
    const from = cached;
    cached = to;
    return { from, to, candidates: new Int32Array(0), cache: { keep: to - from } };
  };
  return {
    plan() {
      if (limits.to <= limits.from) return undefined;
      if (cached < block) return store(block);
      if (cached === block + blockLength) {
        if (textEnd(canvas, limits) !== undefined) return undefined;
        block = cached;
        denoising.nextBlock();
      }
      const end = block + blockLength;
      const left = openColumns(canvas, block, end);
      if (left.length > 0 && !denoising.isSpent) {
        return { from: block, to: end, candidates: denoising.nextStep(block), cache: { keep: 0 } };
      }
      if (left.length === 0) return store(end);
      // Steps are spent and masks are left: they become the text.
      return { ...store(end), fill: { columns: [...left], token: canvas.noiseId } };
    },
    decide: (proposal) => (proposal.columns.length === 0 ? { commit: [] } : denoising.decide(proposal)),
  };
}

const options = {
  block_length: {
    kind: "integer",
    default: undefined,
    min: 1,
    aliases: ["block_size"],
    doc: "Tokens of a block; the model's own by default.",
  },
  denoising_steps: {
    kind: "integer",
    default: undefined,
    min: 1,
    aliases: ["denoising_steps_per_block"],
    doc: "Most forwards for a block; as many as it has tokens by default.",
  },
  remasking_strategy: {
    kind: "choice",
    default: "low_confidence_static",
    choices: strategies,
    doc: "Which tokens of a block a step reveals.",
  },
  dynamic_threshold: {
    kind: "number",
    default: 0.9,
    min: 0,
    max: 1,
    aliases: ["confidence_threshold"],
    doc: "low_confidence_dynamic reveals every token whose probability is above this.",
  },
  entropy_bound: {
    kind: "number",
    default: 0.35,
    min: 0,
    aliases: ["eb_threshold"],
    doc: "entropy_bounded reveals the surest tokens while their entropies sum to less than this, in nats.",
  },
  temperature: {
    kind: "number",
    default: 0,
    min: 0,
    doc: "0 takes the most probable token; confidence is measured after temperature and filters.",
  },
  top_k: {
    kind: "integer",
    default: 0,
    min: 0,
    aliases: ["topk"],
    doc: "Draws among the k most probable tokens; 0 for all.",
  },
  top_p: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1,
    aliases: ["topp"],
    doc: "Draws among the fewest tokens whose probabilities reach p.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const blockDiffusionDecoder: Decoder = {
  name: "block_diffusion",
  aliases: ["block_diffusion_generate"],
  doc: "Block after block with an exact cache, for networks that see block by block (SDAR, T3D).",
  options,
  refuses({ blockLength, denoises, family }: DecodeFacts) {
    if (!denoises) return `a ${family} model predicts next tokens and fills in none`;
    if (blockLength === undefined) return `a ${family} model does not see block by block`;
    return undefined;
  },
  create(values, context) {
    const { facts, promptLength, newTokens } = context;
    const blockLength = (values.block_length as number | undefined) ?? facts.blockLength ?? 1;
    if (blockLength > facts.contextLength) {
      throw new ConfigError(
        `block_length is ${blockLength} and the model takes ${facts.contextLength} tokens; give a smaller one`,
        { option: "block_length", value: blockLength },
      );
    }
    const columns = promptLength + newTokens;
    const extraColumns = (blockLength - (columns % blockLength)) % blockLength;
    const settings: BlockDiffusionOptions = {
      blockLength,
      steps: (values.denoising_steps as number | undefined) ?? blockLength,
      selection: selectionOf(values, context),
      fidelity: context.fidelity,
      stopIds: facts.endIds,
      extraColumns,
    };
    const topK = values.top_k as number;
    return {
      policy: blockDiffusion(settings),
      sampling: {
        temperature: values.temperature as number,
        topK: topK === 0 ? undefined : topK,
        topP: values.top_p as number,
      },
      visibility: { kind: "block-causal", blockLength },
      extraColumns,
      textEnd(canvas) {
        const limits = textLimits(canvas, settings);
        const firstOpen = canvas.open.indexOf(1);
        return textEnd(canvas, limits) ?? Math.min(firstOpen, limits.to);
      },
    };
  },
};

const selectionOf = (values: OptionValues, { seed }: DecoderContext): Selection => ({
  strategy: values.remasking_strategy as Strategy,
  threshold: values.dynamic_threshold as number,
  entropyBound: values.entropy_bound as number,
  seed,
});
