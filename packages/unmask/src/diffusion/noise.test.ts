import {
  allclose,
  grad,
  item,
  noGrad,
  scope,
  setRequiresGrad,
  sum,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "./noise.ts";
import { nelbo } from "./objective.ts";
import { logLinear } from "./schedule.ts";

const schedule = logLinear();
const V = 3;
const maskId = 2;
const absorbing = absorbingNoise({ schedule, vocabularySize: V, maskId });
const uniform = uniformNoise({ schedule, vocabularySize: V });
const processes = [absorbing, uniform];
const only = (token: number, size = V) =>
  Float64Array.from({ length: size }, (_, v) => (v === token ? 1 : 0));
const total = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
const times = [
  { t: 1, s: 0.6 },
  { t: 0.5, s: 0.499 },
  { t: 0.3, s: 0 },
  { t: 0.7, s: 0.7 },
];
/** Noisy tokens of `count` positions that were `clean`, at time t. */
function sample(
  noise: NoiseProcess,
  clean: number,
  t: number,
  next: () => number,
  count: number,
): Int32Array {
  const numbers = () => Array.from({ length: count }, () => next());
  const ids = new Int32Array(count).fill(clean);
  return noise.corrupt(ids, count, { times: [t], uniforms: numbers(), choices: numbers() }).ids;
}
const counts = (tokens: ArrayLike<number>, size = V) => {
  const result = new Array<number>(size).fill(0);
  for (let i = 0; i < tokens.length; i++) result[tokens[i]!]!++;
  return result;
};

describe.each(processes)("$name noise", (noise) => {
  it.each(times)("has a posterior that sums to 1 and leads from time $t to $s, exactly", ({ t, s }) => {
    for (const clean of [only(0), only(1), Float64Array.of(0.3, 0.7, 0)]) {
      const arrived = new Float64Array(V);
      noise.marginal(clean, t).forEach((p, noisy) => {
        if (p === 0) return;
        const step = noise.posterior(noisy, clean, { t, s });
        expect(total(step)).toBeCloseTo(1, 12);
        expect(Math.min(...step)).toBeGreaterThanOrEqual(0);
        // A mixture of clean tokens is no clean token: its posterior is a prediction's, not the truth.
        if (Math.max(...clean) === 1)
          step.forEach((q, v) => {
            arrived[v] = arrived[v]! + p * q;
          });
      });
      if (Math.max(...clean) !== 1) continue;
      noise.marginal(clean, s).forEach((p, v) => {
        expect(arrived[v]).toBeCloseTo(p, 12);
      });
    }
  });

  it("corrupts as its marginal says, and steps back to the marginal of the earlier time", () => {
    const next = mulberry32(11);
    const [t, s, count] = [0.8, 0.35, 20_000];
    const noisy = sample(noise, 1, t, next, count);
    const there = chiSquare(counts(noisy), [...noise.marginal(only(1), t)]);
    expect(there.statistic).toBeLessThan(chiSquareLimit(there.degrees));
    const back = Int32Array.from(noisy, (token) => {
      let left = next();
      const step = noise.posterior(token, only(1), { t, s });
      return step.findIndex((p) => {
        left -= p;
        return left < 0;
      });
    });
    const earlier = chiSquare(counts(back), [...noise.marginal(only(1), s)]);
    expect(earlier.statistic).toBeLessThan(chiSquareLimit(earlier.degrees));
  });

  it("leaves given tokens alone, and out of the loss", () => {
    const uniforms = [0, 1, 0, 1];
    const found = noise.corrupt(Int32Array.of(0, 0, 1, 1), 2, {
      times: [1, 1],
      uniforms,
      choices: [0.9, 0.9, 0, 0],
    });
    expect([...found.ids]).toEqual(noise.name === "uniform" ? [2, 0, 0, 1] : [2, 0, 2, 1]);
    expect([...found.positions]).toEqual([0, 2]);
    expect([...found.rows]).toEqual([0, 1]);
  });

  it("has as NELBO of the best prediction the entropy of the data, on a model of one token", () => {
    const size = noise.name === "uniform" ? 2 : 3;
    const one = noise.name === "uniform" ? uniformNoise({ schedule, vocabularySize: 2 }) : noise;
    const data = [0.8, 0.2, 0].slice(0, size);
    const entropy = -(0.8 * Math.log(0.8) + 0.2 * Math.log(0.2));
    const found = scope(() => noGrad(() => expectedNelbo(one, data)));
    // What is left of the data at t = 1 (alpha = 0.001) is in no integral: a mask tells nothing, other noise alpha² as much.
    expect(found).toBeCloseTo(noise.name === "uniform" ? entropy : 0.999 * entropy, 5);
  });
});

/**
 * ∫ Σ_x Σ_z p(x) q(z | x) weight · loss dt, midpoints of t = τ². The best prediction of a position is made without its
 * own noisy token: of a single position the data itself.
 */
function expectedNelbo(noise: NoiseProcess, data: number[]): number {
  const size = data.length;
  const steps = 3000;
  const rows: { target: number; noisy: number; t: number; factor: number; logits: number[] }[] = [];
  for (let k = 0; k < steps; k++) {
    const root = (k + 0.5) / steps;
    const t = root * root;
    const marginals = data.map((_, x) => noise.marginal(only(x, size), t));
    for (let noisy = 0; noisy < size; noisy++) {
      const joint = data.map((p, x) => p * marginals[x]![noisy]!);
      const logits = data.map((p) => Math.log(Math.max(p, 1e-300)));
      data.forEach((_, target) => {
        const inLoss = noise.name === "uniform" || noisy === maskId;
        if (joint[target]! === 0 || !inLoss) return;
        rows.push({ target, noisy, t, logits, factor: (joint[target]! * 2 * root) / steps });
      });
    }
  }
  const ids = (values: number[]) => tensor(values, undefined, { dtype: "int64" });
  const losses = noise.losses(
    tensor(
      rows.map(({ logits }) => logits),
      undefined,
      { dtype: "float64" },
    ),
    {
      targets_N: ids(rows.map(({ target }) => target)),
      noisy_N: ids(rows.map(({ noisy }) => noisy)),
      alpha_N: tensor(Float64Array.from(rows, ({ t }) => schedule.alpha(t))),
    },
  );
  return toNumbers(losses).reduce((sum, loss, i) => {
    const { factor, t } = rows[i]!;
    return sum + factor * noise.lossWeight(t) * loss;
  }, 0);
}

describe("the NELBO of uniform noise", () => {
  const size = 5;
  const noise = uniformNoise({ schedule, vocabularySize: size });
  const logits = [
    [0.3, -1, 2, 0.5, -0.2],
    [-3, 4, 0, 0, 1],
    [1, 1, 1, 1, 1],
  ];
  const scene = { targets: [2, 3, 0], noisy: [2, 1, 4], times: [0.1, 0.6, 0.97] };
  const lossesOf = (given: Tensor) =>
    noise.losses(given, {
      targets_N: tensor(scene.targets, undefined, { dtype: "int64" }),
      noisy_N: tensor(scene.noisy, undefined, { dtype: "int64" }),
      alpha_N: tensor(
        scene.times.map((t) => schedule.alpha(t)),
        undefined,
        { dtype: "float64" },
      ),
    });

  it("is the limit of the distance between steps of the reverse process", () => {
    const found = toNumbers(lossesOf(tensor(logits, undefined, { dtype: "float64" })));
    scene.times.forEach((t, i) => {
      const rate = (width: number) => {
        const s = t - width;
        const truth = noise.posterior(scene.noisy[i]!, only(scene.targets[i]!, size), { t, s });
        const step = noise.posterior(scene.noisy[i]!, softmax(logits[i]!), { t, s });
        return truth.reduce((sum, p, v) => sum + p * Math.log(p / step[v]!), 0) / width;
      };
      // The error of one width is linear in it: two widths take it out.
      const limit = 2 * rate(1e-5) - rate(2e-5);
      expect((found[i]! * noise.lossWeight(t)) / limit).toBeCloseTo(1, 5);
    });
  });

  it("is 0 where the prediction is the truth, and has the gradient of its finite differences", () => {
    const sure = [0, 1, 2].map((i) => [...only(scene.targets[i]!, size)].map((p) => (p === 1 ? 0 : -800)));
    expect(Math.max(...toNumbers(lossesOf(tensor(sure, undefined, { dtype: "float64" }))))).toBeLessThan(
      1e-12,
    );
    const leaf = setRequiresGrad(tensor(logits, undefined, { dtype: "float64" }), true);
    const slopes = toNumbers(grad(sum(lossesOf(leaf)), [leaf])[0]!);
    const moved = (at: number, change: number) => {
      const values = Float64Array.from(logits.flat());
      values[at] = values[at]! + change;
      return item(sum(lossesOf(tensor(values, [3, size]))));
    };
    slopes.forEach((slope, at) => {
      expect((moved(at, 1e-5) - moved(at, -1e-5)) / 2e-5).toBeCloseTo(slope, 6);
    });
  });
});

describe("absorbing noise's loss", () => {
  it("is that of nelbo(), and with the mask's logit plain cross-entropy", () => {
    const logits = tensor([
      [1, -2, 5],
      [0.5, 0, -1],
    ]);
    const targets_N = tensor([0, 1], undefined, { dtype: "int64" });
    const positions = {
      targets_N,
      noisy_N: tensor([2, 2], undefined, { dtype: "int64" }),
      alpha_N: tensor([0.5, 0.5]),
    };
    const same = nelbo(logits, tensor([0, 0, -1e6]), { targets_N, weights_N: tensor([1, 1]) });
    expect(allclose(absorbing.losses(logits, positions), same.losses_N, { rtol: 0, atol: 0 })).toBe(true);
    const full = absorbingNoise({ schedule, vocabularySize: V, maskId, maskLogit: true });
    const expected = [
      [1, -2, 5],
      [0.5, 0, -1],
    ].map((row, i) => -Math.log(softmax(row)[i]!));
    toNumbers(full.losses(logits, positions)).forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected[i]!, 5);
    });
  });
});
