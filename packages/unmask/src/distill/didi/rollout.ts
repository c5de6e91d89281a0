// The student's two steps, 1 → tau → t0: two forwards, neither with a gradient.
//
// The first step sees masks alone (behind a given token): texts that begin alike share one row of it. Tokens are drawn by
// inverse CDF, one uniform number for each text, step and position.
//
// Letters: B texts, L length, S distinct beginnings, K columns that are written, N positions, V vocabulary, M texts of a
// beginning.

import {
  add,
  contiguous,
  indexSelect,
  narrow,
  type ProductDtype,
  type Recompute,
  reshape,
  scope,
  type Tensor,
  t,
  tensor,
  toNumbers,
  uniformAt,
  unsqueeze,
} from "@unmask/torch";
import { fillUniform, streams } from "../../base/rng.ts";
import { drawHeadTokens, drawSoftmaxTokens } from "../../diffusion/draw.ts";
import type { HeadRows } from "../../diffusion/head-chunks.ts";
import { maskColumn } from "../../diffusion/objective.ts";
import { revealProbability, reverseTimes } from "../../diffusion/schedule.ts";
import type { Network } from "../../models/family.ts";
import { deviceOf, idTensor } from "../../train/rows-forward.ts";
import { headRows, withoutMask } from "../head-rows.ts";
import type { DidiOptions } from "./options.ts";
import { type DidiPlan, draws, written } from "./prepare.ts";

/** The part of a network that is asked. */
export type Denoiser = Pick<Network, "logits" | "headRows" | "parameters">;

/** Texts as the steps left them, each [rows · length]. */
export interface DidiBatch extends DidiPlan {
  /** After the first step, what is masked again included. */
  readonly drawn: Int32Array;
  /** What the second step saw. */
  readonly middle: Int32Array;
  /** The student's texts. */
  readonly texts: Int32Array;
  /** What the critic shall take for real. */
  readonly positives: Int32Array;
}

export interface ForwardContext {
  readonly options: DidiOptions;
  readonly products?: ProductDtype | undefined;
}

export function rollOut(
  { student, teacher }: { student: Denoiser; teacher: Denoiser },
  plan: DidiPlan,
  context: ForwardContext,
): DidiBatch {
  const { maskId, positives } = context.options;
  return scope(() => {
    const drawn = firstStep(student, plan, context);
    const middle = drawn.map((id, flat) => (plan.steps[flat]! >= written.second ? maskId : id));
    const texts = fill(student, middle, {
      plan,
      context,
      step: draws.token.second,
      positions: positionsWhere(plan.steps, (step) => step === written.second),
    });
    const real = positives === "teacher" ? teacherTexts(teacher, plan, context) : plan.examples;
    return { ...plan, drawn, middle, texts, positives: real };
  });
}

export interface Beginnings {
  /** The first text of each. */
  readonly first: readonly number[];
  /** Which of them a text has. */
  readonly of: Int32Array;
  /** Open columns of each. */
  readonly columns: readonly (readonly number[])[];
}

/** Texts with the same given tokens begin alike. */
export function beginnings({
  start,
  steps,
  rows,
  length,
}: Pick<DidiPlan, "start" | "steps" | "rows" | "length">): Beginnings {
  const seen = new Map<string, number>();
  const first: number[] = [];
  const of = Int32Array.from({ length: rows }, (_, row) => {
    const key = start.subarray(row * length, (row + 1) * length).join();
    const index = seen.get(key) ?? first.push(row) - 1;
    seen.set(key, index);
    return index;
  });
  const columns = first.map((row) =>
    Array.from({ length }, (_, column) => column).filter(
      (column) => steps[row * length + column] !== written.given,
    ),
  );
  return { first, of, columns };
}

function firstStep(student: Denoiser, plan: DidiPlan, { options, products }: ForwardContext): Int32Array {
  const { rows, length, start, steps, lost, seed, sequences } = plan;
  const device = deviceOf(student);
  const { first, of, columns } = beginnings(plan);
  const draw = drawing(student, {
    ids: Int32Array.from(first.flatMap((row) => [...start.subarray(row * length, (row + 1) * length)])),
    length,
    reads: columns.flatMap((own, s) => own.map((column) => s * length + column)),
    options,
    products,
  });
  const result = Int32Array.from(start);
  const coordinates = { seed, stream: streams.token, step: draws.token.first };
  const uniforms_BL = uniformAt({ ...coordinates, sequences }, length, device);
  let read = 0;
  columns.forEach((own, s) => {
    const members = Array.from({ length: rows }, (_, row) => row).filter((row) => of[row] === s);
    const uniforms_ML = indexSelect(uniforms_BL, 0, idTensor(members, device));
    const uniforms_KM = contiguous(t(indexSelect(uniforms_ML, 1, idTensor(own, device))));
    const tokens = draw(uniforms_KM, read);
    read += own.length;
    members.forEach((row, m) => {
      own.forEach((column, k) => {
        const flat = row * length + column;
        if (steps[flat] === written.first || lost[flat] === 1) result[flat] = tokens[k * members.length + m]!;
      });
    });
  });
  return result;
}

