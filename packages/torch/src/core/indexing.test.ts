import { describe, expect, it } from "vitest";
import {
  add_,
  arange,
  at,
  liveTensors,
  reshape,
  scope,
  type Tensor,
  TorchError,
  tensor,
  toNested,
} from "../index.ts";

const cube = (): Tensor => reshape(arange(0, 24), [2, 3, 4]);

describe("at", () => {
  it("takes numbers, ranges and whole dimensions", () => {
    expect(toNested(at(cube(), 1, 2, 3))).toBe(23);
    expect(toNested(at(cube(), -1, 0))).toEqual([12, 13, 14, 15]);
    expect(toNested(at(cube(), 0, null, 1))).toEqual([1, 5, 9]);
    expect(toNested(at(cube(), 0, { from: 1 }, { from: -2 }))).toEqual([
      [6, 7],
      [10, 11],
    ]);
    expect(toNested(at(cube(), 1, 0, { from: 0, to: 4, step: 2 }))).toEqual([12, 14]);
    expect(at(cube(), "new", 0).shape).toEqual([1, 3, 4]);
    expect(at(cube()).shape).toEqual([2, 3, 4]);
  });

  it("gathers by integer tensors and picks by boolean ones", () => {
    const rows = tensor([2, 0], undefined, { dtype: "int64" });
    expect(toNested(at(cube(), 0, rows, 3))).toEqual([11, 3]);
    const mask = tensor([true, false, true], undefined, { dtype: "bool" });
    expect(toNested(at(cube(), 1, mask, 0))).toEqual([12, 20]);
  });

  it("gives views where it can", () => {
    const source = cube();
    add_(at(source, 0, 0), 100);
    expect(toNested(at(source, 0, 0))).toEqual([100, 101, 102, 103]);
  });

  it("refuses what does not fit", () => {
    expect(() => at(cube(), 2)).toThrow(TorchError);
    expect(() => at(cube(), 0, 0, 0, 0)).toThrow(/fewer dimensions/);
  });

  it("leaves nothing behind but its result", () => {
    const source = cube();
    const before = liveTensors().count;
    scope(() => void at(source, 0, { from: 1 }, 2));
    expect(liveTensors().count).toBe(before);
  });
});
