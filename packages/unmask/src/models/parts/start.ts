// How the numbers of a new parameter begin. Number j of parameter i comes from the coordinates (i, j), so that a seed
// gives the same network on every machine, whatever else is drawn.

import { type Device, keep, scope, setRequiresGrad, type Tensor, tensor } from "@unmask/torch";
import { fillNormal, fillUniform, streams } from "../../base/rng.ts";

export type Start =
  | { readonly kind: "constant"; readonly value: number }
  /** Uniform in ±bound. */
  | { readonly kind: "uniform"; readonly bound: number }
  /** Numbers beyond `cutoff` deviations are drawn again; none by default. */
  | { readonly kind: "normal"; readonly deviation: number; readonly cutoff?: number | undefined };

export interface StartOptions {
  readonly seed: number;
  readonly device?: Device | undefined;
  /** float32 by default. */
  readonly dtype?: "float32" | "bfloat16" | "float64" | undefined;
}

/** Leaves that want gradients, outside every scope, in the shapes' order. */
export function startAll(
  shapes: ReadonlyMap<string, readonly number[]>,
  startOf: (name: string, shape: readonly number[]) => Start,
  { seed, device = "cpu", dtype = "float32" }: StartOptions,
): Map<string, Tensor> {
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    fillStart(values, startOf(name, shape), { seed, index: parameters.size, step: 0 });
    const parameter = scope(() => keep(tensor(values, shape, { device, dtype })));
    parameters.set(name, setRequiresGrad(parameter, true));
  }
  return parameters;
}

export interface Place {
  readonly seed: number;
  /** Of the parameter. */
  readonly index: number;
  /** Of the coordinates: 0 a network's parameters, 1 what is added to one (a discriminator's head, adapters). */
  readonly step: number;
}

/** Redraws use steps from here. */
const firstRedraw = 2;

export function fillStart(values: Float32Array, start: Start, { seed, index, step }: Place): Float32Array {
  const source = { seed, stream: streams.initialise };
  if (start.kind === "constant") return values.fill(start.value);
  if (start.kind === "uniform") {
    fillUniform(values, source, index, step);
    for (let j = 0; j < values.length; j++) values[j] = (2 * values[j]! - 1) * start.bound;
    return values;
  }
  const { deviation, cutoff = Number.POSITIVE_INFINITY } = start;
  fillNormal(values, source, index, step);
  const one = new Float32Array(1);
  for (let j = 0; j < values.length; j++) {
    for (let redraw = firstRedraw; Math.abs(values[j]!) > cutoff; redraw++) {
      fillNormal(one, source, index, redraw, j);
      values[j] = one[0]!;
    }
    values[j] = values[j]! * deviation;
  }
  return values;
}
