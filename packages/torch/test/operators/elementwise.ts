// Arithmetic, comparison and logic.

import * as t from "../../src/index.ts";
import { b, f, i } from "../helpers.ts";
import { type Case, row, type Table, wrong } from "./case.ts";

const misfit = () => f([1, 2, 3]);
const unary = (op: (self: t.Tensor) => t.Tensor, input: t.Nested, want: t.Nested): Case =>
  row(
    () => op(f(input)),
    want,
    () => op(wrong(3)),
  );
const binary = (op: (self: t.Tensor, other: t.Tensor) => t.Tensor, want: t.Nested): Case =>
  row(
    () => op(f([[4, 7]]), f([[2], [-3]])),
    want,
    () => op(f([1, 2]), misfit()),
  );
/** Tensor and Scalar forms at once. */
const either = (op: (self: t.Tensor, other: t.Tensor | t.Scalar) => t.Tensor, want: t.Nested[]): Case =>
  row(
    () => [op(i([5, 3]), i([3, 3])), op(i([5, 3]), 3)],
    want,
    () => op(i([5, 3]), i([1, 2, 3])),
  );
const compared = (
  op: (self: t.Tensor, other: t.Tensor | t.Scalar) => t.Tensor,
  first: number,
  second: number,
): Case =>
  either(op, [
    [first, second],
    [first, second],
  ]);

