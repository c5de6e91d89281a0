// One forward's dealings with a cache, checked once; the same calls where there is none.

import type { Tensor } from "@unmask/torch";
import { UnsupportedError } from "../../base/errors.ts";
import type { ForwardOptions } from "../family.ts";

interface KeysValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export interface PlannedCache {
  /** Column of the first fed position. */
  readonly at: number;
  /** Keys that the queries see, of every layer. */
  readonly keys: number;
  /** Hands over a layer's fed keys and values [B, G, L, E] and gives all that are seen [B, G, keys, E]. */
  write(layer: number, fed: KeysValues): KeysValues;
  /** Ends the forward: what is to stay in the cache counts from now on. */
  finish(): void;
}

/**
 * Plans a forward that feeds [rows, fed] positions. Throws a RangeError if the cache does not fit it, an UnsupportedError
 * if it is to be recomputed.
 */
export function planCache(
  options: Pick<ForwardOptions, "cache" | "recompute">,
  [rows, fed]: readonly [number, number],
): PlannedCache {
  if (options.cache === undefined) return { at: 0, keys: fed, write: (_, own) => own, finish: () => {} };
  if (options.recompute !== undefined) {
    throw new UnsupportedError("a forward with a cache is not recomputed; leave one of the two out");
  }
  const { cache, at = cache.length, keep = fed } = options.cache;
  if (cache.shape.rows !== rows) {
    throw new RangeError(`the cache is for ${cache.shape.rows} rows, the forward has ${rows}`);
  }
  if (!isCount(at, cache.length) || !isCount(keep, fed)) {
    throw new RangeError(
      `cannot feed ${fed} positions at column ${at} and keep ${keep}: the cache holds ${cache.length}`,
    );
  }
  return {
    at,
    keys: Math.max(cache.length, at + fed),
    write: (layer, own) => cache.write(layer, at, own),
    finish: () => cache.advance(at, fed, keep),
  };
}

const isCount = (value: number, limit: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= limit;
