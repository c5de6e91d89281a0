// The texts of tokens by id: what a file of trajectories, or a page that shows one, needs of a tokenizer.

/** A JSON object, so that it can stand in a file. */
export interface TokenTexts {
  /** What stands between two tokens: a space where the vocabulary is words, else nothing. */
  readonly between: string;
  /** By id; the bytes of a token that is no whole text by itself (a part of a character). */
  readonly texts: Readonly<Record<string, string | readonly number[]>>;
}

/** What one token says by itself, a broken character as U+FFFD; undefined if it is not known. */
export function textOf(id: number, { texts }: TokenTexts): string | undefined {
  const found = texts[id];
  if (found === undefined || typeof found === "string") return found;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(found));
}

/** The text of each token of a sequence: a character of several tokens stands at the last of them. */
export function piecesOf(ids: readonly number[], { between, texts }: TokenTexts): string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const pieces: string[] = [];
  for (const [at, id] of ids.entries()) {
    const found = texts[id] ?? `⟨${id}⟩`;
    const space = at > 0 ? between : "";
    if (typeof found === "string") pieces.push(decoder.decode() + space + found);
    else pieces.push(decoder.decode(Uint8Array.from(found), { stream: true }));
  }
  const rest = decoder.decode();
  if (rest !== "" && pieces.length > 0) pieces[pieces.length - 1] += rest;
  return pieces;
}
