// Keys and values of prompts that were seen before, for networks that see block by block: what stands in a finished
// block depends on that block and the ones before it alone, so it is the same in every text that begins alike.
//
// Columns are held in chunks of whole blocks. A chunk is found by its ids and by the chunk before it, compared as they
// are, never by a hash. Least recently used chunks go first, the end of a text before its beginning.

import { dtypes, keep, noGrad, scope, type Tensor } from "@unmask/torch";
import type { KeyValueCache } from "../models/parts/cache.ts";

interface Chunk {
  /** Names it in the keys of the chunks behind it. */
  readonly serial: number;
  readonly columns: Tensor;
  readonly bytes: number;
}

/** Columns of a chunk at least: fewer would make many small tensors. */
const leastColumns = 16;

/** Whole blocks, at least so many columns. */
const chunkOf = (blockLength: number): number => blockLength * Math.ceil(leastColumns / blockLength);

export class PrefixCache {
  private readonly capacity: number;
  /** Oldest use first. */
  private readonly chunks = new Map<string, Chunk>();
  private held = 0;
  private made = 0;

  /** Most bytes held; 0 holds nothing. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get bytes(): number {
    return this.held;
  }

  /** Appends what is held of the beginning of `ids`, at most `limit` columns, to an empty cache; how many they are. */
  fill(cache: KeyValueCache, ids: Int32Array, { blockLength, limit }: PrefixBounds): number {
    const found = this.find(ids, { blockLength, limit }).keys;
    for (const key of found) cache.append(this.chunks.get(key)!.columns);
    this.touch(found);
    return found.length * chunkOf(blockLength);
  }

  /** Names the first chunk that fill() would want and not find; undefined if it finds all. */
  missing(ids: Int32Array, bounds: PrefixBounds): string | undefined {
    return this.find(ids, bounds).missing;
  }

  /** Takes in the whole chunks that the cache of a text holds. */
  store(cache: KeyValueCache, ids: Int32Array, blockLength: number): void {
    const step = chunkOf(blockLength);
    const { keys, missing } = this.find(ids, { blockLength, limit: cache.length });
    let next = missing;
    while (next !== undefined) {
      const from = keys.length * step;
      const columns = scope(() => noGrad(() => keep(cache.copy(from, from + step))));
      const bytes = columns.size * dtypes[cache.shape.dtype].bytes;
      this.touch(keys);
      if (!this.makeRoom(bytes, keys.length)) {
        columns.dispose();
        return;
      }
      const serial = this.made++;
      this.chunks.set(next, { serial, columns, bytes });
      this.held += bytes;
      keys.push(next);
      const to = (keys.length + 1) * step;
      next = to <= cache.length ? keyOf(String(serial), ids.subarray(to - step, to)) : undefined;
    }
    this.touch(keys);
  }

  dispose(): void {
    for (const { columns } of this.chunks.values()) columns.dispose();
    this.chunks.clear();
    this.held = 0;
  }

  private find(ids: Int32Array, { blockLength, limit }: PrefixBounds): { keys: string[]; missing?: string } {
    const step = chunkOf(blockLength);
    const keys: string[] = [];
    let parent = `blocks of ${blockLength}`;
    for (let to = step; to <= limit; to += step) {
      const key = keyOf(parent, ids.subarray(to - step, to));
      const chunk = this.chunks.get(key);
      if (chunk === undefined) return { keys, missing: key };
      keys.push(key);
      parent = String(chunk.serial);
    }
    return { keys };
  }

  /** The last of a text first, so that its beginning is the more recently used. */
  private touch(keys: readonly string[]): void {
    for (const key of keys.toReversed()) {
      const chunk = this.chunks.get(key)!;
      this.chunks.delete(key);
      this.chunks.set(key, chunk);
    }
  }

  /** Lets old chunks go, but for the `kept` most recent ones; whether there is room then. */
  private makeRoom(bytes: number, kept: number): boolean {
    while (this.held + bytes > this.capacity && this.chunks.size > kept) {
      const [key, chunk] = this.chunks.entries().next().value!;
      chunk.columns.dispose();
      this.chunks.delete(key);
      this.held -= chunk.bytes;
    }
    return this.held + bytes <= this.capacity;
  }
}

export interface PrefixBounds {
  readonly blockLength: number;
  /** Columns that are looked for at most. */
  readonly limit: number;
}

const keyOf = (parent: string, ids: Int32Array): string => `${parent}|${ids.join()}`;
