import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnmaskError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import { byteCharacters } from "./byte-level.ts";
import {
  dreamFolder,
  type ExampleFolder,
  exampleText,
  gpt2Folder,
  lladaFolder,
  sdarFolder,
} from "./example-checkpoints.ts";
import { byteTokenizer } from "./new-tokenizer.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "./tokenizer-files.ts";
import { fromVocabMerges } from "./vocab-merges.ts";

const makers = { llada: lladaFolder, dream: dreamFolder, sdar: sdarFolder, gpt2: gpt2Folder };
type Name = keyof typeof makers;
const names = Object.keys(makers) as Name[];

let root: string;
const examples: Record<string, ExampleFolder> = {};
const tokenizers: Record<string, Tokenizer> = {};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "unmask-checkpoints-"));
  for (const name of names) {
    examples[name] = makers[name]();
    await write(name, examples[name].files);
    tokenizers[name] = await loadTokenizer(join(root, name));
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function write(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
  return folder;
}

const splitter = (Regex: string) => ({
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, use_regex: false },
  ],
});

const space = "\\p{White_Space}";
const oraclePatterns = {
  qwen2: `'(?:[sS\u017f]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^${space}\\p{L}\\p{N}]+[\\r\\n]*|${space}*[\\r\\n]+|${space}+(?!\\P{White_Space})|${space}+`,
  gpt2: `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!\\P{White_Space})|${space}+`,
};

const edgeCases = [
  "I'm sure we'LL",
  "x'\u017fy",
  "1234 5",
  "a\n\nb\r\n  c",
  "  two  ",
  "x\ufeffy\u0085",
  " \u00a0 z",
  "..\r\n",
];

/** The slow truth: every merge of the list, in its order, over the whole word. */
function oracle(name: Name, text: string): number[] {
  const { merges, vocab } = examples[name]!;
  const pattern = new RegExp(name === "gpt2" ? oraclePatterns.gpt2 : oraclePatterns.qwen2, "gu");
  const normal = name === "dream" || name === "sdar" ? text.normalize("NFC") : text;
  return (normal.match(pattern) ?? []).flatMap((word) => {
    let parts = Array.from(new TextEncoder().encode(word), (byte) => byteCharacters[byte]!);
    for (const [left, right] of merges) {
      const merged: string[] = [];
      for (const part of parts) {
        if (part === right && merged.at(-1) === left) merged[merged.length - 1] = left + right;
        else merged.push(part);
      }
      parts = merged;
    }
    return parts.map((part) => vocab[part]!);
  });
}

const letters = Array.from(exampleText);

function randomText(sequence: number): string {
  const draw = generator({ seed: 11, stream: streams.story, sequence, step: 0 });
  const kinds = [
    () => String.fromCodePoint(32 + Math.floor(draw() * 95)),
    () =>
      letters
        .slice(Math.floor(draw() * 300))
        .slice(0, 1 + Math.floor(draw() * 12))
        .join(""),
    () =>
      ["\n", "\r\n", "\t", "  ", "\u0085", "\ufeff", "\u3000", "e\u0301", "\u1100\u1161", "'s", "'LL"][
        Math.floor(draw() * 11)
      ]!,
    () => String.fromCodePoint(0xa0 + Math.floor(draw() * 0x2000)),
    () => String.fromCodePoint(0x1f300 + Math.floor(draw() * 0x300)),
  ];
  return Array.from({ length: Math.floor(draw() * 50) }, () =>
    kinds[Math.floor(draw() * kinds.length)]!(),
  ).join("");
}

describe.each(names)("%s", (name) => {
  it("gives the ids of the slow truth, and the text back", () => {
    const tokenizer = tokenizers[name]!;
    expect(tokenizer.kind).toBe("bpe");
    const texts = [exampleText, ...edgeCases, "the".repeat(200), "x y".repeat(90)];
    for (let sequence = 0; sequence < 300; sequence++) texts.push(randomText(sequence));
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      expect(Array.from(ids), JSON.stringify(text)).toEqual(oracle(name, text));
      expect(Array.from(tokenizer.encode(text, { specials: true }))).toEqual(Array.from(ids));
      const normal = name === "dream" || name === "sdar" ? text.normalize("NFC") : text;
      expect(tokenizer.decode(ids)).toBe(normal);
    }
  });

  it("keeps special tokens out of plain text, and finds them when asked", () => {
    const tokenizer = tokenizers[name]!;
    for (const [text, id] of tokenizer.specialTokens) {
      const written = `the${text} cat`;
      expect(tokenizer.encode(written).includes(id)).toBe(false);
      expect(tokenizer.decode(tokenizer.encode(written))).toBe(written);
      const parts = [...oracle(name, "the"), id, ...oracle(name, " cat")];
      expect(Array.from(tokenizer.encode(written, { specials: true }))).toEqual(parts);
      const second = tokenizer.encode(text + text, { specials: (start) => start > 0 });
      expect(Array.from(second)).toEqual([...tokenizer.encode(text), id]);
    }
  });

  it("is saved byte for byte, and loads again", async () => {
    const folder = await write(`${name}-copy`, { "tokenizer.json": "{}", "vocab.json": "{}" });
    await saveTokenizer(tokenizers[name]!, folder);
    const { files } = examples[name]!;
    expect((await readdir(folder)).sort()).toEqual(Object.keys(files).sort());
    for (const [file, content] of Object.entries(files)) {
      expect(await readFile(join(folder, file), "utf8")).toBe(content);
    }
    expect((await loadTokenizer(folder)).hash).toBe(tokenizers[name]!.hash);
  });
});

