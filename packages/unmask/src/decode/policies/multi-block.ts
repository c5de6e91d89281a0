// Entropy-based multi-block decoding of d3LLM, without a cache or with its delayed one.
//
// The whole canvas is seen, several blocks are decoded at once (blocks.ts). Every forward writes
//   LLaDA   the candidates with entropy ≤ threshold, and always the surest of all
//   Dream   the candidates with entropy < threshold
// and if the first eager block got nothing, its surest candidate too. Entropy is that of the plain softmax, in nats;
// `random` remasking puts uniform numbers in its place. So every forward writes at least one token: there are at most
// as many forwards as open columns.
//
// An end of text (early_stop) closes what comes behind it; decoding goes on until nothing before it is open.
//
// `released` fidelity does as the published code (d3LLM e5bfcac):
//   – candidates are taken before what lies behind an end of text is closed, so its columns can be written once more,
//     and stay so if no forward follows
//   – a forward is counted when the end of text ends the decoding, though none is made
//   – columns that do not fill a block are never decoded: without a cache it spins for 10 001 forwards, LLaDA with a
//     cache stops, Dream with a cache has a shorter last block
//   – Dream's cache may hold columns that are fed again (delayed-cache.ts), and the row at its end predicts its own
//     column (the proposer's ownRowAtBoundary)

import { generator, streams } from "../../base/rng.ts";
import { type Canvas, countOpen, openColumns } from "../canvas.ts";
import {
  checkCache,
  type Decoder,
  type DecoderContext,
  type OptionSpec,
  type OptionValues,
} from "../decoder.ts";
import { type Block, Blocks, fillFrom, findEnd, growingOptions, refusesWholeCanvas } from "./blocks.ts";
import { DelayedCache } from "./delayed-cache.ts";
import type { Decision, Feed, Fill, Plan, Policy, Proposal, SequenceDecoder } from "./policy.ts";
import { smallest } from "./select.ts";

export interface MultiBlockOptions {
  readonly rule: "llada" | "dream";
  readonly released: boolean;
  readonly blockLength: number;
  /** Nats. */
  readonly threshold: number;
  readonly blockAddThreshold: number;
  readonly decodedTokenThreshold: number;
  /** No cache without it. */
  readonly cache?: { readonly delay: number; readonly refreshInterval: number } | undefined;
  /** Tokens that end the text, the one that fills the rest first; none: the text has no end. */
  readonly endIds: readonly number[];
  readonly remasking: "low_confidence" | "random";
  readonly seed: number;
}

export interface MultiBlockDecoder extends SequenceDecoder {
  /** What the published code returns as nfe. */
  readonly counted: number;
}

/** The published code gives up after this many forwards. */
const releasedLimit = 10_001;

export interface MultiBlockPolicy extends Policy {
  start(canvas: Canvas): MultiBlockDecoder;
}

export function multiBlock(options: MultiBlockOptions): MultiBlockPolicy {
  return {
    name: "multi_block",
    limit: (canvas) =>
      options.released ? releasedLimit : canvas.given.reduce((sum, one) => sum - one, canvas.length),
    start: (canvas) => new MultiBlockRun(canvas, options),
    blocks: (canvas) => blocksFor(canvas, options).behindPrompt,
  };
}

function blocksFor(canvas: Canvas, options: MultiBlockOptions): Blocks {
  const { released, rule, cache } = options;
  const onlyWhole = released && !(rule === "dream" && cache !== undefined);
  return new Blocks(canvas, { ...options, onlyWhole });
}

class MultiBlockRun implements MultiBlockDecoder {
  counted = 0;
  private readonly canvas: Canvas;
  private readonly options: MultiBlockOptions;
  private readonly blocks: Blocks;
  private readonly cache: DelayedCache | undefined;
  private rest: Fill | undefined;
  /** The block that must write something in this forward. */
  private eager: Block | undefined;

  constructor(canvas: Canvas, options: MultiBlockOptions) {
    const { released, rule, cache } = options;
    this.canvas = canvas;
    this.options = options;
    this.blocks = blocksFor(canvas, options);
    // The first block stands before the first forward, which may add another.
    this.blocks.created = Math.min(2, this.blocks.all.length);
    if (cache !== undefined)
      this.cache = new DelayedCache({ ...cache, released, overlaps: released && rule === "dream" });
  }

  plan(): Plan | undefined {
    const { canvas, blocks } = this;
    const { released, endIds } = this.options;
    if (released && this.isOver()) return undefined;
    this.counted++;
    const end = findEnd(canvas, endIds) + 1;
    if (end > 0) blocks.endAt(end);
    const tail = end > 0 ? fillFrom(canvas, end, endIds[0]!) : undefined;
    const isOpen = countOpen(canvas, 0, blocks.end) > 0;
    if (isOpen) blocks.advance();
    const feed = isOpen ? this.feed() : undefined;
    if (feed === undefined) {
      this.rest = tail;
      return undefined;
    }
    this.eager = blocks.firstEager();
    const right = released ? blocks.right() : Math.min(blocks.right(), blocks.end);
    return {
      ...feed,
      candidates: openColumns(canvas, feed.from, right),
      fill: tail && { ...tail, keepOpen: released },
    };
  }

