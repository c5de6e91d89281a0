import { Tokenizer as Library } from "@huggingface/tokenizers";
import { beforeAll, describe, expect, it } from "vitest";
import { generator, streams } from "../base/rng.ts";
import {
  byteTokenizer,
  maskToken,
  trainBpeTokenizer,
  trainWordTokenizer,
  wordTokenizer,
} from "./new-tokenizer.ts";
import { createTokenizer, type Tokenizer, type TokenizerFiles } from "./tokenizer.ts";

const corpus =
  "the cat sat on the mat. The cat's mat isn't the dog's mat, is it?\n 12 cats, 345 dogs\n".repeat(20);
const texts = [
  "",
  " ",
  "  leading and trailing  ",
  "\r\nline\r\n\r\n\ttab\n",
  "plain ascii, isn't it? 12,345",
  "Grüße, ñandú, e\u0301 (combining), Z\u0300\u0301\u0302algo",
  "猫は好きです。中文字符 한국어",
  "🙂👩‍👩‍👧‍👦🇨🇭 👍🏽",
  "\uFEFFmark at the start and \uFEFF inside",
  "\u0000\u0001\u007f\u0085\u00a0\u00ad\u2028\u3000",
  "a<|mask|>b <|endoftext|> <|mask|> <unk>",
  "x".repeat(5000),
  "Ġ Ċ ā literal spelling characters",
];

function randomText(sequence: number): string {
  const draw = generator({ seed: 2, stream: streams.story, sequence, step: 0 });
  const ranges = [0x80, 0x80, 0x250, 0x1000, 0x10000, 0x110000];
  const character = () => {
    const code = Math.floor(draw() * ranges[Math.floor(draw() * ranges.length)]!);
    return code >= 0xd800 && code < 0xe000 ? " " : String.fromCodePoint(code);
  };
  return Array.from({ length: Math.floor(draw() * 60) }, character).join("");
}

const randomTexts = Array.from({ length: 300 }, (_, sequence) => randomText(sequence));

const throughJson = (files: TokenizerFiles): TokenizerFiles => JSON.parse(JSON.stringify(files));
const libraryOf = ({ tokenizer, config }: TokenizerFiles) =>
  new Library(throughJson({ tokenizer, config }).tokenizer, config);

const made: Record<string, Tokenizer> = {};
beforeAll(() => {
  made.bytes = byteTokenizer();
  made.bpe = trainBpeTokenizer([corpus], { size: 320 });
  made.words = trainWordTokenizer([corpus]);
});

describe.each(["bytes", "bpe"])("%s", (kind) => {
  it("gives every text back exactly", () => {
    const tokenizer = made[kind]!;
    expect(tokenizer.kind).toBe(kind);
    for (const text of [...texts, ...randomTexts]) {
      const ids = tokenizer.encode(text);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(ids.every((id) => id >= 0 && id < tokenizer.vocabularySize - 2)).toBe(true);
    }
  });

  it("agrees with @huggingface/tokenizers on ids and text, specials included", () => {
    const tokenizer = made[kind]!;
    const library = libraryOf(tokenizer.files);
    for (const text of [...texts, ...randomTexts]) {
      const { ids } = library.encode(text, { add_special_tokens: false });
      expect(Array.from(tokenizer.encode(text, { specials: true }))).toEqual(ids);
      if (ids.length > 0) expect(library.decode(ids)).toBe(tokenizer.decode(ids));
    }
  });

  it("streams the same text in any cuts, never taking back or showing half a character", () => {
    const tokenizer = made[kind]!;
    for (const [index, text] of [...texts, ...randomTexts].entries()) {
      const ids = tokenizer.encode(text);
      const draw = generator({ seed: 3, stream: streams.story, sequence: index, step: 0 });
      const stream = tokenizer.stream();
      let shown = "";
      for (let at = 0; at < ids.length; ) {
        const next = at + 1 + Math.floor(draw() * 3);
        shown += stream.push(ids.slice(at, next));
        expect(text.startsWith(shown)).toBe(true);
        at = next;
      }
      expect(shown + stream.end()).toBe(text);
    }
  });

  it("shows a broken character as U+FFFD, at the end or before a special token only", () => {
    const tokenizer = made[kind]!;
    const cat = Array.from(new TextEncoder().encode("猫"), (byte) => made.bytes!.idToToken(byte)!);
    const ids = cat.map((token) => tokenizer.tokenToId(token)!);
    const stream = tokenizer.stream();
    expect([stream.push(ids.slice(0, 1)), stream.push(ids.slice(1, 2)), stream.push(ids.slice(2))]).toEqual([
      "",
      "",
      "猫",
    ]);
    expect([stream.push(ids.slice(0, 2)), stream.end(), stream.end()]).toEqual(["", "\uFFFD", ""]);
    const mask = tokenizer.specials.mask!;
    expect(tokenizer.decode([ids[0]!, mask, ...ids])).toBe(`\uFFFD${maskToken}猫`);
    expect(tokenizer.decode([ids[0]!, mask, ...ids], { skipSpecials: true })).toBe("\uFFFD猫");
  });
});

