// What goes into the network: the columns of every request, where they stand, and which rows of the logits are wanted.
//
// Where row p of the logits predicts column p + 1 (Dream), the row before a candidate is read. If it is not fed because
// it lies in the cache, it is taken back out of the cache and fed again.
//
// Letters: R sequences of one forward, L columns fed, N candidates.

import { type Device, type ProductDtype, type Tensor, tensor } from "@unmask/torch";
import { invariant } from "../base/errors.ts";
import type { Canvas } from "../decode/canvas.ts";
import type { Request } from "../decode/policies/policy.ts";
import type { CacheUse, Network } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";

/** What is really fed of a request: the plan, and one column more where a shifted row is needed from the cache. */
export interface Fed {
  readonly from: number;
  readonly length: number;
  readonly cache: (CacheUse & { cache: KeyValueCache }) | undefined;
}

export interface FeedContext {
  readonly caches: Map<Canvas, KeyValueCache>;
  readonly shift?: 0 | 1 | undefined;
  readonly ownRowAtBoundary?: boolean | undefined;
  readonly products?: ProductDtype | undefined;
}

/** Readies the sequence's cache and says how a plan is fed. */
export function feedOf(
  network: Partial<Pick<Network, "createCache">>,
  { canvas, plan }: Request,
  context: FeedContext,
): Fed {
  const { from, to } = plan;
  if (plan.cache === undefined) return { from, length: to - from, cache: undefined };
  const { truncate, at, keep } = plan.cache;
  const cache = cacheOf(network, canvas, context);
  if (truncate !== undefined) cache.truncate(Math.min(truncate, cache.length));
  const needsRowBefore =
    context.shift === 1 && context.ownRowAtBoundary !== true && plan.candidates[0] === from && from > 0;
  if (!needsRowBefore) return { from, length: to - from, cache: { cache, at, keep } };
  const wider = { from: from - 1, length: to - from + 1 };
  if (at !== undefined && at > 0 && at < cache.length) {
    return { ...wider, cache: { cache, at: at - 1, keep } };
  }
  invariant(cache.length > 0, `the cache does not hold the column before ${from}`);
  cache.truncate(cache.length - 1);
  return { ...wider, cache: { cache, keep: keep + 1 } };
}

function cacheOf(
  network: Partial<Pick<Network, "createCache">>,
  canvas: Canvas,
  { caches, products }: FeedContext,
): KeyValueCache {
  let cache = caches.get(canvas);
  if (cache === undefined) {
    invariant(network.createCache !== undefined, "the network keeps no cache");
    cache = network.createCache({ rows: 1, capacity: canvas.length, products });
    caches.set(canvas, cache);
  }
  return cache;
}

export interface Layout {
  readonly device: Device | undefined;
  readonly shift: 0 | 1;
  /** The network is told the plans' noise levels. */
  readonly tellsNoise: boolean;
}

export interface FedTensors {
  readonly ids_RL: Tensor;
  readonly rows_N: Tensor;
  /** Where lengths differ. */
  readonly padding: Tensor | undefined;
  /** Where columns do not start at the cache's column. */
  readonly positions: Tensor | undefined;
  readonly sigma_B: Tensor | undefined;
}

export function tensorsOf(requests: readonly Request[], fed: readonly Fed[], layout: Layout): FedTensors {
  const { device, shift, tellsNoise } = layout;
  const R = requests.length;
  const L = Math.max(...fed.map(({ length }) => length));
  const ids = new Int32Array(R * L);
  const real = new Uint8Array(R * L);
  const rows: number[] = [];
  requests.forEach(({ canvas, plan }, r) => {
    const { from, length } = fed[r]!;
    ids.set(canvas.ids.subarray(from, from + length), r * L);
    real.fill(1, r * L, r * L + length);
    // The first column of all has no row before it and is read from its own.
    for (const column of plan.candidates) rows.push(r * L + Math.max(column - shift - from, 0));
  });
  const integers = (values: Int32Array, shape: readonly number[]) =>
    tensor(values, shape, { dtype: "int64", device });
  const padding = real.includes(0) ? tensor(real, [R, L], { dtype: "bool", device }) : undefined;
  const [{ from, cache }] = fed as [Fed];
  const startsElsewhere = cache !== undefined && from !== (cache.at ?? cache.cache.length);
  const places = () => Int32Array.from({ length: L }, (_, i) => from + i);
  const sigmas = () => Float32Array.from(requests, ({ plan }) => plan.noise?.before ?? 0);
  return {
    ids_RL: integers(ids, [R, L]),
    rows_N: integers(Int32Array.from(rows), [rows.length]),
    padding,
    positions: startsElsewhere ? integers(places(), [L]) : undefined,
    sigma_B: tellsNoise ? tensor(sigmas(), [R], { device }) : undefined,
  };
}
