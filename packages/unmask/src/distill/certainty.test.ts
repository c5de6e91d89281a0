import { eye, grad, setRequiresGrad, sum, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { certaintyRows, groupMeans } from "./certainty.ts";

const rows = [
  [2, -1, 0.5, 0.25],
  [0, 0, 0, 0],
  [-30, 80, 1, 2],
  [0.1, 0.7, 0.6, -0.4],
];
const targets = [0, 0, 1, 3];
const logits = (values = rows) => tensor(values, undefined, { dtype: "float64" });
const ids = (values: number[]) => tensor(values, undefined, { dtype: "int64" });

/** Rows whose logits are these. */
const of = (logits_NV: Tensor, temperature: number) => {
  const head = { weight_VD: eye(4, { dtype: "float64" }) };
  return certaintyRows({ hidden_ND: logits_NV, head }, ids(targets), { temperature });
};

/** Entropy of the softmax of z / T, plainly. */
function entropy(z: number[], temperature: number): number {
  const weights = z.map((value) => Math.exp((value - Math.max(...z)) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.reduce((sum, w) => sum - (w === 0 ? 0 : (w / total) * Math.log(w / total)), 0);
}

describe("certaintyRows", () => {
  it("measures cross-entropy plainly and entropy at the temperature", () => {
    for (const temperature of [0.5, 1]) {
      const terms = of(logits(), temperature);
      toNumbers(terms.entropy_N).forEach((value, i) => {
        expect(value).toBeCloseTo(entropy(rows[i]!, temperature), 12);
      });
      toNumbers(terms.crossEntropy_N).forEach((value, i) => {
        const lse = Math.log(rows[i]!.reduce((total, z) => total + Math.exp(z), 0));
        expect(value).toBeCloseTo(lse - rows[i]![targets[i]!]!, 12);
      });
      expect(toNumbers(terms.correct_N)).toEqual([1, 1, 1, 0]); // also where it is as likely
    }
  });

  it("sends the gradient through the probabilities", () => {
    const leaf = setRequiresGrad(logits(), true);
    const [slope] = grad(sum(of(leaf, 0.5).entropy_N), [leaf]);
    const found = toNumbers(slope!);
    rows.flat().forEach((_, i) => {
      const moved = (by: number) => rows.flat().map((value, k) => (k === i ? value + by : value));
      const total = (values: number[]) =>
        [0, 4, 8, 12].reduce((all, at) => all + entropy(values.slice(at, at + 4), 0.5), 0);
      expect(found[i]).toBeCloseTo((total(moved(1e-5)) - total(moved(-1e-5))) / 2e-5, 6);
    });
  });
});

describe("groupMeans", () => {
  it("averages what counts, and gives 0 to a group without any", () => {
    const values_N = tensor([1, 2, 4, 8, 16], undefined, { dtype: "float64" });
    const counted_N = tensor([1, 0, 1, 1, 0], undefined, { dtype: "float64" });
    const means = groupMeans(values_N, { counted_N, group_N: ids([0, 0, 0, 2, 1]), groups: 4 });
    expect(toNumbers(means)).toEqual([2.5, 0, 8, 0]);
  });
});
