// The network that a run trains: a fresh one, or a checkpoint with all of its weights or adapters beside them.

import {
  clone,
  convert,
  copy_,
  type Device,
  keep,
  noGrad,
  scope,
  setRequiresGrad,
  type Tensor,
} from "@unmask/torch";
import type { Network } from "../models/family.ts";
import { type FreshModel, initialiseFresh, saveFresh } from "../models/fresh.ts";
import { loadNetwork } from "../models/load.ts";
import { adapterParameters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { saveAdapter } from "../models/lora-save.ts";
import { saveLike } from "../models/save.ts";

export interface StudentNetwork {
  readonly network: Network;
  /** What is trained, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Runs `use` with a network that computes with other values of the trained parameters, such as their average. */
  withValues<Result>(
    values: ReadonlyMap<string, Tensor>,
    use: (network: Network) => Result | Promise<Result>,
  ): Promise<Result>;
  /** Writes a model (or an adapter) with these values of the trained parameters into a new folder. */
  save(folder: string, values: ReadonlyMap<string, Tensor>): Promise<void>;
  dispose(): void;
}

export type TrainedDtype = "float32" | "bfloat16";

export function freshStudent(
  model: FreshModel,
  options: { readonly seed: number; readonly device: Device; readonly dtype: TrainedDtype },
): StudentNetwork {
  const parameters = initialiseFresh(model, options);
  const networkOf = (values: ReadonlyMap<string, Tensor>) => model.family.create(model.config, values);
  return {
    network: networkOf(parameters),
    parameters,
    // Averages are float32, whatever the weights are.
    withValues: (values, use) => converted(values, options.dtype, async (own) => use(networkOf(own))),
    save: (folder, values) => converted(values, options.dtype, async (own) => saveFresh(folder, model, own)),
    dispose: () => disposeAll(parameters.values()),
  };
}

export interface AdapterOptions {
  readonly rank: number;
  readonly alpha?: number | undefined;
  readonly targets?: readonly string[] | undefined;
  readonly useRslora?: boolean | undefined;
}

export interface LoadedStudentOptions {
  readonly device: Device;
  /** dtype of the weights in memory, or as stored. Below float32 the optimiser keeps float32 masters. */
  readonly dtype: TrainedDtype | "auto";
  /** Adapters instead of all weights. */
  readonly adapter?: AdapterOptions | undefined;
  readonly seed: number;
  /** What is written into an adapter's files as its base. */
  readonly name: string;
}

export function loadedStudent(folder: string, options: LoadedStudentOptions): StudentNetwork {
  const { device, dtype, adapter, seed, name } = options;
  // Products over pages of the mapped file were an eighth slower than over memory of our own.
  const loaded = loadNetwork(folder, { device, dtype, copy: true });
  const set =
    adapter === undefined
      ? undefined
      : createAdapters(loaded.network, { ...adapter, seed, baseModel: name, taskType: "CAUSAL_LM" });
  const parameters = set === undefined ? loaded.network.parameters : adapterParameters(set);
  for (const one of parameters.values()) setRequiresGrad(one, true);
  return {
    network: loaded.network,
    parameters,
    withValues: (values, use) => exchanged(parameters, values, () => use(loaded.network)),
    async save(target, values) {
      if (set === undefined) saveLike(loaded, values, { folder: target });
      else await exchanged(parameters, values, () => saveAdapter(target, set));
    },
    dispose() {
      if (set !== undefined) disposeAll(parameters.values());
      loaded.dispose();
    },
  };
}

/** Runs `use` with the values in a dtype. */
async function converted<Result>(
  values: ReadonlyMap<string, Tensor>,
  dtype: TrainedDtype,
  use: (values: ReadonlyMap<string, Tensor>) => Promise<Result>,
): Promise<Result> {
  if ([...values.values()].every((one) => one.dtype === dtype)) return use(values);
  const own = new Map(
    [...values].map(([name, one]) => [name, noGrad(() => scope(() => keep(convert(one, dtype, undefined))))]),
  );
  try {
    return await use(own);
  } finally {
    disposeAll(own.values());
  }
}

/** Runs `use` while the parameters hold other values. */
async function exchanged<Result>(
  parameters: ReadonlyMap<string, Tensor>,
  values: ReadonlyMap<string, Tensor>,
  use: () => Result | Promise<Result>,
): Promise<Result> {
  if ([...parameters].every(([name, one]) => values.get(name) === one)) return use();
  const own = new Map(
    [...parameters].map(([key, one]) => [key, noGrad(() => scope(() => keep(clone(one))))]),
  );
  write(parameters, values);
  try {
    return await use();
  } finally {
    write(parameters, own);
    disposeAll(own.values());
  }
}

function write(targets: ReadonlyMap<string, Tensor>, values: ReadonlyMap<string, Tensor>): void {
  noGrad(() =>
    scope(() => {
      for (const [name, target] of targets) copy_(target, values.get(name)!);
    }),
  );
}

function disposeAll(tensors: Iterable<Tensor>): void {
  for (const one of tensors) one.dispose();
}
