import { describe, expect, it } from "vitest";
import { expectClose } from "../../test/helpers.ts";
import { attentionOracle, type Matrix, rotaryAngle, rotateOracle } from "../../test/oracle/attention.ts";
import { grad } from "../core/autograd.ts";
import { convert, setRequiresGrad, tensor, toNested, toTypedArray } from "../core/create.ts";
import type { Dtype } from "../core/dtype.ts";
import { scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { sum } from "../generated/ops.ts";
import { attention } from "./attention.ts";
import { rotate } from "./functional.ts";
import { mixedLinear } from "./linear.ts";

/** Numbers without a pattern, in about [−1, 1]. */
const number = (i: number): number => Math.sin(12.9898 * i + 0.3 * i * i);
const matrix = (rows: number, columns: number, phase: number): number[][] =>
  Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => number(phase + r * columns + c)),
  );

const [heads, queries, keys, size] = [2, 3, 5, 4];
const q = [0, 1].map((h) => matrix(queries, size, 100 * h));
const k = [0, 1].map((h) => matrix(keys, size, 100 * h + 31));
const v = [0, 1].map((h) => matrix(keys, size, 100 * h + 57));
const four = (x: number[][][], dtype: Dtype): Tensor => tensor([x], undefined, { dtype });
const perHead = (scale: number, bias?: Matrix): number[][][] =>
  Array.from({ length: heads }, (_, h) => attentionOracle({ q: q[h]!, k: k[h]!, v: v[h]! }, scale, bias));

describe("attention", () => {
  it.each([
    ["float64", 1e-12],
    ["float32", 1e-6],
    ["bfloat16", 0.02],
  ] as const)("agrees with the float64 oracle in %s", (dtype, tolerance) => {
    const result = attention(four(q, dtype), four(k, dtype), four(v, dtype));
    expect(result.dtype).toBe(dtype);
    expectClose(toNested(result), [perHead(1 / Math.sqrt(size))], tolerance);
  });

  it("takes another scale", () => {
    const result = attention(four(q, "float64"), four(k, "float64"), four(v, "float64"), { scale: 3 });
    expectClose(toNested(result), [perHead(3)], 1e-12);
  });

  it("adds a bias, and −∞ forbids a key: its value then has no influence and no gradient", () => {
    const bias = matrix(queries, keys, 7).map((row) =>
      row.map((value, column) => (column === 2 ? Number.NEGATIVE_INFINITY : value)),
    );
    const options = { bias: tensor(bias, undefined, { dtype: "float64" }) };
    const values = setRequiresGrad(four(v, "float64"), true);
    const result = attention(four(q, "float64"), four(k, "float64"), values, options);
    expectClose(toNested(result), [perHead(1 / Math.sqrt(size), bias)], 1e-12);
    const [gradient] = toNested(grad(sum(result), [values])[0]!) as number[][][][];
    for (const head of gradient!) {
      expect(head[2]).toEqual([0, 0, 0, 0]);
      expect(head[1]!.every((g) => g > 0)).toBe(true);
    }
  });

  it.each([
    ["rows", [3, 4, 2, 1200]],
    ["heads", [1, 18, 9, 1000]],
  ] as const)("takes %s in blocks where the scores are many, with the same values", (_, [B, H, G, L]) => {
    const random = (heads: number, length: number) => {
      const values = Float32Array.from({ length: B * heads * length * 2 }, (_, i) =>
        Math.sin(i * (heads + 1)),
      );
      return tensor(values, [B, heads, length, 2]);
    };
    const bias = tensor(
      Float32Array.from({ length: B * L }, (_, i) => -(i % 7)),
      [B, 1, 1, L],
    );
    const run = (gradient: boolean) =>
      scope(() => {
        const query = setRequiresGrad(random(H, L), gradient); // with gradients there are no blocks
        return toTypedArray(attention(query, random(G, L), random(G, L), { bias }));
      });
    const [blocks, whole] = [run(false), run(true)] as [Float32Array, Float32Array];
    expect(blocks.every((value, i) => Math.abs(value - whole[i]!) < 1e-6)).toBe(true);
  });

  it("stays finite where scores are huge", () => {
    const result = attention(
      four([[[300, 0]]], "float32"),
      four(
        [
          [
            [300, 0],
            [0, 300],
          ],
        ],
        "float32",
      ),
      four(
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
        "float32",
      ),
    );
    expect(toNested(result)).toEqual([[[[1, 2]]]]);
  });
});

