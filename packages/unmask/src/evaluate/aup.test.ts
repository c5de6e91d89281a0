import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError, UsageError } from "../base/errors.ts";
import { aup, aupWeight, type CurvePoint, curveWarnings } from "./aup.ts";

// d3LLM's leaderboard (data_llada.yaml, data_dream.yaml, data_dream_coder.yaml), scores recomputed from them:
// task | y_max | method | parallelism accuracy W, … | AUP
const published = `
# LLaDA
GSM8K-CoT | 74.98 | Qwen-2.5-7B-it | 1 74.1 0.965403 | 74.1000
GSM8K-CoT | 74.98 | LLaDA | 1 72.55 0.907351 | 72.5500
GSM8K-CoT | 74.98 | Fast-dLLM-LLaDA | 1 74.79 0.992427, 2.77 74.68 0.988069 | 205.7811
GSM8K-CoT | 74.98 | D2F | 1 74.98 1.000000, 2.88 74.39 0.976670 | 213.7564
GSM8K-CoT | 74.98 | dParallel-LLaDA | 1 74 0.961548, 5.14 72.63 0.910260 | 358.1422
GSM8K-CoT | 74.98 | d3LLM-LLaDA | 1 74.02 0.962318, 9.11 73.09 0.927168 | 637.6549
MATH | 41.15 | Qwen-2.5-7B-it | 1 41.15 1.000000 | 41.1500
MATH | 41.15 | LLaDA | 1 32.2 0.520747 | 32.2000
MATH | 41.15 | Fast-dLLM-LLaDA | 1 32.1 0.516964, 1.97 30.82 0.470905 | 47.1873
MATH | 41.15 | D2F | 1 29.1 0.415408, 2.66 28.94 0.410591 | 48.9958
MATH | 41.15 | dParallel-LLaDA | 1 32 0.513209, 3.17 30.18 0.449438 | 64.5356
MATH | 41.15 | d3LLM-LLaDA | 1 32.76 0.542447, 5.74 30.36 0.455375 | 107.6419
MBPP | 63.6 | Qwen-2.5-7B-it | 1 63.6 1.000000 | 63.6000
MBPP | 63.6 | LLaDA | 1 41.72 0.356267 | 41.7200
MBPP | 63.6 | Fast-dLLM-LLaDA | 1 41.58 0.353922, 2.13 38.6 0.307511 | 56.6011
MBPP | 63.6 | D2F | 1 39.1 0.314850, 2.13 39 0.313368 | 52.9606
MBPP | 63.6 | dParallel-LLaDA | 1 41.62 0.354590, 2.35 40 0.328504 | 60.4513
MBPP | 63.6 | d3LLM-LLaDA | 1 42 0.361003, 4.21 40.6 0.337934 | 88.3560
HumanEval | 67.73 | Qwen-2.5-7B-it | 1 67.73 1.000000 | 67.7300
HumanEval | 67.73 | LLaDA | 1 38.28 0.271323 | 38.2800
HumanEval | 67.73 | Fast-dLLM-LLaDA | 1 38.16 0.269885, 2.56 37.8 0.265616 | 54.0245
HumanEval | 67.73 | D2F | 1 41.02 0.306334, 2.69 40.64 0.301221 | 61.9823
HumanEval | 67.73 | dParallel-LLaDA | 1 39.68 0.288681, 4.93 39.02 0.280364 | 83.6855
HumanEval | 67.73 | d3LLM-LLaDA | 1 39.8 0.290219, 5.95 39.63 0.288042 | 96.6405
Long-GSM8K | 82.56 | Qwen-2.5-7B-it | 1 82.56 1.000000 | 82.5600
Long-GSM8K | 82.56 | LLaDA | 1 78.58 0.865349 | 78.5800
Long-GSM8K | 82.56 | Fast-dLLM-LLaDA | 1 78.45 0.861271, 2.45 78.01 0.847610 | 175.3744
Long-GSM8K | 82.56 | D2F | 1 76 0.787909, 2.7 75.66 0.778235 | 176.9480
Long-GSM8K | 82.56 | dParallel-LLaDA | 1 79.15 0.883459, 4.49 76.65 0.806741 | 309.0756
Long-GSM8K | 82.56 | d3LLM-LLaDA | 1 78.32 0.857212, 6.95 74.22 0.738560 | 441.1296
# Dream
GSM8K-CoT | 83.94 | Qwen-2.5-7B-it | 1 74.1 0.703505 | 74.1000
GSM8K-CoT | 83.94 | EAGLE-3 | 1 76.57 0.768433, 5.12 76.57 0.768433 | 318.9862
GSM8K-CoT | 83.94 | Dream | 1 83.94 1.000000 | 83.9400
GSM8K-CoT | 83.94 | Fast-dLLM-Dream | 1 83.68 0.990751, 1.44 79 0.838153 | 116.4864
GSM8K-CoT | 83.94 | Fast-dLLM-v2-7B | 1 82.82 0.960762, 2.21 81.48 0.915834 | 176.1064
GSM8K-CoT | 83.94 | dParallel-Dream | 1 83.8 0.995009, 3.02 82.12 0.937024 | 245.7335
GSM8K-CoT | 83.94 | d3LLM-Dream | 1 83.47 0.983343, 4.94 81.36 0.911915 | 391.3278
MATH | 49.92 | Qwen-2.5-7B-it | 1 41.15 0.590348 | 41.1500
MATH | 49.92 | EAGLE-3 | 1 39.8 0.544344, 5.72 39.8 0.544344 | 142.0584
MATH | 49.92 | Dream | 1 39.63 0.538812 | 39.6300
MATH | 49.92 | Fast-dLLM-Dream | 1 39.53 0.535583, 1.78 38.3 0.497422 | 55.2169
MATH | 49.92 | Fast-dLLM-v2-7B | 1 49.92 1.000000, 2.61 48.74 0.931543 | 126.6553
MATH | 49.92 | dParallel-Dream | 1 39.06 0.520667, 2.94 38.72 0.510137 | 77.9471
MATH | 49.92 | d3LLM-Dream | 1 39.38 0.530777, 3.92 38.21 0.494738 | 97.4967
MBPP-Instruct | 63.8 | Qwen-2.5-7B-it | 1 63.8 1.000000 | 63.8000
MBPP-Instruct | 63.8 | EAGLE-3 | 1 60.2 0.844273, 5.69 60.2 0.844273 | 298.5704
MBPP-Instruct | 63.8 | Dream | 1 57.2 0.733194 | 57.2000
MBPP-Instruct | 63.8 | Fast-dLLM-Dream | 1 56.38 0.705462, 1.2 53.2 0.607482 | 63.5892
MBPP-Instruct | 63.8 | Fast-dLLM-v2-7B | 1 61.23 0.886170, 2.04 59.12 0.802468 | 114.1151
MBPP-Instruct | 63.8 | dParallel-Dream | 1 57.8 0.754174, 2.24 55.4 0.673691 | 107.9665
MBPP-Instruct | 63.8 | d3LLM-Dream | 1 58.8 0.790484, 2.96 55.6 0.680056 | 141.4058
HumanEval-Instruct | 72.25 | Qwen-2.5-7B-it | 1 72.25 1.000000 | 72.2500
HumanEval-Instruct | 72.25 | EAGLE-3 | 1 67.58 0.823732, 5.98 67.58 0.823732 | 344.8057
HumanEval-Instruct | 72.25 | Dream | 1 55.2 0.492649 | 55.2000
HumanEval-Instruct | 72.25 | Fast-dLLM-Dream | 1 54.86 0.485743, 1.33 54.27 0.473987 | 63.5012
HumanEval-Instruct | 72.25 | Fast-dLLM-v2-7B | 1 63.2 0.686754, 2.58 61.7 0.645286 | 128.9414
HumanEval-Instruct | 72.25 | dParallel-Dream | 1 56.08 0.510983, 2.57 54.27 0.473987 | 98.7677
HumanEval-Instruct | 72.25 | d3LLM-Dream | 1 58.86 0.573506, 3.2 57.1 0.533090 | 129.4756
Long-GSM8K | 82.56 | Qwen-2.5-7B-it | 1 82.56 1.000000 | 82.5600
Long-GSM8K | 82.56 | EAGLE-3 | 1 80.52 0.928553, 5.57 80.52 0.928553 | 422.2056
Long-GSM8K | 82.56 | Dream | 1 78.95 0.877062 | 78.9500
Long-GSM8K | 82.56 | Fast-dLLM-Dream | 1 78.83 0.873246, 1.79 76.57 0.804399 | 130.3502
Long-GSM8K | 82.56 | Fast-dLLM-v2-7B | 1 82.34 0.992038, 2.58 80.97 0.943861 | 207.2460
Long-GSM8K | 82.56 | dParallel-Dream | 1 81.27 0.954207, 3.49 78.56 0.864721 | 262.3936
Long-GSM8K | 82.56 | d3LLM-Dream | 1 81.2 0.951783, 4.8 77.18 0.822428 | 348.6435
# Coder
HumanEval | 86.6 | Qwen2.5-Coder-7B | 1 86.6 1.000000 | 86.6000
HumanEval | 86.6 | Dream-Coder-7B | 1 82.9 0.879699 | 82.9000
HumanEval | 86.6 | d3LLM-Coder-7B | 1 82.4 0.864593, 2.88 79.7 0.787391 | 208.3577
HumanEval+ | 82.3 | Qwen2.5-Coder-7B | 1 82.3 1.000000 | 82.3000
HumanEval+ | 82.3 | Dream-Coder-7B | 1 76.8 0.818333 | 76.8000
HumanEval+ | 82.3 | d3LLM-Coder-7B | 1 74.4 0.749783, 2.88 71.3 0.669669 | 171.7194
MBPP | 83.5 | Qwen2.5-Coder-7B | 1 83.5 1.000000 | 83.5000
MBPP | 83.5 | Dream-Coder-7B | 1 79.9 0.878674 | 79.9000
MBPP | 83.5 | d3LLM-Coder-7B | 1 80.1 0.885011, 2.5 80 0.881837 | 186.1772
MBPP+ | 70.1 | Qwen2.5-Coder-7B | 1 70.1 1.000000 | 70.1000
MBPP+ | 70.1 | Dream-Coder-7B | 1 68.8 0.945885 | 68.8000
MBPP+ | 70.1 | d3LLM-Coder-7B | 1 69.6 0.978829, 2.5 69.3 0.966343 | 170.9205
`;

