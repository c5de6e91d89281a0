// How tokens are drawn from a network's distribution; propose/sample.ts draws them.

export interface Sampling {
  /** 1 by default, 0 for the most probable token. */
  readonly temperature?: number | undefined;
  /** Only the k most probable tokens; all by default. */
  readonly topK?: number | undefined;
  /** Only the most probable tokens whose probabilities before them sum to at most p; all by default. */
  readonly topP?: number | undefined;
  /** Which filter comes first: SDAR takes top-k, Dream top-p. */
  readonly topPFirst?: boolean | undefined;
  /**
   * Tokens that are drawn like others and then not believed: `probability` is that of the plain softmax without them,
   * 0 for them (LLaDA's confidence_eos_eot_inf, as published).
   */
  readonly doubted?: readonly number[] | undefined;
}
