// AdamW and clipping in float64, written from Loshchilov & Hutter 2019 (algorithm 2), one number at a time.

export interface OracleParameter {
  values: number[];
  mean: number[];
  square: number[];
}

export const oracleParameter = (values: readonly number[]): OracleParameter => ({
  values: [...values],
  mean: values.map(() => 0),
  square: values.map(() => 0),
});

export interface OracleOptions {
  /** Number of this step, from 1. */
  step: number;
  rate: number;
  decay: number;
  beta1: number;
  beta2: number;
  eps: number;
}

export function adamwStep(parameter: OracleParameter, gradient: readonly number[], o: OracleOptions): void {
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]!;
    parameter.mean[i] = o.beta1 * parameter.mean[i]! + (1 - o.beta1) * g;
    parameter.square[i] = o.beta2 * parameter.square[i]! + (1 - o.beta2) * g * g;
    const mean = parameter.mean[i]! / (1 - o.beta1 ** o.step);
    const square = parameter.square[i]! / (1 - o.beta2 ** o.step);
    const decayed = parameter.values[i]! * (1 - o.rate * o.decay);
    parameter.values[i] = decayed - (o.rate * mean) / (Math.sqrt(square) + o.eps);
  }
}

/** The factor that brings gradients to a global norm of at most `maximum`, and their norm. */
export function clipping(
  gradients: readonly (readonly number[])[],
  maximum: number,
): { norm: number; factor: number } {
  let sum = 0;
  for (const gradient of gradients) for (const g of gradient) sum += g * g;
  const norm = Math.sqrt(sum);
  return { norm, factor: Math.min(1, maximum / norm) };
}
