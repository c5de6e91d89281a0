import { describe, expect, it } from "vitest";
import { takeStep } from "../../test/oracle/method-step.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { t3dLoss } from "../../test/oracle/t3d.ts";
import { tableNetwork } from "../../test/oracle/table-network.ts";
import { tiny, tinyNetwork } from "../../test/oracle/tiny-networks.ts";
import { tinyFacts, tinyTrajectories } from "../../test/oracle/tiny-trajectories.ts";
import { type TrajectoryOptions, trajectoryMethod } from "./trajectory.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

const { vocabularySize: V } = tiny;

describe("naive trajectory distillation", () => {
  const next = mulberry32(9);
  const rows = Array.from({ length: 20 }, () => Array.from({ length: V }, () => 4 * next() - 2));
  /** Blocks of 4 behind four columns of prompt; revealed 6 7 8 5 | 1 9. */
  const example: TrajectoryExample = {
    ...{ sequence: 0, ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 1], promptLength: 4, tail: 0 },
    steps: [3, 0, 1, 2, 5, 4],
  };
  const found = (options: TrajectoryOptions) =>
    takeStep(
      trajectoryMethod(tinyFacts, { blockSize: 4, ...options }),
      { student: tableNetwork(rows) },
      [example],
      {
        numbers: [0],
      },
    ).phases[0]!;
  const noisy = rows.slice(12);
  const entropy = (token: number, i: number) =>
    Math.log(noisy[i]!.reduce((sum, z) => sum + Math.exp(z), 0)) - noisy[i]![token]!;
  const tokens = [5, 6, 7, 8, 9, 1];
  const hidden = [0, 3, 4];
  const mean = hidden.reduce((sum, i) => sum + entropy(tokens[i]!, i), 0) / 3;

  it("is the mean cross-entropy of what was revealed last", () => {
    const { loss, terms, positions } = found({ maskRatios: [0.5] });
    expect(loss).toBeCloseTo(mean, 12);
    expect(terms).toEqual({ cross_entropy: loss });
    positions.losses.forEach((one, n) => {
      expect(one).toBeCloseTo(entropy(tokens[hidden[n]!]!, hidden[n]!), 12);
    });
    expect(found({ maskRatios: [0.5], fidelity: "paper" }).loss).toBeCloseTo(3 * mean, 12);
  });

  it("takes T3D's path loss and random tokens on top: the rows of its ablation", () => {
    const levels = [
      [1, 2, 5, 4],
      [0, 1, 2, 3, 4, 5],
    ];
    const answer = { student: noisy, reference: noisy, tokens, fakes: tokens, supervised: hidden, levels };
    const { path } = t3dLoss(answer, { alpha: 0, beta: 0, lambda: 0 });
    const both = found({ maskRatios: [0.5], lambdaPath: 0.3, pathKSteps: 2 });
    expect(both.loss).toBeCloseTo(mean + 0.3 * path, 12);
    expect(both.terms.path).toBeCloseTo(path, 12);
    const noise = (randomRatio?: number) => {
      const place = { seed: 1, step: 0, examples: [4], first: 0, count: 1, progress: 0 };
      const method = trajectoryMethod(tinyFacts, { blockSize: 4, maskRatios: [1], randomRatio });
      return [...method.prepare([example], place).batch.noisy];
    };
    expect(noise().every((id) => id === tiny.maskId)).toBe(true);
    expect(noise(1).every((id) => id === tiny.maskId)).toBe(false);
  });

  it("is the same without whole logits", () => {
    const taken = (mostLogits?: number) => {
      const method = trajectoryMethod(tinyFacts, { blockSize: 4, lambdaPath: 0.2, mostLogits });
      return takeStep(method, { student: tinyNetwork("sdar") }, tinyTrajectories, {
        ...{ numbers: [1, 2, 3, 4], recompute: true },
      }).phases[0]!;
    };
    const [whole, parts] = [taken(), taken(2 * V)];
    expect(parts.loss).toBeCloseTo(whole.loss, 12);
    for (const [name, values] of Object.entries(whole.gradients.student!)) {
      values.forEach((value, i) => {
        expect(parts.gradients.student![name]![i]!).toBeCloseTo(value, 11);
      });
    }
  });
});
