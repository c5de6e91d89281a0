// How likely a continuation is behind its context, to a model that fills in masks: an upper bound of −ln p, exact for a
// network whose predictions fit together, estimated by drawing which positions are masked (likelihood-masks.ts).
//
//   full attention   the whole continuation is noised at once
//   block by block   (SDAR) each block of the continuation, with what stands before it clean and nothing behind it:
//                    the sum over blocks, as the model writes them
//
// The mask has no probability here, as in generation. Row p − shift of the logits predicts position p, the family's facts
// say which. Rows that are fed alike (the choices A, B, C, D behind one question) are one row.
//
// Letters: B rows fed, L positions, N predicted positions, V vocabulary.

import {
  add,
  crossEntropyLoss,
  noGrad,
  type ProductDtype,
  scope,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { UnsupportedError, UsageError } from "../base/errors.ts";
import { maskColumn } from "../diffusion/objective.ts";
import type { Facts, Network } from "../models/family.ts";
import { type DrawOptions, maskSets } from "./likelihood-masks.ts";

export interface Scorer {
  readonly network: Pick<Network, "logits" | "parameters">;
  readonly facts: Facts;
}

/** Token ids. */
export interface Pair {
  readonly context: ArrayLike<number>;
  readonly continuation: ArrayLike<number>;
}

export interface ScoreOptions extends DrawOptions {
  /** Rows a forward; 32 by default. Changes no result. */
  readonly batchSize?: number | undefined;
  /** dtype of matrix products; float32 by default. */
  readonly products?: ProductDtype | undefined;
}

export interface Score {
  /** In nats, of the whole continuation. */
  readonly nll: number;
  /** Of the estimate, as if its draws were independent (they vary less); 0 where all sets of masks were taken. */
  readonly standardError: number;
  readonly isExact: boolean;
  /** Rows that were noised: draws, or sets, of all blocks together. */
  readonly rows: number;
  readonly tokens: number;
  /** Tokens of the context that the model has no room for, left out at the front. */
  readonly cut: number;
}

/** Scores of continuations that belong to one question. */
export function scorePairs(model: Scorer, pairs: readonly Pair[], options: ScoreOptions): Score[] {
  const { maskId } = model.facts;
  if (!model.facts.denoises || maskId === undefined) {
    throw new UnsupportedError(
      `${model.facts.family} fills in no masks, so it has no such likelihood; give a diffusion model`,
    );
  }
  const fitted = pairs.map((pair) => fit(pair, model.facts));
  const plans = fitted.map((pair) => planOf(pair, { ...options, maskId, block: model.facts.blockLength }));
  const losses = lossesOf(model, plans.flat(), options);
  let next = 0;
  return plans.map((parts, at): Score => {
    const own = parts.map((part) => {
      next += part.rows.length;
      return partScore(part, losses.slice(next - part.rows.length, next));
    });
    const sum = (value: (one: PartScore) => number) => own.reduce((total, one) => total + value(one), 0);
    return {
      nll: sum(({ nll }) => nll),
      standardError: Math.sqrt(sum(({ variance }) => variance)),
      isExact: parts.every(({ isExact }) => isExact),
      rows: sum(({ rows }) => rows),
      tokens: fitted[at]!.continuation.length,
      cut: fitted[at]!.cut,
    };
  });
}

interface Fitted {
  readonly context: readonly number[];
  readonly continuation: readonly number[];
  readonly cut: number;
}

function fit(pair: Pair, { contextLength, vocabularySize }: Facts): Fitted {
  const [context, continuation] = [Array.from(pair.context), Array.from(pair.continuation)];
  if (continuation.length === 0) throw new UsageError("a continuation has no tokens; give one at least");
  const wrong = [...context, ...continuation].find((id) => !(id >= 0 && id < vocabularySize));
  if (wrong !== undefined) {
    throw new UsageError(`id ${wrong} lies outside the model's vocabulary of ${vocabularySize}`);
  }
  const room = contextLength - continuation.length;
  if (room < 0) {
    throw new UsageError(
      `a continuation of ${continuation.length} tokens is longer than the model's context of ${contextLength}`,
    );
  }
  const cut = Math.max(0, context.length - room);
  return { context: context.slice(cut), continuation, cut };
}

/** One noised row. */
interface NoisedRow {
  readonly ids: readonly number[];
  /** Columns of the masked positions, and what stood there. */
  readonly columns: readonly number[];
  readonly targets: readonly number[];
  readonly weight: number;
}

/** Rows of one block of one continuation. */
interface Part {
  readonly rows: readonly NoisedRow[];
  readonly isExact: boolean;
}

interface PlanOptions extends DrawOptions {
  readonly maskId: number;
  readonly block: number | undefined;
}

function planOf({ context, continuation }: Fitted, { maskId, block, ...drawing }: PlanOptions): Part[] {
  const whole = [...context, ...continuation];
  return blocksOf(context.length, whole.length, block).map(([from, to]) => {
    const { sets, isExact } = maskSets(to - from, drawing);
    const rows = sets.map(({ masked, weight }): NoisedRow => {
      const ids = whole.slice(0, to);
      const columns = masked.map((place) => from + place);
      for (const column of columns) ids[column] = maskId;
      return { ids, columns, targets: columns.map((column) => whole[column]!), weight };
    });
    return { rows, isExact };
  });
}

/** Columns [from, to) of the continuation, cut where blocks begin. */
function blocksOf(from: number, to: number, block: number | undefined): [number, number][] {
  if (block === undefined) return [[from, to]];
  const cuts: [number, number][] = [];
  for (let start = from; start < to; ) {
    const end = Math.min(to, (Math.floor(start / block) + 1) * block);
    cuts.push([start, end]);
    start = end;
  }
  return cuts;
}

interface PartScore {
  readonly nll: number;
  /** Of the mean over draws. */
  readonly variance: number;
  readonly rows: number;
}

function partScore({ rows, isExact }: Part, losses: readonly number[]): PartScore {
  const values = rows.map(({ weight }, index) => weight * losses[index]!);
  const nll = values.reduce((sum, value) => sum + value, 0);
  const n = rows.length;
  const spread = values.reduce((sum, value) => sum + (value * n - nll) ** 2, 0);
  return { nll, variance: isExact || n < 2 ? 0 : spread / (n - 1) / n, rows: n };
}

/** Logits at a time: 256 MiB in float32. */
const logitsAtOnce = 2 ** 26;

/** Sum of the losses of each row's masked positions. */
function lossesOf(model: Scorer, parts: readonly Part[], options: ScoreOptions): number[] {
  const all = parts.flatMap(({ rows }) => rows);
  const byIds = new Map<string, NoisedRow[]>();
  for (const row of all) {
    const key = row.ids.join();
    const alike = byIds.get(key);
    if (alike === undefined) byIds.set(key, [row]);
    else alike.push(row);
  }
  const sums = new Map<NoisedRow, number>();
  for (const batch of batchesOf([...byIds.values()], model.facts, options.batchSize ?? 32)) {
    const losses = scope(() => noGrad(() => toNumbers(batchLosses(model, batch, options))));
    let next = 0;
    for (const row of batch.flat()) {
      const own = losses.slice(next, next + row.columns.length);
      next += own.length;
      sums.set(
        row,
        own.reduce((sum, loss) => sum + loss, 0),
      );
    }
  }
  return all.map((row) => sums.get(row)!);
}

/** Groups of rows that are fed alike, of one length a batch. */
function* batchesOf(
  groups: readonly (readonly NoisedRow[])[],
  { vocabularySize }: Facts,
  batchSize: number,
): Generator<(readonly NoisedRow[])[]> {
  const mostPlaces = Math.max(1, Math.floor(logitsAtOnce / vocabularySize));
  let batch: (readonly NoisedRow[])[] = [];
  let places = 0;
  const lengthOf = (group: readonly NoisedRow[]) => group[0]!.ids.length;
  for (const group of [...groups].sort((a, b) => lengthOf(a) - lengthOf(b))) {
    const more = group.reduce((sum, { columns }) => sum + columns.length, 0);
    const isFull = batch.length === batchSize || places + more > mostPlaces;
    if (batch.length > 0 && (isFull || lengthOf(batch[0]!) !== lengthOf(group))) {
      yield batch;
      batch = [];
      places = 0;
    }
    batch.push(group);
    places += more;
  }
  if (batch.length > 0) yield batch;
}

/** Losses of all masked positions of a batch, row after row. */
function batchLosses(
  { network, facts }: Scorer,
  batch: readonly (readonly NoisedRow[])[],
  { products }: ScoreOptions,
): Tensor {
  const { device } = [...network.parameters.values()][0] ?? {};
  const length = batch[0]![0]!.ids.length;
  const integers = (values: readonly number[], shape: readonly number[]) =>
    tensor(Int32Array.from(values), [...shape], { dtype: "int64", device });
  const ids_BL = integers(
    batch.flatMap(([first]) => first!.ids),
    [batch.length, length],
  );
  // The first column of all has no row before it and is read from its own.
  const rows = batch.flatMap((alike, b) =>
    alike.flatMap(({ columns }) => columns.map((column) => b * length + Math.max(column - facts.shift, 0))),
  );
  const targets_N = integers(
    batch.flat().flatMap(({ targets }) => targets),
    [rows.length],
  );
  const logits_NV = network.logits(ids_BL, integers(rows, [rows.length]), { products });
  const without_V = tensor(maskColumn(facts.vocabularySize, facts.maskId!), undefined, { device });
  return crossEntropyLoss(add(logits_NV, without_V), targets_N, { reduction: 0 });
}
