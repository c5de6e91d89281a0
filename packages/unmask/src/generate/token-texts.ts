// The texts of a tokenizer's tokens, one by one, for records that are to be read without it. Runs in a browser too.

import { spelledBytes } from "../text/byte-level.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrajectoryFile } from "../trajectory/file.ts";
import type { TokenTexts } from "../trajectory/token-texts.ts";

type Vocabulary = Pick<Tokenizer, "kind" | "idToToken" | "decode">;

/** Of all tokens that a file of trajectories shows. */
export function textsFor(tokenizer: Vocabulary, { header, rows }: TrajectoryFile): TokenTexts {
  const shown = new Set([header.mask_id, ...header.end_ids]);
  for (const { prompt_ids: prompt, token_ids: tokens, proposals } of rows) {
    for (const ids of [prompt, tokens, proposals?.token ?? []]) for (const id of ids) shown.add(id);
  }
  return tokenTexts(tokenizer, shown);
}

/** Of the given ids; one outside the vocabulary is left out. */
export function tokenTexts(tokenizer: Vocabulary, ids: Iterable<number>): TokenTexts {
  const { kind } = tokenizer;
  const textOf = kind === "library" ? behindItself(tokenizer) : byItself(tokenizer);
  const known = [...new Set(ids)].sort((a, b) => a - b);
  const entries = known.flatMap((id) => {
    const token = tokenizer.idToToken(id);
    return token === undefined ? [] : [[String(id), textOf(id, token)] as const];
  });
  return { between: kind === "words" ? " " : "", texts: Object.fromEntries(entries) };
}

type TextOf = (id: number, token: string) => string | readonly number[];

function byItself(tokenizer: Vocabulary): TextOf {
  return (id, token) => {
    const text = tokenizer.decode([id]);
    return text.includes("\uFFFD") ? [...(spelledBytes(token) ?? [])] : text;
  };
}

/** Tokenizers of the library may drop the space in front of a text's first token, so the second of two is looked at. */
function behindItself(tokenizer: Vocabulary): TextOf {
  return (id, token) => {
    const [, byte] = /^<0x([0-9A-F]{2})>$/.exec(token) ?? [];
    if (byte !== undefined) return [Number.parseInt(byte, 16)];
    return tokenizer.decode([id, id]).slice(tokenizer.decode([id]).length);
  };
}
