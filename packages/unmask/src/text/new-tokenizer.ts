// Tokenizers that we make ourselves, written as Hugging Face's tokenizer.json so that any other reader agrees.
//
//   bytes   id = byte value, then the specials: 258 tokens
//   words   the given words in order, `<unk>`, then the specials
//   bpe     256 byte tokens in code point order, one token a merge, then the specials
//
// Specials are `<|endoftext|>` (end and padding) and, last of all, `<|mask|>`: the mask's id is vocabularySize - 1, as
// in MDLM. They stand in `added_tokens` only, so that the model itself can never produce them from text.
import { UsageError } from "../base/errors.ts";
import { alphabet, byteCharacters } from "./byte-level.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import { type BpeOptions, type Merge, trainBpe } from "./train-bpe.ts";

export const endToken = "<|endoftext|>";
export const maskToken = "<|mask|>";
export const unknownToken = "<unk>";
const ownSpecials = [endToken, maskToken];

type Model = TokenizerJson["model"];

function assemble(tokens: readonly string[], model: Model, parts: Partial<TokenizerJson>): Tokenizer {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const added_tokens = ownSpecials.map((content, index) => ({
    id: tokens.length + index,
    content,
    ...flags,
  }));
  const shape = { version: "1.0", truncation: null, padding: null, normalizer: null, post_processor: null };
  const tokenizer: TokenizerJson = { ...shape, added_tokens, ...parts, model: { ...model, vocab } };
  const specialTokens = {
    eos_token: endToken,
    pad_token: endToken,
    mask_token: maskToken,
    ...(model.type === "WordLevel" ? { unk_token: unknownToken } : {}),
  };
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    clean_up_tokenization_spaces: false,
    ...specialTokens,
  };
  return createTokenizer({ tokenizer, config, specialTokens });
}

const byteLevel = (useRegex: boolean) => {
  const part = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
  return { pre_tokenizer: part, decoder: part };
};

const bpeModel = (merges: readonly string[]): Model => ({
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  merges,
});

export function byteTokenizer(): Tokenizer {
  return assemble(byteCharacters, bpeModel([]), byteLevel(false));
}

export function bpeTokenizer(merges: readonly Merge[]): Tokenizer {
  const tokens = new Set([...alphabet, ...merges.map(([left, right]) => left + right)]);
  const spelled = merges.map(([left, right]) => `${left} ${right}`);
  return assemble([...tokens], bpeModel(spelled), byteLevel(true));
}

export function wordTokenizer(words: readonly string[]): Tokenizer {
  const reserved = new Set([...ownSpecials, unknownToken]);
  const seen = new Set<string>();
  for (const word of words) {
    let problem: string | undefined;
    if (!/^\S+$/.test(word)) problem = "is empty or holds whitespace";
    else if (reserved.has(word)) problem = "is a special token";
    else if (seen.has(word)) problem = "occurs twice";
    if (problem !== undefined) {
      const message = `The word ${JSON.stringify(word)} ${problem}; give each word once, without whitespace`;
      throw new UsageError(message, { word });
    }
    seen.add(word);
  }
  const model = { type: "WordLevel", unk_token: unknownToken };
  const parts = { pre_tokenizer: { type: "WhitespaceSplit" }, decoder: null };
  return assemble([...words, unknownToken], model, parts);
}

/** The vocabulary of these texts, commonest word first, equal ones by code unit; `limit` keeps the first so many. */
export function trainWordTokenizer(texts: Iterable<string>, limit = Number.POSITIVE_INFINITY): Tokenizer {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(/\S+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  for (const reserved of [...ownSpecials, unknownToken]) counts.delete(reserved);
  const order = [...counts].sort(([a, many], [b, few]) => few - many || (a < b ? -1 : 1));
  return wordTokenizer(order.slice(0, limit).map(([word]) => word));
}

/** `size` counts every token, specials included; a small corpus may give fewer. */
export function trainBpeTokenizer(texts: Iterable<string>, { size, ...options }: BpeOptions): Tokenizer {
  const least = 256 + ownSpecials.length;
  if (!Number.isInteger(size) || size < least) {
    throw new UsageError(
      `A BPE vocabulary of ${size} tokens was asked for; give an integer of at least ${least}`,
      {
        size,
      },
    );
  }
  return bpeTokenizer(trainBpe(texts, { size: size - ownSpecials.length, ...options }));
}
