import { describe, expect, it } from "vitest";
import { adamwStep, type OracleParameter, oracleParameter } from "../../test/oracle/adamw.ts";
import { gradientOf, setGradient } from "../core/autograd.ts";
import { convert, setRequiresGrad, tensor, toNumbers, toTypedArray } from "../core/create.ts";
import { liveTensors } from "../core/system.ts";
import type { Tensor } from "../core/tensor.ts";
import { clone } from "../generated/ops.ts";
import { AdamW } from "./adamw.ts";

/** A wave that no two tensors share; neither constant in time nor of one sign. */
const wave = (size: number, phase: number, scale = 1): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => scale * Math.sin(phase + 0.7 * i + 0.003 * i * i));

const leaf = (values: Float32Array, shape?: readonly number[]): Tensor =>
  setRequiresGrad(tensor(values, shape), true);
const bits = (one: Tensor): unknown => toTypedArray(one);

/** Largest difference relative to 1 + |expected|. */
function largestError(actual: readonly number[], expected: readonly number[]): number {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(actual[i]! - expected[i]!) / (1 + Math.abs(expected[i]!)));
  }
  return Number.isNaN(largest) ? Number.POSITIVE_INFINITY : largest;
}

const rates = Array.from({ length: 20 }, (_, i) => 0.01 * (1 + 0.5 * Math.cos(i)));

interface Case {
  parameter: Tensor;
  oracle: OracleParameter;
  decay: number;
  rate: number;
  gradient(step: number): Float32Array;
}

/** Takes 20 steps with both and returns the largest error of each parameter. */
function race(optimiser: AdamW, cases: readonly Case[], betas: readonly [number, number]): number[] {
  rates.forEach((rate, i) => {
    for (const { parameter, gradient } of cases) {
      setGradient(parameter, tensor(gradient(i), parameter.shape, { dtype: parameter.dtype }));
    }
    optimiser.step(rate);
    for (const { parameter, oracle, decay, rate: factor } of cases) {
      const seen = toNumbers(gradientOf(parameter)!);
      const [beta1, beta2] = betas;
      adamwStep(oracle, seen, { step: i + 1, rate: rate * factor, decay, beta1, beta2, eps: 1e-8 });
    }
  });
  return cases.map(({ parameter, oracle }) => largestError(toNumbers(parameter), oracle.values));
}

function makeCase(size: readonly number[], phase: number, decay: number, rate: number): Case {
  const count = size.reduce((a, b) => a * b, 1);
  const start = wave(count, phase);
  return {
    parameter: leaf(start, size),
    oracle: oracleParameter([...start]),
    decay,
    rate,
    gradient: (step) => wave(count, phase + 3 * step, 0.1 * (1 + (step % 4))),
  };
}

