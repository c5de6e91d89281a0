// Reductions, sorting, products.

import { item } from "../../src/generated/ops.ts";
import * as t from "../../src/index.ts";
import { b, f, i } from "../helpers.ts";
import { type Case, row, type Table, wrong } from "./case.ts";

const square = () =>
  f([
    [1, 2],
    [3, 4],
  ]);
const beyond = 5;
const whole = (op: (self: t.Tensor) => unknown, want: unknown): Case =>
  row(
    () => op(square()),
    want,
    () => op(wrong([1, 2])),
  );
const along = (op: (self: t.Tensor, dim: number) => unknown, want: unknown): Case =>
  row(
    () => op(square(), 1),
    want,
    () => op(square(), beyond),
  );

export const reductions: Table = {
  sum: whole((self) => t.sum(self, { dtype: "float64" }), 10),
  sumDim: row(
    () => [t.sumDim(square(), 0), t.sumDim(square(), [0, 1]), t.sumDim(square(), 1, { keepdim: true })],
    [[4, 6], 10, [[3], [7]]],
    () => t.sumDim(square(), [0, beyond]),
  ),
  mean: row(
    () => t.mean(square()),
    2.5,
    () => t.mean(i([1, 2])),
  ),
  meanDim: along(t.meanDim, [1.5, 3.5]),
  variance: row(
    () => [
      t.variance(square(), 1, { correction: 1 }),
      t.variance(square(), 1, { correction: 0, keepdim: true }),
    ],
    [
      [0.5, 0.5],
      [[0.25], [0.25]],
    ],
    () => t.variance(square(), beyond, { correction: 1 }),
  ),
  amax: row(
    () => [t.amax(square()), t.amax(square(), { dim: 0 })],
    [4, [3, 4]],
    () => t.amax(square(), { dim: beyond }),
  ),
  amin: row(
    () => [t.amin(square()), t.amin(square(), { dim: [0] })],
    [1, [1, 2]],
    () => t.amin(square(), { dim: [beyond] }),
  ),
  max: row(
    () => t.max(square()),
    4,
    () => t.max(t.zeros([0])),
  ),
  min: row(
    () => t.min(square()),
    1,
    () => t.min(t.zeros([0])),
  ),
  maxDim: along(t.maxDim, [
    [2, 4],
    [1, 1],
  ]),
  minDim: along(t.minDim, [
    [1, 3],
    [0, 0],
  ]),
  argmax: row(
    () => [t.argmax(square()), t.argmax(square(), { dim: 0 })],
    [3, [1, 1]],
    () => t.argmax(square(), { dim: beyond }),
  ),
  argmin: row(
    () => [t.argmin(square()), t.argmin(square(), { dim: 1, keepdim: true })],
    [0, [[0], [0]]],
    () => t.argmin(square(), { dim: beyond }),
  ),
  any: whole(t.any, 1),
  anyDim: row(
    () =>
      t.anyDim(
        b([
          [0, 1],
          [0, 0],
        ]),
        1,
      ),
    [1, 0],
    () => t.anyDim(b([[0]]), beyond),
  ),
  all: whole(t.all, 1),
  allDim: row(
    () =>
      t.allDim(
        b([
          [1, 1],
          [0, 1],
        ]),
        1,
      ),
    [1, 0],
    () => t.allDim(b([[0]]), beyond),
  ),
  cumsum: along(t.cumsum, [
    [1, 3],
    [3, 7],
  ]),
  logsumexp: row(
    () => t.logsumexp(f([[0, 0]]), 1),
    [Math.LN2],
    () => t.logsumexp(f([[0, 0]]), beyond),
  ),
  vectorNorm: row(
    () => [t.vectorNorm(f([3, 4])), t.vectorNorm(square(), { ord: 1, dim: 1 })],
    [5, [3, 7]],
    () => t.vectorNorm(f([3, 4]), { dim: beyond }),
  ),
  topk: row(
    () => t.topk(f([3, 1, 2]), 2),
    [
      [3, 2],
      [0, 2],
    ],
    () => t.topk(f([3, 1, 2]), 4),
  ),
  sort: row(
    () => t.sort(f([3, 1, 2]), { descending: true }),
    [
      [3, 2, 1],
      [0, 2, 1],
    ],
    () => t.sort(f([3, 1, 2]), { dim: beyond }),
  ),
  argsort: row(
    () => t.argsort(f([3, 1, 2])),
    [1, 2, 0],
    () => t.argsort(f([3, 1, 2]), { dim: beyond }),
  ),
  searchsorted: row(
    () => [t.searchsorted(f([1, 3, 5]), f([3])), t.searchsorted(f([1, 3, 5]), f([3]), { right: true })],
    [[1], [2]],
    () => t.searchsorted(f([1, 3]), f([3]), { side: "middle" }),
  ),
  countNonzero: row(
    () =>
      t.countNonzero(
        f([
          [0, 1],
          [2, 3],
        ]),
        [1],
      ),
    [1, 2],
    () => t.countNonzero(f([0]), [beyond]),
  ),
  bincount: row(
    () => [t.bincount(i([0, 2, 2])), t.bincount(i([1]), { minlength: 3 })],
    [
      [1, 0, 2],
      [0, 1, 0],
    ],
    () => t.bincount(i([-1])),
  ),
  item: row(
    () => item(i([[7]])),
    7,
    () => item(f([1, 2])),
  ),
  softmax: along(t.softmax, [
    [1 / (1 + Math.E), Math.E / (1 + Math.E)],
    [1 / (1 + Math.E), Math.E / (1 + Math.E)],
  ]),
  logSoftmax: row(
    () => t.logSoftmax(f([[0, 0]]), 1),
    [[-Math.LN2, -Math.LN2]],
    () => t.logSoftmax(f([[0, 0]]), beyond),
  ),

  matmul: row(
    () => [t.matmul(square(), f([1, 1])), t.matmul(t.ones([3, 2, 2]), square()).shape],
    [
      [3, 7],
      [3, 2, 2],
    ],
    () => t.matmul(square(), f([1, 1, 1])),
  ),
  mm: row(
    () => t.mm(square(), square()),
    [
      [7, 10],
      [15, 22],
    ],
    () => t.mm(square(), f([[1, 2, 3]])),
  ),
  bmm: row(
    () => t.bmm(f([[[1, 2]]]), f([[[3], [4]]])),
    [[[11]]],
    () => t.bmm(square(), square()),
  ),
  addmm: row(
    () => t.addmm(f([1, 1]), square(), t.eye(2), { beta: 2, alpha: 0.5 }),
    [
      [2.5, 3],
      [3.5, 4],
    ],
    () => t.addmm(f([1, 1, 1]), square(), t.eye(2)),
  ),
  baddbmm: row(
    () => t.baddbmm(f([[[1]]]), f([[[1, 2]]]), f([[[3], [4]]]), { beta: 10 }),
    [[[21]]],
    () => t.baddbmm(f([[[1]]]), square(), square()),
  ),
  linear: row(
    () => [t.linear(f([[1, 2]]), f([[3, 4]])), t.linear(f([[1, 2]]), f([[3, 4]]), { bias: f([0.5]) })],
    [[[11]], [[11.5]]],
    () => t.linear(f([[1, 2]]), f([[3, 4, 5]])),
  ),
  einsum: row(
    () => t.einsum("ij,jk->ik", [square(), t.eye(2)]),
    [
      [1, 2],
      [3, 4],
    ],
    () => t.einsum("ij,jk->iq", [square(), square()]),
  ),
  outer: row(
    () => t.outer(f([1, 2]), f([3, 4])),
    [
      [3, 4],
      [6, 8],
    ],
    () => t.outer(square(), f([1])),
  ),
};