interface Row {
  readonly task: string;
  readonly method: string;
  readonly best: number;
  readonly points: readonly (CurvePoint & { weight: number })[];
  readonly expected: number;
}

const rows = published
  .trim()
  .split("\n")
  .filter((line) => !line.startsWith("#"))
  .map((line): Row => {
    const [task = "", best, method = "", points = "", expected] = line.split(" | ");
    const triples = points.split(", ").map((one) => one.split(" ").map(Number) as [number, number, number]);
    return {
      ...{ task, method, best: Number(best), expected: Number(expected) },
      points: triples.map(([parallelism, accuracy, weight]) => ({ parallelism, accuracy, weight })),
    };
  });

describe("the published leaderboard", () => {
  it("is here whole", () => expect(rows).toHaveLength(77));

  it.each(rows)("$task $method: $expected", ({ best, points, expected }) => {
    expect(Math.abs(aup(points, { best }) - expected)).toBeLessThan(1e-3);
    for (const { accuracy, weight } of points) {
      expect(aupWeight(accuracy, { best })).toBeCloseTo(weight, 6);
    }
  });

  it("takes y_max from the best method of the same task and file", () => {
    for (const { task, best } of rows) {
      const same = rows.filter((row) => row.task === task && row.best === best);
      expect(Math.max(...same.flatMap(({ points }) => points.map(({ accuracy }) => accuracy)))).toBe(best);
    }
  });

  it("the worked example", () => {
    const points = [
      { parallelism: 1, accuracy: 74.02 },
      { parallelism: 9.11, accuracy: 73.09 },
    ];
    expect(aup(points, { best: 74.98 })).toBeCloseTo(637.65, 2);
  });
});

