// Byte-level BPE: a word's UTF-8 bytes are merged pair by pair, always the pair whose merge was learnt first, the
// leftmost of equal ones (Sennrich et al. 2016; the order in which Hugging Face's tokenizers pops its queue).
//
// - Short words scan all pairs before each merge; a long one keeps them in a heap, so that a megabyte without a space
//   takes seconds, not days.
// - `ignoreMerges` takes a word that is a token as it stands (Llama 3's flag).
// - A merge that would spell a special token is left out: text must never become one. Only a damaged or hostile
//   vocabulary holds such a merge.
import { CheckpointError } from "../base/errors.ts";
import { byteCharacters } from "./byte-level.ts";
import { PairHeap } from "./pair-heap.ts";

const idLimit = 2 ** 24;
const longWord = 48;

export interface BytePairOptions {
  readonly vocab: Readonly<Record<string, number>>;
  /** `"left right"` or `[left, right]`, in the order in which they were learnt. */
  readonly merges: readonly unknown[];
  readonly ignoreMerges: boolean;
  /** Texts that no word may become. */
  readonly forbidden: ReadonlySet<string>;
  /** Names the file in messages. */
  readonly source: string;
}

export class BytePairs {
  private readonly byteIds: Int32Array;
  private readonly ranks = new Map<number, number>(); // left id · 2^24 + right id -> order of the merge
  private readonly made: Int32Array; // order of the merge -> id of the token it makes
  private readonly whole: ReadonlyMap<string, number> | undefined;
  private readonly encoder = new TextEncoder();

  constructor({ vocab, merges, ignoreMerges, forbidden, source }: BytePairOptions) {
    const ids = new Map(Object.entries(vocab));
    this.byteIds = Int32Array.from(byteCharacters, (character) => ids.get(character)!);
    this.made = new Int32Array(merges.length);
    for (const [rank, merge] of merges.entries()) {
      const [left, right] = pairOf(merge, source);
      const pair = [left, right, left + right].map((token) => ids.get(token));
      if (pair.includes(undefined)) {
        const message = `${source}: merge ${rank + 1}, ${JSON.stringify(`${left} ${right}`)}, uses or makes a token that the vocabulary lacks; fetch the tokenizer again`;
        throw new CheckpointError(message, { file: source, merge: rank + 1 });
      }
      if (forbidden.has(left + right)) continue;
      this.ranks.set(pair[0]! * idLimit + pair[1]!, rank);
      this.made[rank] = pair[2]!;
    }
    if (ignoreMerges) {
      for (const token of forbidden) ids.delete(token);
      this.whole = ids;
    }
  }

  encode(word: string): number[] {
    const bytes = this.encoder.encode(word);
    if (this.whole !== undefined) {
      const id = this.whole.get(Array.from(bytes, (byte) => byteCharacters[byte]!).join(""));
      if (id !== undefined) return [id];
    }
    const ids = Array.from(bytes, (byte) => this.byteIds[byte]!);
    return ids.length > longWord ? this.mergeLong(ids) : this.mergeShort(ids);
  }

  private rankOf(left: number, right: number): number | undefined {
    return this.ranks.get(left * idLimit + right);
  }

  private mergeShort(ids: number[]): number[] {
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let index = 0; index + 1 < ids.length; index++) {
        const rank = this.rankOf(ids[index]!, ids[index + 1]!);
        if (rank === undefined || rank >= best) continue;
        best = rank;
        at = index;
      }
      if (at === -1) return ids;
      ids[at] = this.made[best]!;
      ids.splice(at + 1, 1);
    }
  }

  private mergeLong(ids: number[]): number[] {
    const next = Int32Array.from(ids, (_, index) => index + 1);
    const previous = Int32Array.from(ids, (_, index) => index - 1);
    const heap = new PairHeap();
    const offer = (at: number) => {
      const after = next[at]!;
      const rank = after < ids.length ? this.rankOf(ids[at]!, ids[after]!) : undefined;
      if (rank !== undefined) heap.push(at, -rank);
    };
    for (let at = 0; at < ids.length; at++) offer(at);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const at = top.pair;
      const after = next[at]!;
      const gone = ids[at] === -1 || after >= ids.length;
      if (gone || this.rankOf(ids[at]!, ids[after]!) !== -top.count) continue;
      ids[at] = this.made[-top.count]!;
      ids[after] = -1;
      next[at] = next[after]!;
      if (next[at]! < ids.length) previous[next[at]!] = at;
      offer(at);
      if (previous[at]! >= 0) offer(previous[at]!);
    }
    return ids.filter((id) => id !== -1);
  }
}

function pairOf(merge: unknown, source: string): readonly [string, string] {
  const parts = typeof merge === "string" ? merge.split(" ") : merge;
  if (Array.isArray(parts) && parts.length === 2 && parts.every((part) => typeof part === "string")) {
    return parts as [string, string];
  }
  const message = `${source} cannot be used (${JSON.stringify(merge)} is no merge of two tokens); fetch the tokenizer again`;
  throw new CheckpointError(message, { file: source });
}
