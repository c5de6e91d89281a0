import { describe, expect, it } from "vitest";
import { logLinear, type NoiseSchedule } from "../diffusion/schedule.ts";
import { type BatchOptions, type NoisyBatch, noisyBatch } from "./batch.ts";
import type { Rows } from "./data.ts";

const [length, maskId] = [12, 99];
const data: Rows = { ids: Int32Array.from({ length: 5 * length }, (_, i) => i), count: 5, length };
const half: NoiseSchedule = { name: "half", alpha: () => 0.5, alphaDerivative: () => -0.5 };
const options: BatchOptions = {
  seed: 3,
  maskId,
  schedule: logLinear(),
  examples: [0, 1, 2, 3],
  pick: (example) => example % 5,
};
const make = (change: Partial<BatchOptions> = {}): NoisyBatch => noisyBatch(data, { ...options, ...change });
/** The corrupted ids of one place, and which columns they are. */
const rowOf = ({ corrupted }: NoisyBatch, place: number): number[] => [
  ...corrupted.ids.subarray(place * length, (place + 1) * length),
];
const maskedIn = (row: number[]): number[] => row.flatMap((id, column) => (id === maskId ? [column] : []));

describe("noisyBatch", () => {
  it("corrupts an example by its number alone: a batch of 4 is two of 2, in any order", () => {
    const whole = make({ schedule: half, examples: [7, 8, 9, 10] });
    const [first, second] = [
      [7, 8],
      [10, 9],
    ].map((examples) => make({ schedule: half, examples }));
    expect(rowOf(whole, 0)).toEqual(rowOf(first!, 0));
    expect(rowOf(whole, 1)).toEqual(rowOf(first!, 1));
    expect(rowOf(whole, 2)).toEqual(rowOf(second!, 1));
    expect(rowOf(whole, 3)).toEqual(rowOf(second!, 0));
    expect(rowOf(whole, 0)).not.toEqual(rowOf(make({ schedule: half, examples: [7], seed: 4 }), 0));
  });

  it("corrupts the same row differently each time it comes", () => {
    const pick = () => 2;
    const { corrupted } = make({ schedule: half, pick, examples: [0, 1] });
    const [first, second] = [corrupted.ids.slice(0, length), corrupted.ids.slice(length)];
    expect(first).not.toEqual(second);
  });

  it("adds masks and takes none away when the same example comes at a later time", () => {
    const places = [0, 1, 2, 3].map((place) => {
      const examples = [50, 51, 52, 53];
      examples[place] = 7;
      return maskedIn(rowOf(make({ examples }), place));
    });
    for (let i = 1; i < 4; i++) expect(places[i]).toEqual(expect.arrayContaining(places[i - 1]!));
    expect(places[3]!.length).toBeGreaterThan(places[0]!.length);
  });

  it("lists the true tokens and the weights 1 / (t · tokens), without changing the data", () => {
    const before = data.ids.slice();
    const { corrupted, targets, weights } = make({ examples: [4, 11, 12, 13] });
    expect(data.ids).toEqual(before);
    const rows = [4, 1, 2, 3];
    corrupted.positions.forEach((flat, i) => {
      const place = corrupted.rows[i]!;
      expect(targets[i]).toBe(rows[place]! * length + (flat % length));
      const t = 1 / (weights[i]! * 4 * length);
      expect(t).toBeGreaterThanOrEqual(place / 4);
      expect(t).toBeLessThan((place + 1) / 4 + 1e-3);
    });
    expect(corrupted.positions.length).toBeGreaterThan(4);
  });

  it("never corrupts column 0 with ignoreBos, nor counts it, and changes nothing else", () => {
    const examples = Array.from({ length: 64 }, (_, i) => i);
    const plain = make({ examples });
    const given = make({ examples, ignoreBos: true });
    expect([...plain.corrupted.positions].some((flat) => flat % length === 0)).toBe(true);
    const others = [...plain.corrupted.positions].filter((flat) => flat % length !== 0);
    expect([...given.corrupted.positions]).toEqual(others);
    const at = plain.corrupted.positions.indexOf(others[0]!);
    expect(given.weights[0]! / plain.weights[at]!).toBeCloseTo(length / (length - 1), 6);
    const certain: NoiseSchedule = { ...half, alpha: () => 0 };
    const all = make({ schedule: certain, ignoreBos: true });
    expect(all.corrupted.positions).toHaveLength(4 * (length - 1));
  });

  it("makes of parts of a global batch what it makes of the whole", () => {
    const examples = [20, 21, 22, 23, 24, 25];
    for (const ignoreBos of [false, true]) {
      const whole = make({ examples, ignoreBos });
      const parts = [0, 2, 5].map((place, i) =>
        make({ examples: examples.slice(place, [2, 5, 6][i]), whole: { place, count: 6 }, ignoreBos }),
      );
      expect(parts.flatMap(({ corrupted }) => [...corrupted.ids])).toEqual([...whole.corrupted.ids]);
      expect(parts.flatMap(({ targets }) => [...targets])).toEqual([...whole.targets]);
      expect(parts.flatMap(({ weights }) => [...weights])).toEqual([...whole.weights]);
    }
  });
});
