// What the page shows of one generated sequence, however it came: read from a file, or told by a server step by step.
// Steps count forwards that are over: at step 0 only what was given is there, at step `forwards` everything.

export interface Run {
  /** Texts of the prompt's tokens, and of those behind it. */
  readonly prompt: readonly string[];
  readonly pieces: readonly string[];
  /** Ids behind the prompt; empty where a server does not tell them. */
  readonly ids: readonly number[];
  /** For each token the step from which on it is there: 0 if it was given. */
  readonly shownFrom: Int32Array;
  /** Whether a proposal was committed there: neither given nor filled. */
  readonly decoded: Uint8Array;
  /** Probability and entropy (nats) when it was written; NaN where none is known. */
  readonly confidence: Float32Array;
  readonly entropy: Float32Array;
  readonly forwards: number;
  readonly proposed?: Proposed | undefined;
}

/** What every forward proposed, by step. */
export interface Proposed {
  /** Candidates at index start[n] … start[n + 1] − 1 were proposed by the forward that leads to step n + 1. */
  readonly start: Int32Array;
  /** Place among the pieces. */
  readonly column: Int32Array;
  readonly text: (index: number) => string;
  readonly token: Int32Array;
  readonly confidence: Float32Array;
  readonly entropy: Float32Array;
  readonly probability: Float32Array;
}

/** Tokens by the step at which they appear. */
export interface Order {
  /** Places, sorted by step; those of step n stand at start[n] … start[n + 1] − 1. */
  readonly places: Int32Array;
  readonly start: Int32Array;
}

export function orderOf({ shownFrom, forwards }: Pick<Run, "shownFrom" | "forwards">): Order {
  const start = new Int32Array(forwards + 2);
  for (const step of shownFrom) start[step + 1] = start[step + 1]! + 1;
  for (let step = 0; step <= forwards; step++) start[step + 1] = start[step + 1]! + start[step]!;
  const next = start.slice();
  const places = new Int32Array(shownFrom.length);
  shownFrom.forEach((step, place) => {
    places[next[step]!] = place;
    next[step] = next[step]! + 1;
  });
  return { places, start };
}

/** Places that appear with a step. */
export const placesAt = ({ places, start }: Order, step: number): Int32Array =>
  places.subarray(start[step]!, start[step + 1]!);

/** How many tokens are there at a step. */
export const countAt = ({ start }: Order, step: number): number => start[step + 1]!;

/** The text at a step, runs of open positions as "▒" with their number: what a reader of the screen is told. */
export function textAt({ pieces, shownFrom }: Run, step: number): string {
  let text = "";
  let open = 0;
  const close = () => {
    if (open > 0) text += ` [${open} open] `;
    open = 0;
  };
  pieces.forEach((piece, place) => {
    if (shownFrom[place]! > step) open++;
    else {
      close();
      text += piece;
    }
  });
  close();
  return text;
}
