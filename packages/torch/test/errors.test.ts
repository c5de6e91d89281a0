// What goes wrong is said in one sentence with operator, shapes and dtypes, and the process lives on.

import { describe, expect, test } from "vitest";
import * as t from "../src/index.ts";
import { f, i, torchErrorOf } from "./helpers.ts";
import { wrong } from "./operators/case.ts";

const add = t.operator("aten::add.Tensor");
const neg = t.operator("aten::neg");
const cyclic: unknown[] = [];
cyclic.push(cyclic);

describe("a message", () => {
  test("names the operator, what was wrong, and the arguments", () => {
    const error = torchErrorOf(() => t.matmul(f([[1, 2]]), i([1, 2, 3])));
    expect(error).toMatchObject({ name: "TorchError", operator: "aten::matmul" });
    expect(error.arguments).toEqual(["float32[1, 2]", "int64[3]"]);
    expect(error.message).toMatch(/^aten::matmul: .+ \(arguments: float32\[1, 2\], int64\[3\]\)$/);
  });

  test("is short even for a thousand tensors", () => {
    const many = Array.from({ length: 1000 }, () => f([1]));
    many.push(f([1, 2]));
    expect(torchErrorOf(() => t.stack(many)).message.length).toBeLessThan(600);
  });

  test("has no C++ stack and one line", () => {
    const { message } = torchErrorOf(() => t.view(f([1, 2, 3]), [2]));
    expect(message).toContain("shape '[2]' is invalid for input of size 3");
    expect(message).not.toMatch(/\n|frame #|Exception raised/);
  });
});

const calls: Record<string, [() => unknown, RegExp]> = {
  "no arguments": [() => t.call(add), /'self' \(Tensor\) is missing/],
  "too many arguments": [() => t.call(neg, f([1]), 1, 2), /takes at most 1 arguments, got 3/],
  "an unknown operator": [() => t.call(t.operator("aten::nonsense"), 1), /no such operator/],
  "an unknown overload": [() => t.call(t.operator("aten::add.Nonsense"), 1), /no such operator/],
  "an empty operator name": [() => t.call(t.operator("")), /no such operator/],
  "a number for a tensor": [() => t.call(neg, 1), /must be a Tensor, got an integer/],
  "null for a tensor": [() => t.call(neg, null), /must be a Tensor, got null/],
  "an object": [() => t.call(neg, wrong({})), /Object cannot be an argument/],
  "a function": [
    () =>
      t.call(
        neg,
        wrong(() => 1),
      ),
    /cannot be an argument/,
  ],
  "a symbol": [() => t.call(neg, wrong(Symbol("s"))), /cannot be an argument/],
  "NaN as an integer": [() => t.zeros([Number.NaN]), /must be an integer/],
  "infinity as an integer": [() => t.zeros([Number.POSITIVE_INFINITY]), /must be an integer/],
  "a fraction as an integer": [() => t.narrow(f([1, 2]), 0, 0, 1.5), /must be an integer, got a fractional/],
  "a boolean as an integer": [
    () => t.narrow(f([1, 2]), 0, wrong(true), 1),
    /must be an integer, got a boolean/,
  ],
  "a bigint beyond 64 bits": [() => t.full([1], 2n ** 63n), /does not fit into 64 bits/],
  "a bigint below 64 bits": [() => t.full([1], -(2n ** 63n) - 1n), /does not fit into 64 bits/],
  "a string for a number": [() => t.full([1], wrong("1")), /must be a number or boolean, got a string/],
  "a string in a list": [() => t.zeros(wrong(["3"])), /must be an integer, got a string/],
  "a hole in a list": [() => t.zeros(wrong([undefined, 1])), /must be an integer, got nothing/],
  "a tensor in a list of integers": [() => t.zeros(wrong([f([1])])), /must be an integer, got a Tensor/],
  "null in a list of tensors": [() => t.cat(wrong([null])), /must be a Tensor, got null/],
  "a list in a list": [() => t.zeros(wrong([[1]])), /must be an integer, got a list/],
  "a cyclic list": [() => t.zeros(wrong(cyclic)), /stack/],
  "a list that is too long": [() => t.zeros(new Array(40_000).fill(1)), /too long for one call/],
  "arguments that just do not fit": [
    () => t.full(new Array(32_765).fill(1), 1, { dtype: "int64" }),
    /do not fit/,
  ],
  "negative dimensions": [() => t.zeros([-1]), /negative dimension/],
  "huge dimensions": [() => t.zeros([2 ** 52, 2 ** 52]), /overflow/],
  "more memory than there is": [() => t.zeros([2 ** 40, 2 ** 10]), /allocate/],
  "an unknown dtype": [() => t.zeros([1], { dtype: wrong("float8") }), /"float8" is no dtype; use one of/],
  "an unknown device": [() => t.zeros([1], { device: wrong("tpu") }), /"tpu" is no device/],
  "a device index out of range": [() => t.zeros([1], { device: "cuda:300" }), /"cuda:300" is no device/],
  "a generator that does not exist": [() => t.rand([1], { generator: new t.Generator(999) }), /aten::rand/],
  "an integer leaf": [() => t.setRequiresGrad(i([1]), true), /floating point/],
  "too few bytes": [() => t.fromBytes(new Uint8Array(3), [1], "float32"), /needs 4 bytes, got 3/],
  "no bytes": [() => t.fromBytes(new Uint8Array(0), [1], "float32"), /needs 4 bytes, got 0/],
  "item of many": [() => t.item(f([1, 2])), /one value/],
};

test.each(Object.entries(calls))("%s", (_, [body, pattern]) => {
  expect(t.scope(() => torchErrorOf(body)).message).toMatch(pattern);
});

test("results that do not fit leave no tensors behind", () => {
  const before = t.liveTensors();
  using long = t.keep(t.zeros([40_000]));
  expect(torchErrorOf(() => t.split(long, 1)).message).toContain("do not fit");
  expect(t.liveTensors().count).toBe(before.count + 1);
});

test("freed tensors are refused everywhere", () => {
  const freed = f([1]);
  freed.dispose();
  const uses = [
    () => t.neg(freed),
    () => t.cat([f([1]), freed]),
    () => freed.shape,
    () => freed.requiresGrad,
    () => t.toNumbers(freed),
    () => t.backward(freed),
    () => t.grad([f([1])], [freed]),
    () => t.gradientOf(freed),
    () => t.setGradient(freed, null),
    () => t.setRequiresGrad(freed, true),
  ];
  for (const use of uses) expect(torchErrorOf(use).message).toContain("freed");
  expect(String(freed)).toBe("Tensor freed tensor");
  freed.dispose();
});

test("an engine that was asked nonsense still computes", () => {
  expect(t.item(t.sum(t.add(f([1, 2]), f([3, 4]))))).toBe(10);
});
