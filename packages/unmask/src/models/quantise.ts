// Weight-only int8: row o of a matrix is stored as int8 values q and one float32 scale, W[o] = scale[o] · q. Symmetric,
// rounded to nearest, scale = max |W[o]| / 127. Norms, biases and other vectors stay as they are.

import {
  abs,
  amax,
  clamp,
  convert,
  copy_,
  type Device,
  div,
  empty,
  maximum,
  mul,
  narrow,
  round,
  scope,
  squeeze,
  type Tensor,
  tensor,
} from "@unmask/torch";
import { scaleName } from "./parts/weights.ts";

/** Whether a parameter is stored as int8: matrices are. */
export const isQuantised = (name: string, shape: readonly number[]): boolean =>
  shape.length === 2 && name.endsWith(".weight");

/** Values converted at a time: a matrix is never held whole in float32. */
const blockValues = 1 << 20;

/** [name, int8 values] and [name of the scale, float32 scale] of a matrix [rows, columns], on `device`. */
export function quantiseWeight(name: string, weight: Tensor, device: Device): [string, Tensor][] {
  const [rows, columns] = weight.shape as [number, number];
  return scope(() => {
    const values = empty([rows, columns], { dtype: "int8", device });
    const scale = empty([rows], { dtype: "float32", device });
    const step = Math.max(1, Math.floor(blockValues / columns));
    for (let start = 0; start < rows; start += step) {
      const count = Math.min(step, rows - start);
      scope(() => {
        const block = quantiseRows(narrow(weight, 0, start, count));
        copy_(narrow(values, 0, start, count), block.values);
        copy_(narrow(scale, 0, start, count), block.scale);
      });
    }
    return [
      [name, values],
      [scaleName(name), scale],
    ];
  });
}

function quantiseRows(weight: Tensor): { values: Tensor; scale: Tensor } {
  const wide = convert(weight, "float32", undefined);
  const largest = amax(abs(wide), { dim: [1], keepdim: true });
  // A row of zeros keeps scale 0 and divides by something.
  const safe = maximum(largest, tensor([1e-30], undefined, { device: weight.device }));
  const steps = div(tensor([127], undefined, { device: weight.device }), safe);
  const values = clamp(round(mul(wide, steps)), { min: -127, max: 127 });
  return { values, scale: squeeze(div(largest, 127), 1) };
}
