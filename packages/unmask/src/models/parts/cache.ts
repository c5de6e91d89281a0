// Keys and values of positions already seen, for every layer. Exact: what stands in it is what the network computed.
//
// Each layer has two buffers [B, G, capacity, E] (G key heads, E head size). A forward writes the fed positions behind
// the cached ones, or over some of them, and attends to a view of the buffer: nothing is joined or copied. Positions
// that a forward only looks at stand in the buffer behind `length`, where the next forward overwrites them.
//
// A cache belongs to one network and one batch of rows. Gradients do not flow through it.

import {
  copy_,
  type Device,
  type Dtype,
  empty,
  keep,
  narrow,
  noGrad,
  scope,
  select,
  stack,
  type Tensor,
} from "@unmask/torch";
import { invariant } from "../../base/errors.ts";

export interface CacheShape {
  readonly layers: number;
  readonly rows: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly capacity: number;
  readonly dtype: Dtype;
  readonly device: Device;
}

export class KeyValueCache {
  readonly shape: CacheShape;
  private buffers: { keys: Tensor; values: Tensor }[] = [];
  private room: number;
  private used = 0;

  constructor(shape: CacheShape) {
    this.shape = shape;
    this.room = Math.max(1, shape.capacity);
    this.buffers = this.allocate(this.room);
  }

  /** Positions held. */
  get length(): number {
    return this.used;
  }

  /** Forgets all but the first `length` positions. */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.used) {
      throw new RangeError(`a cache of ${this.used} positions cannot be cut to ${length}`);
    }
    this.used = length;
  }

  /**
   * Writes one layer's keys and values [B, G, L, E] at column `at` and gives views of all that the queries see:
   * columns 0 … max(length, at + L).
   */
  write(layer: number, at: number, fed: { keys: Tensor; values: Tensor }): { keys: Tensor; values: Tensor } {
    const count = fed.keys.shape[2]!;
    this.reserve(at + count);
    const end = Math.max(this.used, at + count);
    const { keys, values } = this.buffers[layer]!;
    scope(() =>
      noGrad(() => {
        copy_(narrow(keys, 2, at, count), fed.keys);
        copy_(narrow(values, 2, at, count), fed.values);
      }),
    );
    return { keys: narrow(keys, 2, 0, end), values: narrow(values, 2, 0, end) };
  }

  /** Ends a forward that fed `count` positions at `at`, of which the first `kept` appended ones stay. */
  advance(at: number, count: number, kept: number): void {
    invariant(kept >= 0 && kept <= count && at <= this.used, "a cache advances by what was fed");
    this.used = at < this.used ? Math.max(this.used, at + count) : at + kept;
  }

  /** Views of one layer's keys and values, [B, G, length, E]. */
  layer(index: number): { keys: Tensor; values: Tensor } {
    const { keys, values } = this.buffers[index]!;
    return { keys: narrow(keys, 2, 0, this.used), values: narrow(values, 2, 0, this.used) };
  }

  /** A copy of columns from … to − 1 of all layers, [layers, 2, B, G, to − from, E]: keys, then values. */
  copy(from: number, to: number): Tensor {
    const parts = this.buffers.map(({ keys, values }) =>
      stack([narrow(keys, 2, from, to - from), narrow(values, 2, from, to - from)]),
    );
    return stack(parts);
  }

  /** Appends columns that copy() gave, of this cache or another of its kind. */
  append(columns: Tensor): void {
    const count = columns.shape[4]!;
    this.reserve(this.used + count);
    scope(() =>
      noGrad(() => {
        this.buffers.forEach(({ keys, values }, layer) => {
          const both = select(columns, 0, layer);
          copy_(narrow(keys, 2, this.used, count), select(both, 0, 0));
          copy_(narrow(values, 2, this.used, count), select(both, 0, 1));
        });
      }),
    );
    this.used += count;
  }

  dispose(): void {
    for (const { keys, values } of this.buffers) {
      keys.dispose();
      values.dispose();
    }
    this.buffers = [];
  }

  /** Room for `needed` positions, at least doubled when it grows. */
  private reserve(needed: number): void {
    if (needed <= this.room) return;
    const before = this.buffers;
    this.room = Math.max(needed, 2 * this.room);
    this.buffers = this.allocate(this.room);
    before.forEach((old, layer) => {
      const fresh = this.buffers[layer]!;
      scope(() => {
        for (const part of ["keys", "values"] as const) {
          copy_(narrow(fresh[part], 2, 0, this.used), narrow(old[part], 2, 0, this.used));
        }
      });
      old.keys.dispose();
      old.values.dispose();
    });
  }

  private allocate(capacity: number): { keys: Tensor; values: Tensor }[] {
    const { layers, rows, keyHeads, headSize, dtype, device } = this.shape;
    const buffer = () => keep(empty([rows, keyHeads, capacity, headSize], { dtype, device }));
    return Array.from({ length: layers }, () => ({ keys: buffer(), values: buffer() }));
  }
}
