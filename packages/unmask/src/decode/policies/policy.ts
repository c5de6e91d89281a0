// What a decoding policy sees and says. One policy serves many sequences; each gets a decoder of its own, which plans
// the next forward and decides what of its proposal is written. Both are plain arithmetic on host arrays: the same
// canvas and proposals give the same decisions.
//
// plan() may move the decoder's state on; decide() never does. A run can therefore be replayed from its record.

import type { Canvas } from "../canvas.ts";

/** Which columns the network is fed, and how the sequence's cache takes part. */
export interface Feed {
  /** Columns from … to − 1 are fed. */
  readonly from: number;
  readonly to: number;
  /** Absent: everything that is seen is fed. */
  readonly cache?: CacheStep | undefined;
}

export interface CacheStep {
  /** Before the forward, the cache forgets all but its first so many columns. */
  readonly truncate?: number | undefined;
  /** The fed columns replace what the cache holds from this column on; by default they are appended. */
  readonly at?: number | undefined;
  /** How many of the appended columns stay in the cache; all, where fed columns replace. */
  readonly keep: number;
}

export interface Plan extends Feed {
  /** Columns whose predictions are wanted, ascending, inside the fed ones. Empty: the forward only fills the cache. */
  readonly candidates: Int32Array;
  /** What is seen may be the same as at the last forward: then its proposal may stand, and no forward is spent. */
  readonly reuse?: boolean | undefined;
  /** Written before the forward: an end of text and what comes behind it. */
  readonly fill?: Fill | undefined;
  /** How columns see each other in this forward; the network's own way by default. */
  readonly sees?: BlockCausal | undefined;
  /** Tokens drawn for each candidate; 1 by default. */
  readonly draws?: number | undefined;
  /**
   * Sets of ids that may be drawn, one of each candidate: bit id & 31 of word id >>> 5, at least one set; undefined: any.
   * A constraint wraps a policy: it adds these to the policy's plans and vetoes what of its decisions does not go together.
   */
  readonly allowed?: readonly (Uint32Array | undefined)[] | undefined;
  /** Noise levels (sigma) before the step and after it, for networks, guides and judges that are told. */
  readonly noise?: { readonly before: number; readonly after: number } | undefined;
  /** How strongly a reward guides this forward; not at all without. */
  readonly rewardScale?: number | undefined;
}

/** A column sees its own block, whole, and all earlier ones. */
export interface BlockCausal {
  readonly kind: "block-causal";
  /** Columns of the first block, a prompt; the others have `blockLength`. */
  readonly firstBlock: number;
  readonly blockLength: number;
}

export interface Fill {
  readonly columns: readonly number[];
  readonly token: number;
  /** The columns stay open for this step's decision and are closed after it (a habit of d3LLM's released code). */
  readonly keepOpen?: boolean | undefined;
}

/** What the network thinks of the candidates, reduced to a few numbers each. Arrays are parallel. */
export interface Proposal {
  /** The plan's candidates. */
  readonly columns: Int32Array;
  /** Token drawn from the sampling distribution: temperature, top-k and top-p applied. */
  readonly token: Int32Array;
  /** Probability of that token in the sampling distribution. */
  readonly probability: Float32Array;
  /** Entropy of the sampling distribution, nats. */
  readonly entropy: Float32Array;
  /** Probability of its best token minus that of the second best; 0 unless the policy needs it. */
  readonly margin: Float32Array;
  /** Probability of the drawn token in the plain softmax. */
  readonly plainProbability: Float32Array;
  /** Entropy of the plain softmax, nats. */
  readonly plainEntropy: Float32Array;
  /** Most probable token. */
  readonly best: Int32Array;
  /** All tokens drawn, where the plan asks for several: draws[0] is `token`. */
  readonly draws?: readonly Int32Array[] | undefined;
  /** The `count` most probable tokens of each candidate in the plain softmax, where they were asked for. */
  readonly top?: TopTokens | undefined;
}

/** `count` entries a candidate, the most probable first; arrays are parallel. */
export interface TopTokens {
  readonly count: number;
  readonly token: Int32Array;
  /** Natural logarithm of the probability. */
  readonly logprob: Float32Array;
}

export interface Decision {
  /** Indices into the proposal's arrays to be written, ascending. */
  readonly commit: readonly number[];
  /** Tokens to write instead of the drawn ones, by index into the proposal. */
  readonly tokens?: ReadonlyMap<number, number> | undefined;
  /** Written behind the commit, for it leaves nothing else: what a constraint makes certain. */
  readonly certain?: readonly Fill[] | undefined;
  /** One of these takes this decision's place: the loop's judge chooses. */
  readonly alternatives?: readonly Decision[] | undefined;
}

/** What a judge is asked: which of several decisions is best for a canvas. */
export interface Question extends Request {
  readonly proposal: Proposal;
  readonly alternatives: readonly Decision[];
}

/** Chooses among alternatives, one index a question. Unlike a policy it may ask a network. */
export type Judge = (questions: readonly Question[]) => number[] | Promise<number[]>;

export interface SequenceDecoder {
  /** The next forward; undefined when the sequence is done. */
  plan(): Plan | undefined;
  decide(proposal: Proposal): Decision;
  /** Asked once, when there is no further forward: what is still written then. */
  ending?(): Fill | undefined;
}

export interface Policy {
  readonly name: string;
  /** Whether decisions look at the margin, which costs a partial sort. */
  readonly needsMargin?: boolean | undefined;
  /** A decoder for one sequence; it reads the canvas and never writes it. */
  start(canvas: Canvas): SequenceDecoder;
  /** Most steps, and so forwards, that a canvas can take: the loop ends with an error beyond it. */
  limit(canvas: Canvas): number;
  /** Where something is to be written, block by block, ascending; absent where the text is decoded as a whole. */
  blocks?(canvas: Canvas): readonly Span[];
}

/** Columns from … to − 1. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Request {
  readonly canvas: Canvas;
  readonly plan: Plan;
}

/** Where proposals come from: a network (propose.ts) or a table (scripted.ts). Counts each canvas's forwards. */
export interface Proposer {
  /** One proposal a request, in order. */
  propose(requests: readonly Request[]): Proposal[] | Promise<Proposal[]>;
  /** Frees what it holds for a sequence that is done. */
  finish?(canvas: Canvas): void;
}
