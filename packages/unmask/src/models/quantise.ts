// Weight-only int8: row o of a matrix is stored as int8 values q and one float32 scale, W[o] = scale[o] · q. Symmetric,
// rounded to nearest, scale = max |W[o]| / 127. Norms, biases and other vectors stay as they are.

import {
  abs,
  amax,
  clamp,
  convert,
  type Device,
  div,
  maximum,
  mul,
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

/** [name, int8 values] and [name of the scale, float32 scale] of a matrix [rows, columns], on `device`. */
export function quantiseWeight(name: string, weight: Tensor, device: Device): [string, Tensor][] {
  return scope(() => {
    const wide = convert(weight, "float32", undefined);
    const largest = amax(abs(wide), { dim: [1], keepdim: true });
    // A row of zeros keeps scale 0 and divides by something.
    const safe = maximum(largest, tensor([1e-30]));
    const values = clamp(round(mul(wide, div(tensor([127]), safe))), { min: -127, max: 127 });
    return [
      [name, convert(values, "int8", device)],
      [scaleName(name), convert(squeeze(div(largest, 127), 1), "float32", device)],
    ];
  });
}
