// @ts-check
// Square matrix products.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cat, convert, matmul, narrow, reshape, scope, tensor, toNumbers } from "@unmask/torch";
import { uniforms } from "../lib/inputs.mjs";
import { timed } from "../lib/pairs.mjs";
import { dispose } from "./calls.mjs";

/**
 * @param {"float32" | "bfloat16"} dtype
 * @param {number} side
 * @param {string} folder for the matrices that the peer reads
 * @returns {import("../lib/measure.mjs").Case}
 */
export function productCase(dtype, side, folder) {
  const file = join(folder, `product-${side}.f32`);
  return {
    name: `product-${dtype}-${side}`,
    title: `product ${side}³ ${dtype}`,
    unit: "GFLOP/s",
    // A bfloat16 result has 8 significant bits.
    tolerance: dtype === "float32" ? 1e-5 : 1e-2,
    target: { kind: "productSpeed", atMost: false },
    figure: (seconds, count) => (2 * side ** 3 * count) / seconds / 1e9,
    request: { case: "product", dtype, side, file },
    open: () => {
      const values = uniforms(2 * side * side, 5);
      writeFileSync(file, values);
      const matrix = (/** @type {number} */ i) =>
        scope(() => {
          const part = tensor(values.subarray(i * side * side, (i + 1) * side * side), [side, side]);
          return convert(part, dtype, undefined);
        });
      const left = matrix(0);
      const right = matrix(1);
      const multiply = () => void matmul(left, right);
      return {
        value: scope(() => {
          const flat = reshape(matmul(left, right), [-1]);
          const ends = cat([narrow(flat, 0, 0, 64), narrow(flat, 0, side * side - 64, 64)]);
          return toNumbers(ends);
        }),
        run: (count) => timed(count, () => scope(multiply)),
        close: () => dispose(left, right),
      };
    },
  };
}
