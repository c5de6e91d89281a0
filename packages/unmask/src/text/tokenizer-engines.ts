// The engines behind tokenizer.ts: each gives ids for a text and a stream that turns ids back. See there for the table
// of kinds. All of them ask an `Accept` which special tokens found in a text count as tokens; the rest stay text.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { type Accept, AddedTokenScanner } from "./added-token-scanner.ts";
import { byteCharacters, spelledBytes } from "./byte-level.ts";
import { BytePairs } from "./byte-pairs.ts";
import { ByteStream, type DecodeStream, LibraryStream, WordStream } from "./decode-stream.ts";
import { type AddedToken, isRecord, type TokenizerFiles, type TokenizerJson } from "./tokenizer-json.ts";
import { type Cutter, wordCutter } from "./word-cutter.ts";

const rememberedWords = 100_000;
const longestRemembered = 256;

export type TokenizerKind = "bytes" | "words" | "bpe" | "library";

export interface Vocabulary {
  readonly tokenToId: ReadonlyMap<string, number>;
  readonly idToToken: readonly (string | undefined)[];
  readonly special: readonly AddedToken[];
}

export interface Engine {
  readonly kind: TokenizerKind;
  /** `accept` is asked of special tokens only; added tokens that are not special always count. */
  encode(text: string, accept: Accept): Int32Array;
  stream(skipSpecials: boolean): DecodeStream;
}

export function createEngine(files: TokenizerFiles, vocabulary: Vocabulary, source: string): Engine {
  const { model, normalizer, pre_tokenizer, decoder } = files.tokenizer;
  const ordinary = files.tokenizer.added_tokens?.some((token) => !token.special);
  const splitsAtSpace = pre_tokenizer?.type === "WhitespaceSplit" && !decoder;
  if (model.type === "WordLevel" && splitsAtSpace && normalizer == null && !ordinary) {
    return wordEngine(files, vocabulary, source);
  }
  if (isBytePairs(files.tokenizer)) {
    const cut = wordCutter(pre_tokenizer, source);
    const bytesOnly = model.merges?.length === 0 && normalizer == null && !ordinary;
    if (bytesOnly && pre_tokenizer?.type === "ByteLevel" && cut) return byteEngine(vocabulary);
    if (cut !== undefined) return bytePairEngine(files, { vocabulary, cut, source });
  }
  return libraryEngine(files, vocabulary, source);
}

function byteEngine(vocabulary: Vocabulary): Engine {
  const byteIds = Int32Array.from(byteCharacters, (token) => vocabulary.tokenToId.get(token)!);
  const encoder = new TextEncoder();
  const encode = (text: string) => Int32Array.from(encoder.encode(text), (byte) => byteIds[byte]!);
  return {
    kind: "bytes",
    encode: aroundSpecials(encode, vocabulary),
    stream: byteStreams(vocabulary, vocabulary.special),
  };
}

function wordEngine(files: TokenizerFiles, vocabulary: Vocabulary, source: string): Engine {
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
  return { kind: "words", encode: aroundSpecials(encode, vocabulary), stream };
}

const absent = (value: unknown): boolean => value === undefined || value === null || value === "";

function isBytePairs({ model, normalizer, decoder }: TokenizerJson): boolean {
  const { vocab, merges, dropout, byte_fallback } = model;
  const plain =
    !dropout && !byte_fallback && absent(model.continuing_subword_prefix) && absent(model.end_of_word_suffix);
  const parts = normalizer?.type === "Sequence" ? normalizer.normalizers : [normalizer ?? { type: "NFC" }];
  const atMostNfc = Array.isArray(parts) && parts.every((part) => part?.type === "NFC");
  const bytes = isRecord(vocab) && byteCharacters.every((token) => Object.hasOwn(vocab, token));
  const byteLevel = model.type === "BPE" && decoder?.type === "ByteLevel";
  return byteLevel && plain && atMostNfc && bytes && Array.isArray(merges);
}

/**
 * Added tokens are found first: those that are not to be normalised in the text as it stands, the others in the
 * normalised pieces between. The words of a piece are encoded once and remembered: 1 MB of English takes a second.
 */
