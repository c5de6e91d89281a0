import { describe, expect, it } from "vitest";
import { newCanvas } from "./canvas.ts";
import { textEnd } from "./text-end.ts";

const stop = 7;
const limits = (to: number) => ({ from: 0, to, stopIds: [stop] });

/** A canvas with a prompt, then decided tokens, undefined where open. */
function canvasOf(prompt: number[], text: (number | undefined)[]) {
  const canvas = newCanvas({ length: prompt.length + text.length, noiseId: 0, prompt });
  text.forEach((token, i) => {
    if (token === undefined) return;
    canvas.ids[prompt.length + i] = token;
    canvas.open[prompt.length + i] = 0;
  });
  return canvas;
}

describe("end of text", () => {
  it.each<[string, number[], (number | undefined)[], number | undefined]>([
    ["where the columns end", [1], [2, 3], 3],
    ["behind the first stop token", [1], [2, stop, 3, stop], 3],
    ["whatever is open behind it", [1], [stop, undefined, 3], 2],
    ["not while something before it is open", [1], [2, undefined, stop], undefined],
    ["not at a given stop token", [1, stop], [2, undefined], undefined],
    ["nowhere else in an empty text", [1, stop], [], 2],
  ])("is %s", (_, prompt, text, expected) => {
    const canvas = canvasOf(prompt, text);
    expect(textEnd(canvas, limits(canvas.length))).toBe(expected);
  });

  it("looks no further than it may", () => {
    expect(textEnd(canvasOf([1], [2, 3, undefined, stop]), limits(3))).toBe(3);
    expect(textEnd(canvasOf([1, stop], [2, 3]), { ...limits(4), from: 1, scansGiven: true })).toBe(2);
    expect(textEnd(canvasOf([stop, 1], [2, 3]), { ...limits(4), from: 1, scansGiven: true })).toBe(4);
  });
});
