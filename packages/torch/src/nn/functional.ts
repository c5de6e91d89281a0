// Layers as functions of tensors.

import { convert } from "../core/create.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  add,
  addcmul,
  cat,
  chunk,
  div,
  embedding,
  layerNorm,
  mul,
  rsqrt,
  square,
  vectorNorm,
} from "../generated/ops.ts";

export { embedding, layerNorm };

/**
 * Rotary position embedding, half-split (GPT-NeoX) layout: x [..., L, D] with cos and sin [L, D / 2], or anything
 * that broadcasts against [..., L, D / 2]. Su et al. 2021.
 */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const [first, second] = chunk(x, 2, { dim: -1 }) as [Tensor, Tensor];
  return cat([addcmul(mul(first, cos), second, sin, { value: -1 }), addcmul(mul(second, cos), first, sin)], {
    dim: -1,
  });
}

/**
 * weight · x / √(mean(x²) + eps) over the last dimension. The norm is taken in float32 (float64 for float64) and cast
 * back to x's dtype before the weight is multiplied, as Llama and its heirs do.
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  const wide = x.dtype === "float64" ? x : convert(x, "float32", undefined);
  const size = x.shape.at(-1)!;
  const meanSquare = div(square(vectorNorm(wide, { dim: [-1], keepdim: true })), size);
  const normal = mul(wide, rsqrt(add(meanSquare, eps)));
  return mul(convert(normal, x.dtype, undefined), convert(weight, x.dtype, undefined));
}