interface Filling {
  readonly plan: DidiPlan;
  readonly context: ForwardContext;
  /** Coordinate of the tokens' numbers. */
  readonly step: number;
  readonly positions: readonly number[];
}

/** A copy of the texts with these positions drawn from the network's distribution given all others. */
function fill(network: Denoiser, texts: Int32Array, { plan, context, step, positions }: Filling): Int32Array {
  if (positions.length === 0) return texts;
  const device = deviceOf(network);
  const { length, seed, sequences } = plan;
  const tokens = scope(() => {
    const draw = drawing(network, { ids: texts, length, reads: positions, ...context });
    const uniforms_BL = uniformAt({ seed, stream: streams.token, sequences, step }, length, device);
    const uniforms_N = indexSelect(reshape(uniforms_BL, [-1]), 0, idTensor(positions, device));
    return draw(unsqueeze(uniforms_N, 1), 0);
  });
  const result = Int32Array.from(texts);
  positions.forEach((flat, i) => {
    result[flat] = tokens[i]!;
  });
  return result;
}

/** Ancestral samples of the teacher that begin as the texts do. */
function teacherTexts(teacher: Denoiser, plan: DidiPlan, context: ForwardContext): Int32Array {
  const { schedule, teacherSteps } = context.options;
  const { length, steps, sequences, seed } = plan;
  const times = reverseTimes(teacherSteps);
  let texts = plan.start;
  const open = steps.map((step) => Number(step !== written.given));
  for (let k = 0; k < teacherSteps; k++) {
    const [before, after] = [times[k]!, times[k + 1]!];
    const chance = k === teacherSteps - 1 ? 1 : revealProbability(schedule, before, after);
    const uniforms = new Float32Array(length);
    const positions = sequences.flatMap((sequence, row) => {
      fillUniform(uniforms, { seed, stream: streams.reveal }, sequence, draws.reveal.teacher + k);
      return Array.from({ length }, (_, column) => row * length + column).filter(
        (flat) => open[flat] === 1 && uniforms[flat % length]! < chance,
      );
    });
    texts = fill(teacher, texts, { plan, context, step: draws.token.teacher + k, positions });
    for (const flat of positions) open[flat] = 0;
  }
  return texts;
}

export interface Reads extends ForwardContext {
  readonly recompute?: Recompute | undefined;
  readonly ids: Int32Array;
  readonly length: number;
  /** Flat positions whose logits are wanted. */
  readonly reads: readonly number[];
}

/** One forward, and then tokens of its reads from `first` on, as many as there are rows of uniform numbers [K, M]. */
function drawing(network: Denoiser, reads: Reads): (uniforms_KM: Tensor, first: number) => number[] {
  const count = ({ shape }: Tensor) => shape[0]!;
  if (network.headRows === undefined) {
    const logits_NV = openLogits(network, reads);
    return (uniforms_KM, first) =>
      toNumbers(drawSoftmaxTokens(narrow(logits_NV, 0, first, count(uniforms_KM)), uniforms_KM));
  }
  const { hidden_ND, head } = openRows(network, reads);
  return (uniforms_KM, first) => {
    const own_KD = narrow(hidden_ND, 0, first, count(uniforms_KM));
    return toNumbers(drawHeadTokens({ hidden_ND: own_KD, head }, uniforms_KM, reads.products));
  };
}

/** What the logits of the positions are made of, the mask's out of reach. */
export function openRows(network: Denoiser, { options, products, recompute, ...read }: Reads): HeadRows {
  const how = { products: products ?? "float32", recompute };
  const { hidden_ND, head } = headRows(network, readOf(read), how);
  return { hidden_ND, head: withoutMask(head, options.maskId) };
}

const readOf = ({ ids, length, reads }: Pick<Reads, "ids" | "length" | "reads">) => ({
  ...{ rows: ids.length / length, length, ids },
  reads: Int32Array.from(reads),
});

/** Logits [N, V] of the positions, the mask's out of reach. */
export function openLogits(network: Denoiser, { ids, length, reads, options, ...given }: Reads): Tensor {
  const device = deviceOf(network);
  const ids_BL = idTensor(ids, device, [ids.length / length, length]);
  const logits_NV = network.logits(ids_BL, idTensor(reads, device), given);
  const column = tensor(maskColumn(options.vocabularySize, options.maskId), undefined, { device });
  return add(logits_NV, column);
}

/** Flat positions whose step is wanted, ascending. */
export function positionsWhere(steps: Uint8Array, wanted: (step: number, flat: number) => boolean): number[] {
  const positions: number[] = [];
  steps.forEach((step, flat) => {
    if (wanted(step, flat)) positions.push(flat);
  });
  return positions;
}
