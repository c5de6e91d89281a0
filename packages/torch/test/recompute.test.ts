// Recomputation against the plain graph: same numbers, fewer kept.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as t from "../src/index.ts";
import { values } from "./gradient-check.ts";
import { d, torchErrorOf } from "./helpers.ts";

const wish = (tensor: t.Tensor): t.Tensor => t.setRequiresGrad(tensor, true);
const numbers = (tensor: t.Tensor | null): number[] | null => (tensor === null ? null : t.toNumbers(tensor));

let start = 0;
beforeEach(() => {
  start = t.liveTensors().count;
});
afterEach(() => expect(t.liveTensors().count).toBe(start));

/** How a stack runs: the plain graph, or recomputed. */
interface Way {
  through(blocks: readonly t.Block[], input: t.Tensor): t.Tensor;
  hold(tensor: t.Tensor): t.Tensor;
  finish(): void;
}
const plain = (): Way => ({
  through: (blocks, input) => blocks.reduce((hidden, block) => block(hidden), input),
  hold: (tensor) => tensor,
  finish: () => {},
});

interface Scene {
  /** Layers before the stack, so that its input has a graph of its own. */
  graph?: boolean;
  /** Blocks from the first whose weights want no gradient. */
  frozen?: number;
  /** Neither input nor condition wants one. */
  quiet?: boolean;
}

/** Value and every gradient of a stack with a shared condition, which the layers behind it use too. */
function run(way: Way, { graph = false, frozen = 0, quiet = false }: Scene): (number[] | null)[] {
  return t.scope(() => {
    const input = values([4, 3], 1);
    const condition = values([3], 2);
    if (!quiet) for (const one of [input, condition]) wish(one);
    const weights = [10, 11, 12].map((seed) => values([3, 3], seed));
    for (const weight of weights.slice(frozen)) wish(weight);
    // In a scope that ends before the gradient comes, as a network's forward may be.
    const loss = t.scope(() => {
      const shift = way.hold(graph ? t.mul(condition, 3) : condition);
      const mask = way.hold(values([4, 1], 3, [0, 1]));
      const blocks = weights.map(
        (weight): t.Block =>
          (hidden) =>
            t.add(hidden, t.mul(t.tanh(t.add(t.matmul(hidden, weight), shift)), mask)),
      );
      const output = way.through(blocks, graph ? t.mul(input, 2) : input);
      return t.sum(t.mul(t.mul(output, output), shift));
    });
    if (loss.requiresGrad) t.backward(loss);
    way.finish();
    return [t.toNumbers(loss), ...[...weights, input, condition].map((one) => numbers(t.gradientOf(one)))];
  });
}

describe("Recompute", () => {
  test.each<Scene>([
    {},
    { graph: true },
    { frozen: 2, graph: true },
    { frozen: 2, quiet: true },
    { frozen: 3, quiet: true },
  ])("gives the plain graph's values and gradients, bit for bit: %o", (scene) => {
    const expected = run(plain(), scene);
    expect(expected.filter((one) => one === null)).toHaveLength((scene.frozen ?? 0) + (scene.quiet ? 2 : 0));
    expect(run(new t.Recompute(), scene)).toEqual(expected);
  });

  test("keeps nothing below the first trained block and runs it once", () => {
    t.scope(() => {
      const runs = [0, 0, 0];
      const weight = wish(d([[2]]));
      const recompute = new t.Recompute();
      const blocks = [0, 1, 2].map(
        (i): t.Block =>
          (hidden) => {
            runs[i]!++;
            return i === 1 ? t.matmul(hidden, weight) : t.mul(hidden, 3);
          },
      );
      const output = recompute.through(blocks, d([[5]]));
      t.backward(t.sum(output));
      expect(runs).toEqual([1, 1, 1]);
      recompute.finish();
      expect(runs).toEqual([1, 2, 2]);
      expect(numbers(t.gradientOf(weight))).toEqual([45]);
    });
  });

  test("walks one stack into another, and two uses of one output together", () => {
    const chain = (way: Way) =>
      t.scope(() => {
        const [a, b, c] = [2, 3, 5].map((value) => wish(d([value]))) as [t.Tensor, t.Tensor, t.Tensor];
        const first = way.through([(x) => t.mul(x, a), (x) => t.tanh(x)], c);
        const second = way.through([(x) => t.mul(x, b)], t.exp(first));
        t.backward(t.sum(t.add(t.mul(second, first), way.through([(x) => t.mul(x, b)], first))));
        way.finish();
        return [a, b, c].map((one) => numbers(t.gradientOf(one)));
      });
    const [found, expected] = [chain(new t.Recompute()), chain(plain())];
    found.forEach((gradient, i) => {
      expect(gradient![0]! / expected[i]![0]!).toBeCloseTo(1, 14);
    });
  });

  test("makes nothing where no gradient is recorded, and a stack that the loss leaves out has none", () => {
    t.scope(() => {
      const weight = wish(d([2]));
      const recompute = new t.Recompute();
      for (const input of [d([1]), wish(d([1]))]) {
        const quiet = t.noGrad(() => recompute.through([(x) => t.mul(x, weight)], input));
        expect([quiet.requiresGrad, numbers(quiet)]).toEqual([false, [2]]);
      }
      recompute.finish();
      const input = wish(d([7]));
      t.noGrad(() => recompute.through([(x) => t.mul(x, weight)], input));
      const used = recompute.through([(x) => t.mul(x, weight)], input);
      recompute.through([(x) => t.mul(x, weight)], d([100]));
      t.backward(t.sum(used));
      recompute.finish();
      expect([weight, input].map((one) => numbers(t.gradientOf(one)))).toEqual([[7], [2]]);
    });
  });

  test("finish before backward is refused, and dispose frees", () => {
    t.scope(() => {
      const recompute = new t.Recompute();
      recompute.through([(hidden) => t.mul(hidden, 2)], wish(d([1])));
      expect(torchErrorOf(() => recompute.finish()).message).toContain("after backward()");
      recompute.through([(hidden) => t.mul(hidden, 2)], wish(d([1])));
      recompute.dispose();
    });
  });
});
