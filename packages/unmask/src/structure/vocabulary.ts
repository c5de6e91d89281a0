// The bytes of a vocabulary's tokens as a trie, laid out in depth-first order: a walk under an automaton leaves out
// whole subtrees, so that narrow states are cheap whatever the size of the vocabulary.

import { ConfigError } from "../base/errors.ts";

export interface VocabularyOptions {
  /** By id; undefined or empty where a token has no text: special tokens, unused rows of the network. */
  readonly bytes: readonly (Uint8Array | undefined)[];
  /** A token that shows nothing: it fills what a value leaves of its columns. */
  readonly paddingId: number;
  /** Rows of the network's logits. */
  readonly size: number;
}

export class Vocabulary {
  readonly size: number;
  readonly paddingId: number;
  /** By node, in depth-first order. */
  readonly byteOf: Uint8Array;
  readonly depthOf: Uint16Array;
  /** The node behind the subtree. */
  readonly skip: Int32Array;
  /** First token that ends at the node, −1 if none; others with the same bytes follow in `same`. */
  readonly tokenAt: Int32Array;
  readonly same: Int32Array;
  private readonly bytes: readonly (Uint8Array | undefined)[];

  constructor({ bytes, paddingId, size }: VocabularyOptions) {
    this.size = size;
    this.paddingId = paddingId;
    this.bytes = bytes;
    const ids = Array.from({ length: Math.min(size, bytes.length) }, (_, id) => id).filter(
      (id) => id !== paddingId && (bytes[id]?.length ?? 0) > 0,
    );
    ids.sort((a, b) => compare(bytes[a]!, bytes[b]!) || a - b);
    const count = ids.reduce((sum, id) => sum + bytes[id]!.length, 0);
    this.byteOf = new Uint8Array(count);
    this.depthOf = new Uint16Array(count);
    this.skip = new Int32Array(count);
    this.tokenAt = new Int32Array(count).fill(-1);
    this.same = new Int32Array(size).fill(-1);
    const nodes = this.build(ids);
    this.byteOf = this.byteOf.slice(0, nodes);
    this.depthOf = this.depthOf.slice(0, nodes);
    this.skip = this.skip.slice(0, nodes);
    this.tokenAt = this.tokenAt.slice(0, nodes);
  }

  private build(ids: readonly number[]): number {
    const path: number[] = [];
    let nodes = 0;
    let before: Uint8Array = new Uint8Array(0);
    for (const id of ids) {
      const bytes = this.bytes[id]!;
      let shared = 0;
      while (shared < before.length && shared < bytes.length && before[shared] === bytes[shared]) shared++;
      while (path.length > shared) this.skip[path.pop()!] = nodes;
      for (let depth = shared; depth < bytes.length; depth++) {
        this.byteOf[nodes] = bytes[depth]!;
        this.depthOf[nodes] = depth;
        path.push(nodes++);
      }
      const end = path.at(-1)!;
      this.same[id] = this.tokenAt[end]!;
      this.tokenAt[end] = id;
      before = bytes;
    }
    for (const node of path) this.skip[node] = nodes;
    return nodes;
  }

  bytesOf(id: number): Uint8Array | undefined {
    return id === this.paddingId ? undefined : this.bytes[id];
  }

  /**
   * The text in tokens: as `encode` gives it where its tokens are the text's bytes, else as few as there can be. Throws
   * a ConfigError where the vocabulary lacks what it takes.
   */
  spell(text: string, encode: (text: string) => ArrayLike<number>): number[] {
    const wanted = new TextEncoder().encode(text);
    const ids = Array.from(encode(text));
    const spelled = ids.flatMap((id) => [...(this.bytesOf(id) ?? [])]);
    const isRight = spelled.length === wanted.length && spelled.every((byte, i) => byte === wanted[i]);
    if (isRight && ids.every((id) => id < this.size && this.bytesOf(id) !== undefined)) return ids;
    return this.fewest(wanted, text);
  }

  private fewest(wanted: Uint8Array, text: string): number[] {
    const n = wanted.length;
    const cost = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
    const token = new Int32Array(n + 1).fill(-1);
    cost[n] = 0;
    for (let start = n - 1; start >= 0; start--) {
      this.eachPrefix(wanted.subarray(start), (id, length) => {
        const total = 1 + cost[start + length]!;
        if (total < cost[start]!) {
          cost[start] = total;
          token[start] = id;
        }
      });
    }
    if (cost[0] === Number.POSITIVE_INFINITY) {
      throw new ConfigError(`the model's vocabulary cannot spell ${JSON.stringify(text)}`, { text });
    }
    const ids: number[] = [];
    for (let at = 0; at < n; at += this.bytes[ids.at(-1)!]!.length) ids.push(token[at]!);
    return ids;
  }

  /** Calls with every token that the bytes begin with. */
  private eachPrefix(wanted: Uint8Array, visit: (id: number, length: number) => void): void {
    for (let node = 0; node < this.byteOf.length; ) {
      const depth = this.depthOf[node]!;
      if (depth >= wanted.length || this.byteOf[node] !== wanted[depth]) {
        node = this.skip[node]!;
        continue;
      }
      if (this.tokenAt[node]! >= 0) visit(this.tokenAt[node]!, depth + 1);
      if (this.skip[node] === node + 1) return;
      node++;
    }
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
