import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import {
  type DoubledShape,
  doubledLength,
  doubledPositions,
  doubledStructure,
  doubledVisibility,
  promptShare,
} from "./doubled.ts";

const lines = (flat: Uint8Array, length: number) =>
  Array.from({ length: flat.length / length }, (_, i) => flat.slice(i * length, (i + 1) * length).join(""));

/** The table of the file's head, cell by cell. */
function sees(
  { promptColumns: L0, responseColumns: L1, blockLength: b }: DoubledShape,
  q: number,
  k: number,
): boolean {
  const part = (column: number) => (column < L0 ? "prompt" : column < L0 + L1 ? "clean" : "noisy");
  const place = (column: number) => Math.floor((column - L0 - (part(column) === "noisy" ? L1 : 0)) / b);
  const [from, to] = [part(q), part(k)];
  if (from === "prompt") return to === "prompt" && Math.ceil((L0 - k) / b) >= Math.ceil((L0 - q) / b);
  if (to === "prompt") return true;
  if (from === "clean") return to === "clean" && place(k) <= place(q);
  return to === "clean" ? place(k) < place(q) : place(k) === place(q);
}

describe("the doubled sequence", () => {
  it("is as drawn, for a prompt of 3 and two blocks of 2", () => {
    const shape = { promptColumns: 3, responseColumns: 4, blockLength: 2 };
    expect(lines(doubledStructure(shape), doubledLength(shape))).toEqual([
      "10000000000",
      "11100000000",
      "11100000000",
      "11111000000",
      "11111000000",
      "11111110000",
      "11111110000",
      "11100001100",
      "11100001100",
      "11111000011",
      "11111000011",
    ]);
  });

  it("shows every query what the table says, whatever the sizes", () => {
    const next = mulberry32(4);
    for (let i = 0; i < 60; i++) {
      const size = (most: number) => Math.floor(next() * (most + 1));
      const shape = { promptColumns: size(9), responseColumns: size(11), blockLength: 1 + size(5) };
      const length = doubledLength(shape);
      const found = doubledStructure(shape);
      for (let q = 0; q < length; q++) {
        for (let k = 0; k < length; k++) expect(found[q * length + k] === 1).toBe(sees(shape, q, k));
      }
    }
  });

  it("hides padding from all but itself, and counts positions from the first real token", () => {
    const shape = { promptColumns: 4, responseColumns: 2, blockLength: 2 };
    const real = [0, 0, 0, 1];
    expect(lines(doubledVisibility(shape, real), 8)).toEqual([
      "10000000",
      "01000000",
      "00010000",
      "00010000",
      "00011100",
      "00011100",
      "00010011",
      "00010011",
    ]);
    expect([...doubledPositions(shape, real, 1)]).toEqual([1, 1, 1, 0, 1, 2, 1, 2]);
  });

  it("begins at the last block's edge in the prompt, or where the prompt ends", () => {
    expect([0, 3, 4, 9].map((length) => promptShare(length, 4, "corrected"))).toEqual([0, 0, 4, 8]);
    expect([0, 3, 4, 9].map((length) => promptShare(length, 4, "released"))).toEqual([0, 3, 4, 9]);
  });
});