describe("special tokens", () => {
  it.each(["bytes", "bpe", "words"])(
    "%s: end and mask stand last, and cannot be written in user text",
    (kind) => {
      const tokenizer = made[kind]!;
      const { mask, eos, pad } = tokenizer.specials;
      expect([mask, eos, pad]).toEqual([
        tokenizer.vocabularySize - 1,
        tokenizer.vocabularySize - 2,
        tokenizer.vocabularySize - 2,
      ]);
      expect(tokenizer.idToToken(mask!)).toBe("<|mask|>");
      expect(tokenizer.tokenToId("<|endoftext|>")).toBe(eos);
      const written = "the <|mask|> sat<|endoftext|>";
      const plain = tokenizer.encode(written);
      expect(plain.includes(mask!) || plain.includes(eos!)).toBe(false);
      const meant = tokenizer.encode(written, { specials: true });
      expect(meant.filter((id) => id === mask).length).toBe(1);
      expect(meant.at(-1)).toBe(eos);
      expect(tokenizer.decode(meant, { skipSpecials: true })).not.toContain("<|");
    },
  );

  it("decodes ids outside the vocabulary to U+FFFD", () => {
    for (const tokenizer of Object.values(made)) {
      expect(tokenizer.decode([tokenizer.vocabularySize])).toBe("\uFFFD");
      expect(tokenizer.decode([-1])).toBe("\uFFFD");
      expect(tokenizer.decode([])).toBe("");
    }
  });
});

describe("bytes", () => {
  it("has id = byte and 258 tokens", () => {
    expect(Array.from(made.bytes!.encode("Aé\n"))).toEqual([0x41, 0xc3, 0xa9, 0x0a]);
    expect(made.bytes!.vocabularySize).toBe(258);
  });
});

describe("words", () => {
  it("keeps the given order and decodes with single spaces", () => {
    const tokenizer = wordTokenizer(["Ann", "sat", ".", "__proto__", "constructor", "7"]);
    expect(tokenizer.vocabularySize).toBe(9);
    expect(Array.from(tokenizer.encode(" Ann\nsat  . 7 __proto__ constructor"))).toEqual([0, 1, 2, 5, 3, 4]);
    expect(tokenizer.decode([0, 1, 2])).toBe("Ann sat .");
    expect(tokenizer.specials).toEqual({ eos: 7, pad: 7, mask: 8, unknown: 6 });
    const again = createTokenizer(throughJson(tokenizer.files));
    expect(Array.from(again.encode("constructor __proto__ 7"))).toEqual([4, 3, 5]);
  });

  it("gives <unk> for unknown words, also for a special token written out", () => {
    const tokenizer = wordTokenizer(["a"]);
    expect(Array.from(tokenizer.encode("a b <|mask|> toString"))).toEqual([0, 1, 1, 1]);
    expect(Array.from(tokenizer.encode("a<|mask|>b", { specials: true }))).toEqual([0, 3, 1]);
  });

  it("orders a trained vocabulary by count, then code unit, within the limit", () => {
    const tokens = (tokenizer: Tokenizer) => Array.from({ length: 3 }, (_, id) => tokenizer.idToToken(id));
    expect(tokens(trainWordTokenizer(["b a c", "c <|mask|> <unk>"]))).toEqual(["c", "a", "b"]);
    expect(trainWordTokenizer(["b a c", "c"], 1).vocabularySize).toBe(4);
  });

  it("agrees with @huggingface/tokenizers on known words", () => {
    const library = libraryOf(made.words!.files);
    const { ids } = library.encode(corpus, { add_special_tokens: false });
    expect(Array.from(made.words!.encode(corpus))).toEqual(ids);
    expect(made.words!.decode(ids)).toBe(library.decode(ids));
  });

  it("streams with spaces between pushes", () => {
    const stream = wordTokenizer(["a", "b"]).stream({ skipSpecials: true });
    expect([stream.push([0]), stream.push([4]), stream.push([1, 0]), stream.end(), stream.push([1])]).toEqual(
      ["a", "", " b a", "", "b"],
    );
  });

  it.each([["a b"], [""], ["<|mask|>"], ["<unk>"]])("refuses the word %j", (word) => {
    expect(() => wordTokenizer(["x", word])).toThrow(JSON.stringify(word));
  });

  it("refuses a word given twice", () => {
    expect(() => wordTokenizer(["x", "x"])).toThrow('The word "x" occurs twice');
  });
});

describe("library kind", () => {
  it("reads a tokenizer that we would not make, and streams it without taking text back", () => {
    const vocab = { "[UNK]": 0, "[MASK]": 1, un: 2, "##mask": 3, "##ing": 4, "!": 5, "##able": 6 };
    const tokenizer = createTokenizer({
      tokenizer: {
        added_tokens: [
          { id: 0, content: "[UNK]", special: true },
          { id: 1, content: "[MASK]", special: true },
        ],
        normalizer: { type: "Lowercase" },
        pre_tokenizer: { type: "BertPreTokenizer" },
        decoder: { type: "WordPiece", prefix: "##", cleanup: false },
        model: {
          type: "WordPiece",
          unk_token: "[UNK]",
          max_input_chars_per_word: 100,
          continuing_subword_prefix: "##",
          vocab,
        },
      },
      config: {},
      specialTokens: { mask_token: { content: "[MASK]" }, unk_token: "[UNK]" },
    });
    expect(tokenizer.kind).toBe("library");
    expect(tokenizer.specials).toEqual({ mask: 1, unknown: 0 });
    expect(Array.from(tokenizer.encode("Unmasking !"))).toEqual([2, 3, 4, 5]);
    expect(tokenizer.encode("un [MASK]").includes(1)).toBe(false);
    expect(Array.from(tokenizer.encode("un [MASK]", { specials: true }))).toEqual([2, 1]);
    expect(tokenizer.decode([2, 3, 4, 5])).toBe("unmasking !");
    const stream = tokenizer.stream();
    expect([2, 3, 4, 5].map((id) => stream.push([id])).join("") + stream.end()).toBe("unmasking !");
    expect(tokenizer.decode([])).toBe("");
  });
});
