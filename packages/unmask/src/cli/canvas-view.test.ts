import { describe, expect, it } from "vitest";
import { byteTokenizer, wordTokenizer } from "../text/new-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { canvasCells, type Frame, layOut, render } from "./canvas-view.ts";
import { displayWidth, styles } from "./terminal.ts";

const plain = styles(false);
const bytes = byteTokenizer();
const words = wordTokenizer(["anna", "met", "ben", "."]);

/** `open` and `fresh` are lists of positions. */
function frameOf(
  tokenizer: Tokenizer,
  text: string,
  { open = [], fresh = [] }: { open?: number[]; fresh?: number[] },
): Frame {
  const ids = tokenizer.encode(text);
  const mark = (positions: number[]) => Uint8Array.from(ids, (_, at) => (positions.includes(at) ? 1 : 0));
  for (const at of open) ids[at] = tokenizer.specials.mask!;
  return {
    type: "canvas-frame",
    index: 0,
    step: 1,
    steps: 4,
    prompt: 0,
    ids,
    open: mark(open),
    fresh: mark(fresh),
  };
}

const linesOf = (tokenizer: Tokenizer, frame: Frame, width = 40) =>
  layOut(canvasCells(frame, tokenizer), width, plain);

describe("cells", () => {
  it("are one a token, open ones a block", () => {
    const cells = canvasCells(frameOf(bytes, "abcd", { open: [1, 2], fresh: [3] }), bytes);
    expect(cells).toEqual([
      { kind: "kept", text: "a" },
      { kind: "open", text: "░" },
      { kind: "open", text: "░" },
      { kind: "fresh", text: "d" },
    ]);
  });

  it("puts spaces between words and blocks", () => {
    const text = "anna met ben .";
    expect(linesOf(words, frameOf(words, text, {}))).toEqual([text]);
    expect(linesOf(words, frameOf(words, text, { open: [1, 2] }))).toEqual(["anna ░ ░ ."]);
    expect(linesOf(words, frameOf(words, text, { open: [0, 3] }))).toEqual(["░ met ben ░"]);
  });

  it("shows a character of several bytes once its last byte is there", () => {
    expect(linesOf(bytes, frameOf(bytes, "aéb", {}))).toEqual(["aéb"]);
    expect(linesOf(bytes, frameOf(bytes, "aéb", { open: [2] }))).toEqual(["a\uFFFD░b"]);
  });

  it("leaves special tokens out", () => {
    const frame = frameOf(bytes, "abc", {});
    frame.ids[1] = bytes.specials.eos!;
    expect(linesOf(bytes, frame)).toEqual(["ac"]);
  });
});

describe("layOut", () => {
  const text = (value: string) => [{ kind: "kept", text: value }] as const;

  it("breaks at spaces, and in long words only where it must", () => {
    expect(layOut(text("the quick brown fox"), 10, plain)).toEqual(["the quick ", "brown fox"]);
    expect(layOut(text("abcdefghijkl mn"), 5, plain)).toEqual(["abcde", "fghij", "kl mn"]);
    expect(layOut(text("a\nb\n\nc"), 5, plain)).toEqual(["a", "b", "", "c"]);
    expect(layOut(text("日本語"), 5, plain)).toEqual(["日本", "語"]);
    expect(layOut([], 5, plain)).toEqual([""]);
  });

  it("never exceeds the width, whatever the text", () => {
    const odd = "a  b 日本語 long-long-word\t\x1b[31mred\x1b[0m\n  indented 😀😀😀 e\u0301";
    for (let width = 2; width < 30; width++) {
      for (const line of layOut(text(odd), width, styles(true))) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(line).not.toContain("\x1b");
      }
    }
  });

  it("highlights fresh tokens and dims open ones, once a run", () => {
    const cells = canvasCells(frameOf(bytes, "abcdef", { open: [2, 3], fresh: [0, 1] }), bytes);
    const style = styles(true);
    expect(layOut(cells, 40, style)).toEqual([`${style.bold(style.green("ab"))}${style.dim("░░")}ef`]);
  });
});

describe("render", () => {
  it("counts what is written and shows the end of what is too high", () => {
    const frame = frameOf(bytes, "1\n2\n3\n4\n5", { open: [8] });
    const lines = render(frame, bytes, { columns: 80, rows: 4 }, plain);
    expect(lines).toEqual(["forward 1  8 of 9 tokens written", "4", "░"]);
  });

  it("stays narrower than the terminal", () => {
    const frame = frameOf(bytes, "a word and another one", { open: [3] });
    for (const line of render(frame, bytes, { columns: 9, rows: 24 }, plain)) {
      expect(displayWidth(line)).toBeLessThan(9);
    }
  });
});
