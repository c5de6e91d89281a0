// Creation, random numbers, dtype and device changes.

import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as t from "../../src/index.ts";
import { f, i } from "../helpers.ts";
import { row, type Table, wrong } from "./case.ts";

const file = join(tmpdir(), `unmask-from-file-${process.pid}`);
const generator = () => t.createGenerator(7);
const numbers = (result: unknown): number[] => (result as number[]).flat(9) as number[];
const within = (low: number, high: number) => (result: unknown) =>
  numbers(result).every((value) => value >= low && value < high);

export const creation: Table = {
  empty: row(
    () => t.empty([2, 0], { dtype: "int64" }),
    [[], []],
    () => t.empty([-1]),
  ),
  zeros: row(
    () => t.zeros([2]),
    [0, 0],
    () => t.zeros([2 ** 52, 2 ** 52]),
  ),
  ones: row(
    () => t.ones([1, 2], { dtype: "bool" }),
    [[1, 1]],
    () => t.ones([1.5]),
  ),
  full: row(
    () => t.full([2], 2.5),
    [2.5, 2.5],
    () => t.full([2], wrong("2")),
  ),
  arange: row(
    () => t.arange(1, 7, { step: 2 }),
    [1, 3, 5],
    () => t.arange(1, 7, { step: 0 }),
  ),
  linspace: row(
    () => t.linspace(0, 1, 3),
    [0, 0.5, 1],
    () => t.linspace(0, 1, -3),
  ),
  eye: row(
    () => t.eye(2),
    [
      [1, 0],
      [0, 1],
    ],
    () => t.eye(-1),
  ),
  emptyLike: row(
    () => t.emptyLike(f([[1, 2, 3]])).shape,
    [1, 3],
    () => t.emptyLike(wrong(null)),
  ),
  zerosLike: row(
    () => t.zerosLike(f([1, 2])),
    [0, 0],
    () => t.zerosLike(f([1]), { dtype: wrong("float8") }),
  ),
  onesLike: row(
    () => t.onesLike(f([1, 2]), { dtype: "int64" }),
    [1, 1],
    () => t.onesLike(f([1]), { device: wrong("tpu") }),
  ),
  fullLike: row(
    () => t.fullLike(f([1, 2]), 3),
    [3, 3],
    () => t.fullLike(f([1, 2]), wrong(undefined)),
  ),
  fromFile: row(
    () => {
      writeFileSync(file, Uint8Array.of(1, 2, 3));
      return t.fromFile(file, { shared: false, size: 3, dtype: "uint8" });
    },
    [1, 2, 3],
    () => t.fromFile(`${file}-missing`, { size: 3, dtype: "uint8" }),
  ),
  rand: row(
    () => t.rand([50], { generator: generator() }),
    within(0, 1),
    () => t.rand([50], { generator: new t.Generator(12345) }),
  ),
  randn: row(
    () => t.equal(t.randn([9], { generator: generator() }), t.randn([9], { generator: generator() })),
    true,
    () => t.randn([-9], { generator: generator() }),
  ),
  randint: row(
    () => t.randint(3, 6, [50], { generator: generator() }),
    within(3, 6),
    () => t.randint(6, 3, [50], { generator: generator() }),
  ),
  randperm: row(
    () => t.sort(t.randperm(4, { generator: generator() }))[0],
    [0, 1, 2, 3],
    () => t.randperm(-4, { generator: generator() }),
  ),
  multinomial: row(
    () => t.multinomial(f([0, 1, 0]), 5, { replacement: true, generator: generator() }),
    [1, 1, 1, 1, 1],
    () => t.multinomial(f([0, 1, 0]), 5),
  ),
  bernoulli: row(
    () => t.bernoulli(f([0, 1]), { generator: generator() }),
    [0, 1],
    () => t.bernoulli(f([2])),
  ),
  uniform_: row(
    () => t.uniform_(t.zeros([50]), { from: 2, to: 4, generator: generator() }),
    within(2, 4),
    () => t.uniform_(t.zeros([2]), { from: 4, to: 2 }),
  ),
  normal_: row(
    () => t.normal_(t.zeros([2]), { mean: 5, std: 0, generator: generator() }),
    [5, 5],
    () => t.normal_(t.zeros([2]), { std: -1 }),
  ),
  toDtype: row(
    () => t.toDtype(f([1.7, -1.7]), "int64"),
    [1, -1],
    () => t.toDtype(f([1]), wrong("complex64")),
  ),
  toDevice: row(
    () => t.toDevice(f([1.7]), "cpu", "int32"),
    [1],
    () => t.toDevice(f([1]), wrong("cuda:x"), "float32"),
  ),
  copy_: row(
    () =>
      t.copy_(
        f([
          [0, 0],
          [0, 0],
        ]),
        i([1, 2]),
      ),
    [
      [1, 2],
      [1, 2],
    ],
    () => t.copy_(f([0, 0]), f([1, 2, 3])),
  ),
  setData_: row(
    () => {
      const self = f([1, 2]);
      t.setData_(self, f([[3]]));
      return self;
    },
    [[3]],
    () => t.setData_(f([1]), wrong(1)),
  ),
  clone: row(
    () => t.clone(f([1, 2])),
    [1, 2],
    () => t.clone(wrong("x")),
  ),
  contiguous: row(
    () => t.contiguous(t.t(f([[1, 2]]))),
    [[1], [2]],
    () => t.contiguous(wrong([f([1])])),
  ),
  detach: row(
    () => t.detach(f([1])),
    [1],
    () => t.detach(wrong(true)),
  ),
};
