// What data gives to training: examples by their number in the run.

/** A prompt and its answer: ids of both, the prompt's first. A row of plain text is an answer without a prompt. */
export interface Answer {
  readonly ids: ArrayLike<number>;
  /** The first ids, which are given: never noised, no token of a loss. */
  readonly promptLength: number;
  /**
   * One byte an id, 1 where it is learnt: what stands behind the prompt need not all be an answer (a chat's later
   * questions are given too). Without it everything behind the prompt is learnt.
   */
  readonly learnt?: Uint8Array | undefined;
}

/** Where examples come from. */
export interface ExampleSource<Example> {
  /** Digest of all that must not change when a run is resumed. */
  readonly fingerprint: string;
  /** Examples of an epoch; undefined for a stream of unknown length. */
  readonly count: number | undefined;
  /**
   * The examples of these numbers, ascending and never below those of an earlier call: example n is the same whatever
   * the batch size, the number of workers and the place a run is resumed at.
   */
  at(numbers: readonly number[]): Promise<readonly Example[]>;
}