describe("special tokens", () => {
  it("are found in whichever file names them", () => {
    const at = (name: Name, text: string) => tokenizers[name]!.tokenToId(text);
    expect(tokenizers.llada!.specials).toEqual({
      bos: at("llada", "<|startoftext|>"),
      eos: at("llada", "<|endoftext|>"),
      pad: at("llada", "<|endoftext|>"),
      mask: at("llada", "<|mdm_mask|>"),
      endOfTurn: [at("llada", "<|eot_id|>")],
    });
    expect(tokenizers.dream!.specials).toEqual({
      bos: at("dream", "<|beginoftext|>"),
      eos: at("dream", "<|endoftext|>"),
      pad: at("dream", "<|endoftext|>"),
      unknown: at("dream", "<|endoftext|>"),
      mask: at("dream", "<|mask|>"),
      endOfTurn: [at("dream", "<|im_end|>")],
    });
    expect(tokenizers.sdar!.specials).toEqual({
      eos: at("sdar", "<|endoftext|>"),
      pad: at("sdar", "<|endoftext|>"),
      mask: tokenizers.sdar!.vocabularySize - 1,
      endOfTurn: [at("sdar", "<|im_end|>")],
    });
    const size = Object.keys(examples.gpt2!.vocab).length;
    const end = { bos: size - 1, eos: size - 1, unknown: size - 1 };
    expect(tokenizers.gpt2!.specials).toEqual({ ...end, mask: size, pad: size + 1 });
  });

  it("tokens that are not special are vocabulary: ids in any text, and shown when specials are hidden", () => {
    const tokenizer = tokenizers.sdar!;
    const think = tokenizer.tokenToId("<think>")!;
    expect(tokenizer.encode("<think> a").at(0)).toBe(think);
    const end = tokenizer.tokenToId("<|im_end|>")!;
    expect(tokenizer.decode([think, end], { skipSpecials: true })).toBe("<think>");
  });

  it("adds the tokens of tokenizer_config.json to a tokenizer.json that lacks them", async () => {
    const { files } = examples.llada!;
    const config = {
      ...JSON.parse(files["tokenizer_config.json"]!),
      added_tokens_decoder: { "406": { content: "[MASK]", special: true } },
    };
    const both = { ...files, "tokenizer_config.json": JSON.stringify(config) };
    const tokenizer = await loadTokenizer(await write("added", both));
    expect(tokenizer.tokenToId("[MASK]")).toBe(406);
    expect(tokenizer.specials.mask).toBeUndefined(); // two masks, none named
    expect(Array.from(tokenizer.encode("[MASK]", { specials: true }))).toEqual([406]);
    const named = { ...both, "special_tokens_map.json": '{"mask_token": {"content": "[MASK]"}}' };
    expect((await loadTokenizer(await write("added", named))).specials.mask).toBe(406);
  });

  it("reads added_tokens.json, where only named tokens are special", async () => {
    const { files, vocab } = examples.dream!;
    const size = Object.keys(vocab).length;
    const folder = await write("legacy", {
      "vocab.json": files["vocab.json"]!,
      "merges.txt": files["merges.txt"]!,
      "added_tokens.json": JSON.stringify({ "<|endoftext|>": size, "<|im_end|>": size + 1, "<x>": size + 2 }),
      "tokenizer_config.json": '{"tokenizer_class": "Qwen2Tokenizer"}',
      "special_tokens_map.json":
        '{"eos_token": "<|endoftext|>", "additional_special_tokens": ["<|im_end|>"]}',
    });
    const tokenizer = await loadTokenizer(folder);
    expect([...tokenizer.specialTokens.keys()]).toEqual(["<|endoftext|>", "<|im_end|>"]);
    expect(tokenizer.specials).toMatchObject({ eos: size, endOfTurn: [size + 1] });
    expect(tokenizer.encode("<x>")).toEqual(Int32Array.of(size + 2));
  });

  it("swallows white space beside tokens that strip, and minds single words", () => {
    const { files } = byteTokenizer();
    const token = { special: true, normalized: false };
    const added_tokens = [
      ...files.tokenizer.added_tokens!,
      { ...token, id: 258, content: "<l>", lstrip: true },
      { ...token, id: 259, content: "<r>", rstrip: true },
      { ...token, id: 260, content: "one", single_word: true },
    ];
    const tokenizer = createTokenizer({ ...files, tokenizer: { ...files.tokenizer, added_tokens } });
    const show = (text: string) =>
      Array.from(tokenizer.encode(text, { specials: true }), (id) =>
        id < 256 ? String.fromCharCode(id) : id,
      );
    expect(show("a  <l> b")).toEqual(["a", 258, " ", "b"]);
    expect(show("a <r> \n b")).toEqual(["a", " ", 259, "b"]);
    expect(show("one, onea")).toEqual([260, ",", " ", "o", "n", "e", "a"]);
  });
});

