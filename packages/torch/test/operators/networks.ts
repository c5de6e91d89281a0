// Layers, losses, in-place and many-tensor operators.

import * as t from "../../src/index.ts";
import { b, f, i } from "../helpers.ts";
import { row, type Table, wrong } from "./case.ts";

const three = () => f([1, 2, 3]);
const pair = () => [f([1, 4]), f([9])];
/** Applies an operator that changes a list, and gives the list. */
const changed = (body: (list: t.Tensor[]) => void): t.Tensor[] => {
  const list = pair();
  body(list);
  return list;
};
const gelu1 = 0.8413447;
const adamW = (state: t.Tensor[]) => {
  const [self, grads, averages, squares, steps] = state.map((one) => [one]) as [
    t.Tensor[],
    t.Tensor[],
    t.Tensor[],
    t.Tensor[],
    t.Tensor[],
  ];
  const options = {
    lr: 0.1,
    beta1: 0.9,
    beta2: 0.99,
    weightDecay: 0.5,
    eps: 1e-8,
    amsgrad: false,
    maximize: false,
  };
  t.fusedAdamW_(self, grads, averages, squares, [], steps, options);
  return self;
};

export const networks: Table = {
  embedding: row(
    () =>
      t.embedding(
        f([
          [1, 2],
          [3, 4],
        ]),
        i([1, 0]),
      ),
    [
      [3, 4],
      [1, 2],
    ],
    () => t.embedding(f([[1]]), i([1])),
  ),
  layerNorm: row(
    () => [
      t.layerNorm(f([[-1, 1]]), [2], { eps: 0 }),
      t.layerNorm(f([[-1, 1]]), [2], { weight: f([2, 2]), bias: f([1, 1]), eps: 0 }),
    ],
    [[[-1, 1]], [[-1, 3]]],
    () => t.layerNorm(f([[1, 2]]), [3]),
  ),
  gelu: row(
    () => [t.gelu(f([0, 1])), t.gelu(f([1]), { approximate: "tanh" })],
    [[0, gelu1], [0.841192]],
    () => t.gelu(f([1]), { approximate: "roughly" }),
  ),
  silu: row(
    () => t.silu(f([0, 1])),
    [0, 0.7310586],
    () => t.silu(wrong(1)),
  ),
  relu: row(
    () => t.relu(f([-1, 2])),
    [0, 2],
    () => t.relu(b([1])),
  ),
  dropout: row(
    () => [t.dropout(f([1]), 0.5, false), t.dropout(f([1]), 1, true)],
    [[1], [0]],
    () => t.dropout(f([1]), 1.5, true),
  ),
  crossEntropyLoss: row(
    () => [
      t.crossEntropyLoss(f([[0, 0]]), i([1])),
      t.crossEntropyLoss(
        f([
          [0, 0],
          [0, 0],
        ]),
        i([0, -100]),
        { reduction: 0 },
      ),
    ],
    [Math.LN2, [Math.LN2, 0]],
    () => t.crossEntropyLoss(f([[0, 0]]), i([2])),
  ),
  nllLoss: row(
    () => t.nllLoss(f([[-1, -2]]), i([1]), { reduction: 2 }),
    2,
    () => t.nllLoss(f([[-1, -2]]), f([1])),
  ),
  binaryCrossEntropyWithLogits: row(
    () => t.binaryCrossEntropyWithLogits(f([0, 0]), f([1, 0])),
    Math.LN2,
    () => t.binaryCrossEntropyWithLogits(f([0, 0]), f([1, 0, 1])),
  ),
  mseLoss: row(
    () => t.mseLoss(f([1, 3]), f([0, 0])),
    5,
    () => t.mseLoss(f([1, 3]), f([1, 2, 3])),
  ),
  klDiv: row(
    () => t.klDiv(f([Math.log(0.5)]), f([0]), { reduction: 2, logTarget: true }),
    Math.LN2,
    () => t.klDiv(f([1, 2]), f([1, 2, 3])),
  ),
  scaledDotProductAttention: {
    good: () => t.scaledDotProductAttention(f([[[[1]]]]), f([[[[0], [0]]]]), f([[[[2], [4]]]])),
    want: [[[[3]]]],
    bad: () => t.scaledDotProductAttention(f([1]), f([1]), f([1, 2])),
    since: t.operator("aten::scaled_dot_product_attention"),
  },

  add_: row(
    () => [t.add_(three(), f([1, 1, 1]), { alpha: 2 }), t.add_(three(), 1)],
    [
      [3, 4, 5],
      [2, 3, 4],
    ],
    () => t.add_(f([1]), three()),
  ),
  sub_: row(
    () => [t.sub_(three(), f([1])), t.sub_(three(), 1)],
    [
      [0, 1, 2],
      [0, 1, 2],
    ],
    () => t.sub_(f([1]), three()),
  ),
  mul_: row(
    () => [t.mul_(three(), f([2])), t.mul_(three(), 3)],
    [
      [2, 4, 6],
      [3, 6, 9],
    ],
    () => t.mul_(i([1]), 0.5),
  ),
  div_: row(
    () => [t.div_(three(), f([2])), t.div_(three(), 2)],
    [
      [0.5, 1, 1.5],
      [0.5, 1, 1.5],
    ],
    () => t.div_(i([1]), 2),
  ),
  clamp_: row(
    () => t.clamp_(three(), { min: 2 }),
    [2, 2, 3],
    () => t.clamp_(three()),
  ),
  lerp_: row(
    () => t.lerp_(f([0]), f([10]), 0.1),
    [1],
    () => t.lerp_(f([0]), three(), 0.1),
  ),
  addcmul_: row(
    () => t.addcmul_(f([1]), f([2]), f([3]), { value: 2 }),
    [13],
    () => t.addcmul_(f([1]), three(), f([1])),
  ),
  addcdiv_: row(
    () => t.addcdiv_(f([1]), f([6]), f([3])),
    [3],
    () => t.addcdiv_(f([1]), three(), f([1])),
  ),
  sqrt_: row(
    () => t.sqrt_(f([9])),
    [3],
    () => t.sqrt_(i([9])),
  ),
  zero_: row(
    () => t.zero_(f([9])),
    [0],
    () => t.zero_(wrong(9)),
  ),
  fill_: row(
    () => t.fill_(f([0, 0]), 2.5),
    [2.5, 2.5],
    () => t.fill_(f([0]), wrong("2")),
  ),
  maskedFill_: row(
    () => t.maskedFill_(three(), b([1, 0, 0]), 0),
    [0, 2, 3],
    () => t.maskedFill_(three(), b([1, 0]), 0),
  ),
  mmOut: row(
    () => t.mmOut(f([[1, 2]]), f([[3], [4]]), { out: t.zeros([1, 1]) }),
    [[11]],
    () => t.mmOut(f([[1, 2]]), f([[3, 4]]), { out: t.zeros([1, 1]) }),
  ),
  addOut: row(
    () => t.addOut(f([1]), f([2]), { alpha: 3, out: t.zeros([1]) }),
    [7],
    () => t.addOut(f([1]), f([2]), { out: wrong(undefined) }),
  ),

  foreachAdd: row(
    () => t.foreachAdd(pair(), 1),
    [[2, 5], [10]],
    () => t.foreachAdd([wrong(1)], 1),
  ),
  foreachAdd_: row(
    () => changed((list) => t.foreachAdd_(list, pair(), { alpha: 2 })),
    [[3, 12], [27]],
    () => t.foreachAdd_(pair(), [f([1, 1])]),
  ),
  foreachAddScalar_: row(
    () => changed((list) => t.foreachAddScalar_(list, 1)),
    [[2, 5], [10]],
    () => t.foreachAddScalar_(pair(), wrong("1")),
  ),
  foreachSub: row(
    () => t.foreachSub(pair(), pair(), { alpha: 2 }),
    [[-1, -4], [-9]],
    () => t.foreachSub(pair(), []),
  ),
  foreachMul: row(
    () => t.foreachMul(pair(), 2),
    [[2, 8], [18]],
    () => t.foreachMul([], 2),
  ),
  foreachMul_: row(
    () => changed((list) => t.foreachMul_(list, 2)),
    [[2, 8], [18]],
    () => t.foreachMul_([wrong(null)], 2),
  ),
  foreachMulList_: row(
    () => changed((list) => t.foreachMulList_(list, pair())),
    [[1, 16], [81]],
    () => t.foreachMulList_(pair(), [f([1, 1])]),
  ),
  foreachDiv_: row(
    () => changed((list) => t.foreachDiv_(list, pair())),
    [[1, 1], [1]],
    () => t.foreachDiv_(pair(), [f([1, 1])]),
  ),
  foreachDivScalar_: row(
    () => changed((list) => t.foreachDivScalar_(list, 2)),
    [[0.5, 2], [4.5]],
    () => t.foreachDivScalar_([i([1])], 2),
  ),
  foreachSqrt: row(
    () => t.foreachSqrt(pair()),
    [[1, 2], [3]],
    () => t.foreachSqrt(wrong(f([1]))),
  ),
  foreachAddcmul_: row(
    () => changed((list) => t.foreachAddcmul_(list, pair(), pair(), { value: 0.5 })),
    [[1.5, 12], [49.5]],
    () => t.foreachAddcmul_(pair(), pair(), []),
  ),
  foreachAddcdiv_: row(
    () => changed((list) => t.foreachAddcdiv_(list, pair(), pair(), { value: 2 })),
    [[3, 6], [11]],
    () => t.foreachAddcdiv_(pair(), [], pair()),
  ),
  foreachNorm: row(
    () => t.foreachNorm([f([3, 4]), f([-2])]),
    [5, 2],
    () => t.foreachNorm(wrong("x")),
  ),
  foreachZero_: row(
    () => changed(t.foreachZero_),
    [[0, 0], [0]],
    () => t.foreachZero_([wrong({})]),
  ),
  foreachCopy_: {
    good: () => changed((list) => t.foreachCopy_(list, [f([5, 6]), f([7])])),
    want: [[5, 6], [7]],
    bad: () => t.foreachCopy_(pair(), [f([1])]),
    since: t.operator("aten::_foreach_copy_"),
  },
  // First step: m = 0.1 g, v = 0.01 g², both corrected to g and g²; p = 2 (1 − 0.1 · 0.5) − 0.1 = 1.8.
  fusedAdamW_: {
    good: () => adamW([f([2]), f([4]), f([0]), f([0]), f(1)]),
    want: [[1.8]],
    bad: () => adamW([f([2]), wrong(4), f([0]), f([0]), f(1)]),
    since: t.operator("aten::_fused_adamw_"),
  },
};
