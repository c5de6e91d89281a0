// Intermediate states of a teacher's decoding, as batches: what T3D and naive trajectory distillation learn from.
//
// A state shows an answer as it stood when a share of it was still open: in every block the latest revealed tokens are
// hidden. In a network that sees block by block every block of an answer is in one row, on the doubled sequence; in one
// where all see all the answer is a single block, unless blocks are asked for.
//
// The rows of logits that are read: the supervised positions first, then those that the path loss alone looks at.
// Answers of which nothing is supervised (too short for the share drawn) are in no loss; they are counted.

import { UnsupportedError } from "../base/errors.ts";
import type { Alignment } from "../diffusion/doubled.ts";
import type { CorruptionOrder } from "../diffusion/trace-corruption.ts";
import type { Facts } from "../models/family.ts";
import {
  type DoubledColumns,
  doubledBatch,
  doubledColumns,
  type NoisyResponses,
} from "../train/doubled-batch.ts";
import type { MaskedBatch } from "../train/masked-batch.ts";
import type { Place } from "../train/method.ts";
import { type TraceColumns, traceResponses } from "../train/trace-batch.ts";
import { levelCount, levelSteps, linearWeights, nestedWeights, noLevel, pathLevels } from "./path-weights.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

export type DistillFacts = Pick<
  Facts,
  "family" | "vocabularySize" | "maskId" | "padId" | "endIds" | "shift" | "blockLength"
>;

export interface StateOptions {
  /** Of training; may differ from the network's own. */
  readonly blockLength: number | undefined;
  readonly maskRatios: readonly number[];
  readonly maskRatioExponent: number;
  readonly order: CorruptionOrder;
  /** Share of the hidden tokens that become random ones, drawn from the first `randomTokens` of the vocabulary. */
  readonly randomRatio: number;
  readonly randomTokens: number;
  /** How many tokens of an answer that are the padding's id are supervised. */
  readonly postNum: number;
  /** New states whenever an answer comes, or the same in every epoch. */
  readonly states: "fresh" | "frozen";
  readonly alignment: Alignment;
  /** The published code's treatment of padding, rounding and tokens without a step. */
  readonly released: boolean;
  readonly path: PathOptions | undefined;
}

export interface PathOptions {
  readonly k: number;
  readonly weights: "nested" | "linear";
  /** Of nested weights: an answer's tokens and then the answers, or the tokens of the whole batch, are averaged over. */
  readonly average: "answer" | "batch";
}

export interface TraceStates {
  readonly batch: MaskedBatch;
  /** How many of the rows read are supervised. */
  readonly supervised: number;
  /** Answer of each row read, and its column there: neither depends on the batch. */
  readonly answers: Int32Array;
  readonly columns: Int32Array;
  /** 1 for answers of which something is supervised. */
  readonly kept: Uint8Array;
  /** Of each row read; without path loss all noLevel. */
  readonly levels: Int32Array;
  /** Of each row read, to be divided by the answers of the global batch; undefined if batches are averaged over. */
  readonly pathWeights: Float64Array | undefined;
  /** Tokens that each level adds, for averages over batches. */
  readonly levelSteps: readonly number[];
}

/** Facts of a network that has masks, and something to fill a batch up with. */
export type MaskedFacts = DistillFacts & { readonly maskId: number; readonly padId: number };

/** Throws an UnsupportedError for a network that has no mask. */
export function maskedFacts(facts: DistillFacts): MaskedFacts {
  const { maskId, padId = facts.endIds[0] ?? maskId } = facts;
  if (maskId !== undefined && padId !== undefined) return { ...facts, maskId, padId };
  throw new UnsupportedError(
    `a ${facts.family} model has no mask token, so there are no states of its decoding to learn from; take a model that fills in masks`,
    { family: facts.family },
  );
}

export interface StatePlan extends StateOptions {
  readonly facts: MaskedFacts;
}

export const statePlan = (facts: DistillFacts, options: StateOptions): StatePlan => ({
  ...options,
  facts: maskedFacts(facts),
});

/** The states of these examples; everything random is keyed by example and column. */
export function traceStates(
  examples: readonly TrajectoryExample[],
  { seed, examples: numbers }: Pick<Place, "seed" | "examples">,
  plan: StatePlan,
): TraceStates {
  const { facts, maskRatios: ratios, maskRatioExponent: exponent, order, released } = plan;
  const { maskId, padId } = facts;
  const layout =
    facts.blockLength === undefined ? plainLayout(examples, plan) : doubledLayout(examples, plan);
  const noisy = traceResponses(layout.columns, {
    ...{ seed, maskId, padId, ratios, exponent, order, released, steps: layout.steps },
    examples: plan.states === "fresh" ? numbers : examples.map(({ sequence }) => sequence),
    random: plan.randomRatio > 0 ? { share: plan.randomRatio, tokens: plan.randomTokens } : undefined,
    padLimit: plan.postNum,
    tails: released ? undefined : layout.tails,
  });
  return readStates(layout, noisy, plan);
}

/** Answers in columns, and how the batch of a network is made of them. */
export interface Layout {
  readonly columns: TraceColumns;
  /** Per answer, the reveal steps of its tokens from the extent's begin. */
  readonly steps: readonly ArrayLike<number>[];
  readonly tails: readonly number[];
  batch(noisy: NoisyResponses): MaskedBatch;
}

