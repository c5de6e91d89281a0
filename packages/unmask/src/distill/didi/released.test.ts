import { gradientOf, setGradient, setRequiresGrad, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { cleanGradients, releasedLogOdds, releasedLogProbabilities } from "./released.ts";

describe("the published arithmetic", () => {
  it("has log-odds that end at ln 1e6 and are coarse before", () => {
    expect(releasedLogOdds(0)).toBe(0);
    expect(releasedLogOdds(2)).toBeCloseTo(2, 4);
    expect(releasedLogOdds(200)).toBeCloseTo(Math.log(1e6), 3);
    expect(releasedLogOdds(-200)).toBeCloseTo(-Math.log(1e6), 3);
    expect(releasedLogOdds(17)).toBe(releasedLogOdds(18));
  });

  it("gives what has no probability ln 1e-10", () => {
    const [certain, never] = toNumbers(releasedLogProbabilities(tensor([[0, -1e6]])));
    expect(certain).toBeCloseTo(0, 6);
    expect(never).toBeCloseTo(Math.log(1e-10), 4);
  });

  it("turns gradients that are no numbers into 0 and infinite ones into ±1e5", () => {
    const leaf = setRequiresGrad(tensor([0, 0, 0, 0]), true);
    const without = setRequiresGrad(tensor([0]), true);
    setGradient(leaf, tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e6]));
    cleanGradients([leaf, without]);
    const gradient = gradientOf(leaf)!;
    expect(toNumbers(gradient)).toEqual([0, 1e5, -1e5, 2e6]);
    expect(gradientOf(without)).toBeNull();
  });
});
