// A unit of work: the documents of one batch, as a worker gets them. It is all or nothing, and its contents depend on
// the plan alone, never on the number of workers: batch and order decide the last bits of a product.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { GeneratedSequence, GenerateOptions } from "../../generate/events.ts";
import { generate } from "../../generate/generate.ts";
import type { Model } from "../../generate/load.ts";
import type { Trajectory, TrajectoryHeader } from "../../trajectory/record.ts";
import { scoreItem } from "../score-choices.ts";
import type { ChooseItem } from "../tasks/task.ts";

export interface GenerateUnit {
  readonly kind: "generate";
  readonly prompts: readonly Int32Array[];
  /** Number of each question, which gives its random numbers. */
  readonly places: readonly number[];
  readonly options: Pick<
    GenerateOptions,
    "decoder" | "decoderOptions" | "maxNewTokens" | "seed" | "count" | "fidelity" | "stop" | "stopIds"
  >;
}

export interface ChooseUnit {
  readonly kind: "choose";
  readonly items: readonly ChooseItem[];
  readonly places: readonly number[];
  readonly options: { readonly draws: number; readonly seed: number; readonly batchSize: number };
}

export type UnitRequest = GenerateUnit | ChooseUnit;
export type UnitResult = GeneratedUnit | ScoredUnit;

/** One written answer. */
export interface Written {
  readonly text: string;
  readonly tokens: number;
  readonly tokens_behind_end: number;
  /** Without its `seconds` (NaN): times are kept apart. */
  readonly trajectory: Trajectory;
}

export interface UnitTiming {
  readonly seconds: number;
  /** Of each answer: when its first text was certain, from the unit's start; null if it has none. */
  readonly first_text: readonly (number | null)[];
}

export interface GeneratedUnit {
  readonly kind: "generate";
  /** Documents in order, the answers to one beside each other. */
  readonly answers: readonly Written[];
  readonly header: TrajectoryHeader;
  readonly timing: UnitTiming;
}

/** The likelihoods of one question's candidates. */
export interface Scored {
  /** In nats. */
  readonly nlls: readonly number[];
  /** Of each, where it is an estimate; 0 where it is exact. */
  readonly standard_errors: readonly number[];
  /** Tokens of contexts that the model had no room for. */
  readonly tokens_cut: number;
}

export interface ScoredUnit {
  readonly kind: "choose";
  readonly scores: readonly Scored[];
  readonly timing: UnitTiming;
}

/** Runs a unit; undefined if it was interrupted. */
export const runUnit = (
  model: Model,
  unit: UnitRequest,
  signal?: AbortSignal,
): Promise<UnitResult | undefined> =>
  unit.kind === "generate" ? generateUnit(model, unit, signal) : chooseUnit(model, unit, signal);

async function chooseUnit(
  model: Model,
  { items, places, options }: ChooseUnit,
  signal?: AbortSignal,
): Promise<ScoredUnit | undefined> {
  const began = performance.now();
  const scores: Scored[] = [];
  for (const [at, item] of items.entries()) {
    await nextTurn();
    if (signal?.aborted) return undefined;
    const found = scoreItem(model, item, { ...options, sequence: places[at]! });
    scores.push({
      nlls: found.map(({ nll }) => nll),
      standard_errors: found.map(({ standardError }) => standardError),
      tokens_cut: Math.max(0, ...found.map(({ cut }) => cut)),
    });
  }
  const seconds = (performance.now() - began) / 1000;
  return { kind: "choose", scores, timing: { seconds, first_text: [] } };
}

async function generateUnit(
  model: Model,
  { prompts, places, options }: GenerateUnit,
  signal?: AbortSignal,
): Promise<GeneratedUnit | undefined> {
  const began = performance.now();
  const first = new Map<number, number>();
  const sequences = new Map<number, Pick<GeneratedSequence, "text" | "tokens"> & { behind: number }>();
  const trajectories = new Map<number, Trajectory>();
  let header: TrajectoryHeader | undefined;
  const events = generate(
    model,
    prompts.map((ids) => ({ ids: Array.from(ids) })),
    {
      ...options,
      ...{ places, signal, frames: false, batchSize: prompts.length * (options.count ?? 1) },
      onTrajectory: (one, of) => {
        trajectories.set(one.sequence, { ...one, seconds: Number.NaN });
        header = of;
      },
    },
  );
  for await (const event of events) {
    await nextTurn(); // forwards block the event loop: signals get their turn here
    if (event.type === "text-delta" && !first.has(event.index)) {
      first.set(event.index, (performance.now() - began) / 1000);
    }
    if (event.type === "sequence") {
      const { text, tokens } = event.sequence;
      sequences.set(event.index, { text, tokens, behind: event.tokensBehindEnd });
    }
  }
  const count = options.count ?? 1;
  const indices = places.flatMap((place) => Array.from({ length: count }, (_, k) => place * count + k));
  if (indices.some((index) => !sequences.has(index))) return undefined;
  const answers = indices.map((index): Written => {
    const { text, tokens, behind: tokens_behind_end } = sequences.get(index)!;
    return { text, tokens, tokens_behind_end, trajectory: trajectories.get(index)! };
  });
  const seconds = (performance.now() - began) / 1000;
  const first_text = indices.map((index) => first.get(index) ?? null);
  return { kind: "generate", answers, header: header!, timing: { seconds, first_text } };
}
