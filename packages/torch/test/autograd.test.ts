// Gradients: what they are, and when they are recorded.

import { describe, expect, test } from "vitest";
import * as t from "../src/index.ts";
import { d, torchErrorOf } from "./helpers.ts";

const leaf = (data: t.Nested): t.Tensor => t.setRequiresGrad(d(data), true);
const cube = (x: t.Tensor): t.Tensor => t.sum(t.mul(t.mul(x, x), x));
const numbers = (tensor: t.Tensor | null): number[] | null => (tensor === null ? null : t.toNumbers(tensor));

describe("backward", () => {
  test("accumulates into leaves", () => {
    const x = leaf([1, 2]);
    expect(t.gradientOf(x)).toBeNull();
    t.backward(cube(x));
    expect(numbers(t.gradientOf(x))).toEqual([3, 12]);
    t.backward(cube(x));
    expect(numbers(t.gradientOf(x))).toEqual([6, 24]);
    t.setGradient(x, null);
    expect(t.gradientOf(x)).toBeNull();
  });

  test("takes several outputs with their gradients, and a choice of inputs", () => {
    const x = leaf([1, 2]);
    const y = leaf([3, 4]);
    t.backward([t.mul(x, y), t.mul(x, 2)], { gradients: [d([1, 1]), d([10, 10])], inputs: [x] });
    expect(numbers(t.gradientOf(x))).toEqual([23, 24]);
    expect(t.gradientOf(y)).toBeNull();
  });

  test("frees the graph unless asked to retain it", () => {
    const x = leaf([1, 2]);
    const kept = cube(x);
    t.backward(kept, { retainGraph: true });
    t.backward(kept);
    expect(torchErrorOf(() => t.backward(kept)).message).toMatch(/^backward: .*second time/);
  });

  test("needs a scalar, or the gradients, and a graph", () => {
    expect(torchErrorOf(() => t.backward(t.mul(leaf([1, 2]), 2))).message).toContain("scalar");
    expect(torchErrorOf(() => t.backward(d(1))).message).toContain("does not require grad");
    torchErrorOf(() => t.backward(t.mul(leaf([1, 2]), 2), { gradients: [d([1, 2, 3])] }));
  });
});

describe("grad", () => {
  test("gives gradients in the order of the inputs and accumulates nothing", () => {
    const x = leaf([1, 2]);
    const y = leaf([3, 4]);
    const [gy, gx] = t.grad(t.sum(t.mul(x, y)), [y, x]);
    expect([numbers(gy!), numbers(gx!)]).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(t.gradientOf(x)).toBeNull();
  });

  test("allowUnused gives null instead of throwing", () => {
    const x = leaf([1]);
    const unused = leaf([1]);
    expect(torchErrorOf(() => t.grad(cube(x), [unused])).message).toMatch(/^grad: .*not have been used/);
    expect(t.grad(cube(x), [unused, x], { allowUnused: true }).map(numbers)).toEqual([null, [3]]);
  });

  test("second and third derivatives", () => {
    const x = leaf([2, 3]);
    const [first] = t.grad(cube(x), [x], { createGraph: true });
    const [second] = t.grad(t.sum(first!), [x], { createGraph: true });
    const [third] = t.grad(t.sum(second!), [x]);
    expect([first!, second!, third!].map(numbers)).toEqual([
      [12, 27],
      [12, 18],
      [6, 6],
    ]);
  });
});

describe("grad mode", () => {
  test("noGrad and enableGrad nest and come back after an exception", () => {
    const x = leaf([1]);
    const records = () => t.mul(x, 2).requiresGrad;
    expect(t.noGrad(() => [records(), t.enableGrad(records), records()])).toEqual([false, true, false]);
    expect(() =>
      t.noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(records()).toBe(true);
    expect([t.recordsGraph(), t.noGrad(t.recordsGraph), t.recordsGraph()]).toEqual([true, false, true]);
  });

  test("a promise is refused and the mode restored", () => {
    expect(() => t.noGrad(() => Promise.resolve(1))).toThrow(/synchronous/);
    expect(t.mul(leaf([1]), 2).requiresGrad).toBe(true);
  });

  test("detach leaves the graph; only leaves may change their wish", () => {
    const x = leaf([1]);
    const y = t.mul(x, 2);
    expect([t.detach(y).requiresGrad, y.isLeaf, x.isLeaf]).toEqual([false, false, true]);
    expect(torchErrorOf(() => t.setRequiresGrad(y, false)).operator).toBe("setRequiresGrad");
  });
});