function doubledLayout(examples: readonly TrajectoryExample[], plan: StatePlan): Layout {
  const { facts, alignment, released } = plan;
  const blockLength = plan.blockLength ?? facts.blockLength!;
  const padding = released ? "all" : "none";
  const columns = doubledColumns(examples, { blockLength, padId: facts.padId, padding, alignment });
  return layoutOf(
    columns,
    examples.map(({ steps }) => steps),
  );
}

/** The doubled sequence of columns and the reveal steps of their answers. */
export function layoutOf(columns: DoubledColumns, steps: readonly ArrayLike<number>[]): Layout {
  const { blockLength, extents } = columns;
  return {
    columns,
    steps,
    // The decoder has a whole block open.
    tails: extents.map(({ end }) => blockLength * Math.ceil(end / blockLength) - end),
    batch: (noisy) => doubledBatch(columns, noisy),
  };
}

function plainLayout(examples: readonly TrajectoryExample[], { facts, blockLength }: StatePlan): Layout {
  const { padId, shift } = facts;
  const rows = examples.length;
  const length = Math.max(...examples.map(({ ids, tail }) => ids.length + tail));
  const responses = new Int32Array(rows * length).fill(padId);
  const realResponses = new Uint8Array(rows * length);
  examples.forEach(({ ids }, row) => {
    responses.set(ids, row * length);
    realResponses.fill(1, row * length, row * length + ids.length);
  });
  const extents = examples.map(({ ids, promptLength }) => ({ begin: promptLength, end: ids.length }));
  return {
    columns: {
      ...{ rows, responseColumns: length, blockLength: blockLength ?? length },
      ...{ responses, realResponses, extents },
    },
    // With the shift nothing predicts the first column: it is given.
    steps: examples.map(({ steps, promptLength }) =>
      steps.map((step, i) => (i + promptLength < shift ? -1 : step)),
    ),
    tails: examples.map(({ tail }) => tail),
    batch(noisy) {
      const real = noisy.real ?? realResponses;
      return {
        ...{ rows, length, ids: noisy.ids, times: noisy.times, weights: noisy.weights, size: noisy.size },
        reads: noisy.positions.map((flat) => flat - shift),
        targets: noisy.positions.map((flat) => responses[flat]!),
        noisy: noisy.positions.map((flat) => noisy.ids[flat]!),
        real: real.includes(0) ? real : undefined,
      };
    },
  };
}

/** What is read of noisy responses, and what each position counts. */
export function readStates(layout: Layout, noisy: NoisyResponses, plan: StatePlan): TraceStates {
  const { responseColumns: L1, rows } = layout.columns;
  const kept = new Uint8Array(rows);
  for (const flat of noisy.positions) kept[Math.floor(flat / L1)] = 1;
  const paths = Array.from({ length: rows }, (_, row) => pathOf(layout, row, plan));
  const isSupervised = new Uint8Array(rows * L1);
  for (const flat of noisy.positions) isSupervised[flat] = 1;
  const others: number[] = [];
  paths.forEach((path, row) => {
    if (kept[row] === 0) return;
    path?.levels.forEach((level, i) => {
      if (level !== noLevel && isSupervised[row * L1 + i] === 0) others.push(row * L1 + i);
    });
  });
  const positions = Int32Array.from([...noisy.positions, ...others]);
  const filled = (values: Float64Array) => Float64Array.from([...values, ...others.map(() => 0)]);
  const answers = positions.map((flat) => Math.floor(flat / L1));
  const columns = positions.map((flat) => flat % L1);
  const ofPath = (name: "levels" | "weights", without: number) =>
    Array.from(positions, (_, n) => paths[answers[n]!]?.[name][columns[n]!] ?? without);
  const levels = Int32Array.from(ofPath("levels", noLevel));
  return {
    batch: layout.batch({
      ...noisy,
      positions,
      times: filled(noisy.times),
      weights: filled(noisy.weights),
    }),
    supervised: noisy.positions.length,
    ...{ answers, columns, kept, levels },
    pathWeights: plan.path?.average === "batch" ? undefined : Float64Array.from(ofPath("weights", 0)),
    levelSteps: plan.path === undefined ? [] : levelSteps(levels, fixedLevels(layout, plan)),
  };
}

/** Levels that there are whatever the answers' lengths; 0 where an answer is one block. */
function fixedLevels({ columns }: Layout, { path, blockLength, facts }: StatePlan): number {
  const isWhole = facts.blockLength === undefined && blockLength === undefined;
  return path === undefined || isWhole ? 0 : levelCount(columns.blockLength, path.k);
}

/** Levels and weights of one answer's columns. */
function pathOf(
  layout: Layout,
  row: number,
  plan: StatePlan,
): { levels: Int32Array; weights: Float64Array } | undefined {
  const { path, facts, released } = plan;
  if (path === undefined) return undefined;
  const { columns, steps } = layout;
  const { responseColumns: L1, blockLength, responses, extents } = columns;
  const steps_L = new Float64Array(L1).fill(-1);
  const { begin } = extents[row]!;
  steps_L.set(Array.from(steps[row]!).slice(0, L1 - begin), begin);
  const levels = pathLevels(responses.subarray(row * L1, (row + 1) * L1), steps_L, {
    ...{ blockLength, k: path.k },
    released: released ? facts : undefined,
  });
  if (path.weights === "linear") return { levels, weights: linearWeights(steps_L) };
  return { levels, weights: nestedWeights(levels, levelSteps(levels, fixedLevels(layout, plan))) };
}
