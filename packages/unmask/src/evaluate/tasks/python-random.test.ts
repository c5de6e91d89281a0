import { expect, test } from "vitest";
import { PythonRandom } from "./python-random.ts";

// Expected numbers: CPython 3.11, random.Random(seed).sample(range(population), count), one call after the other.
test("samples as CPython does, with and without a pool", () => {
  const random = new PythonRandom(1234);
  expect(random.sample(7473, 5)).toEqual([6374, 3610, 957, 61, 742]);
  expect(random.sample(7473, 5)).toEqual([7462, 6610, 4769, 286, 5501]);
  expect(random.sample(7473, 5)).toEqual([5677, 687, 806, 6279, 2905]);
  expect(random.sample(10, 3)).toEqual([3, 0, 8]);
  expect(random.sample(100, 8)).toEqual([2, 44, 82, 79, 61, 78, 59, 19]);
  expect(random.sample(30, 20)).toEqual([
    2, 5, 22, 3, 0, 16, 15, 7, 29, 17, 14, 21, 18, 24, 1, 4, 13, 8, 23, 10,
  ]);
});

test("takes seeds of more than 32 bits, and 0", () => {
  expect(new PythonRandom(2 ** 40 + 7).sample(1000, 4)).toEqual([628, 765, 834, 960]);
  expect(new PythonRandom(0).sample(4, 4)).toEqual([3, 1, 0, 2]);
});
