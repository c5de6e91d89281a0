import { describe, expect, it } from "vitest";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { MaskedBatch } from "./masked-batch.ts";
import { type RowPlace, rowBatch } from "./row-batch.ts";

const [length, maskId, V] = [12, 99, 100];
const rows = Array.from({ length: 5 }, (_, row) => Int32Array.from({ length }, (_, i) => row * length + i));
const masks = absorbingNoise({ schedule: logLinear(), vocabularySize: V, maskId });
/** Every time noises half of the tokens. */
const half: NoiseProcess = {
  ...masks,
  corrupt: (ids, width, draws) => masks.corrupt(ids, width, { ...draws, times: draws.times.map(() => 0.5) }),
};
const pick = (example: number) => rows[example % 5]!;
function make(
  examples: number[],
  options: Partial<RowPlace> & { noise?: NoiseProcess; given?: number; row?: number } = {},
) {
  const { noise = masks, given: promptLength = 0, row, ...place } = options;
  const some = examples.map((example) => {
    const ids = row === undefined ? pick(example) : rows[row]!;
    return { ids, promptLength };
  });
  const whole = { seed: 3, examples, first: 0, count: examples.length, ...place };
  return rowBatch(some, whole, noise);
}
const rowOf = ({ ids }: MaskedBatch, place: number): number[] => [
  ...ids.subarray(place * length, (place + 1) * length),
];
const maskedIn = (row: number[]): number[] => row.flatMap((id, column) => (id === maskId ? [column] : []));

describe("rowBatch", () => {
  it("noises an example by its number alone: a batch of 4 is two of 2, in any order", () => {
    const whole = make([7, 8, 9, 10], { noise: half });
    const [first, second] = [make([7, 8], { noise: half }), make([10, 9], { noise: half })];
    expect(rowOf(whole, 0)).toEqual(rowOf(first, 0));
    expect(rowOf(whole, 1)).toEqual(rowOf(first, 1));
    expect(rowOf(whole, 2)).toEqual(rowOf(second, 1));
    expect(rowOf(whole, 3)).toEqual(rowOf(second, 0));
    expect(rowOf(whole, 0)).not.toEqual(rowOf(make([7], { noise: half, seed: 4 }), 0));
  });

  it("noises the same row differently each time it comes", () => {
    const batch = make([0, 1], { noise: half, row: 2 });
    expect(rowOf(batch, 0)).not.toEqual(rowOf(batch, 1));
  });

  it("adds masks and takes none away when the same example comes at a later time", () => {
    const places = [0, 1, 2, 3].map((place) => {
      const examples = [50, 51, 52, 53];
      examples[place] = 7;
      return maskedIn(rowOf(make(examples), place));
    });
    for (let i = 1; i < 4; i++) expect(places[i]).toEqual(expect.arrayContaining(places[i - 1]!));
    expect(places[3]!.length).toBeGreaterThan(places[0]!.length);
  });

  it("lists the true tokens and the weights 1 / t, at stratified times, without changing the data", () => {
    const before = rows.map((row) => [...row]);
    const { reads, targets, weights, times, size, noisy } = make([4, 11, 12, 13]);
    expect(rows.map((row) => [...row])).toEqual(before);
    expect(size).toBe(4 * length);
    const order = [4, 1, 2, 3];
    reads.forEach((flat, i) => {
      const place = Math.floor(flat / length);
      expect(targets[i]).toBe(order[place]! * length + (flat % length));
      expect(noisy[i]).toBe(maskId);
      expect(weights[i]! * times[i]!).toBeCloseTo(1, 12);
      expect(times[i]).toBeGreaterThanOrEqual(place / 4);
      expect(times[i]).toBeLessThan((place + 1) / 4 + 1e-3);
    });
    expect(reads.length).toBeGreaterThan(4);
  });

  it("never noises a given beginning, nor counts it, and changes nothing else", () => {
    const examples = Array.from({ length: 64 }, (_, i) => i);
    const [plain, given] = [make(examples), make(examples, { given: 1 })];
    expect([...plain.reads].some((flat) => flat % length === 0)).toBe(true);
    expect([...given.reads]).toEqual([...plain.reads].filter((flat) => flat % length !== 0));
    expect([plain.size, given.size]).toEqual([64 * length, 64 * (length - 1)]);
  });

  it("makes of parts of a global batch what it makes of the whole, with masks and uniform noise", () => {
    const examples = [20, 21, 22, 23, 24, 25];
    for (const noise of [masks, uniformNoise({ schedule: logLinear(), vocabularySize: V })]) {
      const whole = make(examples, { noise });
      const parts = [0, 2, 5].map((first, i) =>
        make(examples.slice(first, [2, 5, 6][i]), { first, count: 6, noise }),
      );
      for (const field of ["ids", "targets", "noisy", "times", "weights"] as const) {
        expect(parts.flatMap((part) => [...part[field]])).toEqual([...whole[field]]);
      }
      expect(parts.reduce((sum, { size }) => sum + size, 0)).toBe(whole.size);
    }
  });

  it("refuses rows of unequal lengths", () => {
    const place = { seed: 0, examples: [0, 1], first: 0, count: 2 };
    const two = [[1, 2], [3]].map((ids) => ({ ids, promptLength: 0 }));
    expect(() => rowBatch(two, place, masks)).toThrow("rows of 2 and of 1 tokens in one batch");
  });
});
