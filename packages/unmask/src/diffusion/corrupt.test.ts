import { describe, expect, it } from "vitest";
import { streams, uniform } from "../base/rng.ts";
import { absorb } from "./corrupt.ts";

const maskId = 9;
const clean = Int32Array.from({ length: 24 }, (_, i) => i % 7);
const uniforms = Float32Array.from({ length: 24 }, (_, i) =>
  uniform({ seed: 1, stream: streams.corruption }, 0, 0, i),
);

describe("absorb", () => {
  it("masks exactly where the uniform number lies below the row's probability, and lists it", () => {
    const before = clean.slice();
    const probabilities = [0.5, 0, 1];
    const { ids, positions, rows } = absorb(clean, 8, { maskId, probabilities, uniforms });
    const expected = [...clean.keys()].filter((i) => uniforms[i]! < probabilities[Math.floor(i / 8)]!);
    expect([...positions]).toEqual(expected);
    expect([...rows]).toEqual(expected.map((i) => Math.floor(i / 8)));
    ids.forEach((id, i) => {
      expect(id).toBe(expected.includes(i) ? maskId : clean[i]);
    });
    expect(rows.filter((row) => row === 0).length).toBeGreaterThan(0);
    expect(rows.filter((row) => row === 0).length).toBeLessThan(8);
    expect(rows.filter((row) => row === 1)).toHaveLength(0);
    expect(rows.filter((row) => row === 2)).toHaveLength(8);
    expect(clean).toEqual(before);
    expect(ids.buffer).not.toBe(clean.buffer);
  });

  it("keeps a position whose number equals the probability", () => {
    const noise = { maskId, probabilities: [0.25], uniforms: [0.25, 0.25 - 2 ** -24, 0] };
    expect([...absorb(Int32Array.of(1, 2, 3), 3, noise).ids]).toEqual([1, 9, 9]);
  });

  it("treats a clean token that is the mask like any other", () => {
    const noise = { maskId, probabilities: [0.5], uniforms: [0.4, 0.6] };
    const { ids, positions } = absorb(Int32Array.of(maskId, maskId), 2, noise);
    expect([...ids]).toEqual([maskId, maskId]);
    expect([...positions]).toEqual([0]);
  });

  it("masks a row's share of positions on average", () => {
    const length = 20_000;
    const many = Float32Array.from({ length: 3 * length }, (_, i) =>
      uniform({ seed: 5, stream: streams.corruption }, Math.floor(i / length), 0, i % length),
    );
    const probabilities = [0.1, 0.5, 0.9];
    const { rows } = absorb(new Int32Array(3 * length), length, { maskId, probabilities, uniforms: many });
    probabilities.forEach((p, row) => {
      const share = rows.filter((one) => one === row).length / length;
      // Four standard errors.
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / length));
    });
  });
});
