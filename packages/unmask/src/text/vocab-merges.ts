// A tokenizer without tokenizer.json: vocab.json (token -> id) and merges.txt (a pair a line, in the order learnt), as
// Dream's, SDAR's and old GPT-2 folders have. What tokenizer.json would say beyond them, the tokenizer's class knows.
//
//   Qwen2Tokenizer, DreamTokenizer   NFC; Qwen2's pattern with single digits; byte-level; no prefix space
//   GPT2Tokenizer                    nothing normalised; GPT-2's pattern; byte-level
//
// A class also names special tokens where the files say nothing of them; `null` in a file means none.
import { UnsupportedError } from "../base/errors.ts";
import { namedSpecials } from "./special-tokens.ts";
import { isRecord, refuse, type TokenizerFiles, type TokenizerJson } from "./tokenizer-json.ts";
import { qwen2Pattern } from "./word-cutter.ts";

const byteLevel = (use_regex: boolean, add_prefix_space: boolean) => ({
  type: "ByteLevel",
  add_prefix_space,
  trim_offsets: false,
  use_regex,
});

const endOfText = "<|endoftext|>";

interface TokenizerClass {
  readonly shape: (config: TokenizerFiles["config"]) => Partial<TokenizerJson>;
  readonly names: Readonly<Record<string, string>>;
}

const qwen2: TokenizerClass = {
  shape: () => ({
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: qwen2Pattern }, behavior: "Isolated", invert: false },
        byteLevel(false, false),
      ],
    },
  }),
  names: { unk_token: endOfText, eos_token: endOfText, pad_token: endOfText },
};

const gpt2: TokenizerClass = {
  shape: (config) => ({
    normalizer: null,
    pre_tokenizer: byteLevel(true, config.add_prefix_space === true),
  }),
  names: { unk_token: endOfText, bos_token: endOfText, eos_token: endOfText },
};

const classes: Readonly<Record<string, TokenizerClass>> = {
  Qwen2Tokenizer: qwen2,
  Qwen2TokenizerFast: qwen2,
  DreamTokenizer: qwen2,
  GPT2Tokenizer: gpt2,
  GPT2TokenizerFast: gpt2,
};

export interface VocabMerges extends Pick<TokenizerFiles, "config" | "specialTokens"> {
  readonly vocab: Readonly<Record<string, unknown>>;
  readonly merges: string;
}

/** The files that tokenizer.json would stand for. `source` names vocab.json in messages. */
export function fromVocabMerges(
  { vocab, merges, config, specialTokens = {} }: VocabMerges,
  source: string,
): TokenizerFiles {
  const name = config.tokenizer_class;
  const known = typeof name === "string" && Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (known === undefined) {
    const said = name === undefined ? "names no tokenizer class" : `is of the class ${JSON.stringify(name)}`;
    const message = `${source}: the tokenizer ${said}, and without tokenizer.json only ${Object.keys(classes).join(", ")} can be read; save it with Hugging Face transformers as a fast tokenizer`;
    throw new UnsupportedError(message, { file: source, class: name });
  }
  const ids = vocab as Record<string, number>;
  const decoder = config.added_tokens_decoder;
  const added = new Set(
    Object.values(isRecord(decoder) ? decoder : {}).map((entry) => isRecord(entry) && entry.content),
  );
  const names = Object.fromEntries(
    Object.entries(known.names).filter(([role, text]) => {
      const silent = config[role] === undefined && specialTokens[role] === undefined;
      return silent && (Object.hasOwn(ids, text) || added.has(text));
    }),
  );
  const complete = { ...names, ...config };
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const specials = [...namedSpecials({ config: complete, specialTokens })];
  const tokenizer: TokenizerJson = {
    version: "1.0",
    added_tokens: specials
      .filter((content) => Object.hasOwn(ids, content))
      .map((content) => ({ id: ids[content]!, content, ...flags })),
    ...known.shape(config),
    post_processor: null,
    decoder: byteLevel(true, false),
    model: { type: "BPE", vocab: ids, merges: mergesOf(merges, source) },
  };
  return { tokenizer, config: complete, specialTokens };
}

function mergesOf(text: string, source: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  return lines.filter((line, index) => {
    if (line === "") return false;
    if (line.split(" ").length === 2) return true;
    return refuse(source, `line ${index + 1} of merges.txt, ${JSON.stringify(line)}, is no pair of tokens`);
  });
}
