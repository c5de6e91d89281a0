import {
  backward,
  eye,
  grad,
  gradientOf,
  Recompute,
  setRequiresGrad,
  sum,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { type DistillMode, distillModes, divergences } from "./divergence.ts";

const [N, V, maskId] = [3, 7, 4];
const next = mulberry32(9);
const random = () => Array.from({ length: N }, () => Array.from({ length: V }, () => 4 * next() - 2));
const [p, q] = [random(), random()];

/** Rows whose logits are these, without the mask. */
function rowsOf(logits: number[][] | Tensor): HeadRows {
  const hidden_ND = Array.isArray(logits) ? tensor(logits, undefined, { dtype: "float64" }) : logits;
  const column_V = tensor(maskColumn(V, maskId), undefined, { dtype: "float64" });
  return { hidden_ND, head: { weight_VD: eye(V, { dtype: "float64" }), column_V } };
}

function plain(mode: DistillMode, z: number[], y: number[]): number {
  const soft = (values: number[]) => {
    const kept = values.filter((_, v) => v !== maskId).map(Math.exp);
    const total = kept.reduce((a, b) => a + b, 0);
    return kept.map((w) => w / total);
  };
  const [a, b] = [soft(z), soft(y)];
  const over = (f: (x: number, w: number) => number) => a.reduce((total, x, v) => total + f(x, b[v]!), 0);
  if (mode === "kl-bwd") return over((x, w) => x * Math.log(x / w));
  if (mode === "kl-fwd") return over((x, w) => w * Math.log(w / x));
  if (mode === "tvd") return over((x, w) => Math.abs(x - w)) / 2;
  return over((x, w) => Math.log(x / w) ** 2) / (V - 1);
}

describe.each(distillModes)("%s", (mode) => {
  it("is the plain sum, in chunks of any size, and 0 between equals", () => {
    for (const chunk of [1, 3, V]) {
      const found = toNumbers(divergences(rowsOf(p), rowsOf(q), { mode, maskId, chunk }));
      found.forEach((value, n) => {
        expect(value).toBeCloseTo(plain(mode, p[n]!, q[n]!), 9);
      });
      const equal = toNumbers(divergences(rowsOf(p), rowsOf(p), { mode, maskId, chunk }));
      for (const value of equal) expect(value).toBeCloseTo(0, 12);
    }
  });

  it("has the gradient of its finite differences, recomputed or not", () => {
    const leaf = setRequiresGrad(tensor(p, undefined, { dtype: "float64" }), true);
    const [slope] = grad(sum(divergences(rowsOf(leaf), rowsOf(q), { mode, maskId, chunk: 3 })), [leaf]);
    const recompute = new Recompute();
    const held = setRequiresGrad(tensor(p, undefined, { dtype: "float64" }), true);
    backward(sum(divergences(rowsOf(held), rowsOf(q), { mode, maskId, chunk: 3, recompute })));
    recompute.finish();
    const [first, second] = [toNumbers(slope!), toNumbers(gradientOf(held)!)];
    p.forEach((row, n) => {
      row.forEach((_, v) => {
        const at = (by: number) =>
          plain(
            mode,
            row.map((z, i) => (i === v ? z + by : z)),
            q[n]!,
          );
        const numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
        expect(first[n * V + v]).toBeCloseTo(numeric, 6);
        expect(second[n * V + v]).toBeCloseTo(first[n * V + v]!, 12);
      });
    });
  });
});
