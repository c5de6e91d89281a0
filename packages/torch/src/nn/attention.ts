// Scaled dot-product attention. libtorch's fused kernel where it exists (2.x); the same in plain operators, softmax in
// float32, elsewhere.
//
// Grouped heads (fewer key heads than query heads) need no copies of keys: the queries of a group are laid behind each
// other and share one product. In plain operators without gradients, rows and heads are taken in blocks, so that scores
// take little memory however long the sequence.

import { convert } from "../core/create.ts";
import { operator } from "../core/dispatch.ts";
import { scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  add,
  add_,
  copy_,
  empty,
  expand,
  matmul,
  mul,
  narrow,
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

/** Scores computed at a time where none are kept for a gradient: 64 MB of float32. */
const blockScores = 1 << 24;

function attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const headSize = q.shape[3]!;
  const scale = options.scale ?? 1 / Math.sqrt(headSize);
  if (fused.exists && scale === 1 / Math.sqrt(headSize)) {
    const bias = options.bias === undefined ? undefined : convert(options.bias, q.dtype, undefined);
    return scaledDotProductAttention(q, k, v, { attnMask: bias });
  }
  const parts: Parts = { q, k, v, bias: options.bias, scale };
  const recorded = [q, k, v, options.bias].some((part) => part?.requiresGrad === true);
  const [B, H, Q] = q.shape as [number, number, number, number];
  const scores = Q * k.shape[2]!;
  if (recorded || B * H * scores <= blockScores) return mix(parts);
  const rows = Math.max(1, Math.floor(blockScores / (H * scores)));
  const heads = rows > 1 ? H : Math.max(1, Math.min(H, Math.floor(blockScores / scores)));
  const result = empty([B, H, Q, v.shape[3]!], { dtype: v.dtype, device: v.device });
  for (let b = 0; b < B; b += rows) {
    for (let h = 0; h < H; h += heads) {
      scope(() => {
        const block = cut({ b, rows: Math.min(rows, B - b), h, heads: Math.min(heads, H - h) });
        copy_(
          block(result),
          mix({ q: block(q), k: block(k), v: block(v), bias: cutBias(block, parts), scale }),
        );
      });
    }
  }
  return result;
}

interface Parts {
  q: Tensor;
  k: Tensor;
  v: Tensor;
  bias: Tensor | undefined;
  scale: number;
}

/** The same in plain operators. At most two tensors of the scores' size live at a time, as far as no gradient holds them. */
function mix({ q, k, v, bias, scale }: Parts): Tensor {
  const weights = scope(() => {
    const product = matmul(mul(q, scale), transpose(k, -2, -1));
    const scores = product.dtype === "bfloat16" ? convert(product, "float32", undefined) : product;
    const inPlace = !scores.requiresGrad && bias?.requiresGrad !== true;
    const biased = bias === undefined ? scores : inPlace ? add_(scores, bias) : add(scores, bias);
    return convert(softmax(biased, -1), v.dtype, undefined);
  });
  return scope(() => matmul(weights, v));
}

type Cut = (whole: Tensor) => Tensor;

const cut =
  ({ b, rows, h, heads }: { b: number; rows: number; h: number; heads: number }): Cut =>
  (whole) =>
    narrow(narrow(whole, 0, b, rows), 1, h, heads);

/** A bias has 1 where it is the same for all rows or heads. */
function cutBias(block: Cut, { q, bias }: Parts): Tensor | undefined {
  if (bias === undefined) return undefined;
  const [B, H] = q.shape as [number, number, number, number];
  return block(expand(bias, [B, H, bias.shape.at(-2)!, bias.shape.at(-1)!]));
}
