// Layers as functions of tensors. Mixed precision is explicit: `products` names the dtype of matrix products;
// norms, softmax and everything else stay in float32.

import { convert } from "../core/create.ts";
import { operator } from "../core/dispatch.ts";
import type { ProductDtype } from "../core/precision.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  add,
  cat,
  chunk,
  embedding,
  layerNorm,
  linear as linearOp,
  matmul,
  mul,
  neg,
  scaledDotProductAttention,
  softmax,
  transpose,
} from "../generated/ops.ts";

export { embedding, layerNorm };

/**
 * input [..., in] @ weight [out, in]ᵀ + bias [out], computed in `products`; the result has that dtype. float64
 * weights stay float64 throughout (for checks against finite differences).
 */
export function mixedLinear(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  products: ProductDtype,
): Tensor {
  const dtype = weight.dtype === "float64" ? "float64" : products;
  return linearOp(convert(input, dtype, undefined), convert(weight, dtype, undefined), {
    bias: bias === undefined ? undefined : convert(bias, dtype, undefined),
  });
}

export interface AttentionOptions {
  /** Added to the scores before softmax, broadcast to [batch, heads, queries, keys]; −∞ forbids. */
  bias?: Tensor | undefined;
  /** 1 / √(head size) by default. */
  scale?: number | undefined;
}

const fused = operator("aten::scaled_dot_product_attention");

/**
 * softmax(q kᵀ · scale + bias) v for q [B, H, Q, D], k and v [B, H, K, D] -> [B, H, Q, D], in v's dtype.
 * libtorch's fused kernel where it exists (2.x); the same in plain operators, softmax in float32, elsewhere.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const headSize = q.shape[3]!;
  const scale = options.scale ?? 1 / Math.sqrt(headSize);
  if (fused.exists && scale === 1 / Math.sqrt(headSize)) {
    const bias = options.bias === undefined ? undefined : convert(options.bias, q.dtype, undefined);
    return scaledDotProductAttention(q, k, v, { attnMask: bias });
  }
  const product = matmul(mul(q, scale), transpose(k, -2, -1));
  const scores = product.dtype === "bfloat16" ? convert(product, "float32", undefined) : product;
  const biased = options.bias === undefined ? scores : add(scores, options.bias);
  return matmul(convert(softmax(biased, -1), v.dtype, undefined), v);
}

/**
 * Rotary position embedding, half-split (GPT-NeoX) layout: x [..., L, D] with cos and sin [L, D]
 * (both halves alike). Su et al. 2021.
 */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const [first, second] = chunk(x, 2, { dim: -1 }) as [Tensor, Tensor];
  return add(mul(x, cos), mul(cat([neg(second), first], { dim: -1 }), sin));
}
