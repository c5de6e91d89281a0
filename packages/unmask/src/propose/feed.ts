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
import type { CacheUse, ForwardOptions, Network, Segment } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import type { PrefixBounds, PrefixCache } from "./prefix-cache.ts";

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
  /** What is held of the text's beginning; not asked for where that may not be used. */
  readonly prefixes?: PrefixCache | undefined;
  readonly onPrefix?: ((canvas: Canvas, columns: number) => void) | undefined;
}

/**
 * The columns of a sequence that may come from, and go to, the cache of prefixes: where blocks see themselves and what
 * is before them, and nothing that is cached is ever fed again. Undefined for other ways of decoding.
 */
export function prefixBounds(
  { plan }: Request,
  visibility: ForwardOptions["visibility"],
  shift: 0 | 1 = 0,
): PrefixBounds | undefined {
  if (visibility?.kind !== "block-causal" || visibility.firstBlock !== undefined || shift !== 0)
    return undefined;
  const { cache, sees, to } = plan;
  if (cache === undefined || cache.truncate !== undefined || cache.at !== undefined || sees !== undefined) {
    return undefined;
  }
  // At least one block is fed.
  const { blockLength } = visibility;
  return { blockLength, limit: Math.min(plan.from + cache.keep, to - blockLength) };
}

/** Readies the sequence's cache and says how a plan is fed. */
export function feedOf(
  network: Partial<Pick<Network, "createCache">>,
  request: Request,
  { visibility, ...context }: FeedContext & Pick<ForwardOptions, "visibility">,
): Fed {
  const { canvas, plan } = request;
  const { from, to } = plan;
  if (plan.cache === undefined) return { from, length: to - from, cache: undefined };
  const { truncate, at, keep } = plan.cache;
  const isNew = !context.caches.has(canvas);
  const cache = cacheOf(network, canvas, context);
  const bounds = isNew && from === 0 ? prefixBounds(request, visibility, context.shift) : undefined;
  if (bounds !== undefined && context.prefixes !== undefined) {
    const found = context.prefixes.fill(cache, canvas.ids, bounds);
    context.onPrefix?.(canvas, found);
    return { from: found, length: to - found, cache: { cache, keep: keep - found } };
  }
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

export interface PackedTensors {
  readonly ids_1T: Tensor;
  readonly rows_N: Tensor;
  readonly segments: readonly Segment[];
}

/** The columns of all requests behind each other in one row. */
export function packedTensors(
  requests: readonly (Request & { options: Pick<ForwardOptions, "visibility"> })[],
  fed: readonly Fed[],
  { device, shift }: Pick<Layout, "device" | "shift">,
): PackedTensors {
  const ids = new Int32Array(fed.reduce((sum, { length }) => sum + length, 0));
  const rows: number[] = [];
  let start = 0;
  const segments = requests.map(({ canvas, plan, options }, r): Segment => {
    const { from, length, cache } = fed[r]!;
    ids.set(canvas.ids.subarray(from, from + length), start);
    for (const column of plan.candidates) rows.push(start + Math.max(column - shift - from, 0));
    start += length;
    return { length, cache, visibility: plan.sees ?? options.visibility, place: from };
  });
  const integers = (values: Int32Array, shape: readonly number[]) =>
    tensor(values, shape, { dtype: "int64", device });
  return {
    ids_1T: integers(ids, [1, ids.length]),
    rows_N: integers(Int32Array.from(rows), [rows.length]),
    segments,
  };
}
