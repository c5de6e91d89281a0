// Training of a byte-level BPE vocabulary (Sennrich et al. 2016; GPT-2's byte alphabet and pre-tokenisation).
//
// Texts are cut into words by GPT-2's pattern, words into bytes; then, again and again, the pair of neighbours that
// occurs most often becomes one token. Ties: the pair with the lower left id, then the lower right id; ids 0..255 are
// the byte alphabet by code point (byte-level.ts), 256.. the merges. With `minimumCount: 1` the merges equal those of
// Hugging Face's `BpeTrainer` (tokenizers 0.23.2: equal on 4,096 merges of 1.1 MB of Shakespeare and of WikiText-2).
//
// Counts are incremental: a merge visits only the words that hold its pair. A heap keeps (count, pair); an entry whose
// count has gone stale is pushed again when it comes up. If two merges spell the same token, the second reuses its id,
// so the vocabulary may hold fewer tokens than 256 + merges. A word longer than 256 bytes is counted in pieces of 256,
// which bounds the time spent on a text without spaces. Training stops early when no pair occurs `minimumCount` times.
import { UsageError } from "../base/errors.ts";
import { alphabet, byteCharacters } from "./byte-level.ts";
import { PairHeap } from "./pair-heap.ts";

export interface BpeOptions {
  /** Tokens wanted, the 256 bytes included and special tokens not. */
  readonly size: number;
  /** A pair that occurs less often is never merged. Default 2. */
  readonly minimumCount?: number;
}

export type Merge = readonly [left: string, right: string];

// White space is Unicode's, as in Hugging Face's tokenizers: JavaScript's \s has U+FEFF and lacks U+0085.
export const wordPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const longestWord = 256;
const shift = 2 ** 21;
const keyOf = (left: number, right: number): number => left * shift + right;

export function trainBpe(texts: Iterable<string>, { size, minimumCount = 2 }: BpeOptions): Merge[] {
  if (!Number.isInteger(size) || size < 256 || size > shift) {
    throw new UsageError(
      `A BPE vocabulary of ${size} tokens was asked for; give an integer from 256 to ${shift}`,
      {
        size,
      },
    );
  }
  const trainer = new Trainer(countWords(texts), Math.max(1, minimumCount));
  while (trainer.tokens.length < size && trainer.step());
  return trainer.merges;
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

class Trainer {
  readonly tokens: string[] = [...alphabet];
  readonly merges: Merge[] = [];
  private readonly ids = new Map(alphabet.map((token, id) => [token, id]));
  private readonly words: number[][] = [];
  private readonly wordCounts: number[] = [];
  private readonly pairCounts = new Map<number, number>();
  private readonly holders = new Map<number, number[]>();
  private readonly heap = new PairHeap();
  private readonly minimumCount: number;

  constructor(counts: ReadonlyMap<string, number>, minimumCount: number) {
    this.minimumCount = minimumCount;
    const encoder = new TextEncoder();
    const byteIds = byteCharacters.map((character) => this.ids.get(character)!);
    for (const [word, count] of counts) {
      const ids = Array.from(encoder.encode(word), (byte) => byteIds[byte]!);
      for (let from = 0; from < ids.length; from += longestWord) {
        this.addWord(ids.slice(from, from + longestWord), count);
      }
    }
    for (const [pair, count] of this.pairCounts) this.offer(pair, count);
  }

  /** Makes one merge; false when no pair is left. */
  step(): boolean {
    const pair = this.best();
    if (pair === undefined) return false;
    const left = Math.floor(pair / shift);
    const right = pair % shift;
    const id = this.idOf(this.tokens[left]! + this.tokens[right]!);
    this.merges.push([this.tokens[left]!, this.tokens[right]!]);
    const grown = new Set<number>();
    const holders = this.holders.get(pair) ?? [];
    this.holders.delete(pair);
    for (const word of new Set(holders)) this.mergeIn(word, { left, right, id, grown });
    this.pairCounts.delete(pair);
    for (const changed of grown) this.offer(changed, this.pairCounts.get(changed) ?? 0);
    return true;
  }

  private addWord(ids: number[], count: number): void {
    const word = this.words.push(ids) - 1;
    this.wordCounts.push(count);
    for (let index = 1; index < ids.length; index++) {
      this.change(keyOf(ids[index - 1]!, ids[index]!), count, word);
    }
  }

  private best(): number | undefined {
    for (let top = this.heap.pop(); top !== undefined; top = this.heap.pop()) {
      const count = this.pairCounts.get(top.pair) ?? 0;
      if (count === top.count) return top.pair;
      this.offer(top.pair, count);
    }
    return undefined;
  }

  private offer(pair: number, count: number): void {
    if (count >= this.minimumCount) this.heap.push(pair, count);
  }

  private idOf(token: string): number {
    const known = this.ids.get(token);
    if (known !== undefined) return known;
    const id = this.tokens.push(token) - 1;
    this.ids.set(token, id);
    return id;
  }

  private change(pair: number, by: number, word: number): void {
    this.pairCounts.set(pair, (this.pairCounts.get(pair) ?? 0) + by);
    if (by < 0) return;
    const holders = this.holders.get(pair);
    if (holders === undefined) this.holders.set(pair, [word]);
    else if (holders.at(-1) !== word) holders.push(word);
  }

  private mergeIn(
    word: number,
    { left, right, id, grown }: { left: number; right: number; id: number; grown: Set<number> },
  ): void {
    const old = this.words[word]!;
    const count = this.wordCounts[word]!;
    const made: number[] = [];
    for (let index = 0; index < old.length; index++) {
      if (old[index] !== left || old[index + 1] !== right) {
        made.push(old[index]!);
        continue;
      }
      const before = made.at(-1);
      const after = old[index + 2];
      if (before !== undefined) {
        this.change(keyOf(before, left), -count, word);
        this.change(keyOf(before, id), count, word);
        grown.add(keyOf(before, id));
      }
      if (after !== undefined) {
        this.change(keyOf(right, after), -count, word);
        this.change(keyOf(id, after), count, word);
        grown.add(keyOf(id, after));
      }
      made.push(id);
      index++;
    }
    this.words[word] = made;
  }
}
