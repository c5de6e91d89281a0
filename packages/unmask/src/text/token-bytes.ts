// The bytes that each token of a vocabulary adds to a text, where that does not depend on the tokens around it: what a
// constraint on the text needs to know before the text is there.
//
//   bytes, bpe           the byte-level spelling of the token
//   library, byte-level  the same
//   library, ▁           SentencePiece as Hugging Face writes it: ▁ is a space, <0x0A> the byte 10
//
// A word-level tokenizer puts spaces between its tokens, and others (WordPiece) join them by rules of their own: they
// are refused. Special tokens have no bytes.

import { UnsupportedError } from "../base/errors.ts";
import { spelledBytes } from "./byte-level.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { isRecord, type Part } from "./tokenizer-json.ts";

export function tokenBytes(tokenizer: Tokenizer): (Uint8Array | undefined)[] {
  const spell = spellingOf(tokenizer);
  const encoder = new TextEncoder();
  const added = new Map(
    (tokenizer.files.tokenizer.added_tokens ?? []).map(({ id, content }) => [id, content] as const),
  );
  const special = new Set(tokenizer.specialTokens.values());
  return Array.from({ length: tokenizer.vocabularySize }, (_, id) => {
    const token = tokenizer.idToToken(id);
    if (token === undefined || special.has(id)) return undefined;
    const content = added.get(id);
    return content === undefined ? spell(token) : encoder.encode(content);
  });
}

type Spelling = (token: string) => Uint8Array | undefined;

function spellingOf({ kind, files }: Tokenizer): Spelling {
  const decoder = files.tokenizer.decoder ?? undefined;
  if (kind === "bytes" || kind === "bpe" || decoder?.type === "ByteLevel") return spelledBytes;
  const isPlain = kind === "library" && !files.tokenizer.model.continuing_subword_prefix;
  if (isPlain && decoder !== undefined && marksSpaces(decoder)) return sentencePieceBytes;
  throw new UnsupportedError(
    `text cannot be held to a structure with this tokenizer (${kind}), whose tokens are joined by rules of their own; use a model with a byte-level or SentencePiece tokenizer`,
  );
}

/** Whether a decoder puts spaces in the place of ▁ and does nothing else inside a text. */
function marksSpaces(decoder: Part): boolean {
  const parts = decoder.type === "Sequence" ? (decoder.decoders as unknown[]) : [decoder];
  const known = ["Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"];
  const isMark = (part: Part) =>
    part.type === "Metaspace" ||
    (part.type === "Replace" &&
      isRecord(part.pattern) &&
      part.pattern.String === "▁" &&
      part.content === " ");
  if (!Array.isArray(parts) || !parts.every((part): part is Part => isRecord(part))) return false;
  return parts.some(isMark) && parts.every((part) => known.includes(part.type)) && !parts.some(stripsInside);
}

const stripsInside = (part: Part): boolean =>
  (part.type === "Replace" && !(isRecord(part.pattern) && part.pattern.String === "▁")) ||
  (part.type === "Strip" && Number(part.stop ?? 0) > 0);

const byteToken = /^<0x([0-9A-F]{2})>$/;
const encoder = new TextEncoder();

function sentencePieceBytes(token: string): Uint8Array {
  const byte = byteToken.exec(token);
  if (byte !== null) return Uint8Array.of(Number.parseInt(byte[1]!, 16));
  return encoder.encode(token.replaceAll("▁", " "));
}
