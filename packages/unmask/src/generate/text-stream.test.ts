import { describe, expect, it } from "vitest";
import { generator } from "../base/rng.ts";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import { byteTokenizer, wordTokenizer } from "../text/new-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { TextStream } from "./text-stream.ts";

const bytes = byteTokenizer();
const eos = bytes.specials.eos!;

interface Scene {
  readonly tokenizer?: Tokenizer;
  readonly prompt?: number;
  readonly stop?: readonly string[];
  readonly stopIds?: readonly number[];
  /** Columns behind the prompt that are given. */
  readonly given?: readonly number[];
}

/** A canvas on which `ids` appear one by one, and the stream that reads it. */
function sceneOf(ids: ArrayLike<number>, scene: Scene = {}) {
  const { tokenizer = bytes, prompt = 2, stop = [], stopIds = [eos], given = [] } = scene;
  const length = prompt + ids.length;
  const canvas = newCanvas({
    length,
    noiseId: tokenizer.specials.mask!,
    prompt: new Array(prompt).fill(120),
    given: new Map(given.map((column) => [prompt + column, ids[column]!])),
  });
  const text = new TextStream({ tokenizer, from: prompt, to: length, stop, stopIds });
  const reveal = (column: number): string => {
    canvas.ids[prompt + column] = ids[column]!;
    canvas.open[prompt + column] = 0;
    return text.advance(canvas);
  };
  return { canvas, text, reveal };
}

/** What each token of a text read from the left gives out. */
const deltas = (ids: ArrayLike<number>, scene?: Scene): string[] => {
  const { reveal } = sceneOf(ids, scene);
  return Array.from(ids, (_, column) => reveal(column));
};

describe("TextStream", () => {
  it("gives out what is decided without a gap from the left", () => {
    const { reveal, text } = sceneOf(bytes.encode("abcd"));
    expect([reveal(2), reveal(1), reveal(0), reveal(3)]).toEqual(["", "", "abc", "d"]);
    expect(text).toMatchObject({ text: "abcd", stopped: false, end: 6 });
  });

  it("waits for the last byte of a character, and gives U+FFFD for one that never comes", () => {
    expect(deltas(bytes.encode("aé日"))).toEqual(["a", "", "é", "", "", "日"]);
    expect(deltas([97, 0xe6, 0x97])).toEqual(["a", "", "\uFFFD"]);
    expect(deltas([97, 0xe6, eos])).toEqual(["a", "", "\uFFFD"]);
  });

  it("cuts at a stop string that lies across tokens, and holds back what may begin one", () => {
    expect(deltas(bytes.encode("ab END c"), { stop: ["END"] }).join("|")).toBe("a|b| ||||||".slice(0, -1));
    expect(deltas(bytes.encode("aENx"), { stop: ["END"] })).toEqual(["a", "", "", "ENx"]);
    // "EEND": the first E can begin nothing once the second is there.
    expect(deltas(bytes.encode("EEND"), { stop: ["END"] })).toEqual(["", "E", "", ""]);
    const { reveal, text } = sceneOf(bytes.encode("xENDyy"), { stop: ["END"] });
    for (const column of [5, 3, 2, 1, 0, 4]) reveal(column);
    expect(text).toMatchObject({ text: "x", stopped: true, end: 6 });
  });

  it("gives out a held beginning when the text ends before it is a stop string", () => {
    expect(deltas(bytes.encode("aEN"), { stop: ["END"] })).toEqual(["a", "", "EN"]);
    expect(deltas([97, 69, eos], { stop: ["END"] })).toEqual(["a", "", "E"]);
  });

  it("takes the first of several stop strings, and one inside a word's token", () => {
    expect(deltas(bytes.encode("abcd"), { stop: ["cd", "b"] }).join("")).toBe("a");
    const words = wordTokenizer(["one", "two", "three"]);
    const ids = words.encode("one two three");
    expect(deltas(ids, { tokenizer: words, stop: ["wo"], stopIds: [] }).join("")).toBe("one t");
  });

  it("ends at a stop token, which is no text, and reads nothing behind it", () => {
    const { reveal, text } = sceneOf([97, eos, 98], { stop: ["zz"] });
    expect([reveal(2), reveal(0), reveal(1)]).toEqual(["", "a", ""]);
    expect(text).toMatchObject({ text: "a", stopped: true, end: 4 });
  });

  it("reads over stop tokens that were given", () => {
    const { reveal, text } = sceneOf([97, eos, 98], { given: [1] });
    expect([reveal(0), reveal(2)]).toEqual(["a", "b"]);
    expect(text).toMatchObject({ text: "ab", stopped: false, end: 5 });
  });

  it("only ever appends, whatever the order: the deltas are the text read at once", () => {
    for (let seed = 0; seed < 200; seed++) {
      const next = generator({ seed, stream: 3, sequence: 0, step: 0 });
      const pick = (count: number) => Math.floor(count * next());
      const alphabet = [97, 98, 69, 78, 68, 0xc3, 0xa9, 0xe6, 0x97, 0xa5, eos];
      const ids = Array.from({ length: 1 + pick(24) }, () => alphabet[pick(alphabet.length)]!);
      const given = [...ids.keys()].filter(() => next() < 0.2);
      const scene = { given, stop: ["END", "ab", "é"].slice(0, pick(4)) };
      const { reveal, text } = sceneOf(ids, scene);
      const order = [...ids.keys()].filter((column) => !given.includes(column));
      for (let i = order.length - 1; i > 0; i--) {
        const j = pick(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      let shown = text.advance(sceneCanvas(ids, scene));
      for (const column of order) shown += reveal(column);
      const whole = sceneOf(ids, scene);
      const atOnce = whole.text.advance(filled(whole.canvas, ids));
      expect({ seed, shown }).toEqual({ seed, shown: atOnce });
      expect(text.text).toBe(shown);
      expect([text.end, text.stopped]).toEqual([whole.text.end, whole.text.stopped]);
    }
  });
});

const sceneCanvas = (ids: ArrayLike<number>, scene: Scene): Canvas => sceneOf(ids, scene).canvas;

function filled(canvas: Canvas, ids: ArrayLike<number>): Canvas {
  canvas.ids.set(Array.from(ids), canvas.length - ids.length);
  canvas.open.fill(0);
  return canvas;
}
