// Merging writes W + scale · B A over each adapted weight, so that the network costs what it cost without adapters, and
// so that it can be saved as an ordinary model. The sum is made in float32 (float64 for float64 weights) and rounded once
// to the weight's dtype: in float32 the logits agree with the unmerged ones to about 1e-6, in bfloat16 to its precision.
//
// Unmerging is exact: merging keeps a copy of every weight that it writes over, which is as much memory again as those
// weights take. (Subtracting would come back to the last bit only by luck, and a bfloat16 weight not at all.) Where no way
// back is wanted, `reversible: false` keeps no copies and frees the adapters.
//
// A weight that is mapped from a file is written in memory only: the mapping is private, the file does not change.

import {
  addmm,
  clone,
  convert,
  copy_,
  type Dtype,
  keep,
  narrow,
  noGrad,
  scope,
  type Tensor,
} from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import { type AdapterSet, disposeAdapters, expectState } from "./lora.ts";
import type { Adapter } from "./parts/weights.ts";

/** Values of a weight that are computed at a time: 32 MB of float32. */
const blockValues = 1 << 23;

export interface MergeOptions {
  /** Keeps what unmergeAdapters() needs; true by default. */
  readonly reversible?: boolean | undefined;
}

/** Writes the attached adapters into the weights. Throws an UnsupportedError for int8 weights, before any is written. */
export function mergeAdapters(set: AdapterSet, { reversible = true }: MergeOptions = {}): void {
  expectState(set, ["attached"], "merged");
  const { layers, network, originals } = set;
  const weights = [...layers].map(([layer, adapter]) => {
    const weight = network.weights.get(`${layer}.weight`);
    refuseInt8(layer, weight);
    return [layer, weight, adapter] as const;
  });
  for (const [layer, weight, adapter] of weights) {
    scope(() =>
      noGrad(() => {
        if (reversible) originals.set(layer, keep(clone(weight)));
        addInto(weight, adapter);
      }),
    );
    network.weights.adapters.delete(layer);
  }
  set.state = "merged";
  if (!reversible) disposeAdapters(set);
}

/** Brings back the weights as they were, bit for bit, and the adapters beside them. */
export function unmergeAdapters(set: AdapterSet): void {
  expectState(set, ["merged"], "unmerged");
  const { layers, network, originals } = set;
  for (const [layer, adapter] of layers) {
    const original = originals.get(layer)!;
    scope(() => noGrad(() => void copy_(network.weights.get(`${layer}.weight`), original)));
    original.dispose();
    originals.delete(layer);
    network.weights.adapters.set(layer, adapter);
  }
  set.state = "attached";
}

/** weight += scale · up down, rows in blocks. */
function addInto(weight: Tensor, { down, up, scale }: Adapter): void {
  const [rows, columns] = weight.shape as [number, number];
  const wide: Dtype = weight.dtype === "float64" ? "float64" : "float32";
  const down_RI = convert(down, wide, undefined);
  const step = Math.max(1, Math.floor(blockValues / columns));
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    scope(() => {
      const part_OI = narrow(weight, 0, start, count);
      const up_OR = convert(narrow(up, 0, start, count), wide, undefined);
      copy_(part_OI, addmm(convert(part_OI, wide, undefined), up_OR, down_RI, { alpha: scale }));
    });
  }
}

function refuseInt8(layer: string, { dtype }: Tensor): void {
  if (dtype !== "int8") return;
  throw new UnsupportedError(
    `"${layer}" is stored as int8, into which an adapter cannot be merged; load the model without dtype int8, merge and save it, then load that as int8`,
  );
}