function bytePairEngine(
  { tokenizer }: TokenizerFiles,
  { vocabulary, cut, source }: { vocabulary: Vocabulary; cut: Cutter; source: string },
): Engine {
  const { model, normalizer, added_tokens = [] } = tokenizer;
  const pairs = new BytePairs({
    vocab: model.vocab as Readonly<Record<string, number>>,
    merges: model.merges ?? [],
    ignoreMerges: model.ignore_merges === true,
    forbidden: new Set(vocabulary.special.map(({ content }) => content)),
    source,
  });
  const known = new Map<string, readonly number[]>();
  const idsOf = (word: string): readonly number[] => {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const ids = pairs.encode(word);
    if (known.size >= rememberedWords) known.clear();
    if (word.length <= longestRemembered) known.set(word, ids);
    return ids;
  };
  const late = (token: AddedToken) => !token.special && token.normalized !== false;
  const first = new AddedTokenScanner(added_tokens.filter((token) => !late(token)));
  const second = new AddedTokenScanner(added_tokens.filter(late));
  const nfc = normalizer?.type === "NFC" || (normalizer?.normalizers as unknown[] | undefined)?.length;
  const addWords = (piece: string, ids: number[]) => {
    for (const word of cut(piece)) for (const id of idsOf(word)) ids.push(id);
  };
  const addText = (part: string, ids: number[]) => {
    for (const piece of second.scan(nfc ? part.normalize("NFC") : part)) {
      if (typeof piece === "number") ids.push(piece);
      else addWords(piece, ids);
    }
  };
  const encode = (text: string, accept: Accept) => {
    const ids: number[] = [];
    const acceptSpecial: Accept = (token, start, end) => !token.special || accept(token, start, end);
    for (const part of first.scan(text, acceptSpecial)) {
      if (typeof part === "number") ids.push(part);
      else addText(part, ids);
    }
    return Int32Array.from(ids);
  };
  return { kind: "bpe", encode, stream: byteStreams(vocabulary, added_tokens) };
}

/** Encodes the special tokens in a text as their ids and what lies between as text. */
function aroundSpecials(encode: (text: string) => Int32Array, { special }: Vocabulary) {
  const scanner = new AddedTokenScanner(special);
  return (text: string, accept: Accept): Int32Array => {
    const parts = scanner.scan(text, accept).map((part) => {
      return typeof part === "number" ? Int32Array.of(part) : encode(part);
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

function byteStreams({ idToToken, special }: Vocabulary, added: readonly AddedToken[]) {
  const addedTexts = new Map(added.map(({ id, content }) => [id, content]));
  const hidden = new Set(special.map(({ id }) => id));
  const pieces = idToToken.map((token, id) => {
    return addedTexts.get(id) ?? (token === undefined ? "\uFFFD" : (spelledBytes(token) ?? token));
  });
  const silent = pieces.map((piece, id) => (hidden.has(id) ? "" : piece));
  return (skip: boolean): DecodeStream => new ByteStream(skip ? silent : pieces);
}

/** Two library tokenizers: one knows the special tokens, the other takes their text for text. */
function libraryEngine(
  { tokenizer, config }: TokenizerFiles,
  vocabulary: Vocabulary,
  source: string,
): Engine {
  const open = (added: readonly AddedToken[]): Library => {
    try {
      const none = { post_processor: null, decoder: null, pre_tokenizer: null, normalizer: null };
      const parts = { ...none, ...tokenizer, added_tokens: added };
      return new Library(parts, { clean_up_tokenization_spaces: false, ...config });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${source} cannot be used (${reason}); save the tokenizer again with Hugging Face tokenizers`;
      throw new CheckpointError(message, { file: source }, { cause });
    }
  };
  const added = tokenizer.added_tokens ?? [];
  const full = open(added);
  const plain = open(added.filter((token) => !token.special));
  const encodeWith = (library: Library, text: string) => {
    const { ids } = library.encode(text, { add_special_tokens: false });
    if (ids.includes(undefined as unknown as number)) throw noUnknown(source);
    return Int32Array.from(ids);
  };
  const around = aroundSpecials((text) => encodeWith(plain, text), vocabulary);
  const scanner = new AddedTokenScanner(vocabulary.special);
  const encode = (text: string, accept: Accept) => {
    const answers = new Set<boolean>();
    scanner.scan(text, (...found) => answers.add(accept(...found)) && true);
    if (!answers.has(true)) return encodeWith(plain, text);
    // the library knows all specials or none; where some count and others do not, the parts are encoded one by one
    return answers.has(false) ? around(text, accept) : encodeWith(full, text);
  };
  const decode = (ids: number[], skip: boolean) =>
    ids.length === 0 ? "" : full.decode(ids, { skip_special_tokens: skip });
  return { kind: "library", encode, stream: (skip) => new LibraryStream((ids) => decode(ids, skip)) };
}

function noUnknown(source: string): UnsupportedError {
  const message = `${source}: the text holds a word outside the vocabulary and the model has no usable unk_token; name one in tokenizer.json`;
  return new UnsupportedError(message, { file: source });
}
