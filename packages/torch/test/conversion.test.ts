// JavaScript arrays to tensors and back.

import { describe, expect, test } from "vitest";
import * as t from "../src/index.ts";
import { f, i, torchErrorOf } from "./helpers.ts";
import { wrong } from "./operators/case.ts";

const arrays = [
  [Float32Array.of(1.5, -2), "float32"],
  [Float64Array.of(Math.PI, -2), "float64"],
  [BigInt64Array.of(2n ** 62n, -1n), "int64"],
  [Int32Array.of(2 ** 31 - 1, -1), "int32"],
  [Int16Array.of(2 ** 15 - 1, -1), "int16"],
  [Int8Array.of(127, -128), "int8"],
  [Uint8Array.of(0, 255), "uint8"],
] as const;

test.each(arrays)("%o is %s, there and back", (array, dtype) => {
  const made = t.tensor(array);
  expect(made.dtype).toBe(dtype);
  expect(made.shape).toEqual([2]);
  expect(t.toTypedArray(made)).toEqual(array);
});

test("a tensor copies its array", () => {
  const array = Float32Array.of(1, 2);
  const made = t.tensor(array);
  array[0] = 9;
  expect(t.toNumbers(made)).toEqual([1, 2]);
  t.fill_(made, 5);
  expect(array[1]).toBe(2);
});

test("a subarray is read from its own offset", () => {
  expect(t.toNumbers(t.tensor(Float32Array.of(1, 2, 3, 4).subarray(1, 3)))).toEqual([2, 3]);
});

describe("16-bit floats", () => {
  test("bfloat16 keeps 8 bits of precision and float32's range", () => {
    const made = f([1, 1 + 2 ** -7, 1 + 2 ** -9, 3e38, Number.NaN], "bfloat16");
    expect(t.toNumbers(made).slice(0, 3)).toEqual([1, 1 + 2 ** -7, 1]);
    expect(t.toNumbers(made)[3]).toBeCloseTo(3e38, -36);
    expect(t.toNumbers(made)[4]).toBeNaN();
    expect(t.toTypedArray(made)[0]).toBe(0x3f80);
  });

  test("float16 keeps 11 bits and overflows to infinity", () => {
    const made = f([1, 1 + 2 ** -10, 1 + 2 ** -12, 1e6], "float16");
    expect(t.toNumbers(made)).toEqual([1, 1 + 2 ** -10, 1, Number.POSITIVE_INFINITY]);
    expect(t.toTypedArray(made)[0]).toBe(0x3c00);
  });

  test("come from their bits", () => {
    expect(t.toNumbers(t.tensor(Uint16Array.of(0x3f80, 0xc000), [2], { dtype: "bfloat16" }))).toEqual([
      1, -2,
    ]);
    expect(t.toNumbers(t.tensor(Uint16Array.of(0x3c00, 0xc000), [2], { dtype: "float16" }))).toEqual([1, -2]);
    expect(torchErrorOf(() => t.tensor(Uint16Array.of(1))).message).toContain("say which with `dtype`");
  });
});

describe("integers and booleans", () => {
  test("int64 is exact", () => {
    expect(t.toTypedArray(t.tensor(BigInt64Array.of(2n ** 53n + 1n)))).toEqual(
      BigInt64Array.of(2n ** 53n + 1n),
    );
    expect(t.toNumbers(i([2 ** 53 - 1]))).toEqual([2 ** 53 - 1]);
    expect(torchErrorOf(() => i([Number.NaN])).message).toContain("int64 cannot hold NaN");
  });

  test("int32 does not pass through float32", () => {
    expect(t.toNumbers(f([2 ** 24 + 1], "int32"))).toEqual([2 ** 24 + 1]);
  });

  test("a boolean is 0 or 1 whatever it came from", () => {
    expect(t.toNumbers(t.tensor(Uint8Array.of(0, 1, 2, 255), [4], { dtype: "bool" }))).toEqual([0, 1, 1, 1]);
    expect(t.toNumbers(f([0.5, 0, -1], "bool"))).toEqual([1, 0, 1]);
    expect(t.toNested(t.tensor([[true, false]]))).toEqual([[1, 0]]);
  });
});

describe("nested numbers", () => {
  test.each([[3], [[]], [[1, 2]], [[[1], [2], [3]]], [[[], []]]] as t.Nested[][])("%j", (nested) => {
    expect(t.toNested(t.tensor(nested!))).toEqual(nested);
  });

  test("views and transposed tensors come out in row-major order", () => {
    const made = t.permute(t.reshape(t.arange(0, 24), [2, 3, 4]), [2, 0, 1]);
    expect(made.isContiguous).toBe(false);
    expect((t.toNested(made) as number[][][])[1]).toEqual([
      [1, 5, 9],
      [13, 17, 21],
    ]);
  });

  test.each([[[[1, 2], [3]]], [[[1], 2]], [[1, [2]]], [[[[1]], [[1, 2]]]]] as t.Nested[][])(
    "%j is ragged",
    (nested) => {
      expect(torchErrorOf(() => t.tensor(nested!)).message).toMatch(/differ in (length|depth)/);
    },
  );

  test("what is no number is refused", () => {
    for (const value of ["1", null, [1, "2"], [undefined], {}]) torchErrorOf(() => t.tensor(wrong(value)));
  });
});

test("a shape must fit", () => {
  expect(torchErrorOf(() => t.tensor(Float32Array.of(1, 2), [3])).message).toContain("needs 3 values, got 2");
  torchErrorOf(() => t.tensor(Float32Array.of(1, 2, 3, 4), [-2, -2]));
  expect(t.tensor(Float32Array.of(1), []).shape).toEqual([]);
});

test("requiresGrad marks a leaf, whose values can still be read", () => {
  const leaf = t.tensor([1, 2], undefined, { requiresGrad: true });
  expect([leaf.requiresGrad, leaf.isLeaf]).toEqual([true, true]);
  expect(t.toNumbers(t.mul(leaf, 2))).toEqual([2, 4]);
});
