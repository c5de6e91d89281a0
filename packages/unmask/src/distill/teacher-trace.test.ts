import { describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import type { Trajectory } from "../trajectory/record.ts";
import { d3llmExamples, snapshotAt, traceOfSnapshots, traceOfTrajectory } from "./teacher-trace.ts";

const [maskId, end] = [99, 50];
const row: Trajectory = {
  ...{ sequence: 3, prompt_ids: [1, 2], token_ids: [5, 6, end, end], reveal_step: [1, 0, 2, 3] },
  ...{ given: [0, 0, 0, 0], confidence: [], entropy: [], forwards: 4, reward_passes: 0 },
  ...{ fed_from: [], fed_length: [], cached: [], finish_reason: "length", seconds: 0 },
};
const snapshots = [
  [1, 2, 99, 6, 99, 99],
  [1, 2, 5, 6, 99, 99],
  [1, 2, 5, 6, 50, 99],
  [1, 2, 5, 6, 50, 50],
];

describe("a teacher's record", () => {
  it("is the reveal steps, and the published snapshots are made of them and back", () => {
    const trace = traceOfTrajectory(row);
    expect(trace).toEqual({ promptLength: 2, steps: [1, 0, 2, 3], count: 4 });
    const ids = [...row.prompt_ids, ...row.token_ids];
    expect(snapshots.map((_, step) => snapshotAt(ids, trace, { step, maskId }))).toEqual(snapshots);
    expect(traceOfSnapshots(snapshots, { promptLength: 2, maskId })).toEqual(trace);
    expect(() => traceOfSnapshots([], { promptLength: 2, maskId })).toThrow(DataError);
  });

  it("shows given tokens from the start, and what no forward proposed last", () => {
    const trace = traceOfTrajectory({
      ...row,
      reveal_step: [-1, 0, 1, -1],
      given: [1, 0, 0, 0],
      forwards: 2,
    });
    expect(trace).toEqual({ promptLength: 2, steps: [-1, 0, 1, 2], count: 3 });
    expect(snapshotAt([1, 2, 5, 6, 50, 50], trace, { step: 0, maskId })).toEqual([1, 2, 5, 6, 99, 99]);
  });

  it("keeps positions that a record never shows hidden", () => {
    const { steps } = traceOfSnapshots([[1, 99, 5]], { promptLength: 1, maskId });
    expect(steps).toEqual([1, 0]);
  });
});

describe("d3llmExamples", () => {
  const header = { end_ids: [end], mask_id: maskId };

  it("joins targets by the trajectories' numbers", () => {
    const target = { ids: [1, 2, 7, end], promptLength: 2 };
    const { examples, counts } = d3llmExamples([{ ...row, sequence: 8 }, row], header, {
      targets: new Map([
        [3, target],
        [8, { ...target, ids: [1, 2, 8, end] }],
      ]),
    });
    expect(examples.map(({ sequence, target: one }) => [sequence, one!.ids[2]])).toEqual([
      [8, 8],
      [3, 7],
    ]);
    expect(examples[1]).toMatchObject({ steps: [1, 0, 2], tail: 1, trace: { steps: [1, 0, 2, 3] } });
    expect(counts.kept).toBe(2);
    expect(() => d3llmExamples([row], header, { targets: new Map() })).toThrow(/trajectory 3 has no target/);
  });

  it("learns the recorded answers without targets", () => {
    const { examples } = d3llmExamples([row], header);
    expect(examples[0]!.target).toBeUndefined();
  });
});
