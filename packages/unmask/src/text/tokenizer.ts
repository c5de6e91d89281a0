// Text to token ids and back. One interface over our own engines and, for everything else, `@huggingface/tokenizers`.
//
//   kind      recognised by                                             encoding   decoding
//   bytes     BPE, no merges, byte-level, the 256 byte tokens           ours       ours, byte-exact
//   words     WordLevel, split at whitespace, nothing normalised        ours       ours, joined by one space
//   bpe       BPE, byte-level, words cut by a pattern, at most NFC      ours       ours, byte-exact
//             (GPT-2, Qwen2, Llama 3 and their kin)
//   library   any other                                                 library    library
//
// - A special token is an added token marked `special`. In `encode(text)` its literal text stays text, so that nobody
//   can write a mask or an end into a prompt; `{ specials: true }` turns it into the id, and a function says which
//   places count (chat templates). Added tokens that are not special (`<think>` of Qwen3) are ordinary vocabulary and
//   always become their id. Nothing is ever added in front or behind: `post_processor` is not applied.
// - `bytes` and `bpe`: decode(encode(x)) === x for every text without lone surrogates (those become U+FFFD), for NFC
//   texts where the tokenizer normalises.
// - `library`, where only some specials of a text count: the parts are encoded one by one, and a tokenizer that adds a
//   mark to the first word of a text (SentencePiece) adds it to each part.
// - `words` forgets which whitespace stood between words. Its unknown word gives the id of `<unk>`.
// - Decoding never throws: an id without a token gives U+FFFD, and so does a broken UTF-8 sequence.
// - `stream()` gives text that only grows: bytes of an unfinished character wait; `end()` gives what is left.
// - `hash` is SHA-256 over the parts of tokenizer.json that decide ids and text, and over the special ids.
import { createHash } from "node:crypto";
import { type DecodeStream, decodeWhole } from "./decode-stream.ts";
import { completeTokenizer, readSpecials } from "./special-tokens.ts";
import { createEngine, type TokenizerKind } from "./tokenizer-engines.ts";
import { canonical, type Specials, type TokenizerFiles, vocabularyOf } from "./tokenizer-json.ts";

export type { DecodeStream } from "./decode-stream.ts";
export type { TokenizerKind } from "./tokenizer-engines.ts";
export type { Specials, TokenizerFiles } from "./tokenizer-json.ts";

export interface DecodeOptions {
  /** Leave special tokens out. Default false: they appear as their text. */
  readonly skipSpecials?: boolean;
}

export interface EncodeOptions {
  /** Whether the text of a special token becomes its id; a function is asked for each place. Default false. */
  readonly specials?: boolean | ((start: number, end: number) => boolean);
}

/** File name -> content. */
export type OriginalFiles = ReadonlyMap<string, Uint8Array>;

export interface CreateOptions {
  readonly originals?: OriginalFiles;
  /** added_tokens.json: token -> id. */
  readonly legacyTokens?: Readonly<Record<string, unknown>>;
}

export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** Highest id + 1. */
  readonly vocabularySize: number;
  readonly specials: Specials;
  readonly hash: string;
  readonly files: TokenizerFiles;
  /** The files it was read from, byte for byte; absent if it was made in memory. */
  readonly originals?: OriginalFiles;
  /** Text and id of every special token. */
  readonly specialTokens: ReadonlyMap<string, number>;
  encode(text: string, options?: EncodeOptions): Int32Array;
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  stream(options?: DecodeOptions): DecodeStream;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
}

/** Builds a tokenizer from parsed files; `source` names them in messages. */
export function createTokenizer(
  parsed: TokenizerFiles,
  source = "tokenizer.json",
  { originals, legacyTokens }: CreateOptions = {},
): Tokenizer {
  const files = completeTokenizer(parsed, source, legacyTokens);
  const { tokenToId, idToToken } = vocabularyOf(files.tokenizer, source);
  const special = (files.tokenizer.added_tokens ?? []).filter((token) => token.special);
  const engine = createEngine(files, { tokenToId, idToToken, special }, source);
  const specials = readSpecials(files, tokenToId, source);
  let hash: string | undefined;
  return {
    kind: engine.kind,
    vocabularySize: idToToken.length,
    specials,
    specialTokens: new Map(special.map(({ content, id }) => [content, id])),
    files,
    ...(originals === undefined ? {} : { originals }),
    get hash() {
      hash ??= createHash("sha256").update(canonical(files.tokenizer, specials)).digest("hex");
      return hash;
    },
    encode: (text, { specials: wanted = false } = {}) => {
      const accept = typeof wanted === "function" ? wanted : () => wanted;
      return engine.encode(text, (_token, start, end) => accept(start, end));
    },
    decode: (ids, options) => decodeWhole(engine.stream(options?.skipSpecials ?? false), ids),
    stream: (options) => engine.stream(options?.skipSpecials ?? false),
    tokenToId: (token) => tokenToId.get(token),
    idToToken: (id) => idToToken[id],
  };
}