describe("AdamW", () => {
  it("agrees with a float64 oracle over 20 steps, in groups, also beyond one piece of 65,536 elements", () => {
    const decayed = [makeCase([3, 5], 0, 0.1, 1), makeCase([337, 211], 1, 0.1, 1), makeCase([1], 2, 0.1, 1)];
    const plain = [makeCase([7], 3, 0, 0.25), makeCase([65_536], 4, 0, 0.25)];
    const optimiser = new AdamW(
      [
        { parameters: decayed.map((one) => one.parameter) },
        { parameters: plain.map((one) => one.parameter), weightDecay: 0, rate: 0.25 },
      ],
      { betas: [0.8, 0.95], weightDecay: 0.1 },
    );
    for (const error of race(optimiser, [...decayed, ...plain], [0.8, 0.95]))
      expect(error).toBeLessThan(3e-6);
    expect(optimiser.steps).toBe(20);
    optimiser.dispose();
  });

  it("uses the usual betas when none are given", () => {
    const one = makeCase([9], 0, 0, 1);
    const optimiser = new AdamW([{ parameters: [one.parameter] }]);
    expect(race(optimiser, [one], [0.9, 0.999])[0]).toBeLessThan(3e-6);
  });

  it("moves the first step by exactly the rate, whatever the size of the gradient", () => {
    const parameter = leaf(Float32Array.of(1, 1, 1));
    const optimiser = new AdamW([{ parameters: [parameter] }]);
    setGradient(parameter, tensor([1e-3, -50, 0]));
    optimiser.step(0.25);
    const [small, large, none] = toNumbers(parameter);
    expect(small).toBeCloseTo(0.75, 4);
    expect(large).toBeCloseTo(1.25, 6);
    expect(none).toBe(1);
  });

  it("keeps a float32 master of bfloat16 parameters: steps too small for bfloat16 add up", () => {
    const parameter = setRequiresGrad(tensor([1, -2, 0.5], undefined, { dtype: "bfloat16" }), true);
    const optimiser = new AdamW([{ parameters: [parameter] }]);
    const oracle = oracleParameter([1, -2, 0.5]);
    for (let step = 1; step <= 100; step++) {
      const gradient = tensor([1, 1, -1], undefined, { dtype: "bfloat16" });
      setGradient(parameter, gradient);
      optimiser.step(1e-4);
      adamwStep(oracle, [1, 1, -1], { step, rate: 1e-4, decay: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8 });
    }
    const master = optimiser.state().get("0.master")!;
    expect(master.dtype).toBe("float32");
    expect(largestError(toNumbers(master), oracle.values)).toBeLessThan(1e-5);
    // The parameter itself is the rounded master; a single step of 1e-4 would have left 1 at 1.
    expect(bits(parameter)).toEqual(bits(convert(master, "bfloat16", undefined)));
    expect(toNumbers(parameter)[0]).toBeLessThan(1);
  });

  it("leaves parameters without a gradient alone, weight decay included", () => {
    const [moved, still] = [leaf(wave(5, 0)), leaf(wave(5, 1))];
    const optimiser = new AdamW([{ parameters: [still, moved] }], { weightDecay: 0.5 });
    const before = bits(still);
    setGradient(moved, tensor(wave(5, 2)));
    optimiser.step(0.1);
    expect(bits(still)).toEqual(before);
    expect(bits(moved)).not.toEqual(wave(5, 0));
    const idle = new AdamW([{ parameters: [still] }]);
    idle.step(0.1);
    expect(bits(still)).toEqual(before);
  });

  it("continues bit for bit from its state", () => {
    const start = wave(70_001, 5);
    const gradient = (step: number) => wave(70_001, 9 * step);
    const run = (parameter: Tensor, optimiser: AdamW, from: number, to: number) => {
      for (let step = from; step < to; step++) {
        setGradient(parameter, tensor(gradient(step)));
        optimiser.step(0.01);
      }
    };
    const make = (parameter: Tensor) => new AdamW([{ parameters: [parameter] }], { weightDecay: 0.01 });
    const whole = leaf(start);
    run(whole, make(whole), 0, 6);

    const first = leaf(start);
    const before = make(first);
    run(first, before, 0, 3);
    const saved = new Map([...before.state()].map(([name, one]) => [name, clone(one)]));
    expect([...saved.keys()]).toEqual(["0.mean", "0.square"]);
    const second = setRequiresGrad(clone(tensor(toTypedArray(first), [70_001])), true);
    const after = make(second);
    after.loadState(saved, before.steps);
    expect(after.steps).toBe(3);
    run(second, after, 3, 6);
    expect(bits(second)).toEqual(bits(whole));

    const forgetful = leaf(toTypedArray(first) as Float32Array);
    const fresh = make(forgetful);
    run(forgetful, fresh, 3, 6);
    expect(bits(forgetful)).not.toEqual(bits(whole));
  });

  it("refuses a state with a missing tensor or one of another shape", () => {
    const optimiser = new AdamW([{ parameters: [leaf(wave(4, 0))] }]);
    const state = optimiser.state();
    expect(() => optimiser.loadState(new Map(), 1)).toThrow(/no tensor "0\.mean"/);
    const wrong = new Map(state).set("0.square", tensor([1, 2]));
    expect(() => optimiser.loadState(wrong, 1)).toThrow(/"0\.square" is float32\[2\], needed float32\[4\]/);
    expect(optimiser.steps).toBe(0);
  });

  it("removes gradients, keeps no tensors, and gives its state back", () => {
    const parameter = leaf(wave(70_000, 1));
    const gradient = tensor(wave(70_000, 2));
    const before = liveTensors().count;
    const optimiser = new AdamW([{ parameters: [parameter] }]);
    const counts = Array.from({ length: 4 }, () => {
      setGradient(parameter, gradient);
      optimiser.step(0.1);
      return liveTensors().count;
    });
    expect(counts).toEqual([before + 2, before + 2, before + 2, before + 2]);
    optimiser.zeroGradients();
    expect(gradientOf(parameter)).toBeNull();
    optimiser.dispose();
    expect(liveTensors().count).toBe(before);
  });
});
