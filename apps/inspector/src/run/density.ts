// The strip above the time line: how many tokens each stretch of steps wrote, and how sure the network was.

import { type Order, placesAt, type Run } from "./run.ts";

export interface Bar {
  /** Steps from … to. */
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
  /** Mean over them; NaN of none. */
  readonly confidence: number;
}

/** At most `most` bars, of equal numbers of steps. */
export function densityOf(run: Run, order: Order, most: number): Bar[] {
  const width = Math.max(1, Math.ceil(run.forwards / most));
  const bars: Bar[] = [];
  for (let from = 1; from <= run.forwards; from += width) {
    const to = Math.min(run.forwards, from + width - 1);
    let [tokens, sum] = [0, 0];
    for (let step = from; step <= to; step++) {
      for (const place of placesAt(order, step)) {
        if (run.decoded[place] !== 1) continue;
        tokens++;
        sum += run.confidence[place]!;
      }
    }
    bars.push({ from, to, tokens, confidence: tokens === 0 ? Number.NaN : sum / tokens });
  }
  return bars;
}
