// `unmask setup`: the engine behind an installed package. npm install itself fetches and builds nothing.

import { setUp } from "@unmask/torch/setup";

export interface SetupFlags {
  readonly download?: "cpu" | "cuda";
  /** False with --no-system. */
  readonly system: boolean;
  readonly build?: boolean;
  readonly json?: boolean;
}

/** Returns the exit code: 1 if a step failed, 2 if something must be done by hand first. */
export function setupVerb({ download, system, build = false, json = false }: SetupFlags): Promise<number> {
  return setUp([
    ...(download === undefined ? [] : ["--download", download]),
    ...(system ? [] : ["--no-system"]),
    ...(build ? ["--build"] : []),
    ...(json ? ["--json"] : []),
  ]);
}