interface Synthetic {
  readonly case: string;
  readonly rho: number[];
  readonly accuracy: number[];
  readonly y_max: number;
  readonly alpha: number;
  readonly y_min_offset: number;
  readonly aup?: number;
  readonly error?: string;
}

const fixture = fileURLToPath(new URL("../../test/parity/fixtures/aup/synthetic.json", import.meta.url));
const { cases } = JSON.parse(readFileSync(fixture, "utf8")) as { cases: Synthetic[] };
// A list for each axis is a matter of files (aup-file.ts): here points are pairs.
const synthetic = cases.filter(({ rho, accuracy }) => rho.length === accuracy.length);

describe("curves that the reference scored", () => {
  it.each(synthetic)(
    "$case",
    ({ rho, accuracy, y_max: best, alpha, y_min_offset: offset, aup: expected }) => {
      const points = rho.map((parallelism, i) => ({ parallelism, accuracy: accuracy[i]! }));
      const score = () => aup(points, { best, alpha, offset });
      if (expected === undefined) expect(score).toThrow(DataError);
      else expect(Math.abs(score() - expected)).toBeLessThanOrEqual(1e-9 * expected);
    },
  );
});

const curve = (...points: [number, number][]): CurvePoint[] =>
  points.map(([parallelism, accuracy]) => ({ parallelism, accuracy }));