describe("what cannot be used", () => {
  const dream = (changes: Record<string, string | undefined>) => {
    const files = { ...examples.dream!.files, ...changes };
    return Object.fromEntries(Object.entries(files).filter(([, content]) => content !== undefined)) as Record<
      string,
      string
    >;
  };
  it.each([
    ["without merges", { "merges.txt": undefined }, /not both vocab.json and merges.txt \(only vocab.json\)/],
    [
      "of an unknown class",
      { "tokenizer_config.json": '{"tokenizer_class": "BertTokenizer"}' },
      /class "BertTokenizer".*fast tokenizer/,
    ],
    ["of no class", { "tokenizer_config.json": undefined }, /names no tokenizer class/],
    [
      "with a foreign merge",
      { "merges.txt": "#version: 0.2\nq qq\n" },
      /merge 1, "q qq", uses or makes a token/,
    ],
    ["with a torn merge", { "merges.txt": "abc\n" }, /line 1 of merges.txt, "abc", is no pair/],
    [
      "with a list of added tokens",
      { "tokenizer_config.json": '{"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": [1]}' },
      /"added_tokens_decoder".*is no object/,
    ],
    [
      "with an odd added token",
      { "tokenizer_config.json": '{"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {"x": {}}}' },
      /no token at "x"/,
    ],
    [
      "with a token of two ids",
      { "added_tokens.json": '{"<|mask|>": 9999}' },
      /"<\|mask\|>" has the ids \d+ and 9999/,
    ],
    ["with an empty added token", { "added_tokens.json": '{"": 9999}' }, /empty token/],
  ] as const)("a folder %s: one sentence", async (_name, changes, message) => {
    const folder = await write("broken", dream(changes));
    const failed = loadTokenizer(folder);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(folder);
    await expect(failed).rejects.toBeInstanceOf(UnmaskError);
  });

  it("a merge that spells a special token is never made", () => {
    const vocab = Object.fromEntries([...byteCharacters, "<m", "<m>"].map((token, id) => [token, id]));
    const config = { tokenizer_class: "GPT2Tokenizer", mask_token: "<m>" };
    const files = fromVocabMerges({ vocab, merges: "< m\n<m >\n", config }, "vocab.json");
    for (const ignore_merges of [false, true]) {
      const model = { ...files.tokenizer.model, ignore_merges };
      const tokenizer = createTokenizer({
        ...files,
        tokenizer: { ...files.tokenizer, pre_tokenizer: splitter("<m>"), model },
      });
      expect(tokenizer.encode("<m>")).toEqual(Int32Array.of(256, 0x3e));
      expect(tokenizer.encode("<m>", { specials: true })).toEqual(Int32Array.of(257));
    }
  });

  it("two thousand damaged folders: an UnmaskError or a tokenizer that works", () => {
    const { files } = examples.sdar!;
    const parts = ["vocab.json", "tokenizer_config.json", "special_tokens_map.json"] as const;
    for (let trial = 0; trial < 2000; trial++) {
      const name = parts[trial % 3]!;
      const whole = files[name]!;
      const at = (trial * 7919) % whole.length;
      const junk = ["null", "{}", "7", '"', ",", "", "[]", "true"][trial % 8]!;
      const text = whole.slice(0, at) + junk + whole.slice(at + 1 + (trial % 5));
      try {
        const parsed = Object.fromEntries(
          parts.map((part) => [part, JSON.parse(part === name ? text : files[part]!)]),
        );
        const [vocab, config, specialTokens] = parts.map((part) => parsed[part]);
        const made = fromVocabMerges(
          { vocab, merges: files["merges.txt"]!, config, specialTokens },
          "vocab.json",
        );
        const tokenizer = createTokenizer(made, "vocab.json");
        tokenizer.decode(tokenizer.encode("the cat <|im_end|> 12", { specials: true }));
      } catch (error) {
        if (!(error instanceof SyntaxError))
          expect(error, text.slice(at - 40, at + 40)).toBeInstanceOf(UnmaskError);
      }
    }
  });
});

it("encodes long runs in bounded time", () => {
  const started = performance.now();
  for (const text of [
    " ".repeat(300_000),
    "\n".repeat(300_000),
    "the".repeat(100_000),
    "7".repeat(300_000),
  ]) {
    expect(tokenizers.dream!.decode(tokenizers.dream!.encode(text))).toBe(text);
  }
  expect(performance.now() - started).toBeLessThan(20_000);
});