export const elementwise: Table = {
  add: row(
    () => [t.add(f([1, 2]), f([10, 20])), t.add(f([1, 2]), 10, { alpha: 2 }), t.add(i([1]), true)],
    [[11, 22], [21, 22], [2]],
    () => t.add(f([1, 2]), misfit()),
  ),
  sub: row(
    () => [t.sub(f([1, 2]), f([10, 20]), { alpha: 0.5 }), t.sub(f([1]), 3)],
    [[-4, -8], [-2]],
    () => t.sub(f([1, 2]), misfit()),
  ),
  mul: row(
    () => [t.mul(f([[2, 3]]), f([[4], [5]])), t.mul(i([3]), -2n)],
    [
      [
        [8, 12],
        [10, 15],
      ],
      [-6],
    ],
    () => t.mul(f([1, 2]), misfit()),
  ),
  div: row(
    () => [t.div(i([1, 3]), i([2, 2])), t.div(f([1]), 4)],
    [[0.5, 1.5], [0.25]],
    () => t.div(f([1, 2]), wrong("2")),
  ),
  divideRounding: row(
    () => [
      t.divideRounding(f([-7, 7]), f([2, 2]), { roundingMode: "floor" }),
      t.divideRounding(f([-7, 7]), 2, { roundingMode: "trunc" }),
      t.divideRounding(f([7]), 2, { roundingMode: null }),
    ],
    [[-4, 3], [-3, 3], [3.5]],
    () => t.divideRounding(f([1]), 2, { roundingMode: "sideways" }),
  ),
  remainder: row(
    () => [t.remainder(f([-7, 7]), f([3, -3])), t.remainder(f([-7]), 3)],
    [[2, -2], [2]],
    () => t.remainder(f([1, 2]), misfit()),
  ),
  pow: row(
    () => [t.pow(f([2, 3]), f([3, 2])), t.pow(f([4]), 0.5)],
    [[8, 9], [2]],
    () => t.pow(i([2]), -1),
  ),
  neg: row(
    () => t.neg(f([1, -2])),
    [-1, 2],
    () => t.neg(b([1])),
  ),
  abs: unary(t.abs, [-1, 2], [1, 2]),
  sign: unary(t.sign, [-3, 0, 5], [-1, 0, 1]),
  exp: unary(t.exp, [0, 1], [1, Math.E]),
  expm1: unary(t.expm1, [0, 1], [0, Math.E - 1]),
  log: unary(t.log, [1, Math.E], [0, 1]),
  log1p: unary(t.log1p, [0, 1], [0, Math.LN2]),
  log2: unary(t.log2, [1, 8], [0, 3]),
  sqrt: unary(t.sqrt, [4, 9], [2, 3]),
  rsqrt: unary(t.rsqrt, [4, 16], [0.5, 0.25]),
  square: unary(t.square, [-3, 2], [9, 4]),
  reciprocal: unary(t.reciprocal, [2, -4], [0.5, -0.25]),
  sin: unary(t.sin, [0, Math.PI / 2], [0, 1]),
  cos: unary(t.cos, [0, Math.PI], [1, -1]),
  tanh: unary(t.tanh, [0, 1], [0, Math.tanh(1)]),
  sigmoid: unary(t.sigmoid, [0, 2], [0.5, 1 / (1 + Math.exp(-2))]),
  erf: unary(t.erf, [0, 1], [0, 0.8427007929]),
  floor: unary(t.floor, [-1.5, 1.5], [-2, 1]),
  ceil: unary(t.ceil, [-1.5, 1.5], [-1, 2]),
  round: unary(t.round, [0.5, 1.5, 2.5], [0, 2, 2]),
  clamp: row(
    () => [t.clamp(f([-5, 0, 5]), { min: -1, max: 2 }), t.clamp(f([-5, 5]), { max: 1 })],
    [
      [-1, 0, 2],
      [-5, 1],
    ],
    () => t.clamp(f([1])),
  ),
  maximum: binary(t.maximum, [
    [4, 7],
    [4, 7],
  ]),
  minimum: binary(t.minimum, [
    [2, 2],
    [-3, -3],
  ]),
  lerp: row(
    () => t.lerp(f([0, 10]), f([10, 20]), 0.25),
    [2.5, 12.5],
    () => t.lerp(f([0, 10]), misfit(), 0.25),
  ),
  addcmul: row(
    () => t.addcmul(f([1]), f([2]), f([3]), { value: 0.5 }),
    [4],
    () => t.addcmul(f([1, 2]), misfit(), f([3])),
  ),
  addcdiv: row(
    () => t.addcdiv(f([1]), f([6]), f([3]), { value: 2 }),
    [5],
    () => t.addcdiv(f([1, 2]), misfit(), f([3])),
  ),
  eq: compared(t.eq, 0, 1),
  ne: compared(t.ne, 1, 0),
  lt: compared(t.lt, 0, 0),
  le: compared(t.le, 0, 1),
  gt: compared(t.gt, 1, 0),
  ge: compared(t.ge, 1, 1),
  logicalAnd: binary(t.logicalAnd, [
    [1, 1],
    [1, 1],
  ]),
  logicalOr: binary(t.logicalOr, [
    [1, 1],
    [1, 1],
  ]),
  logicalNot: unary(t.logicalNot, [0, 3], [1, 0]),
  logicalXor: binary(t.logicalXor, [
    [0, 0],
    [0, 0],
  ]),
  bitwiseAnd: either(t.bitwiseAnd, [
    [1, 3],
    [1, 3],
  ]),
  bitwiseOr: either(t.bitwiseOr, [
    [7, 3],
    [7, 3],
  ]),
  bitwiseXor: either(t.bitwiseXor, [
    [6, 0],
    [6, 0],
  ]),
  shiftLeft: row(
    () => t.shiftLeft(i([1, 5]), 4),
    [16, 80],
    () => t.shiftLeft(i([1]), wrong("4")),
  ),
  shiftRight: row(
    () => t.shiftRight(i([-16, 80]), 4),
    [-1, 5],
    () => t.shiftRight(wrong(null), 4),
  ),
  isnan: unary(t.isnan, [Number.NaN, 1], [1, 0]),
  isfinite: unary(t.isfinite, [Number.NaN, 1, Number.POSITIVE_INFINITY], [0, 1, 0]),
  where: row(
    () => t.where(b([1, 0]), f([1, 2]), f([3, 4])),
    [1, 4],
    () => t.where(b([1, 0]), misfit(), misfit()),
  ),
  maskedFill: row(
    () => [t.maskedFill(f([1, 2]), b([0, 1]), 9), t.maskedFill(f([1, 2]), b([1, 0]), f(8))],
    [
      [1, 9],
      [8, 2],
    ],
    () => t.maskedFill(f([1, 2]), b([0, 1, 1]), 9),
  ),
  allclose: row(
    () => [t.allclose(f([1]), f([1 + 1e-6])), t.allclose(f([1]), f([1.1]), { rtol: 0.01 })],
    [true, false],
    () => t.allclose(f([1, 2]), misfit()),
  ),
  equal: row(
    () => [t.equal(f([1]), f([1])), t.equal(f([1]), f([2]))],
    [true, false],
    () => t.equal(f([1]), wrong([1])),
  ),
};
