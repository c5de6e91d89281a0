// Tokens as clients are told of them: their text, and its bytes where the text alone would not say.

import { spelledBytes } from "../text/byte-level.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

export interface NamedToken {
  readonly token: string;
  readonly bytes: readonly number[];
}

/** A token whose bytes are no whole characters has U+FFFD in its text and its true bytes beside it. */
export function nameToken(tokenizer: Tokenizer, id: number): NamedToken {
  const spelling = tokenizer.idToToken(id);
  const isSpecial = spelling !== undefined && tokenizer.specialTokens.has(spelling);
  const isByteLevel = tokenizer.kind === "bytes" || tokenizer.kind === "bpe";
  const spelled = isByteLevel && !isSpecial && spelling !== undefined ? spelledBytes(spelling) : undefined;
  if (spelled !== undefined) return { token: Buffer.from(spelled).toString("utf8"), bytes: [...spelled] };
  const token = tokenizer.decode([id]);
  return { token, bytes: [...Buffer.from(token)] };
}
