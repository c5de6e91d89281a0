import { describe, expect, it } from "vitest";
import { generator, streams } from "../base/rng.ts";
import { alphabet, byteCharacters, spelledBytes } from "./byte-level.ts";
import { bpeTokenizer } from "./new-tokenizer.ts";
import { type Merge, trainBpe, wordPattern } from "./train-bpe.ts";

const sample = `The cat that sat on the mat saw that the other cat sat there too. "Don't," said the cat, "we'll see 1,234 cats in 2024!"
Die Bäume und die Häuser träumen; 猫は猫である。猫が好きです。 Ça va? Ça va bien 🙂🙂.
    the end of the theme, the anthem, the rhythm
`;

// Hugging Face tokenizers 0.23.2: BpeTrainer(vocab_size=304, min_frequency=1, ByteLevel alphabet) on the sample.
const known = `t+h Ġ+th a+t Ġth+e ã+ģ Ġ+s c+at Ġ+cat e+n ¤+u «+ãģ Ã+¤u ç+Į Ġ+o çĮ+«ãģ e+r i+e m+e v+a §+ãģ Ã+ĩ ã+Ģ ð+Ł Ġ+" Ġ+t Ġ+Ġ Ġ+va Ġ+Ãĩ Ļ+Ĥ Ġth+at Ġs+a Ġs+at ãĢ+Ĥ ðŁ+ĻĤ ĠÃĩ+a !+" '+l '+t ,+" 0+2 2+3 2+02 B+Ã¤u D+o D+ie H+Ã¤u T+h a+n`;

/** The slow truth: count every pair anew before each merge. */
function slowBpe(text: string, size: number, minimumCount: number): Merge[] {
  const ids = new Map(alphabet.map((token, id) => [token, id]));
  const words = [...text.matchAll(wordPattern)].map(([word]) =>
    Array.from(new TextEncoder().encode(word), (byte) => byteCharacters[byte]!),
  );
  const merges = new Map<string, Merge>();
  while (ids.size < size) {
    const best = commonestPair(words, ids);
    if (best === undefined || best.count < minimumCount) break;
    const { left, right } = best;
    merges.set(`${left} ${right}`, [left, right]);
    if (!ids.has(left + right)) ids.set(left + right, ids.size);
    for (const word of words) {
      for (let index = 0; index + 1 < word.length; index++) {
        if (word[index] === left && word[index + 1] === right) word.splice(index, 2, left + right);
      }
    }
  }
  return [...merges.values()];
}

function commonestPair(words: readonly string[][], ids: ReadonlyMap<string, number>) {
  const pairs = new Map<string, { left: string; right: string; count: number }>();
  for (const word of words) {
    for (const [index, right] of word.slice(1).entries()) {
      const left = word[index]!;
      const pair = pairs.get(`${left} ${right}`) ?? { left, right, count: 0 };
      pairs.set(`${left} ${right}`, { ...pair, count: pair.count + 1 });
    }
  }
  const id = (token: string) => ids.get(token)!;
  return [...pairs.values()].sort(
    (a, b) => b.count - a.count || id(a.left) - id(b.left) || id(a.right) - id(b.right),
  )[0];
}

describe("byte-level spelling", () => {
  it("spells every byte with its own character, as GPT-2 does", () => {
    expect(new Set(byteCharacters).size).toBe(256);
    expect([byteCharacters[0x20], byteCharacters[0x0a], byteCharacters[0xad], byteCharacters[0x41]]).toEqual([
      "Ġ",
      "Ċ",
      "Ń",
      "A",
    ]);
    expect(alphabet[0]).toBe("!");
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(spelledBytes(byteCharacters.join(""))).toEqual(bytes);
    expect(spelledBytes("a b")).toBeUndefined();
    expect(spelledBytes("猫")).toBeUndefined();
  });
});

describe("trainBpe", () => {
  it("makes the merges that Hugging Face's trainer makes", () => {
    const merges = trainBpe([sample], { size: 304, minimumCount: 1 });
    expect(merges.map((merge) => merge.join("+")).join(" ")).toBe(known);
  });

  it("equals counting anew, on random texts with many ties and repeats", () => {
    for (let sequence = 0; sequence < 40; sequence++) {
      const draw = generator({ seed: 5, stream: streams.story, sequence, step: 0 });
      const letters = sequence % 2 === 0 ? "ab " : "aabcde  é\n";
      const text = Array.from({ length: 200 }, () => letters[Math.floor(draw() * letters.length)]).join("");
      const minimumCount = 1 + (sequence % 3);
      expect(trainBpe([text], { size: 330, minimumCount })).toEqual(slowBpe(text, 330, minimumCount));
    }
  });

  it("does not depend on how the words are ordered among texts", () => {
    const texts = sample.split(/(?<=\n)/);
    expect(trainBpe(texts.toReversed(), { size: 320 })).toEqual(trainBpe(texts, { size: 320 }));
  });

  it("stops when no pair is left", () => {
    expect(trainBpe(["aa bb"], { size: 1000, minimumCount: 1 }).map((merge) => merge.join(""))).toEqual([
      "aa",
      "bb",
      "Ġbb",
    ]);
    expect(trainBpe([""], { size: 1000 })).toEqual([]);
    expect(trainBpe(["abcdef"], { size: 1000 })).toEqual([]);
  });

  it("takes a long text without spaces in bounded time", () => {
    const started = performance.now();
    const merges = trainBpe(["ab".repeat(250_000)], { size: 300, minimumCount: 1 });
    expect(merges.length).toBeGreaterThan(5);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.each([255, 300.5, Number.NaN, 2 ** 21 + 1])("refuses the size %d", (size) => {
    expect(() => trainBpe(["a"], { size })).toThrow(`A BPE vocabulary of ${size} tokens`);
  });

  it("shortens the text it was trained on", () => {
    const tokenizer = bpeTokenizer(trainBpe([sample], { size: 400 }));
    const bytes = new TextEncoder().encode(sample).length;
    expect(tokenizer.encode(sample).length).toBeLessThan(0.7 * bytes);
  });
});
