import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AdamW,
  openSafetensors,
  saveSafetensors,
  setGradient,
  setRequiresGrad,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import {
  type Counters,
  checkpointSteps,
  loadCheckpoint,
  type RunState,
  saveCheckpoint,
} from "./checkpoint.ts";
import { MovingAverage } from "./ema.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-checkpoint-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(root, "c-"));

/** A state of two small tensors after `steps` steps of training. */
function stateAfter(steps: number, shape: number[] = [2, 3]): RunState {
  const parameters = new Map([
    ["a", setRequiresGrad(tensor([1, 2, 3, 4, 5, 6], shape), true)],
    ["b", setRequiresGrad(tensor([-1]), true)],
  ]);
  const state = {
    parameters,
    average: new MovingAverage(parameters, 0.9),
    optimiser: new AdamW([{ parameters: [...parameters.values()] }]),
  };
  for (let i = 0; i < steps; i++) {
    for (const one of parameters.values()) {
      setGradient(
        one,
        tensor(
          toNumbers(one).map((x) => x + i),
          one.shape,
        ),
      );
    }
    state.optimiser.step(0.1);
    state.average.update(parameters);
  }
  return state;
}

const countersAt = (step: number, fingerprint = "same"): Counters => ({
  step,
  smoothedLoss: 0.1 + step,
  seconds: 2.5,
  optimiserSteps: step,
  averageUpdates: step,
  fingerprint,
});
const numbersOf = ({ parameters, average, optimiser }: RunState): number[][] =>
  [...parameters.values(), ...average.averages.values(), ...optimiser.state().values()].map(toNumbers);

/** A folder with checkpoints of the given steps. */
function folderWith(...steps: number[]): string {
  const folder = newFolder();
  for (const step of steps) saveCheckpoint(folder, stateAfter(step), countersAt(step), 9);
  return folder;
}

function failure(body: () => unknown): UnmaskError {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(UnmaskError);
    expect((error as Error).message).not.toContain("\n");
    return error as UnmaskError;
  }
  return expect.fail("no error");
}

