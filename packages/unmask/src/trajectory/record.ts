// The record of one generated sequence: what was written when, and how sure the network was. The sampler writes it,
// distillers read it, evaluation counts forwards from it, the inspector replays it.
//
// Per token arrays are parallel to `token_ids` (everything behind the prompt, given tokens included). A forward counts
// from 0. `reveal_step` is the forward whose proposal was committed: −1 for a token that was given, and for one that
// was written without a proposal (the padding behind an end of text).

/** What a file of trajectories says of all its sequences. */
export interface TrajectoryHeader {
  /** Where the model came from: an id or a folder's name. */
  readonly model: string;
  /** Hash of config.json, which a reader holds against its own model. */
  readonly model_hash: string;
  readonly tokenizer_hash: string;
  /** Hash of the chat template; "" for none. */
  readonly template_hash: string;
  readonly decoder: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly fidelity: string;
  readonly seed: number;
  readonly mask_id: number;
  /** Tokens that end a text. */
  readonly end_ids: readonly number[];
  /** What of the model its decoder went by; absent in files of earlier versions. */
  readonly facts?: {
    readonly family: string;
    readonly shift: 0 | 1;
    /** null where the family has no blocks. */
    readonly block_length: number | null;
  };
}

/** One sequence. */
export interface Trajectory {
  /** Its place in the whole request; with the seed it gives every random number. */
  readonly sequence: number;
  readonly prompt_ids: readonly number[];
  readonly token_ids: readonly number[];
  /** 1 where the token was given (infilling); all 0 for a plain continuation. */
  readonly given: readonly number[];
  readonly reveal_step: readonly number[];
  /** Probability of the token in the plain softmax when it was committed; NaN where reveal_step is −1. */
  readonly confidence: readonly number[];
  /** Entropy of that softmax, nats; NaN where reveal_step is −1. */
  readonly entropy: readonly number[];
  /** Forwards of the network (NFE); passes that only fill a cache count. */
  readonly forwards: number;
  /** Forward and backward passes of a discriminator that guided it, counted apart; 0 for none. */
  readonly reward_passes: number;
  /** For each forward: first column fed, columns fed, columns that the cache held before it. */
  readonly fed_from: readonly number[];
  readonly fed_length: readonly number[];
  readonly cached: readonly number[];
  readonly finish_reason: string;
  readonly seconds: number;
  /** What every forward proposed; only where it was asked for, since it grows with tokens times forwards. */
  readonly proposals?: Proposals | undefined;
}

/**
 * All candidates of all forwards, one behind the other: those of forward 0, then of forward 1, and so on. Lists but
 * `count` are parallel.
 */
export interface Proposals {
  /** Columns of the canvas behind the prompt; more than `token_ids` where the text ended early. */
  readonly length: number;
  /** Candidates of each forward; 0 where it only filled a cache. */
  readonly count: readonly number[];
  /** Place among `token_ids`; may lie behind them, where the text ended early. */
  readonly column: readonly number[];
  /** What would have been written. */
  readonly token: readonly number[];
  /** Its probability in the plain softmax. */
  readonly confidence: readonly number[];
  /** Entropy of that softmax, nats. */
  readonly entropy: readonly number[];
  /** Its probability in the sampling distribution, after temperature and filters. */
  readonly probability: readonly number[];
  /** 1 where it was written in that forward. */
  readonly committed: readonly number[];
}

/** Names of the lists in it that are parallel to each other. */
export type ProposalList = Exclude<keyof Proposals, "length" | "count">;

export const formatVersion = 1;
