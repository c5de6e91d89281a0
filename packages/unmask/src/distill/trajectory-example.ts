// What distillers learn from: a prompt and the answer that a teacher wrote, with the order in which it was revealed.
//
// Ids are the recorded ones, never text tokenised again: the published pipelines do that, and their orders slip by a
// token wherever the two differ. The answer ends with its first end of text, which belongs to it; what a decoder wrote
// behind that is not learnt.

import { DataError } from "../base/errors.ts";
import type { Answer } from "../train/masked-batch.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";

export interface TrajectoryExample extends Answer {
  /** Its number in the data. */
  readonly sequence: number;
  /** Forward that revealed each token of the answer, from 0; −1 for a token that was given. */
  readonly steps: readonly number[];
  /** Columns of the canvas behind the answer: open, or nothing worth learning. */
  readonly tail: number;
}

export interface ExampleLimits {
  /** Longer prompts are left out. */
  readonly maxPromptLength?: number | undefined;
  /** Answers are cut to this many tokens. */
  readonly maxAnswerLength?: number | undefined;
}

/** What became of the trajectories. */
export interface ExampleCounts {
  readonly kept: number;
  /** Of the kept: answers that were cut, and answers without an end of text. */
  readonly cut: number;
  readonly unended: number;
  /** Left out: prompts above the limit, answers without a token that was revealed, answers with masks. */
  readonly longPrompts: number;
  readonly empty: number;
  readonly masked: number;
}

/** Examples of a file's trajectories, in their order, and what was left out of them. */
export function trajectoryExamples(
  rows: readonly Trajectory[],
  header: Pick<TrajectoryHeader, "end_ids" | "mask_id">,
  limits: ExampleLimits = {},
): { examples: TrajectoryExample[]; counts: ExampleCounts } {
  const examples: TrajectoryExample[] = [];
  const counts = { kept: 0, cut: 0, unended: 0, longPrompts: 0, empty: 0, masked: 0 };
  for (const row of rows) {
    checkLengths(row);
    const whole = answerOf(row, header.end_ids);
    const length = Math.min(whole, limits.maxAnswerLength ?? whole);
    const tokens = row.token_ids.slice(0, length);
    const steps = row.reveal_step.slice(0, length);
    if (row.prompt_ids.length > (limits.maxPromptLength ?? row.prompt_ids.length)) counts.longPrompts++;
    else if (!steps.some((step) => step >= 0)) counts.empty++;
    else if (tokens.includes(header.mask_id)) counts.masked++;
    else {
      counts.kept++;
      if (length < whole) counts.cut++;
      if (!header.end_ids.includes(tokens.at(-1)!)) counts.unended++;
      examples.push({
        sequence: row.sequence,
        ids: [...row.prompt_ids, ...tokens],
        promptLength: row.prompt_ids.length,
        steps,
        tail: row.token_ids.length - length,
      });
    }
  }
  return { examples, counts };
}

/** Tokens up to and with the first end of text; up to the first that no forward revealed and nobody gave. */
function answerOf(
  { token_ids: tokens, given, reveal_step: steps }: Trajectory,
  endIds: readonly number[],
): number {
  for (let i = 0; i < tokens.length; i++) {
    if (given[i] === 1) continue;
    if (steps[i]! < 0) return i;
    if (endIds.includes(tokens[i]!)) return i + 1;
  }
  return tokens.length;
}

function checkLengths({ sequence, token_ids: tokens, given, reveal_step: steps }: Trajectory): void {
  if (given.length === tokens.length && steps.length === tokens.length) return;
  throw new DataError(
    `trajectory ${sequence}: ${steps.length} reveal steps and ${given.length} flags for ${tokens.length} tokens; generate the trajectories again`,
    { sequence },
  );
}
