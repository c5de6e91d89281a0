// Full state of a run: weights, averages, optimisers, counters. A checkpoint is a folder written under a temporary name
// and renamed when complete, so that a kill at any moment leaves either the old ones or a whole new one.
//
//   step-<n>/weights.safetensors            <network>.weights.<name>, <network>.average.<name>, <network>.held.<name>
//   step-<n>/optimiser-<i>-of-<k>.safetensors   <network>.<name>.mean, .square, .master of process i's part
//   step-<n>/counters.json
//
// Processes write into one folder (a shared file system); state is named by parameter, so that any number of them may
// go on from it.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Checkpoint,
  copy_,
  DistributedError,
  noGrad,
  openSafetensors,
  saveSafetensors,
  scope,
  type Tensor,
  type World,
} from "@unmask/torch";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import { type Counters, readCounters } from "./counters.ts";
import { changedParts } from "./fingerprint.ts";
import type { Trained } from "./trained.ts";

export { type Counters, newCounters } from "./counters.ts";

export type TrainedByRole = ReadonlyMap<string, Trained>;

/** Tensors that change without an optimiser, by network: a reference, the state of a spectral norm. */
export type HeldByRole = ReadonlyMap<string, ReadonlyMap<string, Tensor>>;

const weightsFile = "weights.safetensors";
const countersFile = "counters.json";
const optimiserFile = (rank: number, size: number): string => `optimiser-${rank + 1}-of-${size}.safetensors`;
const pattern = /^step-(\d+)$/;
/** Begins the names of folders that are being written; a run is one, so others' are left from a kill. */
const unfinished = ".writing-";
const fallBack = "remove this checkpoint's folder to fall back to an earlier one";

function weightsOf(trained: TrainedByRole, held: HeldByRole = new Map()): Map<string, Tensor> {
  const named = (prefix: string, tensors: Iterable<readonly [string, Tensor]>) =>
    [...tensors].map(([name, one]) => [`${prefix}.${name}`, one] as const);
  return new Map([
    ...[...trained].flatMap(([role, { parameters, average }]) => [
      ...named(`${role}.weights`, parameters),
      ...named(`${role}.average`, average?.averages ?? []),
    ]),
    ...[...held].flatMap(([role, tensors]) => named(`${role}.held`, tensors)),
  ]);
}

function optimisersOf(trained: TrainedByRole): Map<string, Tensor> {
  return new Map(
    [...trained].flatMap(([role, { optimiser }]) =>
      [...optimiser.state()].map(([name, one]) => [`${role}.${name}`, one] as const),
    ),
  );
}

