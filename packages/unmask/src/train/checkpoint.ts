// Full state of a run: weights, average, optimiser, counters. A checkpoint is a folder written under a temporary
// name and renamed when complete, so that a kill at any moment leaves either the old ones or a whole new one.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  type AdamW,
  copy_,
  noGrad,
  openSafetensors,
  saveSafetensors,
  scope,
  type Tensor,
} from "@unmask/torch";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import type { MovingAverage } from "./ema.ts";

/** What besides tensors a run needs to go on exactly where it was. */
export interface Counters {
  step: number;
  smoothedLoss: number;
  /** Training time so far, seconds (a limit in minutes counts over resumptions). */
  seconds: number;
  optimiserSteps: number;
  averageUpdates: number;
  /** Digest of what must not change between parts of a run: data, tokenizer, model, optimiser settings. */
  fingerprint: string;
}

export interface RunState {
  parameters: ReadonlyMap<string, Tensor>;
  average: MovingAverage;
  optimiser: AdamW;
}

const stateFile = "state.safetensors";
const countersFile = "counters.json";
const pattern = /^step-(\d+)$/;
/** Begins the names of folders that are being written; a run has one process, so others' are left from a kill. */
const unfinished = ".writing-";
const fallBack = "remove this checkpoint's folder to fall back to an earlier one";

function tensorsOf({ parameters, average, optimiser }: RunState): Map<string, Tensor> {
  return new Map([
    ...[...parameters].map(([name, tensor]) => [`weights.${name}`, tensor] as const),
    ...[...average.averages].map(([name, tensor]) => [`average.${name}`, tensor] as const),
    ...[...optimiser.state()].map(([name, tensor]) => [`optimiser.${name}`, tensor] as const),
  ]);
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

/** Writes checkpoint `step-<step>` and removes all but the newest `keep`. Returns its folder. */
export function saveCheckpoint(folder: string, state: RunState, counters: Counters, keep: number): string {
  const target = join(folder, `step-${counters.step}`);
  const temporary = join(folder, `${unfinished}${counters.step}-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    removeUnfinished(folder);
    mkdirSync(temporary);
    saveSafetensors(join(temporary, stateFile), tensorsOf(state));
    writeFileSync(join(temporary, countersFile), `${JSON.stringify(counters, null, 2)}\n`, { flush: true });
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } catch (error) {
    try {
      removeUnfinished(folder);
    } catch {
      // the first error is the one to tell
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnmaskError(
      `${target}: the checkpoint could not be written (${reason}); earlier checkpoints are untouched, make room and run again with --resume`,
      { folder: target },
      { cause: error },
    );
  }
  for (const step of checkpointSteps(folder).slice(0, -keep)) {
    rmSync(join(folder, `step-${step}`), { recursive: true, force: true });
  }
  return target;
}

function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(unfinished)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Restores the newest whole checkpoint into `state`; undefined if there is none. */
export function loadCheckpoint(folder: string, state: RunState, fingerprint: string): Counters | undefined {
  const step = checkpointSteps(folder).at(-1);
  if (step === undefined) return undefined;
  const path = join(folder, `step-${step}`);
  const counters = readCounters(join(path, countersFile));
  if (counters.fingerprint !== fingerprint) {
    throw new CheckpointError(
      `${path}: the run was begun with other data, model or optimiser settings; resume with the same ones (see config.yaml) or choose another --out`,
      { folder: path },
    );
  }
  const saved = readState(join(path, stateFile));
  noGrad(() =>
    scope(() => {
      for (const [name, target] of tensorsOf(state)) {
        const found = saved.names.includes(name) ? saved.info(name).shape.join() : "none";
        if (found !== target.shape.join()) {
          throw new CheckpointError(
            `${path}: tensor "${name}" has shape [${found}], needed [${target.shape.join()}]; the checkpoint is damaged, ${fallBack}`,
          );
        }
        copy_(target, saved.tensor(name));
      }
    }),
  );
  state.optimiser.steps = counters.optimiserSteps;
  state.average.updates = counters.averageUpdates;
  return counters;
}

function readState(path: string) {
  try {
    return openSafetensors(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(`${reason}; ${fallBack}`, { path }, { cause: error });
  }
}

function readCounters(path: string): Counters {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(`${path}: missing or damaged; ${fallBack}`, { path }, { cause: error });
  }
  const { fingerprint, ...numbers } = (value ?? {}) as Partial<Counters>;
  const whole = [numbers.step, numbers.optimiserSteps, numbers.averageUpdates];
  const positive = [...whole, numbers.smoothedLoss, numbers.seconds];
  const sound =
    typeof fingerprint === "string" &&
    whole.every(Number.isSafeInteger) &&
    positive.every((one) => typeof one === "number" && one >= 0);
  if (!sound) throw new CheckpointError(`${path}: a counter is missing or wrong; ${fallBack}`, { path });
  return value as Counters;
}