const length = 6;
const table = (f: (angle: number) => number, shift = 0): Tensor =>
  tensor(
    Array.from({ length }, (_, p) =>
      Array.from({ length: size / 2 }, (_, i) => f(rotaryAngle(p + shift, i, size))),
    ),
    undefined,
    { dtype: "float64" },
  );
const x = matrix(length, size, 3);
const turned = (rows: number[][], shift = 0): number[][] =>
  toNested(
    rotate(tensor(rows, undefined, { dtype: "float64" }), table(Math.cos, shift), table(Math.sin, shift)),
  ) as number[][];

describe("rotate", () => {
  it("agrees with the float64 oracle, for any leading dimensions", () => {
    const expected = x.map(rotateOracle);
    expectClose(turned(x), expected, 1e-12);
    const deep = tensor([[x, x]], undefined, { dtype: "float64" });
    expectClose(toNested(rotate(deep, table(Math.cos), table(Math.sin))), [[expected, expected]], 1e-12);
  });

  it("leaves position 0 as it is and keeps the norm of every position", () => {
    const after = turned(x);
    expectClose(after[0], x[0], 1e-15);
    x.forEach((row, p) => {
      expect(Math.hypot(...after[p]!)).toBeCloseTo(Math.hypot(...row), 12);
      if (p > 0) expect(Math.abs(after[p]![0]! - row[0]!)).toBeGreaterThan(1e-3);
    });
  });

  it("makes products depend on the distance of two positions only", () => {
    const dot = (a: readonly number[], b: readonly number[]) =>
      a.reduce((s, value, i) => s + value * b[i]!, 0);
    const [query, key] = [x[1]!, x[4]!];
    const same = (row: number[]) => Array.from({ length }, () => row);
    const products = (shift: number, distance: number): number[] => {
      const [queriesAt, keysAt] = [turned(same(query), shift), turned(same(key), shift)];
      return Array.from({ length: length - distance }, (_, p) => dot(queriesAt[p]!, keysAt[p + distance]!));
    };
    for (const distance of [0, 1, 3]) {
      const [first, ...others] = [...products(0, distance), ...products(50, distance)];
      for (const other of others) expect(other).toBeCloseTo(first!, 12);
    }
    expect(Math.abs(products(0, 1)[0]! - products(0, 3)[0]!)).toBeGreaterThan(1e-2);
  });
});

describe("mixedLinear", () => {
  const input = tensor([matrix(3, 4, 0)]);
  const weight = tensor(matrix(2, 4, 40));
  const bias = tensor([0.5, -1]);
  const expected = (toNested(input) as number[][][]).map((rows) =>
    rows.map((row) =>
      (toNested(weight) as number[][]).map(
        (w, o) => row.reduce((s, value, i) => s + value * w[i]!, 0) + [0.5, -1][o]!,
      ),
    ),
  );

  it.each([
    ["float32", 1e-6],
    ["bfloat16", 0.02],
  ] as const)("computes in %s and says so in its dtype", (products, tolerance) => {
    const result = mixedLinear(input, weight, bias, products);
    expect(result.dtype).toBe(products);
    expectClose(toNested(result), expected, tolerance);
  });

  it("gives float32 gradients through bfloat16 products", () => {
    const leaf = setRequiresGrad(tensor(matrix(2, 4, 40)), true);
    const [gradient] = grad(sum(mixedLinear(input, leaf, bias, "bfloat16")), [leaf]);
    expect(gradient!.dtype).toBe("float32");
    const columns = [0, 1, 2, 3].map((i) =>
      (toNested(input) as number[][][])[0]!.reduce((s, row) => s + row[i]!, 0),
    );
    expectClose(toNested(gradient!), [columns, columns], 0.02);
  });

  it("leaves float64 weights in float64", () => {
    const wide = (one: Tensor) => convert(one, "float64", undefined);
    const result = mixedLinear(wide(input), wide(weight), wide(bias), "bfloat16");
    expect(result.dtype).toBe("float64");
    expectClose(toNested(result), expected, 1e-6);
  });
});
