// The teacher's side of self-distillation through time: ancestral steps from a noisy batch, and what it said of each
// position in the step that revealed it.
//
// Letters: N masked positions, P of them still masked, R revealed in a step, D hidden, V vocabulary.

import {
  add,
  cat,
  cumsum,
  detach,
  indexSelect,
  mixedLinear,
  mul,
  narrow,
  type ProductDtype,
  searchsorted,
  softmax,
  squeeze,
  type Tensor,
  tensor,
  toDtype,
  toNumbers,
  unsqueeze,
} from "@unmask/torch";
import { streams, uniform } from "../base/rng.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import { type NoiseSchedule, revealProbability } from "../diffusion/schedule.ts";
import type { Network } from "../models/family.ts";
import { fineUniforms } from "../train/answer-batch.ts";
import type { MaskedBatch } from "../train/masked-batch.ts";
import type { Place } from "../train/method.ts";
import { idTensor } from "../train/rows-forward.ts";
import { headRows, withoutMask } from "./head-rows.ts";

export interface TeacherSteps {
  readonly steps: number;
  /** Length of a step in time. */
  readonly dt: number;
  readonly schedule: NoiseSchedule;
  readonly shift: 0 | 1;
  readonly maskId: number;
  readonly place: Place;
  readonly products: ProductDtype;
}

/**
 * Hidden rows [N, D] of what the teacher said of each position that is read: in the step that revealed it, in the last one
 * if none did. Undefined for a batch without masks.
 */
export function teacherRows(teacher: Network, batch: MaskedBatch, how: TeacherSteps): Tensor | undefined {
  const { steps, shift, products } = how;
  const ids = Int32Array.from(batch.ids);
  const parts: Tensor[] = [];
  const order: number[] = [];
  let pending = Array.from(batch.reads, (_, i) => i);
  for (let step = 0; step < steps && pending.length > 0; step++) {
    const reads = Int32Array.from(pending, (i) => batch.reads[i]!);
    const { hidden_ND: hidden_PD, head } = headRows(teacher, { ...batch, ids, reads }, { products });
    const draws = drawsOf(how.place, batch.length, step);
    const revealed = pending.map(
      (i) => draws.reveal(batch.reads[i]! + shift) < chanceOf(batch.times[i]!, step, how),
    );
    const decided = pending.flatMap((_, p) => (revealed[p] || step === steps - 1 ? [p] : []));
    const hidden_RD = pick(hidden_PD, decided);
    parts.push(hidden_RD);
    order.push(...decided.map((p) => pending[p]!));
    if (step === steps - 1) break;
    const flats = decided.map((p) => batch.reads[pending[p]!]! + shift);
    drawTokens({ hidden_ND: hidden_RD, head }, flats.map(draws.token), how).forEach((token, r) => {
      ids[flats[r]!] = token;
    });
    pending = pending.filter((_, p) => !revealed[p]);
  }
  if (parts.length === 0) return undefined;
  const places = new Int32Array(order.length);
  order.forEach((i, at) => {
    places[i] = at;
  });
  return detach(pick(cat(parts), places));
}

/** That a position seen at time t is revealed in a step. */
function chanceOf(time: number, step: number, { dt, schedule }: TeacherSteps): number {
  const t = Math.max(0, time - step * dt);
  return t === 0 ? 1 : revealProbability(schedule, t, Math.max(0, t - dt));
}

const pick = (rows_ND: Tensor, indices: ArrayLike<number>): Tensor =>
  indexSelect(rows_ND, 0, idTensor(indices, rows_ND.device));

/** A step's numbers of a flat position: by its example and column. */
function drawsOf({ seed, examples }: Place, length: number, step: number) {
  const rowOf = (flat: number) => Math.floor(flat / length);
  const fine = new Map<number, Float64Array>();
  return {
    reveal: (flat: number) =>
      uniform({ seed, stream: streams.reveal }, examples[rowOf(flat)]!, step, flat % length),
    token(flat: number) {
      const row = rowOf(flat);
      const source = { seed, stream: streams.token };
      const numbers =
        fine.get(row) ?? fineUniforms(source, examples[row]!, { step: 2 * step, count: length });
      fine.set(row, numbers);
      return numbers[flat % length]!;
    },
  };
}

/** A token of each row by inverse CDF, never the mask. */
function drawTokens(
  { hidden_ND, head }: HeadRows,
  uniforms: readonly number[],
  { maskId, products }: { maskId: number; products: ProductDtype },
): number[] {
  if (uniforms.length === 0) return [];
  const { weight_VD, bias_V, column_V } = withoutMask(head, maskId);
  const logits_RV = add(mixedLinear(hidden_ND, weight_VD, bias_V, { products }), column_V!);
  const sums_RV = cumsum(softmax(toDtype(logits_RV, "float64"), -1), -1);
  const total_R1 = narrow(sums_RV, 1, sums_RV.shape[1]! - 1, 1);
  const levels_R1 = mul(
    total_R1,
    unsqueeze(tensor(uniforms, undefined, { dtype: "float64", device: sums_RV.device }), 1),
  );
  return toNumbers(squeeze(searchsorted(sums_RV, levels_R1, { right: true }), 1));
}
