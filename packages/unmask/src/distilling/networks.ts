// The networks of a distillation by their roles (distill/distillers.ts), all out of one model.

import type { Device, Tensor } from "@unmask/torch";
import { ConfigError, invariant } from "../base/errors.ts";
import { freshCritic } from "../distill/didi/networks.ts";
import type { DidiFidelity } from "../distill/didi/options.ts";
import type { Role } from "../distill/distillers.ts";
import { type Discriminator, isSpectralState } from "../models/discriminator.ts";
import { saveDiscriminator } from "../models/discriminator-files.ts";
import { type LoadedNetwork, loadNetwork } from "../models/load.ts";
import type { MdlmConfig } from "../models/mdlm.ts";
import type { BaseModel } from "../train/base-model.ts";
import { loadedStudent, type StudentNetwork } from "../train/student.ts";
import type { DistillConfig } from "./config.ts";

export interface RoleNetworks {
  /** What the method sees, by role name. */
  readonly networks: Readonly<Record<string, unknown>>;
  readonly student: StudentNetwork;
  /** Parameters that are updated, by network. */
  readonly trained: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  /** Tensors that change without an optimiser, by network: copies of the student, a critic's spectral state. */
  readonly held: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  /** Writes what stands beside the student: a critic. */
  saveBeside(folder: string): void;
  dispose(): void;
}

/** Loads the model for each role. The critic begins as a copy of the teacher, with a fresh head. */
export function roleNetworks(
  base: BaseModel,
  roles: Readonly<Record<string, Role>>,
  config: DistillConfig,
): RoleNetworks {
  const { adapter, seed, weights } = config;
  const device = config.device as Device;
  const dtype = weights === "auto" ? (adapter === undefined ? "float32" : "auto") : weights;
  const lora =
    adapter === undefined
      ? undefined
      : { rank: adapter.rank, alpha: adapter.alpha, targets: adapter.targets, useRslora: adapter.rslora };
  const copies = Object.entries(roles).filter(([, role]) => role === "copy");
  if (lora !== undefined && copies.length > 0) {
    throw new ConfigError(
      `${config.distill.method} copies the student into its ${copies.map(([name]) => name).join(" and ")}, which adapters do not allow; leave adapter out`,
    );
  }
  const student = loadedStudent(base.folder, { device, dtype, adapter: lora, seed, name: base.name });
  const networks: Record<string, unknown> = {};
  const trained = new Map<string, ReadonlyMap<string, Tensor>>();
  const held = new Map<string, ReadonlyMap<string, Tensor>>();
  const others: { dispose(): void }[] = [];
  let critic: Discriminator | undefined;
  for (const [name, role] of Object.entries(roles)) {
    if (role === "trained") {
      networks[name] = student.network;
      trained.set(name, student.parameters);
    } else if (role === "critic") {
      critic = newCritic(base, { config, device });
      networks[name] = critic;
      const { discriminator_unfreeze_blocks: blocks, fidelity } = config.distill;
      const timePath = config.distill.discriminator_time_path ?? fidelity !== "released";
      trained.set(name, critic.unfreeze({ blocks: blocks as number, timePath: timePath as boolean }));
      held.set(name, new Map([...critic.parameters].filter(([one]) => isSpectralState(one))));
      others.push({ dispose: () => disposeAll(critic!.parameters.values()) });
    } else {
      const loaded = loadNetwork(base.folder, { device, dtype, copy: role === "copy" });
      networks[name] = loaded.network;
      if (role === "copy") held.set(name, loaded.network.parameters);
      others.push(loaded);
    }
  }
  return {
    networks,
    student,
    trained,
    held,
    saveBeside(folder) {
      if (critic !== undefined) saveDiscriminator(folder, critic);
    },
    dispose() {
      student.dispose();
      for (const one of others) one.dispose();
    },
  };
}

function newCritic(
  base: BaseModel,
  { config, device }: { config: DistillConfig; device: Device },
): Discriminator {
  const loaded: LoadedNetwork = loadNetwork(base.folder, { device, dtype: "float32" });
  invariant(loaded.family.name === "mdlm", "a critic stands on an MDLM's trunk");
  const sizes = loaded.config as MdlmConfig;
  const fidelity = config.distill.fidelity as DidiFidelity | undefined;
  const critic = freshCritic(sizes, loaded.network.parameters, { seed: config.seed, fidelity });
  loaded.dispose();
  return critic;
}

function disposeAll(tensors: Iterable<Tensor>): void {
  for (const one of tensors) one.dispose();
}
