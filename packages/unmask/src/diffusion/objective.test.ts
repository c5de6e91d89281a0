import { grad, item, scope, setRequiresGrad, tensor, toNested, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { softmax } from "../../test/oracle/chi-square.ts";
import { streams, uniform } from "../base/rng.ts";
import { absorb } from "./corrupt.ts";
import { maskColumn, nelbo } from "./objective.ts";
import { logLinear, nelboWeight } from "./schedule.ts";
import { stratifiedTime } from "./time.ts";

const [V, maskId] = [6, 2];
const logits = [
  [0.5, -1, 7, 2, 0, 0.25],
  [3, 3, -4, -3, 1, 0],
  [0, 0, 100, 0, 0, 0],
];
const targets = [3, 0, 5];
const weights = [0.5, 2, 0.125];
/** −log p of a target by softmax over all tokens but the mask. */
const oracleLoss = (row: number): number => {
  const target = targets[row]!;
  const kept = logits[row]!.map((logit, token) => (token === maskId ? Number.NEGATIVE_INFINITY : logit));
  return -Math.log(softmax(kept)[target]!);
};
const column = tensor(maskColumn(V, maskId));
const batch = {
  targets_N: tensor(targets, undefined, { dtype: "int64" }),
  weights_N: tensor(weights),
};

describe("nelbo", () => {
  it("is the weighted cross-entropy without the mask, as the oracle says", () => {
    const { loss, losses_N } = nelbo(tensor(logits), column, batch);
    toNumbers(losses_N).forEach((one, row) => {
      expect(one).toBeCloseTo(oracleLoss(row), 5);
    });
    expect(item(loss)).toBeCloseTo(
      weights.reduce((sum, weight, row) => sum + weight * oracleLoss(row), 0),
      5,
    );
  });

  it("has gradient weight · (softmax − one-hot), exactly 0 in the mask's column", () => {
    const leaf = setRequiresGrad(tensor(logits), true);
    const rows = toNested(grad(nelbo(leaf, column, batch).loss, [leaf])[0]!) as number[][];
    rows.forEach((row, i) => {
      const kept = logits[i]!.map((logit, token) => (token === maskId ? Number.NEGATIVE_INFINITY : logit));
      softmax(kept).forEach((p, token) => {
        if (token === maskId) expect(row[token]).toBe(0);
        else expect(row[token]).toBeCloseTo(weights[i]! * (p - (token === targets[i] ? 1 : 0)), 6);
      });
    });
  });

  it("is 0 and can be differentiated when nothing is masked", () => {
    const leaf = setRequiresGrad(tensor(new Float32Array(0), [0, V]), true);
    const none = { targets_N: tensor(new BigInt64Array(0)), weights_N: tensor(new Float32Array(0)) };
    const { loss } = nelbo(leaf, column, none);
    expect(item(loss)).toBe(0);
    expect(grad(loss, [leaf])[0]!.shape).toEqual([0, V]);
  });

  it("averages 0.999 ln(V − 1) for uniform predictions, at every time and over all", () => {
    const noise = logLinear();
    const [batches, rows, length] = [50, 16, 32];
    const estimates = Array.from({ length: batches }, (_, number) => {
      const examples = Array.from({ length: rows }, (_, i) => number * rows + i);
      const times = examples.map((example, i) =>
        stratifiedTime(i, rows, uniform({ seed: 3, stream: streams.time }, example, 0, 0)),
      );
      const uniforms = examples.flatMap((example) =>
        Array.from({ length }, (_, i) => uniform({ seed: 3, stream: streams.corruption }, example, 0, i)),
      );
      const probabilities = times.map((t) => 1 - noise.alpha(t));
      const corrupted = absorb(new Int32Array(rows * length), length, { maskId, probabilities, uniforms });
      const count = corrupted.positions.length;
      return scope(() => {
        const weights_N = tensor(
          Float32Array.from(corrupted.rows, (row) => nelboWeight(noise, times[row]!) / (rows * length)),
        );
        const targets_N = tensor(new BigInt64Array(count));
        const flat = tensor(new Float32Array(count * V), [count, V]);
        return item(nelbo(flat, column, { targets_N, weights_N }).loss);
      });
    });
    const mean = estimates.reduce((a, b) => a + b, 0) / batches;
    const spread = Math.sqrt(estimates.reduce((s, e) => s + (e - mean) ** 2, 0) / (batches - 1) / batches);
    expect(spread).toBeLessThan(0.05);
    expect(Math.abs(mean - 0.999 * Math.log(V - 1))).toBeLessThan(4 * spread);
  });
});
