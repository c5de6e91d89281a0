import { describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import type { Trajectory } from "../trajectory/record.ts";
import { trajectoryExamples } from "./trajectory-example.ts";

const [end, mask] = [50, 99];
const header = { end_ids: [end], mask_id: mask };

function row(
  sequence: number,
  tokens: number[],
  steps: number[],
  change: Partial<Trajectory> = {},
): Trajectory {
  const numbers = tokens.map(() => Number.NaN);
  return {
    ...{ sequence, prompt_ids: [1, 2], token_ids: tokens, reveal_step: steps, given: tokens.map(() => 0) },
    ...{ confidence: numbers, entropy: numbers, forwards: 0, reward_passes: 0 },
    ...{ fed_from: [], fed_length: [], cached: [], finish_reason: "stop", seconds: 0 },
    ...change,
  };
}
const one = (...given: Parameters<typeof row>) => trajectoryExamples([row(...given)], header);

describe("trajectoryExamples", () => {
  it("takes the recorded ids and order, up to and with the first end of text", () => {
    const { examples, counts } = one(7, [5, 6, end, 8, end], [1, 0, 2, 3, 3]);
    expect(examples).toEqual([
      { sequence: 7, ids: [1, 2, 5, 6, end], promptLength: 2, steps: [1, 0, 2], tail: 2 },
    ]);
    expect(counts).toEqual({ kept: 1, cut: 0, unended: 0, longPrompts: 0, empty: 0, masked: 0 });
  });

  it("keeps given tokens, which end nothing", () => {
    const { examples } = one(0, [end, 6, 7, end], [-1, 0, -1, 1], { given: [1, 0, 1, 0] });
    expect(examples[0]).toMatchObject({ ids: [1, 2, end, 6, 7, end], steps: [-1, 0, -1, 1], tail: 0 });
  });

  it("ends before what was written without a proposal", () => {
    const { examples, counts } = one(0, [5, 6, 3, 3], [0, 1, -1, -1]);
    expect(examples[0]).toMatchObject({ ids: [1, 2, 5, 6], tail: 2 });
    expect(counts).toMatchObject({ kept: 1, unended: 1, cut: 0 });
  });

  it("cuts long answers, and leaves out long prompts, answers of nothing and answers with masks", () => {
    const rows = [
      row(0, [5, 6, 7, end], [0, 1, 2, 3]),
      row(1, [5, end], [0, 1], { prompt_ids: [1, 2, 3, 4] }),
      row(2, [], []),
      row(3, [5, 6], [-1, -1], { given: [1, 1] }),
      row(4, [mask, end], [0, 1]),
      row(5, [end], [0], { prompt_ids: [] }),
    ];
    const { examples, counts } = trajectoryExamples(rows, header, { maxPromptLength: 3, maxAnswerLength: 2 });
    expect(examples.map(({ sequence, ids }) => [sequence, [...Array.from(ids)]])).toEqual([
      [0, [1, 2, 5, 6]],
      [5, [end]],
    ]);
    expect(counts).toEqual({ kept: 2, cut: 1, unended: 1, longPrompts: 1, empty: 2, masked: 1 });
  });

  it("refuses a damaged one by its number", () => {
    const damaged = () => one(12, [5, 6], [0]);
    expect(damaged).toThrow(DataError);
    expect(damaged).toThrow(/trajectory 12: 1 reveal steps.* 2 tokens/);
  });
});
