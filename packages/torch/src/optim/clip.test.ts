import { describe, expect, it } from "vitest";
import { clipping } from "../../test/oracle/adamw.ts";
import { gradientOf, setGradient } from "../core/autograd.ts";
import { setRequiresGrad, tensor, toNumbers } from "../core/create.ts";
import { liveTensors } from "../core/system.ts";
import type { Tensor } from "../core/tensor.ts";
import { zeros } from "../generated/ops.ts";
import { clipGradients } from "./clip.ts";

function leaves(gradients: readonly (readonly number[] | undefined)[]): Tensor[] {
  return gradients.map((gradient) => {
    const one = setRequiresGrad(zeros([gradient?.length ?? 3]), true);
    if (gradient !== undefined) setGradient(one, tensor([...gradient]));
    return one;
  });
}

const gradientsOf = (parameters: readonly Tensor[]): (number[] | undefined)[] =>
  parameters.map((one) => {
    const gradient = gradientOf(one);
    return gradient === null ? undefined : toNumbers(gradient);
  });

const gradients = [[3, -4], [0.5, 0.25, -2], [12]] as const;

describe("clipGradients", () => {
  it.each([0.01, 1, 5])("scales all gradients to a global norm of %s, as the oracle does", (maximum) => {
    const parameters = leaves(gradients);
    const { norm, factor } = clipping(gradients, maximum);
    expect(clipGradients(parameters, maximum)).toBeCloseTo(norm, 4);
    const scaled = gradientsOf(parameters).map((one) => one!);
    for (const [i, gradient] of gradients.entries()) {
      for (const [j, g] of gradient.entries()) expect(scaled[i]![j]).toBeCloseTo(g * factor, 5);
    }
    expect(clipping(scaled, 1).norm).toBeLessThanOrEqual(maximum);
  });

  it("leaves gradients below the maximum bit for bit, and does not scale them up", () => {
    const parameters = leaves(gradients);
    expect(clipGradients(parameters, 14)).toBeCloseTo(clipping(gradients, 14).norm, 4);
    expect(gradientsOf(parameters)).toEqual(gradients);
  });

  it("does not count leaves without a gradient; none at all have norm 0", () => {
    const parameters = leaves([undefined, [3, 4], undefined]);
    expect(clipGradients(parameters, 2.5)).toBe(5);
    const [first, second, third] = gradientsOf(parameters);
    expect([first, third]).toEqual([undefined, undefined]);
    expect(second![0]).toBeCloseTo(1.5, 5);
    expect(clipGradients(leaves([undefined]), 1)).toBe(0);
    expect(clipGradients([], 1)).toBe(0);
    const nothing = leaves([[0, 0]]);
    expect(clipGradients(nothing, 1)).toBe(0);
    expect(gradientsOf(nothing)).toEqual([[0, 0]]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("reports a gradient with %s and touches nothing", (bad) => {
    const parameters = leaves([
      [1, bad],
      [30, 40],
    ]);
    expect(clipGradients(parameters, 1)).toBe(bad);
    expect(gradientsOf(parameters)).toEqual([
      [1, bad],
      [30, 40],
    ]);
  });

  it("keeps no tensors", () => {
    const parameters = leaves(gradients);
    const before = liveTensors().count;
    clipGradients(parameters, 1);
    expect(liveTensors().count).toBe(before);
  });
});
