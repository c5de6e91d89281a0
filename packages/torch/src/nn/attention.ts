// Scaled dot-product attention. libtorch's fused kernel where it exists (2.x); the same in plain operators, softmax in
// float32, elsewhere.
//
// Grouped heads (fewer key heads than query heads) need no copies of keys: the queries of a group are laid behind each
// other and share one product.

import { convert } from "../core/create.ts";
import { operator } from "../core/dispatch.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  add,
  matmul,
  mul,
  repeat,
  reshape,
  scaledDotProductAttention,
  softmax,
  transpose,
  unsqueeze,
} from "../generated/ops.ts";

export interface AttentionOptions {
  /** Added to the scores before softmax, broadcast to [batch, heads, queries, keys]; −∞ forbids. */
  bias?: Tensor | undefined;
  /** 1 / √(head size) by default. */
  scale?: number | undefined;
}

const fused = operator("aten::scaled_dot_product_attention");

/**
 * softmax(q kᵀ · scale + bias) v for q [B, H, Q, D], k and v [B, G, K, D] -> [B, H, Q, D], in v's dtype. H is a
 * multiple of G; query head h uses key head ⌊h · G / H⌋. With G < H, bias must be the same for all heads.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const [B, H, Q, D] = q.shape as [number, number, number, number];
  const G = k.shape[1]!;
  if (G === H) return attend(q, k, v, options);
  const shared = H / G;
  const grouped = reshape(q, [B, G, shared * Q, D]);
  const mixed = attend(grouped, k, v, { ...options, bias: repeatRows(options.bias, shared) });
  return reshape(mixed, [B, H, Q, D]);
}

/** bias [b, 1, Q, K] for `count` query heads laid behind each other: [b, 1, count · Q, K]. */
function repeatRows(bias: Tensor | undefined, count: number): Tensor | undefined {
  // One row for all queries needs no repeating.
  if (bias === undefined || bias.shape.at(-2) === 1) return bias;
  const four = [0, 0, 0, 0].slice(bias.shape.length).reduce((wide) => unsqueeze(wide, 0), bias);
  return repeat(four, [1, 1, count, 1]);
}

function attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
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