/** Steps of the whole checkpoints in a folder, ascending. */
export function checkpointSteps(folder: string): number[] {
  if (!existsSync(folder)) return [];
  if (!statSync(folder).isDirectory()) {
    throw new CheckpointError(`${folder}: is a file, expected a folder of checkpoints; move it away`, {
      folder,
    });
  }
  return readdirSync(folder)
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

export interface SaveOptions {
  readonly world: World;
  /** Checkpoints kept. */
  readonly keep: number;
  readonly held?: HeldByRole | undefined;
}

/**
 * Writes checkpoint `step-<step>` and removes all but the newest `keep`; called by every process. Returns its folder.
 */
export async function saveCheckpoint(
  folder: string,
  trained: TrainedByRole,
  counters: Counters,
  { world, keep, held }: SaveOptions,
): Promise<string> {
  const target = join(folder, `step-${counters.step}`);
  const temporary = join(folder, `${unfinished}${counters.step}`);
  const first = world.rank === 0;
  for (const [role, { optimiser, average }] of trained) {
    counters.updates[role] = { optimiser: optimiser.steps, average: average?.updates ?? 0 };
  }
  try {
    if (first) {
      mkdirSync(folder, { recursive: true });
      removeUnfinished(folder);
      mkdirSync(temporary);
      saveSafetensors(join(temporary, weightsFile), weightsOf(trained, held));
      writeFileSync(join(temporary, countersFile), `${JSON.stringify(counters, null, 2)}\n`, { flush: true });
    }
    await world.barrier();
    saveSafetensors(join(temporary, optimiserFile(world.rank, world.size)), optimisersOf(trained));
    await world.barrier();
    if (first) {
      rmSync(target, { recursive: true, force: true });
      renameSync(temporary, target);
    }
  } catch (error) {
    if (first) clearAway(folder);
    throw error instanceof DistributedError ? error : unwritten(target, error);
  }
  if (first) {
    for (const step of checkpointSteps(folder).slice(0, -keep)) {
      rmSync(join(folder, `step-${step}`), { recursive: true, force: true });
    }
  }
  return target;
}

function unwritten(target: string, error: unknown): UnmaskError {
  const reason = error instanceof Error ? error.message : String(error);
  return new UnmaskError(
    `${target}: the checkpoint could not be written (${reason}); earlier checkpoints are untouched, make room and run again with --resume`,
    { folder: target },
    { cause: error },
  );
}

/** After an error, which is the one to tell. */
function clearAway(folder: string): void {
  try {
    removeUnfinished(folder);
  } catch {}
}

function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(unfinished)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Counters of the newest whole checkpoint. */
export function peekCounters(folder: string): Counters | undefined {
  const step = checkpointSteps(folder).at(-1);
  return step === undefined ? undefined : readCounters(join(folder, `step-${step}`, countersFile), fallBack);
}

/** Restores the newest whole checkpoint into `trained`; undefined if there is none. */
export function loadCheckpoint(
  folder: string,
  trained: TrainedByRole,
  fingerprint: string,
  held?: HeldByRole,
): Counters | undefined {
  const step = checkpointSteps(folder).at(-1);
  if (step === undefined) return undefined;
  const path = join(folder, `step-${step}`);
  const counters = readCounters(join(path, countersFile), fallBack);
  refuseOther(path, counters.fingerprint, fingerprint);
  const weights = readState(join(path, weightsFile));
  const optimisers = readdirSync(path)
    .filter((name) => /^optimiser-\d+-of-\d+\.safetensors$/.test(name))
    .map((name) => readState(join(path, name)));
  restore(path, weightsOf(trained, held), [weights]);
  restore(path, optimisersOf(trained), optimisers);
  for (const [role, { optimiser, average }] of trained) {
    const done = counters.updates[role];
    if (done === undefined) {
      throw new CheckpointError(
        `${path}: ${countersFile} does not count the updates of "${role}"; ${fallBack}`,
      );
    }
    const { optimiser: steps, average: updates } = done;
    optimiser.steps = steps;
    if (average !== undefined) average.updates = updates;
  }
  return counters;
}

function refuseOther(path: string, before: string, now: string): void {
  if (before === now) return;
  const changed = changedParts(before, now);
  const what =
    changed.length === 0
      ? "the run was begun with other data, model or optimiser settings"
      : `${changed.join(", ")} ${changed.length === 1 ? "is" : "are"} not what the run was begun with`;
  throw new CheckpointError(
    `${path}: ${what}; resume with the same (see config.yaml) or choose another --out`,
    { folder: path, changed },
  );
}

function restore(path: string, targets: ReadonlyMap<string, Tensor>, files: readonly Checkpoint[]): void {
  noGrad(() =>
    scope(() => {
      for (const [name, target] of targets) {
        const file = files.find(({ names }) => names.includes(name));
        const found = file === undefined ? "none" : file.info(name).shape.join();
        if (file === undefined || found !== target.shape.join()) {
          throw new CheckpointError(
            `${path}: tensor "${name}" has shape [${found}], needed [${target.shape.join()}]; the checkpoint is damaged, ${fallBack}`,
          );
        }
        copy_(target, file.tensor(name));
      }
    }),
  );
}

function readState(path: string): Checkpoint {
  try {
    return openSafetensors(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(`${reason}; ${fallBack}`, { path }, { cause: error });
  }
}
