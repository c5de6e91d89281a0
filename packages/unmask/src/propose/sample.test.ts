import { liveTensors, narrow, noGrad, scope, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import type { Sampling } from "../decode/sampling.ts";
import { type ReduceOptions, reduce, reduced } from "./sample.ts";

type Row = readonly number[];

interface Answer {
  token: number;
  probability: number;
  entropy: number;
  plainProbability: number;
  plainEntropy: number;
  best: number;
  margin: number;
}

// The same in float64 and plain loops.

function softmaxOf(logits: Row): number[] {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}
const entropyOf = (p: Row): number => -p.reduce((sum, one) => sum + (one > 0 ? one * Math.log(one) : 0), 0);
const never = Number.NEGATIVE_INFINITY;

const oracleTopK = (logits: Row, k: number): number[] => {
  const bar = [...logits].sort((a, b) => b - a)[k - 1]!;
  return logits.map((logit) => (logit < bar ? never : logit));
};
const oracleTopP = (logits: Row, p: number): number[] => {
  const probability = softmaxOf(logits);
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = new Array<number>(logits.length).fill(never);
  let before = 0;
  for (const token of order) {
    if (before > p) break;
    kept[token] = logits[token]!;
    before += probability[token]!;
  }
  return kept;
};

function oracle(logits: Row, sampling: Sampling, uniform: number): Answer {
  const { temperature = 1, topK, topP, topPFirst = false } = sampling;
  const plain = softmaxOf(logits);
  const best = logits.indexOf(Math.max(...logits));
  let kept: number[] = logits.map((logit) => logit / (temperature === 0 ? 1 : temperature));
  const byK = () => {
    if (topK !== undefined) kept = oracleTopK(kept, topK);
  };
  const byP = () => {
    if (topP !== undefined && topP < 1) kept = oracleTopP(kept, topP);
  };
  for (const step of topPFirst ? [byP, byK] : [byK, byP]) step();
  const p = softmaxOf(kept);
  let cumulative = 0;
  const drawn = p.findIndex((one) => {
    cumulative += one;
    return cumulative > uniform;
  });
  const token = temperature === 0 ? best : drawn < 0 ? p.findLastIndex((one) => one > 0) : drawn;
  const [largest, second] = [...p].sort((a, b) => b - a);
  return {
    token,
    probability: p[token]!,
    entropy: entropyOf(p),
    plainProbability: plain[token]!,
    plainEntropy: entropyOf(plain),
    best,
    margin: largest! - second!,
  };
}

function answersOf(rows: readonly Row[], sampling: Sampling, more: Partial<ReduceOptions> = {}): Answer[] {
  const values = scope(() =>
    noGrad(() => toNumbers(reduce(tensor(rows), { sampling, needsMargin: true, ...more }))),
  );
  const width = values.length / rows.length;
  return rows.map(
    (_, i) =>
      Object.fromEntries(reduced.map((name, k) => [name, values[i * width + k]])) as unknown as Answer,
  );
}
const column = (values: Row): Tensor => tensor(Float64Array.from(values), [values.length, 1]);

function compare(rows: readonly Row[], sampling: Sampling, uniforms: Row, tolerance = 2e-5): void {
  const found = answersOf(rows, sampling, { uniforms_NM: column(uniforms) });
  rows.forEach((row, i) => {
    const float32 = [...Float32Array.from(row)];
    const expected = oracle(float32, sampling, uniforms[i]!);
    expect([found[i]!.token, found[i]!.best]).toEqual([expected.token, expected.best]);
    for (const name of ["probability", "entropy", "plainProbability", "plainEntropy", "margin"] as const) {
      expect(Math.abs(found[i]![name] - expected[name]), `${name} of row ${i}`).toBeLessThan(tolerance);
    }
  });
}

const random = mulberry32(7);
const rowsOf = (count: number, width: number, scale = 3): number[][] =>
  Array.from({ length: count }, () => Array.from({ length: width }, () => (2 * random() - 1) * scale));
const uniformsOf = (count: number): number[] =>
  Array.from({ length: count }, () => Math.floor(random() * 2 ** 24) * 2 ** -24);

describe("reduce agrees with float64", () => {
  it.each<[string, Sampling]>([
    ["plain", {}],
    ["temperature 0", { temperature: 0 }],
    ["temperature 0.3", { temperature: 0.3 }],
    ["temperature 4", { temperature: 4 }],
    ["top-k", { topK: 5 }],
    ["top-k of 1", { topK: 1 }],
    ["top-k of all and more", { topK: 1000 }],
    ["top-p", { topP: 0.7 }],
    ["top-p 0", { topP: 0 }],
    ["top-p 1", { topP: 1 }],
    ["top-k, then top-p", { topK: 6, topP: 0.8, temperature: 0.7 }],
    ["top-p, then top-k", { topK: 6, topP: 0.8, temperature: 0.7, topPFirst: true }],
  ])("%s", (_, sampling) => {
    for (const width of [2, 3, 37]) compare(rowsOf(40, width), sampling, uniformsOf(40));
  });

  it("where top-p is answered by a look at the best tokens, and where a whole row is sorted", () => {
    const rows = [12, 3, 0.01].flatMap((scale) => rowsOf(2, 9000, scale));
    for (const topP of [0.3, 0.95]) {
      compare(rows, { topP }, uniformsOf(6));
      compare(rows, { topP, topK: 20 }, uniformsOf(6));
    }
  });

  it("for logits around ±10 000, and far apart", () => {
    for (const offset of [1e4, -1e4]) {
      const rows = rowsOf(10, 20).map((row) => row.map((logit) => offset + logit));
      for (const sampling of [{}, { temperature: 0.5 }, { topP: 0.8 }])
        compare(rows, sampling, uniformsOf(10));
    }
    compare(
      [
        [1e4, -1e4, 0],
        [-1e4, 1e4, 1e4],
        [0, 0, -1e30],
      ],
      {},
      [0.999, 0.4, 0.6],
    );
  });
});

describe("ties", () => {
  it("temperature 0 takes the lowest of equals", () => {
    const wide = new Array<number>(700).fill(0);
    const rows = [wide, wide.map((_, i) => (i === 40 || i === 600 ? 1 : 0))];
    expect(answersOf(rows, { temperature: 0 }).map(({ token, best }) => [token, best])).toEqual([
      [0, 0],
      [40, 40],
    ]);
  });

  it("top-k keeps all that equal the k-th, top-p the first that reach p", () => {
    const row = [1, 3, 1, 1, 0];
    const counts = (sampling: Sampling) => {
      const uniforms = Array.from({ length: 64 }, (_, i) => i / 64);
      const rows = uniforms.map(() => row);
      const drawn = answersOf(rows, sampling, { uniforms_NM: column(uniforms) }).map(({ token }) => token);
      return [...new Set(drawn)].sort();
    };
    expect(counts({ topK: 2 })).toEqual([0, 1, 2, 3]);
    expect(counts({ topP: 0.1 })).toEqual([1]);
    // The probability of 0.25 is exact: the second token's sum before it is not more than p.
    const even = [0, 0, 0, 0];
    const kept = answersOf([even], { topP: 0.25 }, { uniforms_NM: column([0.999]) });
    expect(kept[0]!.probability).toBeCloseTo(0.5, 6);
  });
});

describe("drawing by inverse CDF", () => {
  const last = 1 - 2 ** -24;

  it("takes the first possible token for 0 and the last possible one for the largest uniform number", () => {
    const row = [-1e9, 0, 0, 0, -1e9];
    const drawn = answersOf([row, row], {}, { uniforms_NM: column([0, last]) });
    expect(drawn.map(({ token }) => token)).toEqual([1, 3]);
    const certain = [-1e9, 0, -1e9, -1e9, 50, -1e9];
    expect(answersOf([certain], {}, { uniforms_NM: column([last]) })[0]!.token).toBe(4);
  });

  it("reaches tails that float32 sums would lose", () => {
    // Half of the mass in 2^17 tokens of 2^-18 each, behind a token that holds the other half.
    const row = [Math.log(2 ** 17), ...new Array<number>(2 ** 17).fill(0)];
    const drawn = answersOf([row, row], {}, { uniforms_NM: column([0.75, last]) }).map(({ token }) => token);
    expect(drawn[0]).toBe(2 ** 16 + 1);
    expect(drawn[1]).toBeGreaterThan(2 ** 17 - 2);
  });

  it("draws several tokens a row", () => {
    const rows = rowsOf(3, 9);
    const uniforms = [0, 0.3, 0.9, last].flatMap((u) => [u, u, u]).sort();
    const uniforms_NM = tensor(Float64Array.from(uniforms), [3, 4]);
    const values = toNumbers(reduce(tensor(rows), { sampling: {}, needsMargin: false, uniforms_NM }));
    const width = reduced.length + 3;
    expect(values).toHaveLength(3 * width);
    rows.forEach((row, i) => {
      const drawn = [values[i * width]!, ...values.slice(i * width + reduced.length, (i + 1) * width)];
      const float32 = [...Float32Array.from(row)];
      const expected = uniforms.slice(4 * i, 4 * i + 4).map((u) => oracle(float32, {}, u).token);
      expect(drawn).toEqual(expected);
    });
  });
});

describe("forbidden tokens", () => {
  const forbidden_V = tensor([0, 0, -1e6, 0]);
  const row = [0.5, 0, 9, 0.2];

  it.each([0, 1e-3, 1, 1e5, 1e30, Number.POSITIVE_INFINITY])(
    "are never drawn at temperature %s and have no part in the numbers",
    (temperature) => {
      const uniforms = Array.from({ length: 200 }, (_, i) => i / 200);
      const rows = uniforms.map(() => row);
      const found = answersOf(rows, { temperature }, { uniforms_NM: column(uniforms), forbidden_V });
      expect(found.filter(({ token }) => token === 2)).toEqual([]);
      expect(found[0]!.best).toBe(0);
      const p = softmaxOf([0.5, 0, never, 0.2]);
      expect(found[0]!.plainEntropy).toBeCloseTo(entropyOf(p), 6);
      if (temperature >= 1e5) {
        for (const token of [0, 1, 3]) {
          expect(found.filter((one) => one.token === token).length).toBeGreaterThan(60);
        }
        expect(found[0]!.entropy).toBeCloseTo(Math.log(3), 4);
      }
    },
  );

  it("may be the network's own: a logit of minus infinity", () => {
    const own = [0.5, 0, Number.NEGATIVE_INFINITY, 0.2];
    const [given] = answersOf([row], {}, { forbidden_V, uniforms_NM: column([0.5]) });
    expect(answersOf([own], {}, { uniforms_NM: column([0.5]) })).toEqual([given]);
  });

  it("may be all but one", () => {
    const [only] = answersOf([row], {}, { forbidden_V: tensor([-1, -1, -1, 0]), uniforms_NM: column([0]) });
    expect(only).toMatchObject({ token: 3, probability: 1, entropy: 0, best: 3, margin: 1 });
  });
});

describe("doubted tokens", () => {
  it("are drawn, and have no confidence", () => {
    const row = [1, 2, 3];
    const uniforms = [0.01, 0.2, 0.9];
    const rows = uniforms.map(() => row);
    const found = answersOf(rows, { doubted: [2] }, { uniforms_NM: column(uniforms) });
    const rest = softmaxOf([1, 2, never]);
    expect(found.map(({ token }) => token)).toEqual([0, 1, 2]);
    for (const [i, { probability }] of found.entries()) expect(probability).toBeCloseTo(rest[i]!, 6);
  });
});

describe("chunks", () => {
  it("give what one piece gives", () => {
    const [N, V] = [9, 70_000];
    const logits = tensor(
      Float32Array.from({ length: N * V }, () => 6 * random()),
      [N, V],
    );
    const uniforms_NM = column(uniformsOf(N));
    const sampling = { temperature: 0.8, topK: 50 };
    const whole = toNumbers(reduce(logits, { sampling, uniforms_NM, needsMargin: true }));
    for (let i = 0; i < N; i++) {
      const part = (one: Tensor) => narrow(one, 0, i, 1);
      const alone = reduce(part(logits), { sampling, uniforms_NM: part(uniforms_NM), needsMargin: true });
      expect(toNumbers(alone)).toEqual(whole.slice(i * reduced.length, (i + 1) * reduced.length));
    }
  });

  it("leave no tensors behind and the logits as they were", () => {
    const rows = rowsOf(4, 30);
    const logits = tensor(rows);
    const before = [toNumbers(logits), liveTensors().count];
    const sampling = { temperature: 0.5, topK: 9, topP: 0.9 };
    reduce(logits, { sampling, uniforms_NM: undefined, needsMargin: true }).dispose();
    expect([toNumbers(logits), liveTensors().count]).toEqual(before);
  });
});

it("does not hide that logits are no numbers", () => {
  for (const row of [
    [Number.NaN, 0, 0],
    [0, Number.POSITIVE_INFINITY, 0],
  ]) {
    const [found] = answersOf([row], {}, { uniforms_NM: column([0.5]) });
    expect(Object.values(found!).some(Number.isNaN)).toBe(true);
  }
});
