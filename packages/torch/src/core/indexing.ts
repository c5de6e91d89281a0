// Indexing by dimension, as x[2, 1:5, :, rows] in Python.

import { index, select, slice, unsqueeze } from "../generated/ops.ts";
import { TorchError } from "./errors.ts";
import { scope } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** Part of a dimension: from ≤ i < to in steps; negative ends count from the end, missing ones reach it. */
export interface Range {
  from?: number | undefined;
  to?: number | undefined;
  step?: number | undefined;
}

/**
 * number: that index, the dimension disappears (a view); Range: a part (a view); null: the whole dimension;
 * "new": a dimension of size 1 is inserted; an integer Tensor: those indices (a copy); a boolean Tensor: where true (a copy).
 */
export type Place = number | Range | null | "new" | Tensor;

/** The part of `source` at one place per dimension, from the first on; dimensions left out are taken whole. */
export function at(source: Tensor, ...places: readonly Place[]): Tensor {
  const taken = places.filter((place) => place !== "new").length;
  if (taken > source.shape.length) {
    throw new TorchError("at", `${source.describe()} has fewer dimensions than the ${taken} places given`);
  }
  return scope(() => {
    let result = source;
    let dimension = 0;
    for (const place of places) [result, dimension] = take(result, dimension, place);
    return result;
  });
}

/** The tensor with one dimension treated, and the dimension that comes next. */
function take(source: Tensor, dimension: number, place: Place): [Tensor, number] {
  if (place === null) return [source, dimension + 1];
  if (place === "new") return [unsqueeze(source, dimension), dimension + 1];
  if (typeof place === "number") return [select(source, dimension, place), dimension];
  if (place instanceof Tensor) {
    const rank = place.dtype === "bool" ? 1 : place.shape.length;
    return [index(source, [...new Array<null>(dimension).fill(null), place]), dimension + rank];
  }
  const { from: start, to: end, step } = place;
  return [slice(source, { dim: dimension, start, end, step }), dimension + 1];
}
