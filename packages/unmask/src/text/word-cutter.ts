// Pre-tokenisation: cutting a text into the words inside which byte pairs are merged, as tokenizer.json describes it.
//
// Supported here: any sequence of `Split` (isolated or removed) and `Digits` that ends in `ByteLevel` without a prefix
// space; that covers GPT-2, Qwen2, Llama 3 and their kin. Anything else gives undefined and is left to the library.
//
// Patterns are written for Oniguruma. The library translates them for JavaScript; three places where engines differ
// are settled here as Oniguruma does (checked against it, by way of jq):
// - white space is Unicode's: U+0085 is, U+FEFF is not (JavaScript's `\s` says the opposite);
// - ignoring case, the long s (U+017F) equals `s` in the contractions of Qwen2 and Llama 3;
// - a digit (`Digits`) is any \p{N}.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import type { Part } from "./tokenizer-json.ts";
import { wordPattern } from "./train-bpe.ts";

export type Cutter = (text: string) => string[];

/** Qwen2's pattern: contractions, letters after at most one other character, single digits, other runs, line ends. */
export const qwen2Pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

// ignoring case, spelled out with the long s that the library's translation forgets
const contractions = [
  ["(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS\u017f]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"],
  ["'(?i:[sdmt]|ll|ve|re)", "'(?:[sS\u017fdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])"],
] as const;

/** The cutter that a pre-tokenizer describes, or undefined if it is none of ours. */
export function wordCutter(preTokenizer: Part | null | undefined, source: string): Cutter | undefined {
  if (preTokenizer?.type === undefined) return undefined;
  const parts = preTokenizer.type === "Sequence" ? preTokenizer.pretokenizers : [preTokenizer];
  if (!Array.isArray(parts)) return undefined;
  const last = parts.at(-1) as Part | undefined;
  if (last?.type !== "ByteLevel" || last.add_prefix_space === true) return undefined;
  const stages: Cutter[] = [];
  for (const part of parts.slice(0, -1)) {
    const stage = stageOf(part, source);
    if (stage === undefined) return undefined;
    stages.push(stage);
  }
  if (last.use_regex !== false) stages.push((text) => text.match(wordPattern) ?? []);
  const [only] = stages;
  if (stages.length === 1 && only !== undefined) return only;
  return (text) => stages.reduce((words, stage) => words.flatMap(stage), text === "" ? [] : [text]);
}

function stageOf(part: unknown, source: string): Cutter | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  const { type, individual_digits } = part as Part;
  if (type === "Digits") return isolated(individual_digits === true ? /\p{N}/gu : /\p{N}+/gu);
  if (type !== "Split") return undefined;
  const { behavior, invert } = part as Part;
  const pattern = compile(part as Part, source);
  const kind = String(behavior).toLowerCase();
  if (kind === "isolated") return isolated(pattern);
  if (kind === "removed") {
    return invert === true
      ? (text) => text.match(pattern)?.filter((word) => word !== "") ?? []
      : gaps(pattern);
  }
  const message = `${source} splits text with the behaviour ${JSON.stringify(behavior)}, which is not supported; Isolated and Removed are`;
  throw new UnsupportedError(message, { file: source, behavior });
}

/** Matches and what lies between them, each a word. */
function isolated(pattern: RegExp): Cutter {
  return (text) => {
    const words: string[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > from) words.push(text.slice(from, match.index));
      if (match[0] !== "") words.push(match[0]);
      from = match.index + match[0].length;
    }
    if (from < text.length) words.push(text.slice(from));
    return words;
  };
}

/** What lies between matches; `split` would add what groups capture. */
function gaps(pattern: RegExp): Cutter {
  return (text) => {
    const ends = [...text.matchAll(pattern)].map(
      ({ index, 0: { length } }) => [index, index + length] as const,
    );
    const words = [...ends, [text.length, 0] as const].map(([end], index) =>
      text.slice(ends[index - 1]?.[1] ?? 0, end),
    );
    return words.filter((word) => word !== "");
  };
}

function compile({ pattern }: Part, source: string): RegExp {
  const { Regex, String: literal } = (pattern ?? {}) as { Regex?: unknown; String?: unknown };
  if (typeof literal === "string" && literal !== "") {
    return new RegExp(literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "gu");
  }
  if (typeof Regex === "string") {
    const exact = contractions.reduce((text, [from, to]) => text.replaceAll(from, to), Regex);
    try {
      return translate(exact);
    } catch (cause) {
      const message = `${source}: the pattern ${JSON.stringify(Regex)} cannot be used (${(cause as Error).message}); fetch the tokenizer again`;
      throw new CheckpointError(message, { file: source, pattern: Regex }, { cause });
    }
  }
  const message = `${source}: a Split has the pattern ${JSON.stringify(pattern)}, neither Regex nor String; fetch the tokenizer again`;
  throw new CheckpointError(message, { file: source });
}

/** Oniguruma's spelling to JavaScript's, by a library tokenizer that does nothing else. */
function translate(Regex: string): RegExp {
  const none = { normalizer: null, post_processor: null, decoder: null, added_tokens: [] };
  const model = { type: "BPE", vocab: {}, merges: [] };
  const pre_tokenizer = { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
  const { pattern } = new Library({ ...none, model, pre_tokenizer }, {}).pre_tokenizer as unknown as {
    pattern: RegExp;
  };
  return pattern;
}
