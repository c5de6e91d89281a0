// Ids of a text that must have a border between two tokens at certain places: where a prompt ends and its answer begins.
//
// Encoded as a whole, a token may reach across such a place ("a: " + "5" gives "a", ":", " 5"), and the answer would begin
// inside of it. When a model writes the answer it is given the ids of the prompt alone, so these are what it must learn
// behind: if the ids of the whole begin with those of each beginning, they are taken; if not, the parts are encoded one by
// one. Taking the whole where it is possible matters to tokenizers that mark the first word of a text.

import type { Tokenizer } from "./tokenizer.ts";

export interface BorderedIds {
  readonly ids: Int32Array;
  /** How many ids stand in front of each border. */
  readonly borders: readonly number[];
}

export interface BorderOptions {
  /** Places in the text, ascending. */
  readonly borders: readonly number[];
  /** Which special tokens' texts become their ids; none by default. */
  readonly specials?: ((start: number, end: number) => boolean) | undefined;
}

export function appended(ids: ArrayLike<number>, last: number): Int32Array {
  const all = new Int32Array(ids.length + 1);
  all.set(ids);
  all[ids.length] = last;
  return all;
}

export function encodeWithBorders(
  tokenizer: Tokenizer,
  text: string,
  { borders, specials = () => false }: BorderOptions,
): BorderedIds {
  const encode = (from: number, to: number) =>
    tokenizer.encode(text.slice(from, to), { specials: (start, end) => specials(from + start, from + end) });
  const whole = encode(0, text.length);
  const counts = borders.map((border) => {
    const beginning = encode(0, border);
    return beginning.every((id, at) => whole[at] === id) ? beginning.length : -1;
  });
  if (!counts.includes(-1)) return { ids: whole, borders: counts };
  const parts = [0, ...borders].map((from, at) => encode(from, borders[at] ?? text.length));
  const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let count = 0;
  const starts = parts.map((part) => {
    ids.set(part, count);
    count += part.length;
    return count;
  });
  return { ids, borders: starts.slice(0, -1) };
}
