// D2F (discrete diffusion forcing): a canvas that grows by blocks, seen block by block, several decoded at once.
//
// A column sees the prompt, the blocks before its own, and its own. The next block is appended when the newest has
// progressed far enough; blocks behind it are not fed, so they cost nothing. Every forward writes, in every block, the
// candidates that are surer than `skip`, and the surest one of an eager block (blocks.ts) that got none.
//
// A finished block is fed once more, with the forward that follows, and its keys stay: nothing that is written later
// can change them, so decoding with the cache is decoding without it. Every forward writes at least one token.
//
// An end of text stops the growth. `released` fidelity decodes what has grown behind it; here it is closed at once.
// The published code also leaves out columns that do not fill a block: they are closed with the end of text.

import { type Canvas, openColumns } from "../canvas.ts";
import { checkCache, type Decoder, type OptionSpec } from "../decoder.ts";
import { type Block, Blocks, fillFrom, findEnd, growingOptions, refusesWholeCanvas } from "./blocks.ts";
import type { Decision, Fill, Plan, Policy, Proposal, SequenceDecoder } from "./policy.ts";

export interface D2fOptions {
  readonly released: boolean;
  readonly blockLength: number;
  /** Probability above which a token is written. */
  readonly skip: number;
  readonly blockAddThreshold: number;
  readonly decodedTokenThreshold: number;
  readonly useCache: boolean;
  /** Tokens that end the text, the one that fills the rest first; none: the text has no end. */
  readonly endIds: readonly number[];
}

export function d2f(options: D2fOptions): Policy {
  return {
    name: "d2f",
    limit: (canvas) => canvas.given.reduce((sum, one) => sum - one, canvas.length),
    start: (canvas) => new D2fDecoder(canvas, options),
    blocks: (canvas) => blocksFor(canvas, options).behindPrompt,
  };
}

const blocksFor = (canvas: Canvas, options: D2fOptions): Blocks =>
  new Blocks(canvas, { ...options, onlyWhole: options.released });

class D2fDecoder implements SequenceDecoder {
  private readonly canvas: Canvas;
  private readonly options: D2fOptions;
  private readonly blocks: Blocks;
  /** Columns whose keys are kept. */
  private cached = 0;
  private rest: Fill | undefined;

  constructor(canvas: Canvas, options: D2fOptions) {
    this.canvas = canvas;
    this.options = options;
    this.blocks = blocksFor(canvas, options);
  }

  plan(): Plan | undefined {
    const { canvas, blocks } = this;
    const { released, endIds, useCache, blockLength } = this.options;
    const end = findEnd(canvas, endIds) + 1;
    const finished = this.finishedColumns();
    if (end > 0 && !released) blocks.endAt(end);
    blocks.advance(end === 0);
    const active = blocks.existing.filter((block) => blocks.remaining(block) > 0);
    const tail = end > 0 && !released ? fillFrom(canvas, end, endIds[0]!) : undefined;
    const last = active.at(-1);
    if (last === undefined) {
      this.rest = this.closing(tail);
      return undefined;
    }
    const from = useCache ? this.cached : 0;
    // What is behind the last active block is seen by nobody; the published code feeds it all the same.
    const to = released ? blocks.existing.at(-1)!.to : last.to;
    const keep = finished - this.cached;
    this.cached = finished;
    return {
      from,
      to,
      candidates: openColumns(canvas, from, Math.min(to, blocks.end)),
      cache: useCache ? { keep } : undefined,
      fill: tail,
      sees: { kind: "block-causal", firstBlock: blocks.all[0]!.to, blockLength },
    };
  }

  /** Columns of the blocks from the prompt on that are finished without a gap. */
  private finishedColumns(): number {
    const { blocks } = this;
    const firstActive = blocks.existing.find((block) => blocks.remaining(block) > 0);
    return firstActive?.from ?? blocks.existing.at(-1)!.to;
  }

  /** What was never begun becomes end of text, where there is one. */
  private closing(tail: Fill | undefined): Fill | undefined {
    const [token] = this.options.endIds;
    if (tail !== undefined || token === undefined) return tail;
    const columns = [...openColumns(this.canvas)];
    return columns.length === 0 ? undefined : { columns, token };
  }

  decide(proposal: Proposal): Decision {
    return { commit: this.blocks.existing.flatMap((block) => this.decideBlock(block, proposal)) };
  }

  private decideBlock(block: Block, { columns, probability }: Proposal): number[] {
    const inside = [...columns.keys()].filter((i) => columns[i]! >= block.from && columns[i]! < block.to);
    const sure = inside.filter((i) => probability[i]! > this.options.skip);
    if (sure.length > 0 || inside.length === 0 || !block.eager) return sure;
    return [inside.reduce((best, i) => (probability[i]! > probability[best]! ? i : best))];
  }

  ending(): Fill | undefined {
    return this.rest;
  }
}

const options = {
  ...growingOptions(0.7),
  skip_threshold: {
    kind: "number",
    default: 0.9,
    min: 0,
    max: 1,
    doc: "Tokens of a probability above this are written.",
  },
  use_cache: { kind: "flag", default: true, doc: "Keeps the keys of finished blocks; the text is the same." },
  early_stop: { kind: "flag", default: true, doc: "An end of text stops the growth." },
  temperature: { kind: "number", default: 0, min: 0, doc: "0 takes the most probable token." },
  top_k: { kind: "integer", default: undefined, min: 1, doc: "Draws among the k most probable tokens." },
  top_p: {
    kind: "number",
    default: undefined,
    min: 0,
    max: 1,
    doc: "Draws among the fewest tokens whose probabilities reach p.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const d2fDecoder: Decoder = {
  name: "d2f",
  aliases: ["discrete_diffusion_forcing"],
  doc: "A growing canvas of blocks that see what is before them, with an exact cache (D2F).",
  options,
  refuses: refusesWholeCanvas,
  create(values, { facts, fidelity }) {
    checkCache({ facts }, values.use_cache === true, "use_cache false");
    const released = fidelity === "released";
    // The published code knows one end of text.
    const endIds = released ? facts.endIds.slice(0, 1) : facts.endIds;
    return {
      policy: d2f({
        released,
        blockLength: values.block_length as number,
        skip: values.skip_threshold as number,
        blockAddThreshold: values.block_add_threshold as number,
        decodedTokenThreshold: values.decoded_token_threshold as number,
        useCache: values.use_cache as boolean,
        endIds: values.early_stop === true ? endIds : [],
      }),
      sampling: {
        temperature: values.temperature as number,
        topK: values.top_k as number | undefined,
        topP: values.top_p as number | undefined,
      },
    };
  },
};