  /** Whether the published code stops before it looks for an end of text. */
  private isOver(): boolean {
    const { canvas, blocks, counted } = this;
    return counted === releasedLimit || (blocks.created === blocks.all.length && countOpen(canvas) === 0);
  }

  private feed(): Feed | undefined {
    const { length } = this.canvas;
    if (this.cache === undefined) return { from: 0, to: length };
    return this.cache.next(this.counted, this.blocks, length);
  }

  decide(proposal: Proposal): Decision {
    const { rule, threshold } = this.options;
    const scores = this.scores(proposal);
    const surest = smallest(scores);
    const commit: number[] = [];
    scores.forEach((score, i) => {
      const isSure = rule === "llada" ? score <= threshold || i === surest : score < threshold;
      if (isSure) commit.push(i);
    });
    const { eager } = this;
    const isIn = (i: number) => eager !== undefined && isInside(eager, proposal.columns[i]!);
    if (eager === undefined || commit.some(isIn)) return { commit };
    const forced = smallest(scores.map((score, i) => (isIn(i) ? score : Number.POSITIVE_INFINITY)));
    commit.push(forced);
    commit.sort((a, b) => a - b);
    // LLaDA's forced token is the most probable one, Dream's the drawn one.
    return rule === "dream" ? { commit } : { commit, tokens: new Map([[forced, proposal.best[forced]!]]) };
  }

  ending(): Fill | undefined {
    return this.rest;
  }

  /** The smaller, the surer. */
  private scores({ columns, plainEntropy }: Proposal): Float64Array {
    const { canvas } = this;
    const { remasking, seed } = this.options;
    if (remasking === "low_confidence") return Float64Array.from(plainEntropy);
    const step = this.counted - 1;
    const next = generator({ seed, stream: streams.reveal, sequence: canvas.sequence, step });
    const uniforms = Float64Array.from({ length: canvas.length }, next);
    return Float64Array.from(columns, (column) => uniforms[column]!);
  }
}

const isInside = ({ from, to }: Block, column: number): boolean => column >= from && column < to;

const options = {
  ...growingOptions(0.1),
  threshold: {
    kind: "number",
    default: undefined,
    min: 0,
    aliases: ["entropy_threshold"],
    doc: "Tokens of an entropy up to this many nats are written; 0.5 by default, 0.45 for Dream.",
  },
  cache_delay_iter: {
    kind: "integer",
    default: undefined,
    min: 0,
    aliases: ["cache_delay"],
    doc: "Forwards that a finished block waits until its keys are kept; no cache unless given. Published: 1 or 2.",
  },
  refresh_interval: {
    kind: "integer",
    default: 10_000,
    min: 1,
    doc: "Every so many forwards the whole canvas is fed and the cache rebuilt.",
  },
  early_stop: {
    kind: "flag",
    default: true,
    doc: "An end of text closes what comes behind it.",
  },
  remasking: {
    kind: "choice",
    default: "low_confidence",
    choices: ["low_confidence", "random"],
    doc: "What is held against the threshold: the entropy, or a random number.",
  },
  temperature: {
    kind: "number",
    default: 0,
    min: 0,
    doc: "0 takes the most probable token; entropies are those of the plain distribution all the same.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const multiBlockDecoder: Decoder = {
  name: "multi_block",
  aliases: ["d3llm", "generate_multi_block"],
  doc: "Several blocks at once by entropy, with or without a delayed cache (d3LLM).",
  options,
  refuses: refusesWholeCanvas,
  create(values, context) {
    checkCache(context, values.cache_delay_iter !== undefined, "no cache_delay_iter");
    return {
      policy: multiBlock(settingsOf(values, context)),
      sampling: { temperature: values.temperature as number },
    };
  },
};

function settingsOf(values: OptionValues, { facts, seed, fidelity }: DecoderContext): MultiBlockOptions {
  const rule = facts.shift === 1 ? "dream" : "llada";
  const released = fidelity === "released";
  const delay = values.cache_delay_iter as number | undefined;
  const refreshInterval = values.refresh_interval as number;
  // The published code knows one end of text.
  const endIds = released ? facts.endIds.slice(0, 1) : facts.endIds;
  return {
    rule,
    released,
    seed,
    blockLength: values.block_length as number,
    threshold: (values.threshold as number | undefined) ?? (rule === "dream" ? 0.45 : 0.5),
    blockAddThreshold: values.block_add_threshold as number,
    decodedTokenThreshold: values.decoded_token_threshold as number,
    cache: delay === undefined ? undefined : { delay, refreshInterval },
    endIds: values.early_stop === true ? endIds : [],
    remasking: values.remasking as MultiBlockOptions["remasking"],
  };
}
