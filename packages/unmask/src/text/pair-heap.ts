// A binary heap of (pair, count): the highest count comes first, then the lowest pair. Two plain arrays, no objects,
// because BPE training pushes some hundred thousand entries.

export class PairHeap {
  private readonly pairs: number[] = [];
  private readonly counts: number[] = [];

  push(pair: number, count: number): void {
    let at = this.pairs.length;
    this.pairs.push(pair);
    this.counts.push(count);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(at, parent)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  pop(): { pair: number; count: number } | undefined {
    if (this.pairs.length === 0) return undefined;
    this.swap(0, this.pairs.length - 1);
    const top = { pair: this.pairs.pop()!, count: this.counts.pop()! };
    this.sink();
    return top;
  }

  private sink(): void {
    let at = 0;
    for (;;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.pairs.length && this.before(child, first)) first = child;
      }
      if (first === at) return;
      this.swap(at, first);
      at = first;
    }
  }

  private before(a: number, b: number): boolean {
    const difference = this.counts[a]! - this.counts[b]!;
    return difference > 0 || (difference === 0 && this.pairs[a]! < this.pairs[b]!);
  }

  private swap(a: number, b: number): void {
    [this.pairs[a], this.pairs[b]] = [this.pairs[b]!, this.pairs[a]!];
    [this.counts[a], this.counts[b]] = [this.counts[b]!, this.counts[a]!];
  }
}
