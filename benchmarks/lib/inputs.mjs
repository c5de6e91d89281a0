// @ts-check
// Numbers that both sides get: drawn here once, handed over as JSON or as a raw float32 file.

import { fillUniform, streams } from "../../packages/unmask/dist/base/rng.js";

/**
 * Uniform in [−1, 1), the same at every run.
 * @param {number} count
 * @param {number} sequence
 */
export function uniforms(count, sequence) {
  const values = new Float32Array(count);
  fillUniform(values, { seed: 0, stream: streams.initialise }, sequence, 1);
  return values.map((value) => 2 * value - 1);
}
