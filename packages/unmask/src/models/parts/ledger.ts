// A stand-in for the memory allocator: counts the bytes that a sequence of allocations would leave in memory, without
// making any. It keeps freed blocks for reuse by size class as @unmask/torch's allocator does (native/allocator.cc): a large
// block serves a request of half its size too, and what is too small for a large request goes back to the system. Its scopes
// free as scope() does.

const alignment = 64;
const page = 4096;
const hugePage = 2 ** 21;
const large = 2 ** 22;

export interface Block {
  readonly classBytes: number;
  /** As much of it as was ever used. */
  touched: number;
}

export class Ledger {
  /** Bytes in memory: of living blocks and of those kept for reuse. */
  resident = 0;
  /** Bytes of all blocks, used or not: what the allocator asked the system for. */
  reserved = 0;
  private most = 0;
  private readonly free = new Map<number, Block[]>();
  private living: Block[] = [];

  /** A tensor of this many bytes, living until the scope ends. */
  take(bytes: number): Block {
    const wanted = sizeClass(bytes + alignment);
    const block = this.reused(wanted) ?? this.fresh(wanted);
    const { classBytes } = block;
    const unit = classBytes >= 2 * hugePage ? hugePage : Math.min(page, classBytes);
    const touched = Math.min(classBytes, Math.ceil(bytes / unit) * unit);
    if (touched > block.touched) {
      this.resident += touched - block.touched;
      block.touched = touched;
    }
    this.most = Math.max(this.most, this.resident);
    this.living.push(block);
    return block;
  }

  /** The most bytes in memory at one moment of `body`. */
  mostOf(body: () => void): number {
    this.most = this.resident;
    body();
    return this.most;
  }

  /** Frees what `body` took, but for what it returns. */
  scope<Kept extends Block | undefined>(body: () => Kept): Kept {
    const outer = this.living;
    this.living = [];
    const kept = body();
    for (const block of this.living) if (block !== kept) this.give(block);
    this.living = outer;
    if (kept !== undefined) outer.push(kept);
    return kept;
  }

  /** Frees all that `body` took. */
  discard(body: () => void): void {
    this.scope(() => {
      body();
      return undefined;
    });
  }

  /** Gives the blocks kept for reuse back to the system. */
  empty(): void {
    for (const { touched, classBytes } of [...this.free.values()].flat()) {
      this.resident -= touched;
      this.reserved -= classBytes;
    }
    this.free.clear();
  }

  /** Frees one block early. */
  drop(block: Block): void {
    this.living.splice(this.living.lastIndexOf(block), 1);
    this.give(block);
  }

  /** The smallest kept block that serves. */
  private reused(wanted: number): Block | undefined {
    const limit = wanted >= large ? 2 * wanted : wanted;
    const sizes = [...this.free].filter(
      ([bytes, list]) => list.length > 0 && bytes >= wanted && bytes <= limit,
    );
    return sizes.length === 0 ? undefined : this.free.get(Math.min(...sizes.map(([bytes]) => bytes)))!.pop();
  }

  /** Large blocks that are too small make room for a large one, the largest first. */
  private fresh(classBytes: number): Block {
    if (classBytes >= large) {
      const kept = [...this.free.keys()].filter((bytes) => bytes >= large && bytes < classBytes);
      let freed = 0;
      for (const bytes of kept.sort((a, b) => b - a)) {
        const list = this.free.get(bytes)!;
        while (freed < classBytes && list.length > 0) {
          freed += bytes;
          this.reserved -= bytes;
          this.resident -= list.pop()!.touched;
        }
      }
    }
    this.reserved += classBytes;
    return { classBytes, touched: 0 };
  }

  private give(block: Block): void {
    const list = this.free.get(block.classBytes);
    if (list === undefined) this.free.set(block.classBytes, [block]);
    else list.push(block);
  }
}

/** Each doubling is cut into 8 classes. */
function sizeClass(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
