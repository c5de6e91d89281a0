// The trajectory of one sequence, collected step by step as it is decoded.

import type { Proposals, Trajectory } from "../trajectory/record.ts";
import type { Canvas } from "./canvas.ts";
import type { SequenceStep } from "./decode.ts";
import type { Plan, Proposal } from "./policies/policy.ts";

export interface Finished {
  /** Columns of the prompt; what is behind it are the tokens. */
  readonly promptLength: number;
  /** Column behind the last token that counts; the canvas may be longer to fill its last block. */
  readonly end: number;
  readonly finishReason: string;
  readonly seconds: number;
}

export interface RecorderOptions {
  /** Whether everything that was proposed is kept, written or not. */
  readonly proposals?: boolean | undefined;
}

export class Recorder {
  private readonly confidence: Float32Array;
  private readonly entropy: Float32Array;
  private readonly fed: { from: number; length: number; cached: number }[] = [];
  private cached = 0;

  private readonly canvas: Canvas;
  /** One a forward, with the columns that were written. */
  private readonly proposed: Proposed[] | undefined;

  constructor(canvas: Canvas, { proposals = false }: RecorderOptions = {}) {
    this.canvas = canvas;
    this.proposed = proposals ? [] : undefined;
    this.confidence = new Float32Array(canvas.length).fill(Number.NaN);
    this.entropy = new Float32Array(canvas.length).fill(Number.NaN);
  }

  /** Takes in one step of this sequence. */
  add({ forward, plan, proposal, decision }: SequenceStep): void {
    // A standing proposal was used again: no forward was spent.
    if (forward >= this.fed.length) {
      this.fed.push(this.feed(plan));
      this.proposed?.push({ proposal, written: new Set() });
    }
    for (const i of decision.commit) {
      const column = proposal.columns[i]!;
      this.proposed?.at(-1)?.written.add(column);
      this.confidence[column] = proposal.plainProbability[i]!;
      this.entropy[column] = proposal.plainEntropy[i]!;
    }
  }

  /** What was fed, and the columns that the cache held before it. */
  private feed({ from, to, cache }: Plan) {
    const length = to - from;
    if (cache === undefined) return { from, length, cached: 0 };
    const cached = Math.min(cache.truncate ?? this.cached, this.cached);
    const replaces = cache.at !== undefined && cache.at < cached;
    this.cached = replaces ? Math.max(cached, cache.at + length) : cached + cache.keep;
    return { from, length, cached };
  }

  finish({ promptLength, end, finishReason, seconds }: Finished): Trajectory {
    const { canvas, fed } = this;
    const part = (values: ArrayLike<number>) => Array.from(values).slice(promptLength, end);
    return {
      sequence: canvas.sequence,
      prompt_ids: Array.from(canvas.ids.subarray(0, promptLength)),
      token_ids: part(canvas.ids),
      given: part(canvas.given),
      reveal_step: part(canvas.revealStep),
      confidence: part(this.confidence),
      entropy: part(this.entropy),
      forwards: canvas.forwards,
      reward_passes: canvas.rewarded.forwards + canvas.rewarded.backwards,
      fed_from: fed.map(({ from }) => from),
      fed_length: fed.map(({ length }) => length),
      cached: fed.map((one) => one.cached),
      finish_reason: finishReason,
      seconds,
      ...(this.proposed === undefined
        ? {}
        : { proposals: joined(this.proposed, canvas.length, promptLength) }),
    };
  }
}

interface Proposed {
  readonly proposal: Proposal;
  readonly written: Set<number>;
}

function joined(all: readonly Proposed[], length: number, promptLength: number): Proposals {
  const list = (values: (one: Proposed) => Iterable<number>) => all.flatMap((one) => Array.from(values(one)));
  return {
    length: length - promptLength,
    count: all.map(({ proposal }) => proposal.columns.length),
    column: list(({ proposal }) => proposal.columns.map((column) => column - promptLength)),
    token: list(({ proposal }) => proposal.token),
    confidence: list(({ proposal }) => proposal.plainProbability),
    entropy: list(({ proposal }) => proposal.plainEntropy),
    probability: list(({ proposal }) => proposal.probability),
    committed: list(({ proposal, written }) =>
      proposal.columns.map((column) => (written.has(column) ? 1 : 0)),
    ),
  };
}
