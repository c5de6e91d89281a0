// The network that a run trains: a fresh one, or a checkpoint with all of its weights or adapters beside them.

import { mkdirSync } from "node:fs";
import { clone, copy_, type Device, noGrad, scope, setRequiresGrad, type Tensor } from "@unmask/torch";
import type { Network } from "../models/family.ts";
import { initialiseMdlm } from "../models/initialise.ts";
import { loadNetwork } from "../models/load.ts";
import { adapterParameters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { saveAdapter } from "../models/lora-save.ts";
import { Mdlm, type MdlmConfig } from "../models/mdlm.ts";
import { saveModel } from "../models/mdlm-save.ts";
import { saveLike } from "../models/save.ts";

export interface StudentNetwork {
  readonly network: Network;
  /** What is trained, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** A network that computes with other values of the trained parameters, such as their average. */
  withValues<Result>(values: ReadonlyMap<string, Tensor>, use: (network: Network) => Result): Result;
  /** Writes a model (or an adapter) with these values of the trained parameters into a new folder. */
  save(folder: string, values: ReadonlyMap<string, Tensor>): void;
  dispose(): void;
}

export function freshMdlm(config: MdlmConfig, seed: number, device: Device): StudentNetwork {
  const parameters = initialiseMdlm(config, seed, device);
  return {
    network: new Mdlm(config, parameters),
    parameters,
    withValues: (values, use) => use(new Mdlm(config, values)),
    save(folder, values) {
      mkdirSync(folder, { recursive: true });
      saveModel(folder, config, values);
    },
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
  /** dtype of the weights in memory; as stored by default. Below float32 the optimiser keeps float32 masters. */
  readonly dtype?: "float32" | "bfloat16" | undefined;
  /** Adapters instead of all weights. */
  readonly adapter?: AdapterOptions | undefined;
  readonly seed: number;
  /** What is written into an adapter's files as its base. */
  readonly name: string;
}

export function loadedStudent(folder: string, options: LoadedStudentOptions): StudentNetwork {
  const { device, dtype = "auto", adapter, seed, name } = options;
  const loaded = loadNetwork(folder, { device, dtype, copy: adapter === undefined });
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
    save(target, values) {
      mkdirSync(target, { recursive: true });
      if (set === undefined) saveLike(loaded, values, { folder: target });
      else exchanged(parameters, values, () => saveAdapter(target, set));
    },
    dispose() {
      if (set !== undefined) disposeAll(parameters.values());
      loaded.dispose();
    },
  };
}

/** Runs `use` while the parameters hold other values. */
function exchanged<Result>(
  parameters: ReadonlyMap<string, Tensor>,
  values: ReadonlyMap<string, Tensor>,
  use: () => Result,
): Result {
  const [name] = parameters.keys();
  if (name === undefined || values.get(name) === parameters.get(name)) return use();
  return noGrad(() =>
    scope(() => {
      const own = new Map([...parameters].map(([key, one]) => [key, clone(one)]));
      write(parameters, values);
      try {
        return use();
      } finally {
        write(parameters, own);
      }
    }),
  );
}

function write(targets: ReadonlyMap<string, Tensor>, values: ReadonlyMap<string, Tensor>): void {
  for (const [name, target] of targets) copy_(target, values.get(name)!);
}

function disposeAll(tensors: Iterable<Tensor>): void {
  for (const one of tensors) one.dispose();
}
