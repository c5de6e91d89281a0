import { convert, copy_, liveTensors, noGrad, setRequiresGrad, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { MovingAverage } from "./ema.ts";

const start = [1, -2, 0.5];
const weights = (step: number): number[] => start.map((value, i) => value + Math.sin(step + i));

/** Averages after some updates, in float64. */
function oracle(decay: number, updates: number): number[] {
  let average = start;
  for (let n = 1; n <= updates; n++) {
    const d = Math.min(decay, (1 + n) / (10 + n));
    average = average.map((value, i) => d * value + (1 - d) * weights(n)[i]!);
  }
  return average;
}

describe("MovingAverage", () => {
  it.each([0, 0.5, 0.999])("follows the oracle with its warm-up, decay %s", (decay) => {
    const parameter = setRequiresGrad(tensor(start), true);
    const parameters = new Map([["a", parameter]]);
    const average = new MovingAverage(parameters, decay);
    expect(toNumbers(average.averages.get("a")!)).toEqual(start);
    for (let n = 1; n <= 30; n++) {
      noGrad(() => copy_(parameter, tensor(weights(n))));
      average.update(parameters);
      const expected = oracle(decay, n);
      toNumbers(average.averages.get("a")!).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
    }
    expect(average.updates).toBe(30);
    expect(toNumbers(parameter)).toEqual([...Float32Array.from(weights(30))]);
  });

  it("of bfloat16 weights goes on moving where a step is smaller than their last place", () => {
    const parameter = setRequiresGrad(convert(tensor([1]), "bfloat16", undefined), true);
    const parameters = new Map([["a", parameter]]);
    const average = new MovingAverage(parameters, 0.999);
    average.updates = 100_000; // behind the warm-up
    noGrad(() => copy_(parameter, tensor([2])));
    for (let n = 0; n < 1000; n++) average.update(parameters);
    expect(toNumbers(average.averages.get("a")!)[0]).toBeCloseTo(2 - 0.999 ** 1000, 3);
  });

  it("is a copy that wants no gradients, and keeps no other tensors", () => {
    const parameters = new Map([["a", setRequiresGrad(tensor(start), true)]]);
    const before = liveTensors().count;
    const average = new MovingAverage(parameters, 0.9);
    average.update(parameters);
    expect(liveTensors().count).toBe(before + 1);
    expect(average.averages.get("a")!.requiresGrad).toBe(false);
  });
});
