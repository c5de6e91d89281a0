// What d3LLM keeps of a teacher's generation: when each column behind the prompt was revealed. Its published form, the
// whole sequence after every step, says the same in about a thousand times the space; both directions are here.
//
// The teachers decode one token a forward, block by block: LLaDA the most confident of the block (`low_confidence` with
// as many steps as tokens), Dream the one of lowest entropy (`block_entropy` with a threshold below every entropy);
// blocks of 32, 256 tokens (512 for the published Dream and Dream-Coder records).
// Reference: hao-ai-lab/d3LLM e5bfcac, distill_1_data_prepare/*_generate_partly.py.

import { DataError } from "../base/errors.ts";
import type { Answer } from "../train/masked-batch.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import type { D3llmExample } from "./d3llm-hide.ts";
import type { TeacherTrace } from "./d3llm-window.ts";
import { type ExampleCounts, type ExampleLimits, trajectoryExamples } from "./trajectory-example.ts";

/** The order of a recorded generation. Given tokens were there from the start; what no forward wrote comes last, a column each. */
export function traceOfTrajectory(trajectory: Trajectory): TeacherTrace {
  const { prompt_ids: prompt, reveal_step: steps, given, forwards } = trajectory;
  let count = Math.max(1, forwards);
  return {
    promptLength: prompt.length,
    steps: steps.map((step, i) => (step >= 0 || given[i] === 1 ? step : count++)),
    count,
  };
}

/** The order of published snapshots [steps][prompt + columns]: whole sequences, each after one more step. */
export function traceOfSnapshots(
  snapshots: readonly (readonly number[])[],
  { promptLength, maskId }: { promptLength: number; maskId: number },
): TeacherTrace {
  const last = snapshots.at(-1);
  if (last === undefined) throw new DataError("a teacher's record holds no step; record it again");
  const steps = last.slice(promptLength).map((_, i) => {
    const first = snapshots.findIndex((snapshot) => snapshot[promptLength + i] !== maskId);
    return first < 0 ? snapshots.length : first;
  });
  return { promptLength, steps, count: snapshots.length };
}

/** The published form: the sequence after one of the record's steps. */
export function snapshotAt(
  ids: readonly number[],
  trace: TeacherTrace,
  { step, maskId }: { step: number; maskId: number },
): number[] {
  return ids.map((id, column) => {
    const revealed = trace.steps[column - trace.promptLength];
    return revealed !== undefined && revealed > step ? maskId : id;
  });
}

/**
 * Examples of recorded trajectories, with their whole records; `targets`, by the trajectories' numbers, are learnt in the
 * place of the recorded answers. Throws a DataError if targets are given and one is missing.
 */
export function d3llmExamples(
  rows: readonly Trajectory[],
  header: Pick<TrajectoryHeader, "end_ids" | "mask_id">,
  { targets, ...limits }: ExampleLimits & { targets?: ReadonlyMap<number, Answer> | undefined } = {},
): { examples: D3llmExample[]; counts: ExampleCounts } {
  const { examples, counts } = trajectoryExamples(rows, header, limits);
  const traces = new Map(rows.map((row) => [row.sequence, traceOfTrajectory(row)]));
  const whole = examples.map((example) => {
    const target = targets?.get(example.sequence);
    if (targets !== undefined && target === undefined) {
      throw new DataError(
        `trajectory ${example.sequence} has no target; give an answer for every trajectory, or none for all`,
        { sequence: example.sequence },
      );
    }
    return { ...example, target, trace: traces.get(example.sequence) };
  });
  return { examples: whole, counts };
}
