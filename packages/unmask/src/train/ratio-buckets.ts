// Losses of single positions by the noise time (masked share) that they were seen at. The training loss itself jumps
// with the times drawn, and its average hides that few masks are learnt early and many masks late: these do not.

export const bucketCount = 10;

/** What a bucket [from, to) of times saw. */
export interface RatioBucket {
  readonly from: number;
  readonly to: number;
  /** Mean unweighted loss of its positions, nats; null where none fell into it. */
  readonly loss: number | null;
  readonly count: number;
}

export class RatioBuckets {
  private sums: Float64Array;
  private counts: Float64Array;

  /** From numbers() of an earlier process, or empty. */
  constructor(numbers: readonly number[] = Array(2 * bucketCount).fill(0)) {
    this.sums = Float64Array.from(numbers.slice(0, bucketCount));
    this.counts = Float64Array.from(numbers.slice(bucketCount));
  }

  add(losses: ArrayLike<number>, times: ArrayLike<number>): void {
    for (let i = 0; i < losses.length; i++) {
      const bucket = Math.min(bucketCount - 1, Math.floor(times[i]! * bucketCount));
      this.sums[bucket] = this.sums[bucket]! + losses[i]!;
      this.counts[bucket] = this.counts[bucket]! + 1;
    }
  }

  /** Sums and counts one behind the other, to be added up over workers. */
  numbers(): number[] {
    return [...this.sums, ...this.counts];
  }

  reset(): void {
    this.sums = new Float64Array(bucketCount);
    this.counts = new Float64Array(bucketCount);
  }
}

/** The buckets of numbers(), of one worker or of all. */
export function ratioBuckets(numbers: readonly number[]): RatioBucket[] {
  return Array.from({ length: bucketCount }, (_, i) => {
    const count = numbers[bucketCount + i]!;
    const loss = count === 0 ? null : numbers[i]! / count;
    return { from: i / bucketCount, to: (i + 1) / bucketCount, loss, count };
  });
}
