import {
  add,
  backward,
  convert,
  cpuMemory,
  emptyCache,
  equal,
  grad,
  gradientOf,
  item,
  keep,
  linear,
  liveTensors,
  mul,
  noGrad,
  scope,
  setRequiresGrad,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { chunkedCrossEntropy } from "./chunked-loss.ts";
import { maskColumn, weightedCrossEntropy } from "./objective.ts";

type Dtype = "float32" | "float64";

function scene(dtype: Dtype, { N, D, V, seed = 5 }: { N: number; D: number; V: number; seed?: number }) {
  const next = mulberry32(seed);
  const random = (shape: number[], scale: number) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Float64Array.from({ length: size }, () => Math.fround((next() - 0.5) * scale));
    return setRequiresGrad(tensor(values, shape, { dtype }), true);
  };
  const [hidden, weight, bias] = [random([N, D], 4), random([V, D], 3), random([V], 2)];
  const targets = Array.from({ length: N }, () => Math.floor(next() * V));
  const batch = {
    targets_N: tensor(BigInt64Array.from(targets, BigInt)),
    weights_N: tensor(
      Float64Array.from({ length: N }, () => next() / N),
      undefined,
      { dtype },
    ),
  };
  return { hidden, weight, bias, batch };
}

/** Largest difference, over the largest of `expected`. */
function distance(found: Tensor, expected: Tensor): number {
  const [a, b] = [toNumbers(found), toNumbers(expected)];
  expect(a).toHaveLength(b.length);
  const largest = Math.max(...b.map(Math.abs), 1e-30);
  return Math.max(0, ...a.map((value, i) => Math.abs(value - b[i]!))) / largest;
}

describe("chunkedCrossEntropy", () => {
  it.each([
    ["float64", 1e-13],
    ["float32", 2e-6],
  ] as const)("is plain cross-entropy, loss and gradients, to rounding of %s", (dtype, tolerance) => {
    for (const chunk of [1, 4, 7, 23, 24, 1000]) {
      const { hidden, weight, bias, batch } = scene(dtype, { N: 6, D: 5, V: 23 });
      const column_V = convert(tensor(maskColumn(23, 3)), dtype, undefined);
      const targets = toNumbers(batch.targets_N);
      expect(targets).not.toContain(3);
      const plain = weightedCrossEntropy(add(linear(hidden, weight, { bias }), column_V), batch);
      const found = chunkedCrossEntropy(hidden, { weight_VD: weight, bias_V: bias, column_V }, batch, {
        chunk,
      });
      expect(distance(found.losses_N, plain.losses_N)).toBeLessThan(tolerance);
      expect(item(found.loss) / item(plain.loss) - 1).toBeLessThan(tolerance);
      const leaves = [hidden, weight, bias];
      // Scaled as accumulation would.
      const slopes = grad(mul(found.loss, 0.25), leaves);
      grad(mul(plain.loss, 0.25), leaves).forEach((expected, i) => {
        expect(slopes[i]!.dtype).toBe(dtype);
        expect(distance(slopes[i]!, expected)).toBeLessThan(tolerance);
      });
    }
  });

  it("makes gradients only where they are wanted, and none without a graph", () => {
    const { hidden, weight, batch } = scene("float32", { N: 4, D: 3, V: 11 });
    setRequiresGrad(weight, false);
    const { loss } = chunkedCrossEntropy(hidden, { weight_VD: weight }, batch, { chunk: 4 });
    const plain = weightedCrossEntropy(linear(hidden, weight), batch).loss;
    expect(distance(grad(loss, [hidden])[0]!, grad(plain, [hidden])[0]!)).toBeLessThan(1e-6);
    const quiet = noGrad(() => chunkedCrossEntropy(hidden, { weight_VD: weight }, batch));
    expect(quiet.loss.requiresGrad).toBe(false);
    expect(
      equal(
        quiet.loss,
        noGrad(() => loss),
      ),
    ).toBe(true);
  });

  it("goes on into the graph behind the hidden rows, and shares the weight's gradient with other uses", () => {
    const { hidden, weight, batch } = scene("float64", { N: 4, D: 3, V: 11 });
    const other = (one: Tensor) => mul(weightedCrossEntropy(linear(hidden, one), batch).loss, 0.5);
    const tied = (loss: Tensor) => add(loss, other(weight));
    const behind = mul(hidden, 2);
    const one = grad(tied(chunkedCrossEntropy(behind, { weight_VD: weight }, batch, { chunk: 3 }).loss), [
      hidden,
      weight,
    ]);
    const plain = grad(tied(weightedCrossEntropy(linear(behind, weight), batch).loss), [hidden, weight]);
    plain.forEach((expected, i) => {
      expect(distance(one[i]!, expected)).toBeLessThan(1e-13);
    });
  });

  it("is 0 with gradients of 0 for no rows, and frees what it made", () => {
    const { weight } = scene("float32", { N: 1, D: 3, V: 11 });
    const none = { targets_N: tensor(new BigInt64Array(0)), weights_N: tensor(new Float32Array(0)) };
    const empty = setRequiresGrad(tensor(new Float32Array(0), [0, 3]), true);
    const { loss } = chunkedCrossEntropy(empty, { weight_VD: weight }, none);
    expect(item(loss)).toBe(0);
    const [rows, slopes] = grad(loss, [empty, weight]);
    expect(rows!.shape).toEqual([0, 3]);
    expect(Math.max(...toNumbers(slopes!))).toBe(0);
    const { hidden, batch } = scene("float32", { N: 5, D: 3, V: 11 });
    const before = liveTensors().count;
    const made = chunkedCrossEntropy(hidden, { weight_VD: weight }, batch, { chunk: 2 });
    expect(liveTensors().count - before).toBe(2);
    expect(made.losses_N.shape).toEqual([5]);
  });

  it("in bfloat16 products is as near as those allow", () => {
    const { hidden, weight, batch } = scene("float32", { N: 16, D: 32, V: 101 });
    const plain = weightedCrossEntropy(linear(hidden, weight), batch);
    const found = chunkedCrossEntropy(hidden, { weight_VD: weight }, batch, {
      chunk: 10,
      products: "bfloat16",
    });
    expect(Math.abs(item(found.loss) / item(plain.loss) - 1)).toBeLessThan(0.02);
    const slopes = grad(found.loss, [hidden, weight]);
    grad(plain.loss, [hidden, weight]).forEach((expected, i) => {
      expect(distance(slopes[i]!, expected)).toBeLessThan(0.05);
    });
  });

  it("never holds the logits: 128 Ki tokens and 512 rows in less than a third of what they take", () => {
    const [N, D, V] = [512, 16, 1 << 17];
    const { hidden, weight, batch } = scene("float32", { N, D, V });
    emptyCache();
    const before = cpuMemory().totalBytes;
    scope(() => backward(chunkedCrossEntropy(hidden, { weight_VD: weight }, batch).loss));
    expect(keep(gradientOf(weight)!).shape).toEqual([V, D]);
    const peak = cpuMemory().totalBytes - before;
    expect(peak).toBeLessThan((N * V * 4) / 3);
  }, 60_000);
});