describe("aup", () => {
  it("is parallelism times accuracy where none is lost", () => {
    expect(aup(curve([1, 80], [4, 80], [9, 80]), { best: 80 })).toBeCloseTo(720, 9);
  });

  it("grows with the last parallelism, and little where accuracy is far below the best", () => {
    const upTo = (last: number, best: number) => aup(curve([1, 40], [last, 39]), { best });
    expect(upTo(3, 40)).toBeGreaterThan(upTo(2, 40));
    expect(upTo(3, 95) - 40).toBeLessThan(0.2 * 2 * 40);
  });

  it("does not change its argument, and needs no order", () => {
    const points = Object.freeze(curve([4, 70], [1, 72]));
    expect(aup(points, { best: 75 })).toBe(aup([...points].reverse(), { best: 75 }));
  });

  it("is 0 for a task that nobody solves", () => {
    expect(aup(curve([1, 0], [3, 0]), { best: 0 })).toBe(0);
  });

  it.each([
    [[], "the curve has no points; give at least one"],
    [curve([0, 50]), "a parallelism is 0; give tokens per forward, above 0"],
    [curve([Number.POSITIVE_INFINITY, 50]), "a parallelism is Infinity"],
    [curve([1, 101]), "an accuracy is 101; give per cent, 0 to 100"],
    [curve([1, Number.NaN]), "an accuracy is NaN"],
    [
      curve([1, 60], [2, 54.9]),
      "the curve ends at 54.9 % (2 tokens a forward), more than 5 points below the 60 %",
    ],
  ])("refuses %j", (points, words) => {
    expect(() => aup(points, { best: 70 })).toThrow(words);
    expect(() => aup(points, { best: 70 })).toThrow(DataError);
  });

  it.each([
    [{ best: -1 }, "the best accuracy is -1"],
    [{ best: Number.NaN }, "the best accuracy is NaN"],
    [{ best: 70, alpha: -1 }, "alpha is -1"],
    [{ best: 70, offset: Number.NaN }, "the offset is NaN"],
  ])("refuses %j", (options, words) => {
    expect(() => aup(curve([1, 60]), options)).toThrow(words);
    expect(() => aup(curve([1, 60]), options)).toThrow(UsageError);
  });
});

describe("curveWarnings", () => {
  it.each([
    [curve([1, 60], [2, 59]), []],
    [curve([1, 0.74], [2, 0.73]), ["an accuracy is below 1 %: are these fractions instead of per cent?"]],
    [curve([1, 60], [2, 59], [2, 58]), ["two points have the same parallelism: the area between them is 0"]],
    [curve([3, 58], [1, 60], [2, 54.9]), ["more than 5 points below the first point, left out: 54.9 % at 2"]],
    [
      curve([2.2, 60]),
      ["the curve begins at 2.2 tokens a forward: the area below that is its accuracy times 2.2, unweighted"],
    ],
  ])("of %j", (points, warnings) => expect(curveWarnings(points)).toEqual(warnings));
});
