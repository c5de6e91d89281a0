// Where a process stands among the others, from the variables that torchrun, `unmask launch`, Slurm scripts and
// Kubernetes manifests set.

import { DistributedError } from "../core/errors.ts";

export interface Placement {
  rank: number;
  size: number;
  localRank: number;
  /** Where rank 0 keeps the store. */
  host: string;
  port: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const names = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"] as const;

/** Undefined when none of the variables is set: one process on its own. */
export function placementOf(environment: Environment): Placement | undefined {
  const given = names.filter((name) => (environment[name] ?? "") !== "");
  // MASTER_ADDR and MASTER_PORT alone start nothing: clusters set them for every shell.
  if (!given.some((name) => name === "RANK" || name === "WORLD_SIZE" || name === "LOCAL_RANK"))
    return undefined;
  const missing = names.filter((name) => !given.includes(name));
  if (missing.length > 0) {
    throw wrong(
      `${given.join(", ")} ${given.length === 1 ? "is" : "are"} set but ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not; start with "unmask launch" or torchrun, or set all of ${names.join(", ")}`,
    );
  }
  const size = whole(environment, "WORLD_SIZE", 1, 1 << 20);
  const rank = whole(environment, "RANK", 0, 1 << 20);
  const localRank = whole(environment, "LOCAL_RANK", 0, 1 << 20);
  const port = whole(environment, "MASTER_PORT", 1, 65_535);
  if (rank >= size) {
    throw wrong(`RANK is ${rank} and WORLD_SIZE ${size}; ranks go from 0 to WORLD_SIZE − 1`);
  }
  if (localRank > rank) {
    throw wrong(
      `LOCAL_RANK is ${localRank} and RANK ${rank}; a rank's number on its machine is never above its rank`,
    );
  }
  return { rank, size, localRank, host: environment.MASTER_ADDR!, port };
}

function whole(environment: Environment, name: string, least: number, most: number): number {
  const text = environment[name]!.trim();
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(`${name} is "${text}"; it must be a whole number from ${least} to ${most}`);
}

const wrong = (message: string): DistributedError => new DistributedError(message, { wrongUse: true });
