// Weights from an opened folder into a network.
//
// On the CPU in their own dtype the weights stay where they are: the file is mapped, read ahead once in order, and
// shared with every other process that has it open. Any other dtype or device is a copy, made tensor by tensor.

import { clone, convert, type Device, type Dtype, keep, scope, type Tensor } from "@unmask/torch";
import type { Network } from "./family.ts";
import { type OpenModel, openModel } from "./open.ts";
import { isQuantised, quantiseWeight } from "./quantise.ts";

export interface LoadOptions {
  readonly device?: Device | undefined;
  /** "auto" (the default) keeps each tensor as stored; "int8" stores matrices as int8 with a scale a row. */
  readonly dtype?: WeightDtype | undefined;
  /** Copies instead of mapping, for weights that will be trained or whose file may be rewritten. */
  readonly copy?: boolean | undefined;
}

export type WeightDtype = "auto" | "float32" | "bfloat16" | "float64" | "int8";

export interface LoadedNetwork extends OpenModel {
  readonly network: Network;
  /** Frees the weights. */
  dispose(): void;
}

/** Opens and loads a folder. Throws a CheckpointError or UnsupportedError. */
export function loadNetwork(folder: string, options: LoadOptions = {}): LoadedNetwork {
  const opened = openModel(folder);
  const parameters = readParameters(opened, options);
  const network = opened.family.create(opened.config, parameters);
  const dispose = () => {
    for (const parameter of parameters.values()) parameter.dispose();
    opened.checkpoint.close();
  };
  return { ...opened, network, dispose };
}

/** The parameters by name without prefix, outside every scope. */
export function readParameters(opened: OpenModel, options: LoadOptions = {}): Map<string, Tensor> {
  const { checkpoint, prefix, shapes } = opened;
  const { device = "cpu", dtype = "auto", copy = false } = options;
  if (device === "cpu" && dtype === "auto" && !copy) checkpoint.readAhead();
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of shapes) {
    scope(() => {
      const stored = checkpoint.tensor(prefix + name);
      if (dtype === "int8" && isQuantised(name, shape)) {
        for (const [part, value] of quantiseWeight(name, stored, device)) parameters.set(part, keep(value));
        return;
      }
      const target: Dtype = dtype === "auto" || dtype === "int8" ? stored.dtype : dtype;
      const converted = convert(stored, target, device);
      parameters.set(name, keep(copy && converted === stored ? clone(stored) : converted));
    });
  }
  return parameters;
}
