// Finite differences of the functions that networks are made of.

import { expect, test } from "vitest";
import * as t from "../src/index.ts";
import { checkGradients, values } from "./gradient-check.ts";
import { i } from "./helpers.ts";

const x = () => values([2, 3], 1);
const y = () => values([2, 3], 2);
const positive = () => values([2, 3], 3, [0.5, 2]);
type Functions = Record<string, [(...inputs: t.Tensor[]) => t.Tensor, t.Tensor[]]>;

const functions: Functions = {
  "add, broadcast": [(a, b) => t.add(a!, b!), [x(), values([3], 4)]],
  "mul, broadcast": [t.mul, [x(), values([2, 1], 4)]],
  div: [t.div, [x(), positive()]],
  pow: [t.pow, [positive(), y()]],
  exp: [t.exp, [x()]],
  log: [t.log, [positive()]],
  sqrt: [t.sqrt, [positive()]],
  rsqrt: [t.rsqrt, [positive()]],
  tanh: [t.tanh, [x()]],
  sigmoid: [t.sigmoid, [x()]],
  gelu: [(a) => t.gelu(a), [x()]],
  "gelu, tanh": [(a) => t.gelu(a, { approximate: "tanh" }), [x()]],
  silu: [t.silu, [x()]],
  softmax: [(a) => t.softmax(a, 1), [x()]],
  logSoftmax: [(a) => t.logSoftmax(a, 1), [x()]],
  logsumexp: [(a) => t.logsumexp(a, 1), [x()]],
  matmul: [t.matmul, [values([2, 2, 3], 5), values([3, 2], 6)]],
  linear: [
    (a, weight, bias) => t.linear(a, weight, { bias: bias! }),
    [x(), values([4, 3], 7), values([4], 8)],
  ],
  layerNorm: [
    (a, weight, bias) => t.layerNorm(a, [3], { weight: weight!, bias: bias! }),
    [x(), values([3], 9), values([3], 10)],
  ],
  embedding: [(weight) => t.embedding(weight, i([1, 0, 1])), [x()]],
  crossEntropyLoss: [(logits) => t.crossEntropyLoss(logits, i([2, 0])), [x()]],
  "gather and indexSelect": [(a) => t.indexSelect(t.gather(a, 1, i([[2], [0]])), 0, i([1, 1])), [x()]],
  "cat, transpose, narrow": [(a, b) => t.narrow(t.transpose(t.cat([a, b]), 0, 1), 1, 1, 2), [x(), y()]],
  "where and maskedFill": [(a, b) => t.maskedFill(t.where(t.gt(a, 0), a, b), t.lt(b, -0.5), 2), [x(), y()]],
  variance: [(a) => t.variance(a, 1, { correction: 0 }), [x()]],
};

test.each(Object.entries(functions))("%s", (_, [fn, inputs]) => {
  checkGradients(fn, inputs);
});

test("a wrong gradient is found", () => {
  const doubled = (a: t.Tensor) => t.add(t.mul(a, a), t.detach(a));
  expect(() => checkGradients(doubled, [x()])).toThrow(/finite difference/);
});
