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
  openSafetensors,
  saveSafetensors,
  setGradient,
  setRequiresGrad,
  soloWorld,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import {
  type Counters,
  checkpointSteps,
  loadCheckpoint,
  saveCheckpoint,
  type TrainedByRole,
} from "./checkpoint.ts";
import { Trained } from "./trained.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-checkpoint-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(root, "c-"));

/** Two networks of small tensors after `steps` steps of training; the second has no average. */
async function stateAfter(steps: number, shape: number[] = [2, 3]): Promise<TrainedByRole> {
  const parameters = new Map([
    ["a", setRequiresGrad(tensor([1, 2, 3, 4, 5, 6], shape), true)],
    ["b", setRequiresGrad(tensor([-1]), true)],
  ]);
  const other = new Map([["a", setRequiresGrad(tensor([7, 8]), true)]]);
  const options = { rate: () => 0.1, betas: [0.9, 0.99], weightDecay: 0 } as const;
  const state = new Map([
    ["student", new Trained(parameters, { ...options, average: 0.9 }, soloWorld)],
    ["critic", new Trained(other, options, soloWorld)],
  ]);
  for (let i = 0; i < steps; i++) {
    for (const trained of state.values()) {
      for (const one of trained.parameters.values()) {
        const gradient = toNumbers(one).map((x) => x + i);
        setGradient(one, tensor(gradient, one.shape));
      }
      await trained.update(0);
    }
  }
  return state;
}

const countersAt = (step: number, fingerprint = "same"): Counters => ({
  step,
  smoothedLoss: 0.1 - step,
  seconds: 2.5,
  tokens: 7 * step,
  updates: {
    student: { optimiser: step, average: step },
    critic: { optimiser: step, average: 0 },
  },
  fingerprint,
});
const numbersOf = (state: TrainedByRole): number[][] =>
  [...state.values()].flatMap(({ parameters, average, optimiser }) =>
    [...parameters.values(), ...(average?.averages.values() ?? []), ...optimiser.state().values()].map(
      toNumbers,
    ),
  );
const save = async (folder: string, state: TrainedByRole, counters: Counters, keep = 9) =>
  saveCheckpoint(folder, state, counters, { world: soloWorld, keep });

/** A folder with checkpoints of the given steps. */
async function folderWith(...steps: number[]): Promise<string> {
  const folder = newFolder();
  for (const step of steps) await save(folder, await stateAfter(step), countersAt(step));
  return folder;
}

async function failure(body: () => unknown): Promise<UnmaskError> {
  try {
    await body();
  } catch (error) {
    expect(error).toBeInstanceOf(UnmaskError);
    expect((error as Error).message).not.toContain("\n");
    return error as UnmaskError;
  }
  return expect.fail("no error");
}

