// Text to token ids and back. One interface over two engines: our own code for byte and word vocabularies and for
// byte-level decoding, `@huggingface/tokenizers` for everything else. Both read the same `tokenizer.json`.
//
//   kind      recognised by                                             encoding     decoding
//   bytes     BPE, no merges, byte-level, the 256 byte tokens           ours         ours, byte-exact
//   words     WordLevel, split at whitespace, nothing normalised        ours         ours, joined by one space
//   bpe       BPE with a byte-level decoder, nothing normalised         library*     ours, byte-exact
//   library   any other                                                 library      library
//   (* with GPT-2's splitting, words are split and remembered by us, and only new words go to the library)
//
// - A special token is an added token marked `special`. In `encode(text)` its literal text stays text, so that nobody
//   can write a mask or an end into a prompt; `encode(text, { specials: true })` turns it into the id (templates).
//   Nothing is ever added in front or behind: `post_processor` is not applied.
// - `bytes` and `bpe`: decode(encode(x)) === x for every text without lone surrogates (those become U+FFFD).
// - `words` forgets which whitespace stood between words. Its unknown word gives the id of `<unk>`.
// - Decoding never throws: an id without a token gives U+FFFD, and so does a broken UTF-8 sequence.
// - `stream()` gives text that only grows: bytes of an unfinished character wait; `end()` gives what is left.
// - `hash` is SHA-256 over the parts of tokenizer.json that decide ids and text, and over the special ids.
import { createHash } from "node:crypto";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { byteCharacters, spelledBytes } from "./byte-level.ts";
import { ByteStream, type DecodeStream, decodeWhole, LibraryStream, WordStream } from "./decode-stream.ts";
import {
  type AddedToken,
  canonical,
  readSpecials,
  type Specials,
  type TokenizerFiles,
  type TokenizerJson,
  vocabularyOf,
} from "./tokenizer-json.ts";
import { wordPattern } from "./train-bpe.ts";

const rememberedWords = 100_000;

export type { DecodeStream } from "./decode-stream.ts";
export type { Specials, TokenizerFiles } from "./tokenizer-json.ts";

export type TokenizerKind = "bytes" | "words" | "bpe" | "library";

export interface DecodeOptions {
  /** Leave special tokens out. Default false: they appear as their text. */
  readonly skipSpecials?: boolean;
}

export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** Highest id + 1. */
  readonly vocabularySize: number;
  readonly specials: Specials;
  readonly hash: string;
  readonly files: TokenizerFiles;
  encode(text: string, options?: { readonly specials?: boolean }): Int32Array;
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  stream(options?: DecodeOptions): DecodeStream;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
}

/** Builds a tokenizer from parsed files; `source` names them in messages. */
export function createTokenizer(files: TokenizerFiles, source = "tokenizer.json"): Tokenizer {
  const { tokenToId, idToToken } = vocabularyOf(files.tokenizer, source);
  const added = files.tokenizer.added_tokens ?? [];
  const vocabulary: Vocabulary = { tokenToId, idToToken, special: added.filter((token) => token.special) };
  const kind = kindOf(files.tokenizer);
  const engine = engines[kind](files, vocabulary, source);
  const specials = readSpecials(files, tokenToId, source);
  let hash: string | undefined;
  return {
    kind,
    vocabularySize: idToToken.length,
    specials,
    files,
    get hash() {
      hash ??= createHash("sha256").update(canonical(files.tokenizer, specials)).digest("hex");
      return hash;
    },
    encode: (text, options) => (options?.specials ? engine.encodeSpecials(text) : engine.encode(text)),
    decode: (ids, options) => decodeWhole(engine.stream(options?.skipSpecials ?? false), ids),
    stream: (options) => engine.stream(options?.skipSpecials ?? false),
    tokenToId: (token) => tokenToId.get(token),
    idToToken: (id) => idToToken[id],
  };
}

interface Vocabulary {
  readonly tokenToId: ReadonlyMap<string, number>;
  readonly idToToken: readonly (string | undefined)[];
  readonly special: readonly AddedToken[];
}

interface Engine {
  encode(text: string): Int32Array;
  encodeSpecials(text: string): Int32Array;
  stream(skipSpecials: boolean): DecodeStream;
}

function kindOf({ model, pre_tokenizer, normalizer, decoder, added_tokens }: TokenizerJson): TokenizerKind {
  if (normalizer != null || added_tokens?.some((token) => !token.special)) return "library";
  if (model.type === "WordLevel")
    return pre_tokenizer?.type === "WhitespaceSplit" && !decoder ? "words" : "library";
  if (model.type !== "BPE" || decoder?.type !== "ByteLevel") return "library";
  const vocabulary = model.vocab;
  const allBytes =
    !Array.isArray(vocabulary) && byteCharacters.every((token) => Object.hasOwn(vocabulary ?? {}, token));
  const plain = pre_tokenizer?.type === "ByteLevel" && pre_tokenizer.add_prefix_space !== true;
  return allBytes && plain && model.merges?.length === 0 ? "bytes" : "bpe";
}

