// d3LLM's delayed cache of keys and values: what the next forward feeds, and what of it stays.
//
// A finished block is written to the cache only `delay` forwards after it was found finished, when its neighbours have
// settled too. A forward is one of
//   write     feeds what the cache does not hold and keeps the first columns of it: blocks whose delay is over
//   look      feeds what the cache does not hold, keeps nothing
//   refresh   feeds the whole canvas and rebuilds the cache: while a finished block waits, and every so many forwards
//   plain     feeds the whole canvas, as long as there is no cache
// Keys are exact only when they are written: the canvas behind them changes afterwards, which refreshes mend.
//
// Corrected here: a forward that is due to refresh refreshes also when it writes, so that an interval of 1 is exact.
// The published code writes from the old cache then.

import type { Block, Blocks } from "./blocks.ts";
import type { Feed } from "./policy.ts";

export interface CacheSchedule {
  readonly delay: number;
  readonly refreshInterval: number;
  readonly released: boolean;
  /**
   * Goes on past a block that waits, so that two may wait at once; a refresh then keeps keys of columns that are fed
   * again (the published code for Dream).
   */
  readonly overlaps: boolean;
}

export class DelayedCache {
  /** Columns of the blocks that are written; the cache itself may hold more where it overlaps. */
  private written = 0;
  private exists = false;
  private readonly foundFinished = new Map<Block, number>();
  private readonly stored = new Set<Block>();
  private readonly schedule: CacheSchedule;

  constructor(schedule: CacheSchedule) {
    this.schedule = schedule;
  }

  /** The feed of forward `turn`, from 1; undefined if the published code stops with nothing left to feed. */
  next(turn: number, blocks: Blocks, length: number): Feed | undefined {
    const { refreshInterval, released } = this.schedule;
    const fresh = this.store(turn, blocks);
    const waiting = blocks.existing.filter(
      (block) => blocks.remaining(block) === 0 && this.foundFinished.has(block) && !this.stored.has(block),
    );
    const from = this.written;
    if (from >= blocks.right()) return undefined;
    this.written += fresh;
    const isDue = turn % refreshInterval === 0;
    if (fresh > 0 && !(isDue && this.exists && !released)) {
      this.exists = true;
      return { from, to: length, cache: { keep: fresh } };
    }
    if (!this.exists) return { from: 0, to: length };
    if (fresh === 0 && waiting.length === 0 && !isDue) return { from, to: length, cache: { keep: 0 } };
    // A block that waits begins where the written ones end, unless it is the second that waits.
    const keep = waiting.at(-1)?.from ?? this.written;
    return { from: 0, to: length, cache: { truncate: 0, keep } };
  }

  /** Marks the blocks whose delay is over as stored; how many columns they add to what is written. */
  private store(turn: number, blocks: Blocks): number {
    let end = this.written;
    for (const block of blocks.existing) {
      if (block.to <= this.written) continue;
      if (blocks.remaining(block) > 0) break;
      if (!this.foundFinished.has(block)) this.foundFinished.set(block, block === blocks.all[0] ? 0 : turn);
      const age = turn - this.foundFinished.get(block)!;
      if (age < this.schedule.delay) {
        if (this.schedule.overlaps) continue;
        break;
      }
      if (this.stored.has(block)) continue;
      this.stored.add(block);
      end = block.to;
    }
    return end - this.written;
  }
}
