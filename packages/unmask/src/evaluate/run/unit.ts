// A unit of work: the documents of one batch, as a worker gets them. It is all or nothing, and its contents depend on
// the plan alone, never on the number of workers: batch and order decide the last bits of a product.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { GeneratedSequence, GenerateOptions } from "../../generate/events.ts";
import { generate } from "../../generate/generate.ts";
import type { Model } from "../../generate/load.ts";
import type { Trajectory, TrajectoryHeader } from "../../trajectory/record.ts";

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

/** Runs a unit; undefined if it was interrupted. */
export async function generateUnit(
  model: Model,
  { prompts, places, options }: GenerateUnit,
  signal?: AbortSignal,
): Promise<GeneratedUnit | undefined> {
  const began = performance.now();
  const first = new Map<number, number>();
  const sequences = new Map<number, GeneratedSequence>();
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
    if (event.type === "sequence") sequences.set(event.index, event.sequence);
  }
  const count = options.count ?? 1;
  const indices = places.flatMap((place) => Array.from({ length: count }, (_, k) => place * count + k));
  if (indices.some((index) => !sequences.has(index))) return undefined;
  const answers = indices.map((index): Written => {
    const { text, tokens, tokens_behind_end } = sequences.get(index)!;
    return { text, tokens, tokens_behind_end, trajectory: trajectories.get(index)! };
  });
  const seconds = (performance.now() - began) / 1000;
  const first_text = indices.map((index) => first.get(index) ?? null);
  return { kind: "generate", answers, header: header!, timing: { seconds, first_text } };
}
