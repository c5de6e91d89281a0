import { describe, expect, it } from "vitest";
import { generator } from "../base/rng.ts";
import { encodeWithBorders } from "./borders.ts";
import { exampleText } from "./example-checkpoints.ts";
import { byteTokenizer, trainBpeTokenizer } from "./new-tokenizer.ts";

const tokenizer = trainBpeTokenizer([exampleText], { size: 500 });
const plain = (text: string) => [...tokenizer.encode(text)];

describe("ids with borders", () => {
  it("are those of the whole where its tokens end at the borders", () => {
    const text = "the cat sat on the mat";
    for (const at of [3, 7, 11]) {
      const { ids, borders } = encodeWithBorders(tokenizer, text, { borders: [at] });
      expect([...ids]).toEqual(plain(text));
      expect(borders).toEqual([plain(text.slice(0, at)).length]);
    }
  });

  it("are those of the parts where a token would reach across", () => {
    const [prompt, answer] = ["what is th", "e cat"];
    expect(plain(prompt + answer).slice(0, plain(prompt).length)).not.toEqual(plain(prompt));
    const { ids, borders } = encodeWithBorders(tokenizer, prompt + answer, { borders: [prompt.length] });
    expect([...ids]).toEqual([...plain(prompt), ...plain(answer)]);
    expect(borders).toEqual([plain(prompt).length]);
  });

  it("begin as the prompt alone does and give the text back, wherever the borders are", () => {
    const text = exampleText.slice(0, 150);
    const next = generator({ seed: 2, stream: 6, sequence: 0, step: 0 });
    for (let tries = 0; tries < 100; tries++) {
      const places = [next(), next(), next()]
        .map((share) => Math.floor(share * text.length))
        .sort((a, b) => a - b);
      // Not inside of a character.
      const borders = places.map((place) => (/[\uDC00-\uDFFF]/.test(text[place]!) ? place - 1 : place));
      const found = encodeWithBorders(tokenizer, text, { borders });
      expect(tokenizer.decode(found.ids)).toBe(text);
      expect([...found.ids.subarray(0, found.borders[0])]).toEqual(plain(text.slice(0, borders[0])));
      found.borders.forEach((count, index) => {
        expect(tokenizer.decode(found.ids.subarray(0, count))).toBe(text.slice(0, borders[index]));
      });
    }
  });

  it("ask which special tokens count by their places in the whole", () => {
    const bytes = byteTokenizer();
    const [token] = [...bytes.specialTokens.keys()];
    const text = `a${token}b${token}`;
    const second = 2 + token!.length;
    const { ids } = encodeWithBorders(bytes, text, {
      borders: [second],
      specials: (start) => start === second,
    });
    expect(bytes.decode(ids)).toBe(text);
    expect([...ids].filter((id) => id === bytes.specialTokens.get(token!))).toHaveLength(1);
    expect(ids).toHaveLength(2 + token!.length + 1);
  });
});