describe("checkpoints", () => {
  it("restore the newest state and its counters bit for bit", async () => {
    const folder = await folderWith(2, 10, 9);
    expect(checkpointSteps(folder)).toEqual([2, 9, 10]);
    const state = await stateAfter(0);
    expect(loadCheckpoint(folder, state, "same")).toEqual(countersAt(10));
    expect(numbersOf(state)).toEqual(numbersOf(await stateAfter(10)));
    expect([state.get("student")!.optimiser.steps, state.get("student")!.average!.updates]).toEqual([10, 10]);
  });

  it("are none in a missing or empty folder, and strangers do not count", async () => {
    expect(loadCheckpoint(join(root, "none"), await stateAfter(0), "same")).toBeUndefined();
    const folder = newFolder();
    for (const name of ["step-x", "step-", "step-3.old", ".writing-7-1", "notes"])
      mkdirSync(join(folder, name));
    expect(checkpointSteps(folder)).toEqual([]);
    expect(loadCheckpoint(folder, await stateAfter(0), "same")).toBeUndefined();
  });

  it("keep the newest two when asked to keep two, and replace one of the same step", async () => {
    const folder = newFolder();
    for (const step of [1, 2, 3, 10]) await save(folder, await stateAfter(step), countersAt(step), 2);
    expect(readdirSync(folder).sort()).toEqual(["step-10", "step-3"]);
    await save(folder, await stateAfter(4), countersAt(10), 2);
    const state = await stateAfter(0);
    loadCheckpoint(folder, state, "same");
    expect(numbersOf(state)).toEqual(numbersOf(await stateAfter(4)));
  });

  it("clear away what a killed process had begun to write", async () => {
    const folder = newFolder();
    mkdirSync(join(folder, ".writing-7-999999"));
    writeFileSync(join(folder, ".writing-7-999999", "weights.safetensors"), "half");
    await save(folder, await stateAfter(1), countersAt(1), 2);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  it("of another run are refused", async () => {
    const error = await failure(async () =>
      loadCheckpoint(await folderWith(3), await stateAfter(0), "other"),
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(/step-3: the run was begun with other data, model or optimiser settings/);
  });
});

describe("a damaged newest checkpoint", () => {
  const state = (folder: string) => join(folder, "weights.safetensors");
  const moments = (folder: string) => join(folder, "optimiser-1-of-1.safetensors");
  const counters = (folder: string) => join(folder, "counters.json");
  const rewrite = (folder: string, change: (counters: Record<string, unknown>) => unknown) => {
    const value = JSON.parse(readFileSync(counters(folder), "utf8"));
    writeFileSync(counters(folder), JSON.stringify(change(value)));
  };
  const one = { student: { optimiser: 5, average: 5 } };
  const wrong = { ...one, critic: { optimiser: -1, average: 0 } };
  const cases: [string, (folder: string) => void][] = [
    ["without weights", (f) => rmSync(state(f))],
    ["with weights cut off", (f) => truncateSync(state(f), 300)],
    ["with empty weights", (f) => writeFileSync(state(f), "")],
    ["with weights of text", (f) => writeFileSync(state(f), "x".repeat(400))],
    ["with no tensors", (f) => saveSafetensors(state(f), {})],
    ["with a missing tensor", (f) => dropTensor(moments(f), "critic.a.square")],
    ["without moments", (f) => rmSync(moments(f))],
    ["with a tensor of another shape", (f) => dropTensor(state(f), "student.average.b", tensor([1, 2]))],
    ["without counters", (f) => rmSync(counters(f))],
    ["with counters cut off", (f) => truncateSync(counters(f), 20)],
    ["with counters null", (f) => writeFileSync(counters(f), "null")],
    ["with counters of text", (f) => writeFileSync(counters(f), '"step"')],
    ["with no step", (f) => rewrite(f, ({ step: _, ...rest }) => rest)],
    ["with a step that is no number", (f) => rewrite(f, (value) => ({ ...value, step: "5" }))],
    ["with a negative optimiser step", (f) => rewrite(f, (value) => ({ ...value, updates: wrong }))],
    ["with a network missing in its counters", (f) => rewrite(f, (value) => ({ ...value, updates: one }))],
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

  it.each(cases)("%s: an error names the folder, the earlier one still loads", async (_, damage) => {
    const folder = await folderWith(1, 5);
    damage(join(folder, "step-5"));
    const error = await failure(async () => loadCheckpoint(folder, await stateAfter(0), "same"));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(join(folder, "step-5"));
    expect(error.message).toMatch(/remove this checkpoint's folder to fall back to an earlier one$/);
    rmSync(join(folder, "step-5"), { recursive: true });
    expect(loadCheckpoint(folder, await stateAfter(0), "same")?.step).toBe(1);
  });

  it("of another model is refused by its shapes", async () => {
    const error = await failure(async () =>
      loadCheckpoint(await folderWith(2), await stateAfter(0, [3, 2]), "same"),
    );
    expect(error.message).toContain('tensor "student.weights.a" has shape [2,3], needed [3,2]');
  });
});

describe("a checkpoint that cannot be written", () => {
  it("says so in one sentence and leaves the earlier ones", async () => {
    const folder = await folderWith(1);
    const before = readFileSync(join(folder, "step-1", "weights.safetensors"));
    const blocked = await stateAfter(2);
    blocked.get("student")!.parameters.get("b")!.dispose();
    const error = await failure(async () => save(folder, blocked, countersAt(2), 2));
    expect(error.message).toContain(`${join(folder, "step-2")}: the checkpoint could not be written`);
    expect(error.message).toContain("earlier checkpoints are untouched");
    expect(error.exitCode).toBe(1);
    expect(readFileSync(join(folder, "step-1", "weights.safetensors"))).toEqual(before);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  it("because the folder is a file", async () => {
    const path = join(root, "file");
    writeFileSync(path, "precious");
    const error = await failure(async () => save(path, await stateAfter(1), countersAt(1), 2));
    expect(error.message).toContain(`${join(path, "step-1")}: the checkpoint could not be written`);
    expect(readFileSync(path, "utf8")).toBe("precious");
    const reading = await failure(async () => loadCheckpoint(path, await stateAfter(0), "same"));
    expect(reading.message).toContain(path);
  });
});
