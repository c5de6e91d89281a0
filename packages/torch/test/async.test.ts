// Work on the package's own thread: the event loop stays free, the order is that of the calls.

import { expect, test } from "vitest";
import * as t from "../src/index.ts";
import { f } from "./helpers.ts";

const matmul = t.operator("aten::matmul");
const addInPlace = t.operator("aten::add_.Scalar");
const mulInPlace = t.operator("aten::mul_.Scalar");

/** Runs `work` and counts how often a 1 ms timer fires meanwhile. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await work();
  clearInterval(timer);
  return ticks;
}

test("timers fire during a long product", async () => {
  using large = t.keep(t.ones([1500, 1500]));
  let result: t.Tensor | undefined;
  const ticks = await ticksDuring(async () => {
    result = await t.callAsync(matmul, large, large);
  });
  expect(t.item(t.scope(() => t.amax(result!)))).toBe(1500);
  expect(ticks).toBeGreaterThan(2);
  result!.dispose();
});

test("timers fire during a long backward", async () => {
  using weight = t.keep(t.setRequiresGrad(t.ones([1200, 1200]), true));
  using input = t.keep(t.ones([1200, 1200]));
  const loss = t.scope(() => t.sum(t.matmul(input, weight)));
  const ticks = await ticksDuring(() => t.backwardAsync(loss));
  using gradient = t.gradientOf(weight)!;
  expect(t.scope(() => t.item(t.amin(gradient)))).toBe(1200);
  expect(ticks).toBeGreaterThan(2);
  loss.dispose();
});

test("calls run in their order", async () => {
  using value = f([1]);
  const steps: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    steps.push(t.callAsync(addInPlace, value, 1), t.callAsync(mulInPlace, value, i % 2 === 0 ? 2 : 0.5));
  }
  await Promise.all(steps);
  let expected = 1;
  for (let i = 0; i < 20; i++) expected = (expected + 1) * (i % 2 === 0 ? 2 : 0.5);
  expect(t.toNumbers(value)).toEqual([expected]);
});

test("the grad mode of the call counts, not that of the moment it runs", async () => {
  using leaf = t.setRequiresGrad(f([1, 2]), true);
  const pending: Promise<t.Tensor>[] = [];
  const call = () => pending.push(t.callAsync(t.operator("aten::neg"), leaf));
  call();
  t.noGrad(call);
  call();
  const results = await Promise.all(pending);
  expect(results.map((result) => result.requiresGrad)).toEqual([true, false, true]);
  for (const result of results) result.dispose();
});

test("arguments may be freed while a call is pending", async () => {
  const input = t.ones([300, 300]);
  const pending = t.callAsync(matmul, input, input);
  input.dispose();
  using result = (await pending) as t.Tensor;
  expect(result.shape).toEqual([300, 300]);
});

test("a result does not fall into a scope that happens to be open elsewhere", async () => {
  const input = f([1]);
  const pending = t.callAsync(t.operator("aten::neg"), input);
  t.scope(() => f([2]));
  using result = (await pending) as t.Tensor;
  expect(t.toNumbers(result)).toEqual([-1]);
  input.dispose();
});

test("errors reject with a TorchError", async () => {
  using two = f([1, 2]);
  using three = f([1, 2, 3]);
  await expect(t.callAsync(t.operator("aten::add.Tensor"), two, three)).rejects.toMatchObject({
    name: "TorchError",
    operator: "aten::add.Tensor",
    arguments: ["float32[2]", "float32[3]"],
  });
  await expect(t.callAsync(t.operator("aten::nonsense"))).rejects.toThrow("no such operator");
  await expect(t.callAsync(matmul, two, "3")).rejects.toThrow("must be a Tensor");
  await expect(t.backwardAsync(two)).rejects.toThrow(/does not require grad/);
});
