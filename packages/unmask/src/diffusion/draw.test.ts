import {
  add,
  liveTensors,
  matmul,
  narrow,
  repeat,
  scope,
  t,
  tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { drawHeadTokens, drawInverseCdf, drawSoftmaxTokens } from "./draw.ts";

describe("drawing by inverse CDF", () => {
  it("takes the token in whose part of the cumulative weight the number falls", () => {
    const weights = tensor([[1, 0, 2, 1]]);
    const uniforms = tensor([[0, 0.2499, 0.25, 0.7499, 0.75, 0.9999]], undefined, { dtype: "float64" });
    expect(toNested(drawInverseCdf(weights, uniforms))).toEqual([[0, 0, 2, 2, 3, 3]]);
  });

  it("draws from the softmax, however large the logits are", () => {
    const logits = [
      [2, -1, 0.5, 1],
      [1e4, 1e4 - 1, 0, 1e4 + 1],
    ];
    const next = mulberry32(1);
    const count = 4000;
    const uniforms = logits.map(() => Array.from({ length: count }, next));
    const before = liveTensors();
    const rows = scope(() => {
      const drawn = drawSoftmaxTokens(tensor(logits), tensor(uniforms));
      return [0, 1].map((row) => toNumbers(drawn).slice(row * count, (row + 1) * count));
    });
    expect(liveTensors()).toEqual(before);
    rows.forEach((tokens, row) => {
      const observed = logits[row]!.map((_, token) => tokens.filter((one) => one === token).length);
      const { statistic, degrees } = chiSquare(observed, softmax(logits[row]!));
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    });
  });

  it("gives the same whether rows go together or apart, and nothing for no rows", () => {
    const next = mulberry32(2);
    const V = 1 << 15; // 128 rows go together
    const two_2V = tensor(Float32Array.from({ length: 2 * V }, next), [2, V]);
    const numbers = Float32Array.from({ length: 130 }, (_, i) => i / 130);
    const together = scope(() =>
      toNumbers(drawSoftmaxTokens(repeat(two_2V, [65, 1]), tensor(numbers, [130, 1]))),
    );
    const alone = scope(() => toNumbers(drawSoftmaxTokens(narrow(two_2V, 0, 1, 1), tensor([[129 / 130]]))));
    expect(together[129]).toBe(alone[0]);
    expect(together).toHaveLength(130);
    expect(
      drawSoftmaxTokens(tensor(new Float32Array(0), [0, 5]), tensor(new Float32Array(0), [0, 2])).shape,
    ).toEqual([0, 2]);
  });

  it("gives the same from a head as from its logits", () => {
    const next = mulberry32(3);
    const random = (shape: number[]) =>
      tensor(
        Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 4 * next() - 2),
        shape,
      );
    const head = { weight_VD: random([50, 3]), bias_V: random([50]), column_V: random([50]) };
    const rows = { hidden_ND: random([20, 3]), head };
    const uniforms = tensor(Float64Array.from({ length: 40 }, next), [20, 2]);
    const logits = add(add(matmul(rows.hidden_ND, t(head.weight_VD)), head.bias_V), head.column_V);
    expect(toNested(drawHeadTokens(rows, uniforms))).toEqual(toNested(drawSoftmaxTokens(logits, uniforms)));
  });
});
