// A stand-in for the memory allocator: counts the bytes that a sequence of allocations would leave in memory, without
// making any. It keeps freed blocks for reuse by size class as @unmask/torch's allocator does (native/allocator.cc), and
// its scopes free as scope() does.

const alignment = 64;
const page = 4096;
const hugePage = 2 ** 21;

export interface Block {
  readonly classBytes: number;
  /** As much of it as was ever used. */
  touched: number;
}

export class Ledger {
  /** Bytes in memory: of living blocks and of those kept for reuse. */
  resident = 0;
  private readonly free = new Map<number, Block[]>();
  private living: Block[] = [];

  /** A tensor of this many bytes, living until the scope ends. */
  take(bytes: number): Block {
    const classBytes = sizeClass(bytes + alignment);
    const block = this.free.get(classBytes)?.pop() ?? { classBytes, touched: 0 };
    const unit = classBytes >= 2 * hugePage ? hugePage : Math.min(page, classBytes);
    const touched = Math.min(classBytes, Math.ceil(bytes / unit) * unit);
    if (touched > block.touched) {
      this.resident += touched - block.touched;
      block.touched = touched;
    }
    this.living.push(block);
    return block;
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
    for (const list of this.free.values()) for (const block of list) this.resident -= block.touched;
    this.free.clear();
  }

  /** Frees one block early. */
  drop(block: Block): void {
    this.living.splice(this.living.lastIndexOf(block), 1);
    this.give(block);
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
