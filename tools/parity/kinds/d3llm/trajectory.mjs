// @ts-check
// What d3LLM's teachers record: their decoding, and the sequence after every step made again from reveal steps.

import { blockEntropy } from "../../../../packages/unmask/dist/decode/policies/block-entropy.js";
import { lowConfidence } from "../../../../packages/unmask/dist/decode/policies/low-confidence.js";
import {
  snapshotAt,
  traceOfSnapshots,
  traceOfTrajectory,
} from "../../../../packages/unmask/dist/distill/teacher-trace.js";
import { nestedNumbers } from "../../case.mjs";
import { maskIdOf, runDecodeCase } from "../decode-run.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../../../packages/unmask/dist/trajectory/record.js").Trajectory} Trajectory
 */

/** @param {"llada" | "dream"} family @returns {import("../table.mjs").Runner} */
export const teacherTrajectory = (family) => (one, check) =>
  runDecodeCase(one, check, (loaded) => {
    const newTokens = one.argument("gen_length", 0);
    const blockLength = one.argument("block_length", 32);
    if (one.argument("temperature", 0) > 0) throw new Error("draws of a teacher are not recorded");
    const steps = one.argument("steps", newTokens);
    return {
      newTokens,
      policy: () =>
        family === "llada"
          ? lowConfidence({ steps, blockLength, remasking: "low_confidence", seed: 0, fidelity: "released" })
          : blockEntropy({
              threshold: Number(one.argument("threshold", "-Infinity")),
              blockLength,
              strict: true,
            }),
      also: (trajectories) => compareRecord(one, check, { trajectories, maskId: maskIdOf(one, loaded) }),
    };
  });

/**
 * @param {Case} one
 * @param {import("../../compare.mjs").Check} check
 * @param {{ trajectories: Trajectory[], maskId: number }} found
 */
function compareRecord(one, check, { trajectories, maskId }) {
  /** @type {number[][]} */
  const expected = one.output("trajectory");
  const [trajectory] = trajectories;
  if (trajectory === undefined || trajectories.length > 1) throw new Error("a record is of one sequence");
  const trace = traceOfTrajectory(trajectory);
  const ids = [...trajectory.prompt_ids, ...trajectory.token_ids];
  const snapshots = Array.from({ length: trace.count }, (_, step) =>
    snapshotAt(ids, trace, { step, maskId }),
  );
  check.exact("trajectory", nestedNumbers(snapshots), nestedNumbers(expected));
  const read = traceOfSnapshots(expected, { promptLength: trace.promptLength, maskId });
  check.exact("reveal steps of the record", nestedNumbers(read.steps), nestedNumbers([...trace.steps]));
}