const engines = {
  bytes: (_files, vocabulary) => {
    const byteIds = Int32Array.from(byteCharacters, (token) => vocabulary.tokenToId.get(token)!);
    const encoder = new TextEncoder();
    const encode = (text: string) => Int32Array.from(encoder.encode(text), (byte) => byteIds[byte]!);
    return { encode, encodeSpecials: splitting(encode, vocabulary), stream: byteStreams(vocabulary) };
  },
  words: (files, vocabulary, source) => {
    const words = new Map(vocabulary.tokenToId);
    for (const token of vocabulary.special) words.delete(token.content);
    const unknown = vocabulary.tokenToId.get(files.tokenizer.model.unk_token ?? "");
    const idOf = (word: string): number => {
      const id = words.get(word) ?? unknown;
      if (id === undefined) throw noUnknown(source);
      return id;
    };
    const encode = (text: string) => Int32Array.from(text.match(/\S+/g) ?? [], idOf);
    const special = new Set(vocabulary.special.map(({ id }) => id));
    const stream = (skip: boolean) =>
      new WordStream((id) => vocabulary.idToToken[id], skip ? special : new Set());
    return { encode, encodeSpecials: splitting(encode, vocabulary), stream };
  },
  bpe: (files, vocabulary, source) => {
    const { encoders } = libraryEncoders(files, source);
    const { pre_tokenizer } = files.tokenizer;
    const gpt2 = pre_tokenizer?.type === "ByteLevel" && pre_tokenizer.use_regex !== false;
    if (!gpt2 || pre_tokenizer.add_prefix_space === true)
      return { ...encoders, stream: byteStreams(vocabulary) };
    const encode = rememberingWords(encoders.encode);
    return { encode, encodeSpecials: splitting(encode, vocabulary), stream: byteStreams(vocabulary) };
  },
  library: (files, _vocabulary, source) => {
    const { encoders, full } = libraryEncoders(files, source);
    const decode = (ids: number[], skip: boolean) =>
      ids.length === 0 ? "" : full.decode(ids, { skip_special_tokens: skip });
    return { ...encoders, stream: (skip) => new LibraryStream((ids) => decode(ids, skip)) };
  },
} satisfies Record<TokenizerKind, (files: TokenizerFiles, vocabulary: Vocabulary, source: string) => Engine>;

/** Encodes the special tokens in a text as their ids and what lies between as text; the longest token wins. */
function splitting(encode: (text: string) => Int32Array, { special }: Vocabulary) {
  const ids = new Map(special.map(({ content, id }) => [content, id]));
  const longestFirst = [...ids.keys()].sort((a, b) => b.length - a.length);
  const pattern = longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
  const splitter = new RegExp(`(${pattern})`, "u");
  return (text: string): Int32Array => {
    if (ids.size === 0) return encode(text);
    const parts = text.split(splitter).map((part, index) => {
      return index % 2 === 1 ? Int32Array.of(ids.get(part)!) : encode(part);
    });
    const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
}

function byteStreams({ idToToken, special }: Vocabulary): (skipSpecials: boolean) => DecodeStream {
  const specialTexts = new Map(special.map(({ id, content }) => [id, content]));
  const pieces = idToToken.map((token, id) => {
    return specialTexts.get(id) ?? (token === undefined ? "\uFFFD" : (spelledBytes(token) ?? token));
  });
  const silent = pieces.map((piece, id) => (specialTexts.has(id) ? "" : piece));
  return (skip) => new ByteStream(skip ? silent : pieces);
}

/**
 * Encodes word by word and remembers each: the library takes 2 to 4 s a megabyte, this 0.2 s once it knows the words.
 * A word that GPT-2's pattern cuts from a text is one word again when it stands alone, so the ids are the same.
 */
function rememberingWords(encode: (text: string) => Int32Array): (text: string) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (text) => {
    const ids: number[] = [];
    for (const word of text.match(wordPattern) ?? []) {
      let wordIds = known.get(word);
      if (wordIds === undefined) {
        if (known.size >= rememberedWords) known.clear();
        wordIds = encode(word);
        known.set(word, wordIds);
      }
      for (const id of wordIds) ids.push(id);
    }
    return Int32Array.from(ids);
  };
}

/** Two library tokenizers: one knows the special tokens, the other takes their text for text. */
function libraryEncoders({ tokenizer, config }: TokenizerFiles, source: string) {
  const open = (added: readonly AddedToken[]): Library => {
    try {
      const parts = {
        post_processor: null,
        decoder: null,
        pre_tokenizer: null,
        normalizer: null,
        ...tokenizer,
      };
      return new Library(
        { ...parts, added_tokens: added },
        { clean_up_tokenization_spaces: false, ...config },
      );
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${source} cannot be used (${reason}); save the tokenizer again with Hugging Face tokenizers`;
      throw new CheckpointError(message, { file: source }, { cause });
    }
  };
  const added = tokenizer.added_tokens ?? [];
  const full = open(added);
  const plain = open(added.filter((token) => !token.special));
  const encodeWith = (library: Library) => (text: string) => {
    const { ids } = library.encode(text, { add_special_tokens: false });
    if (ids.includes(undefined as unknown as number)) throw noUnknown(source);
    return Int32Array.from(ids);
  };
  return { encoders: { encode: encodeWith(plain), encodeSpecials: encodeWith(full) }, full };
}

function noUnknown(source: string): UnsupportedError {
  const message = `${source}: the text holds a word outside the vocabulary and the model has no usable unk_token; name one in tokenizer.json`;
  return new UnsupportedError(message, { file: source });
}
