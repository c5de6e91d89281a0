// Several sequences behind each other in one row: products run over all their positions at once, attention within each,
// against its own cache. What a forward of few positions costs is mostly the reading of the weights, which is then done
// once for all.
//
// Letters: T positions fed in all, L those of a segment, H heads, G key heads, E head size.

import { attention, cat, type Device, narrow, scope, type Tensor } from "@unmask/torch";
import type { ForwardOptions, Segment } from "../family.ts";
import { type PlannedCache, planCache } from "./cache-use.ts";
import { attentionBias, type Visibility } from "./visibility.ts";

export interface PlannedSegment {
  /** First position in the row, and how many. */
  readonly start: number;
  readonly length: number;
  readonly use: PlannedCache;
  /** Place of the first position for rotary tables. */
  readonly place: number;
  readonly bias: Tensor | undefined;
}

export interface SegmentContext {
  /** [1, T] */
  readonly shape: readonly [number, number];
  readonly device: Device;
  /** The family's own. */
  readonly visibility: Visibility;
}

/** Throws a RangeError where the segments do not fit the row, or another option stands beside them. */
export function planSegments(
  segments: readonly Segment[],
  options: ForwardOptions,
  { shape: [rows, fed], device, visibility: own }: SegmentContext,
): PlannedSegment[] {
  const total = segments.reduce((sum, { length }) => sum + length, 0);
  if (rows !== 1 || total !== fed) {
    throw new RangeError(`segments of ${total} positions in all do not fill a forward of [${rows}, ${fed}]`);
  }
  for (const name of ["cache", "padding", "positions", "visibility", "recompute"] as const) {
    if (options[name] === undefined) continue;
    throw new RangeError(`${name} is said segment by segment, and not beside segments`);
  }
  let next = 0;
  return segments.map(({ length, cache, place, visibility = own }): PlannedSegment => {
    const use = planCache({ cache }, [1, length]);
    const columns = { at: use.at, queries: length, keys: use.keys, device };
    const bias = scope(() => attentionBias(visibility, columns));
    const start = next;
    next += length;
    return { start, length, use, place: place ?? use.at, bias };
  });
}

/** Places of all positions, for rotary tables. */
export const placesOf = (segments: readonly PlannedSegment[]): Int32Array =>
  Int32Array.from(segments.flatMap(({ place, length }) => Array.from({ length }, (_, i) => place + i)));

/** Attention of layer `layer`, segment by segment: [1, H, T, E]. */
export function attendSegments(
  layer: number,
  query_1HTE: Tensor,
  fed: { keys: Tensor; values: Tensor },
  segments: readonly PlannedSegment[],
): Tensor {
  return scope(() => {
    const parts = segments.map(({ start, length, use, bias }) =>
      scope(() => {
        const own = (whole: Tensor) => narrow(whole, 2, start, length);
        const { keys, values } = use.write(layer, { keys: own(fed.keys), values: own(fed.values) });
        return attention(own(query_1HTE), keys, values, { bias });
      }),
    );
    return cat(parts, { dim: 2 });
  });
}
