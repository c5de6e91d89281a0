import { type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import type { Request } from "../decode/policies/policy.ts";
import { drawTransition, transitionWeights } from "./transition.ts";

const [V, maskId] = [5, 4];
const table = [0.5, -0.3, 1, 0, 0.2];
const canvasOf = (sequence: number, length: number): Canvas =>
  newCanvas({ length, noiseId: maskId, sequence });

describe("whole transitions", () => {
  const noise = { before: -Math.log(0.3), after: -Math.log(0.6) };
  const request = (sequence: number, draws?: number): Request => ({
    canvas: Object.assign(canvasOf(sequence, 500), { forwards: 1 }),
    plan: { from: 0, to: 500, candidates: Int32Array.from({ length: 500 }, (_, i) => i), noise, draws },
  });
  const p = softmax(table);
  const weights = p.map((one, v) => (v === maskId ? 0.4 : one * 0.3));
  const total = weights.reduce((a, b) => a + b, 0);
  const rows = (count: number): Tensor => tensor(Array.from({ length: count }, () => p));

  it("weigh tokens and staying as the noise levels say", () => {
    const found = toNumbers(transitionWeights(rows(500), [request(0)]));
    weights.forEach((weight, v) => {
      expect(found[v]).toBeCloseTo(weight, 6);
    });
    expect(found.reduce((a, b) => a + b, 0)).toBeCloseTo(500 * total, 2);
  });

  it.each([undefined, 2])("are drawn by their weights (%s draws)", (draws) => {
    const requests = Array.from({ length: 10 }, (_, i) => request(i, draws));
    const drawn = toNumbers(drawTransition(3)(rows(5000), requests));
    const counts = new Array<number>(V).fill(0);
    for (const token of drawn) counts[token]!++;
    expect(drawn).toHaveLength(5000 * (draws ?? 1));
    const { statistic, degrees } = chiSquare(
      counts,
      weights.map((weight) => weight / total),
    );
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });
});
