// Who sees whom in attention, described rather than improvised: one description, one bias for the scores.
//
// A query is a fed position, a key a cached or fed one. Columns count from the start of the sequence: key column k is
// the k-th entry of the cache, query i stands at column `at` + i.

import {
  add,
  anyDim,
  arange,
  clamp,
  convert,
  type Device,
  divideRounding,
  full,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  reshape,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from "@unmask/torch";

export type Visibility =
  /** Everybody sees everybody. */
  | { readonly kind: "full" }
  /** A position sees itself and what stands before it. */
  | { readonly kind: "causal" }
  /**
   * A position sees its own block, whole, and all earlier blocks. Blocks are aligned to column 0, or follow a first
   * block of a length of its own, such as a prompt.
   */
  | { readonly kind: "block-causal"; readonly blockLength: number; readonly firstBlock?: number | undefined }
  /** bool [L, K] or [B, L, K]: true where the query sees the key. */
  | { readonly kind: "explicit"; readonly allowed: Tensor };

export interface Columns {
  /** Column of the first query. */
  readonly at: number;
  readonly queries: number;
  readonly keys: number;
  readonly device: Device;
}

/**
 * float32 bias [B or 1, 1, L, K] for the scores, 0 where the query sees the key and −∞ elsewhere; undefined where all
 * is seen. A query that would see nothing (padding) sees everything instead, which keeps its row finite.
 */
export function attentionBias(
  visibility: Visibility,
  columns: Columns,
  padding?: Tensor,
): Tensor | undefined {
  if (padding !== undefined && (padding.shape.length !== 2 || padding.shape[1] !== columns.keys)) {
    throw new RangeError(
      `padding must be [B, ${columns.keys}], a flag for every key, got ${padding.describe()}`,
    );
  }
  const structure = allowedByStructure(visibility, columns);
  if (structure === undefined && padding === undefined) return undefined;
  const keys_B1K = padding === undefined ? undefined : unsqueeze(padding, 1);
  const allowed = both(structure, keys_B1K);
  const blind = logicalNot(anyDim(allowed, -1, { keepdim: true }));
  const seen = logicalOr(allowed, blind);
  const zero = full([], 0, { dtype: "float32", device: columns.device });
  const never = full([], Number.NEGATIVE_INFINITY, { dtype: "float32", device: columns.device });
  return unsqueeze(where(seen, zero, never), 1);
}

/** bool [1 or B, L, K], or undefined where all is allowed. */
function allowedByStructure(visibility: Visibility, columns: Columns): Tensor | undefined {
  const { at, queries, keys } = columns;
  switch (visibility.kind) {
    case "full":
      return undefined;
    case "causal":
      return keys <= at + 1 ? undefined : notAfter(columns, { blockLength: 1, firstBlock: 0 });
    case "block-causal": {
      const { blockLength, firstBlock = 0 } = visibility;
      const blocks = Math.max(Math.floor((at - firstBlock) / blockLength) + 1, 0);
      const queryBlockEnd = firstBlock + blocks * blockLength;
      return keys <= queryBlockEnd ? undefined : notAfter(columns, { blockLength, firstBlock });
    }
    case "explicit": {
      const { allowed } = visibility;
      const shape = allowed.shape.slice(-2);
      if (shape[0] !== queries || shape[1] !== keys || allowed.shape.length > 3 || allowed.dtype !== "bool") {
        throw new RangeError(
          `an explicit mask must be bool [B, ${queries}, ${keys}], got ${allowed.describe()}`,
        );
      }
      return reshape(allowed, [-1, queries, keys]);
    }
  }
}

/** Whether the key's block is not after the query's, bool [1, L, K]. */
function notAfter(
  { at, queries, keys, device }: Columns,
  { blockLength, firstBlock }: { blockLength: number; firstBlock: number },
): Tensor {
  const block = (index: Tensor) => {
    const behindFirst = divideRounding(sub(index, firstBlock), blockLength, { roundingMode: "floor" });
    return clamp(behindFirst, { min: -1 });
  };
  const query_L1 = unsqueeze(add(arange(0, queries, { dtype: "int64", device }), at), 1);
  const key_1K = unsqueeze(arange(0, keys, { dtype: "int64", device }), 0);
  return unsqueeze(le(block(key_1K), block(query_L1)), 0);
}

function both(one: Tensor | undefined, other: Tensor | undefined): Tensor {
  if (one === undefined) return convert(other!, "bool", undefined);
  return other === undefined ? one : logicalAnd(one, convert(other, "bool", undefined));
}
