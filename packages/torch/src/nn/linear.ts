// Linear layers whose weights may be stored in another dtype than the products run in.
//
// Where gradients flow, a weight is converted as a whole and autograd converts its gradient back. Where none do, a
// weight is converted block by block into a small buffer: a bfloat16 or int8 checkpoint is never held a second time in
// float32, and costs little more to read than its own bytes.

import { convert } from "../core/create.ts";
import type { ProductDtype } from "../core/precision.ts";
import { scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { add_, copy_, empty, linear, mmOut, mul_, narrow, reshape, t } from "../generated/ops.ts";

/** Values converted at a time: 8 MB of float32. Smaller blocks make products of many rows slower, larger ones take memory. */
const blockValues = 1 << 21;

/**
 * input [..., in] @ weight [out, in]ᵀ + bias [out], computed in `products`; the result has that dtype. float64
 * weights stay float64 throughout (for checks against finite differences). `scale` float32 [out] belongs to an int8
 * weight, whose row o stands for scale[o] · weight[o].
 */
export function mixedLinear(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  options: ProductDtype | LinearOptions,
): Tensor {
  const { products, scale } = typeof options === "string" ? { products: options } : options;
  const dtype = weight.dtype === "float64" ? "float64" : products;
  const recorded = weight.requiresGrad || input.requiresGrad;
  if (scale !== undefined || (weight.dtype !== dtype && !recorded && weight.size > blockValues)) {
    return blockedLinear(convert(input, dtype, undefined), weight, { bias, scale });
  }
  return linear(convert(input, dtype, undefined), convert(weight, dtype, undefined), {
    bias: bias === undefined ? undefined : convert(bias, dtype, undefined),
  });
}

export interface LinearOptions {
  products: ProductDtype;
  scale?: Tensor | undefined;
}

/** As above without gradients, in input's dtype, rows of the weight converted block by block. */
function blockedLinear(
  input: Tensor,
  weight: Tensor,
  { bias, scale }: { bias: Tensor | undefined; scale: Tensor | undefined },
): Tensor {
  const [outputs, inputs] = weight.shape as [number, number];
  const { dtype, device } = input;
  const rows = Math.max(1, Math.floor(blockValues / inputs));
  return scope(() => {
    const flat_NI = reshape(input, [-1, inputs]);
    const result_NO = empty([flat_NI.shape[0]!, outputs], { dtype, device });
    // Of one size whatever the weight's shape: the allocator then has one such block and not one a shape.
    const buffer = empty([Math.max(blockValues, inputs)], { dtype, device });
    for (let start = 0; start < outputs; start += rows) {
      const count = Math.min(rows, outputs - start);
      scope(() => {
        const block_OI = reshape(narrow(buffer, 0, 0, count * inputs), [count, inputs]);
        copy_(block_OI, narrow(weight, 0, start, count));
        mmOut(flat_NI, t(block_OI), { out: narrow(result_NO, 1, start, count) });
      });
    }
    if (scale !== undefined) mul_(result_NO, convert(scale, dtype, undefined));
    if (bias !== undefined) add_(result_NO, convert(bias, dtype, undefined));
    return reshape(result_NO, [...input.shape.slice(0, -1), outputs]);
  });
}