describe("checkpoints", () => {
  it("restore the newest state and its counters bit for bit", () => {
    const folder = folderWith(2, 10, 9);
    expect(checkpointSteps(folder)).toEqual([2, 9, 10]);
    const state = stateAfter(0);
    expect(loadCheckpoint(folder, state, "same")).toEqual(countersAt(10));
    expect(numbersOf(state)).toEqual(numbersOf(stateAfter(10)));
    expect([state.optimiser.steps, state.average.updates]).toEqual([10, 10]);
  });

  it("are none in a missing or empty folder, and strangers do not count", () => {
    expect(loadCheckpoint(join(root, "none"), stateAfter(0), "same")).toBeUndefined();
    const folder = newFolder();
    for (const name of ["step-x", "step-", "step-3.old", ".writing-7-1", "notes"])
      mkdirSync(join(folder, name));
    expect(checkpointSteps(folder)).toEqual([]);
    expect(loadCheckpoint(folder, stateAfter(0), "same")).toBeUndefined();
  });

  it("keep the newest two when asked to keep two, and replace one of the same step", () => {
    const folder = newFolder();
    for (const step of [1, 2, 3, 10]) saveCheckpoint(folder, stateAfter(step), countersAt(step), 2);
    expect(readdirSync(folder).sort()).toEqual(["step-10", "step-3"]);
    saveCheckpoint(folder, stateAfter(4), countersAt(10), 2);
    const state = stateAfter(0);
    loadCheckpoint(folder, state, "same");
    expect(numbersOf(state)).toEqual(numbersOf(stateAfter(4)));
  });

  it("clear away what a killed process had begun to write", () => {
    const folder = newFolder();
    mkdirSync(join(folder, ".writing-7-999999"));
    writeFileSync(join(folder, ".writing-7-999999", "state.safetensors"), "half");
    saveCheckpoint(folder, stateAfter(1), countersAt(1), 2);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  it("of another run are refused", () => {
    const error = failure(() => loadCheckpoint(folderWith(3), stateAfter(0), "other"));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(/step-3: the run was begun with other data, model or optimiser settings/);
  });
});

describe("a damaged newest checkpoint", () => {
  const state = (folder: string) => join(folder, "state.safetensors");
  const counters = (folder: string) => join(folder, "counters.json");
  const rewrite = (folder: string, change: (counters: Record<string, unknown>) => unknown) => {
    const value = JSON.parse(readFileSync(counters(folder), "utf8"));
    writeFileSync(counters(folder), JSON.stringify(change(value)));
  };
  const cases: [string, (folder: string) => void][] = [
    ["without weights", (f) => rmSync(state(f))],
    ["with weights cut off", (f) => truncateSync(state(f), 300)],
    ["with empty weights", (f) => writeFileSync(state(f), "")],
    ["with weights of text", (f) => writeFileSync(state(f), "x".repeat(400))],
    ["with no tensors", (f) => saveSafetensors(state(f), {})],
    ["with a missing tensor", (f) => dropTensor(state(f), "optimiser.1.square")],
    ["with a tensor of another shape", (f) => dropTensor(state(f), "average.b", tensor([1, 2]))],
    ["without counters", (f) => rmSync(counters(f))],
    ["with counters cut off", (f) => truncateSync(counters(f), 20)],
    ["with counters null", (f) => writeFileSync(counters(f), "null")],
    ["with counters of text", (f) => writeFileSync(counters(f), '"step"')],
    ["with no step", (f) => rewrite(f, ({ step: _, ...rest }) => rest)],
    ["with a step that is no number", (f) => rewrite(f, (value) => ({ ...value, step: "5" }))],
    ["with a negative optimiser step", (f) => rewrite(f, (value) => ({ ...value, optimiserSteps: -1 }))],
    [
      "that is a file",
      (f) => {
        rmSync(f, { recursive: true });
        writeFileSync(f, "x");
      },
    ],
  ];

  function dropTensor(path: string, name: string, instead?: ReturnType<typeof tensor>): void {
    const file = openSafetensors(path);
    const kept = new Map(file.names.filter((one) => one !== name).map((one) => [one, file.tensor(one)]));
    if (instead !== undefined) kept.set(name, instead);
    saveSafetensors(path, kept);
  }

  it.each(cases)("%s: an error names the folder, the earlier one still loads", (_, damage) => {
    const folder = folderWith(1, 5);
    damage(join(folder, "step-5"));
    const error = failure(() => loadCheckpoint(folder, stateAfter(0), "same"));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(join(folder, "step-5"));
    expect(error.message).toMatch(/remove this checkpoint's folder to fall back to an earlier one$/);
    rmSync(join(folder, "step-5"), { recursive: true });
    expect(loadCheckpoint(folder, stateAfter(0), "same")?.step).toBe(1);
  });

  it("of another model is refused by its shapes", () => {
    const error = failure(() => loadCheckpoint(folderWith(2), stateAfter(0, [3, 2]), "same"));
    expect(error.message).toContain('tensor "weights.a" has shape [2,3], needed [3,2]');
  });
});

describe("a checkpoint that cannot be written", () => {
  it("says so in one sentence and leaves the earlier ones", () => {
    const folder = folderWith(1);
    const before = readFileSync(join(folder, "step-1", "state.safetensors"));
    const blocked = stateAfter(2);
    blocked.parameters.get("b")!.dispose();
    const error = failure(() => saveCheckpoint(folder, blocked, countersAt(2), 2));
    expect(error.message).toContain(`${join(folder, "step-2")}: the checkpoint could not be written`);
    expect(error.message).toContain("earlier checkpoints are untouched");
    expect(error.exitCode).toBe(1);
    expect(readFileSync(join(folder, "step-1", "state.safetensors"))).toEqual(before);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  it("because the folder is a file", () => {
    const path = join(root, "file");
    writeFileSync(path, "precious");
    const error = failure(() => saveCheckpoint(path, stateAfter(1), countersAt(1), 2));
    expect(error.message).toContain(`${join(path, "step-1")}: the checkpoint could not be written`);
    expect(readFileSync(path, "utf8")).toBe("precious");
    const reading = failure(() => loadCheckpoint(path, stateAfter(0), "same"));
    expect(reading.message).toContain(path);
  });
});
