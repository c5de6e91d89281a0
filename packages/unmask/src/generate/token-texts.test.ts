import { expect, it } from "vitest";
import { byteTokenizer } from "../text/new-tokenizer.ts";
import { createTokenizer } from "../text/tokenizer.ts";
import { piecesOf } from "../trajectory/token-texts.ts";
import { tokenTexts } from "./token-texts.ts";

const joined = (ids: ArrayLike<number>, texts: ReturnType<typeof tokenTexts>) =>
  piecesOf(Array.from(ids), texts).join("");

it("byte tokens that are parts of a character keep their bytes", () => {
  const tokenizer = byteTokenizer();
  const text = "naïve 日本 🪁\n";
  const ids = tokenizer.encode(text);
  const texts = tokenTexts(tokenizer, ids);
  expect(joined(ids, texts)).toBe(text);
  expect(JSON.parse(JSON.stringify(texts))).toEqual(texts);
});

it("words are joined by spaces, and specials are their text", () => {
  const tokenizer = createTokenizer({
    tokenizer: {
      model: { type: "WordLevel", vocab: { "<mask>": 0, a: 1, b: 2 }, unk_token: "a" },
      pre_tokenizer: { type: "WhitespaceSplit" },
      added_tokens: [{ id: 0, content: "<mask>", special: true }],
    },
    config: {},
  });
  const texts = tokenTexts(tokenizer, [2, 0, 1, 77]);
  expect(texts).toEqual({ between: " ", texts: { 0: "<mask>", 1: "a", 2: "b" } });
  expect(joined([1, 0, 2], texts)).toBe("a <mask> b");
});

it("tokens of SentencePiece's kind keep the space in front, and their bytes", () => {
  const vocab = { "<unk>": 0, "▁a": 1, b: 2, "<0xC3>": 3, "<0xA9>": 4 };
  const tokenizer = createTokenizer({
    tokenizer: {
      model: { type: "BPE", vocab, merges: [], unk_token: "<unk>", byte_fallback: true },
      normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
    },
    config: {},
  });
  expect(tokenizer.kind).toBe("library");
  const texts = tokenTexts(tokenizer, [1, 2, 3, 4]);
  expect(texts.texts).toEqual({ 1: " a", 2: "b", 3: [0xc3], 4: [0xa9] });
  expect(joined([1, 2, 3, 4, 1], texts)).toBe(" abé a");
});
