// @ts-check
// Small operators, where the cost is the call. Grad mode is on and no input wants a gradient, on both sides.

import {
  abs,
  add,
  amax,
  cat,
  div,
  exp,
  matmul,
  mul,
  narrow,
  neg,
  relu,
  scope,
  sigmoid,
  softmax,
  sqrt,
  sub,
  sumDim,
  tanh,
  tensor,
  toNumbers,
  transpose,
} from "@unmask/torch";
import { uniforms } from "../lib/inputs.mjs";
import { timed } from "../lib/pairs.mjs";

/** @typedef {import("@unmask/torch").Tensor} Tensor */

const callsInScope = 100;

/** @returns {import("../lib/measure.mjs").Case} */
export function addCase() {
  const left = uniforms(4, 1);
  const right = uniforms(4, 2);
  return {
    name: "call-add",
    title: "add of two float32 [2, 2]",
    unit: "µs/call",
    tolerance: 1e-6,
    target: { kind: "callRatio", atMost: true },
    figure: (seconds, count) => (seconds / count / callsInScope) * 1e6,
    request: { case: "add", left: nested(left, 2), right: nested(right, 2) },
    open: () => {
      const a = tensor(left, [2, 2]);
      const b = tensor(right, [2, 2]);
      const hundred = () => {
        for (let i = 0; i < callsInScope; i++) add(a, b);
      };
      return {
        value: scope(() => toNumbers(add(a, b))),
        run: (count) => timed(count, () => scope(hundred)),
        close: () => dispose(a, b),
      };
    },
  };
}

/** @returns {import("../lib/measure.mjs").Case} */
export function chainCase() {
  const left = uniforms(64, 3);
  const right = uniforms(64, 4);
  return {
    name: "call-chain-20",
    title: "20 operators on [8, 8]",
    unit: "µs/chain",
    tolerance: 1e-5,
    target: { kind: "callRatio", atMost: true },
    figure: (seconds, count) => (seconds / count) * 1e6,
    request: { case: "chain", left: [...left], right: [...right] },
    open: () => {
      const a = tensor(left, [8, 8]);
      const b = tensor(right, [8, 8]);
      return {
        value: scope(() => toNumbers(chain(a, b))),
        run: (count) => timed(count, () => scope(() => void chain(a, b))),
        close: () => dispose(a, b),
      };
    },
  };
}

/**
 * Twenty operators; the same as chain() in peer_calls.py, line by line.
 * @param {Tensor} a
 * @param {Tensor} b
 */
function chain(a, b) {
  let x = add(a, b);
  x = mul(x, b);
  x = tanh(x);
  let y = sub(x, a);
  y = exp(y);
  const total = sumDim(y, 1, { keepdim: true });
  y = div(y, total);
  y = transpose(y, 0, 1);
  y = matmul(y, x);
  y = relu(y);
  y = softmax(y, -1);
  y = add(y, 1);
  y = sqrt(y);
  x = neg(x);
  x = sigmoid(x);
  y = cat([y, x], { dim: 1 });
  y = narrow(y, 1, 4, 8);
  const largest = amax(y, { dim: -1, keepdim: true });
  y = sub(y, largest);
  return abs(y);
}

/** @param {Tensor[]} tensors */
export function dispose(...tensors) {
  for (const one of tensors) one.dispose();
}

/**
 * @param {Float32Array} values
 * @param {number} width
 */
function nested(values, width) {
  return Array.from({ length: values.length / width }, (_, i) => [
    ...values.subarray(i * width, (i + 1) * width),
  ]);
}
