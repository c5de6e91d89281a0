// Shapes and indexing.

import * as t from "../../src/index.ts";
import { b, f, i } from "../helpers.ts";
import { row, type Table, wrong } from "./case.ts";

const square = () =>
  f([
    [1, 2],
    [3, 4],
  ]);
const three = () => f([1, 2, 3]);
const beyond = 5;

export const shapes: Table = {
  view: row(
    () => t.view(square(), [4]),
    [1, 2, 3, 4],
    () => t.view(square(), [3]),
  ),
  viewDtype: row(
    () => t.viewDtype(f([1]), "int32"),
    [0x3f800000],
    () => t.viewDtype(f([1], "uint8"), "float32"),
  ),
  reshape: row(
    () => t.reshape(square(), [-1, 1]),
    [[1], [2], [3], [4]],
    () => t.reshape(square(), [3, -1]),
  ),
  transpose: row(
    () => t.transpose(square(), 0, 1),
    [
      [1, 3],
      [2, 4],
    ],
    () => t.transpose(square(), 0, beyond),
  ),
  permute: row(
    () => t.permute(square(), [1, 0]),
    [
      [1, 3],
      [2, 4],
    ],
    () => t.permute(square(), [0, 0]),
  ),
  t: row(
    () => t.t(square()),
    [
      [1, 3],
      [2, 4],
    ],
    () => t.t(t.zeros([1, 1, 1])),
  ),
  squeeze: row(
    () => t.squeeze(f([[1, 2]]), 0),
    [1, 2],
    () => t.squeeze(f([[1]]), beyond),
  ),
  unsqueeze: row(
    () => t.unsqueeze(f([1, 2]), 0),
    [[1, 2]],
    () => t.unsqueeze(f([1]), beyond),
  ),
  expand: row(
    () => t.expand(f([[1], [2]]), [-1, 2]),
    [
      [1, 1],
      [2, 2],
    ],
    () => t.expand(square(), [3, 3]),
  ),
  flatten: row(
    () => t.flatten(square()),
    [1, 2, 3, 4],
    () => t.flatten(square(), { startDim: beyond }),
  ),
  narrow: row(
    () => t.narrow(three(), 0, 1, 2),
    [2, 3],
    () => t.narrow(three(), 0, 2, 2),
  ),
  slice: row(
    () => t.slice(three(), { start: 0, step: 2 }),
    [1, 3],
    () => t.slice(three(), { step: 0 }),
  ),
  select: row(
    () => t.select(square(), 0, -1),
    [3, 4],
    () => t.select(square(), 0, 2),
  ),
  cat: row(
    () => t.cat([f([1]), f([2, 3])]),
    [1, 2, 3],
    () => t.cat([f([[1]]), f([2])]),
  ),
  stack: row(
    () => t.stack([f([1]), f([2])], { dim: 1 }),
    [[1, 2]],
    () => t.stack([f([1]), f([2, 3])]),
  ),
  split: row(
    () => t.split(three(), 2),
    [[1, 2], [3]],
    () => t.split(three(), -1),
  ),
  splitWithSizes: row(
    () => t.splitWithSizes(three(), [1, 2]),
    [[1], [2, 3]],
    () => t.splitWithSizes(three(), [1, 1]),
  ),
  chunk: row(
    () => t.chunk(three(), 3),
    [[1], [2], [3]],
    () => t.chunk(three(), 0),
  ),
  unbind: row(
    () => t.unbind(square()),
    [
      [1, 2],
      [3, 4],
    ],
    () => t.unbind(square(), { dim: beyond }),
  ),
  repeat: row(
    () => t.repeat(f([1, 2]), [2]),
    [1, 2, 1, 2],
    () => t.repeat(square(), [2]),
  ),
  repeatInterleave: row(
    () => t.repeatInterleave(f([1, 2]), 2),
    [1, 1, 2, 2],
    () => t.repeatInterleave(f([1]), -1),
  ),
  roll: row(
    () => [t.roll(three(), 1), t.roll(square(), [1], { dims: [1] })],
    [
      [3, 1, 2],
      [
        [2, 1],
        [4, 3],
      ],
    ],
    () => t.roll(square(), [1, 1], { dims: [0] }),
  ),
  flip: row(
    () => t.flip(three(), [0]),
    [3, 2, 1],
    () => t.flip(three(), [beyond]),
  ),
  tril: row(
    () => t.tril(square()),
    [
      [1, 0],
      [3, 4],
    ],
    () => t.tril(three()),
  ),
  triu: row(
    () => t.triu(square(), { diagonal: 1 }),
    [
      [0, 2],
      [0, 0],
    ],
    () => t.triu(three()),
  ),
  constantPad: row(
    () => t.constantPad(f([1]), [1, 2], { value: 9 }),
    [9, 1, 9, 9],
    () => t.constantPad(f([1]), [1]),
  ),

  indexSelect: row(
    () => t.indexSelect(square(), 0, i([1, 1])),
    [
      [3, 4],
      [3, 4],
    ],
    () => t.indexSelect(square(), 0, i([2])),
  ),
  gather: row(
    () => t.gather(square(), 1, i([[1], [0]])),
    [[2], [3]],
    () => t.gather(square(), 1, i([[2], [0]])),
  ),
  scatter: row(
    () => t.scatter(three(), 0, i([2]), f([9])),
    [1, 2, 9],
    () => t.scatter(three(), 0, i([3]), f([9])),
  ),
  scatterAdd: row(
    () => t.scatterAdd(three(), 0, i([0, 0]), f([1, 1])),
    [3, 2, 3],
    () => t.scatterAdd(three(), 0, i([-4]), f([1])),
  ),
  scatter_: row(
    () => t.scatter_(three(), 0, i([0]), f([9])),
    [9, 2, 3],
    () => t.scatter_(three(), 0, f([0]), f([9])),
  ),
  index: row(
    () => [
      t.index(square(), [i([1])]),
      t.index(square(), [null, i([1, 0])]),
      t.index(three(), [b([1, 0, 1])]),
    ],
    [
      [[3, 4]],
      [
        [2, 1],
        [4, 3],
      ],
      [1, 3],
    ],
    () => t.index(square(), [i([2])]),
  ),
  indexPut_: row(
    () => t.indexPut_(three(), [i([0, 0])], f([1, 1]), { accumulate: true }),
    [3, 2, 3],
    () => t.indexPut_(three(), [i([3])], f([1])),
  ),
  indexAdd: row(
    () => t.indexAdd(three(), 0, i([1]), f([5]), { alpha: 2 }),
    [1, 12, 3],
    () => t.indexAdd(three(), 0, i([1]), f([5, 6])),
  ),
  indexCopy_: row(
    () => t.indexCopy_(three(), 0, i([1]), f([5])),
    [1, 5, 3],
    () => t.indexCopy_(three(), 0, i([3]), f([5])),
  ),
  indexFill_: row(
    () => t.indexFill_(three(), 0, i([1]), 7),
    [1, 7, 3],
    () => t.indexFill_(three(), 0, i([3]), 7),
  ),
  maskedSelect: row(
    () => t.maskedSelect(three(), b([1, 0, 1])),
    [1, 3],
    () => t.maskedSelect(three(), b([1, 0])),
  ),
  nonzero: row(
    () => t.nonzero(f([0, 5])),
    [[1]],
    () => t.nonzero(wrong(5)),
  ),
  oneHot: row(
    () => t.oneHot(i([1, 0]), { numClasses: 2 }),
    [
      [0, 1],
      [1, 0],
    ],
    () => t.oneHot(i([2]), { numClasses: 2 }),
  ),
};
