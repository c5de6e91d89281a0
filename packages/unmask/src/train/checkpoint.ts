// Full state of a run: weights, average, optimiser, counters. A checkpoint is a folder written under a temporary
// name and renamed when complete, so that a kill at any moment leaves either the old ones or a whole new one.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
  return readdirSync(folder)
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Writes checkpoint `step-<step>` and removes all but the newest `keep`. Returns its folder. */
export function saveCheckpoint(folder: string, state: RunState, counters: Counters, keep: number): string {
  const target = join(folder, `step-${counters.step}`);
  const temporary = join(folder, `.writing-${counters.step}-${process.pid}`);
  try {
    mkdirSync(temporary, { recursive: true });
    saveSafetensors(join(temporary, stateFile), tensorsOf(state));
    writeFileSync(join(temporary, countersFile), `${JSON.stringify(counters, null, 2)}\n`, { flush: true });
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
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
            `${path}: tensor "${name}" has shape [${found}], needed [${target.shape.join()}]; the checkpoint is damaged, remove this folder to fall back to an earlier one`,
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
    throw new CheckpointError(
      `${reason}; remove this checkpoint's folder to fall back to an earlier one`,
      { path },
      { cause: error },
    );
  }
}

function readCounters(path: string): Counters {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Counters;
  } catch (error) {
    throw new CheckpointError(
      `${path}: missing or damaged; remove this checkpoint's folder to fall back to an earlier one`,
      { path },
      { cause: error },
    );
  }
}
