// The manifest of an evaluation: all that its results depend on, and how to run it again.

import type { EvalConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import type { Evaluated } from "./run.ts";
import { type Machine, machine } from "./timing.ts";
import { engineVersion } from "./worker.ts";

export const manifestVersion = 1;

export interface Manifest {
  readonly format: "unmask evaluation";
  readonly version: number;
  readonly identity: Identity;
  /** As it was resolved, without what changes speed only. */
  readonly config: Omit<EvalConfig, "out" | "processes">;
  readonly machine: Machine;
}

export function manifestJson({ config, identity, plan }: Evaluated, setting: number): Manifest {
  const { out: _out, processes: _processes, ...asked } = config;
  const { decoder, given } = plan.settings[setting]!;
  return {
    format: "unmask evaluation",
    version: manifestVersion,
    identity: { ...identity, settings: [identity.settings[setting]!] },
    config: { ...asked, threads: identity.run.threads, decoder, decoder_options: given },
    machine: machine(engineVersion()),
  };
}
