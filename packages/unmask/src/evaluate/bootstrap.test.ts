import { describe, expect, it } from "vitest";
import { DataError, UsageError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import { aup } from "./aup.ts";
import { accuracyOf, bootstrapCurve, type JudgedPoint } from "./bootstrap.ts";

/** Answers that are right with a probability. */
function answers(count: number, share: number, sequence: number): boolean[] {
  const draw = generator({ seed: 11, stream: streams.resample, sequence: 1000 + sequence, step: 1 });
  return Array.from({ length: count }, () => draw() < share);
}

const judged = (verdicts: readonly boolean[], parallelism = 1): JudgedPoint => ({ parallelism, verdicts });
const best = { best: 90 };

describe("bootstrapCurve", () => {
  const points = [judged(answers(400, 0.7, 1)), judged(answers(400, 0.69, 2), 4)];

  it("is the same for the same seed, whatever else is scored, and another for another", () => {
    const { accuracy, aup: score } = bootstrapCurve(points, best, { seed: 3 });
    expect(bootstrapCurve(points, best, { seed: 3 })).toEqual(
      expect.objectContaining({ accuracy, aup: score }),
    );
    expect(bootstrapCurve([points[0]!], best, { seed: 3 }).accuracy).toEqual([accuracy[0]]);
    expect(bootstrapCurve(points, best, { seed: 4 }).accuracy).not.toEqual(accuracy);
  });

  it("gives the normal interval of a share, for many questions", () => {
    const { accuracy } = bootstrapCurve(points, best, { seed: 0, resamples: 4000 });
    for (const [i, { verdicts }] of points.entries()) {
      const centre = accuracyOf(verdicts);
      const half = 1.96 * Math.sqrt((centre * (100 - centre)) / verdicts.length);
      expect(Math.abs(accuracy[i]!.low - (centre - half))).toBeLessThan(0.4);
      expect(Math.abs(accuracy[i]!.high - (centre + half))).toBeLessThan(0.4);
    }
  });

  it("covers the truth about as often as it says", () => {
    let covered = 0;
    for (let run = 0; run < 150; run++) {
      const { accuracy } = bootstrapCurve([judged(answers(100, 0.6, 10 + run))], best, {
        ...{ seed: run, resamples: 300 },
      });
      if (accuracy[0]!.low <= 60 && 60 <= accuracy[0]!.high) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(133);
    expect(covered).toBeLessThan(150);
  });

  it("resamples the points of a curve together: a constant gap stays one", () => {
    const first = answers(300, 0.8, 4);
    const { accuracy } = bootstrapCurve([judged(first), judged([...first], 3)], best, { seed: 1 });
    expect(accuracy[0]).toEqual(accuracy[1]);
  });

  it("one point: the interval of the score is that of the accuracy times the parallelism", () => {
    const { accuracy, aup: score } = bootstrapCurve([judged(answers(100, 0.5, 5), 3)], best, { seed: 2 });
    expect(score!.low).toBeCloseTo(3 * accuracy[0]!.low, 9);
    expect(score!.high).toBeCloseTo(3 * accuracy[0]!.high, 9);
  });

  it("lies around the score", () => {
    const curve = points.map(({ parallelism, verdicts }) => ({
      parallelism,
      accuracy: accuracyOf(verdicts),
    }));
    const { aup: interval, unscored, resamples } = bootstrapCurve(points, best, { seed: 0 });
    expect(interval!.low).toBeLessThan(aup(curve, best));
    expect(interval!.high).toBeGreaterThan(aup(curve, best));
    expect(resamples).toBe(2000);
    expect(unscored).toBeGreaterThan(0); // 70 % and 69 % of 400 questions are 5 points apart now and then
    expect(unscored).toBeLessThan(500);
  });

  it("has no interval of the score where no resample has a score", () => {
    const all = Array.from({ length: 50 }, () => true);
    const none = all.map(() => false);
    const { aup: interval, unscored } = bootstrapCurve([judged(all), judged(none, 2)], best, {
      ...{ seed: 0, resamples: 100 },
    });
    expect([interval, unscored]).toEqual([undefined, 100]);
  });

  it.each([
    [[judged([])], {}, "there are no verdicts; give one a question"],
    [
      [judged([true, false]), judged([true], 2)],
      {},
      "1 verdicts at parallelism 2, 2 at the first point; judge the same questions at every point",
    ],
    [[judged([true])], { resamples: 0 }, "0 resamples; give a whole number of at least 1"],
    [[judged([true])], { level: 95 }, "the level is 95; give a share such as 0.95"],
  ])("refuses %j %j", (wrong, options, words) => {
    const run = () => bootstrapCurve(wrong, best, { seed: 0, ...options });
    expect(run).toThrow(words);
    expect(run).toThrow(Object.keys(options).length === 0 ? DataError : UsageError);
  });
});
