import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../trajectory/record.ts";
import { type AnsweredQuestion, compareQuestions, divergenceOf } from "./compare.ts";

/** Tokens with the forward that wrote each, and how sure it was. */
function trajectory(
  written: readonly (readonly [token: number, forward: number, sure?: number])[],
): Trajectory {
  const forwards = Math.max(0, ...written.map(([, forward]) => forward + 1));
  return {
    ...{ sequence: 0, prompt_ids: [7, 8], given: written.map(() => 0), forwards, reward_passes: 0 },
    token_ids: written.map(([token]) => token),
    reveal_step: written.map(([, forward]) => forward),
    confidence: written.map(([, forward, sure]) => (forward < 0 ? Number.NaN : (sure ?? 0.5))),
    entropy: written.map(() => 0.1),
    ...{ fed_from: [], fed_length: [], cached: [], finish_reason: "stop", seconds: Number.NaN },
  };
}

const verdict = { correct: true, extracted: "5", reason: "", unparsed: false };
const question = (change: Partial<AnsweredQuestion> = {}): AnsweredQuestion => ({
  ...{ doc: 3, id: "q3", responses: ["five: 5"], scores: { "correct,unmask": 1 }, verdicts: [verdict] },
  trajectories: [
    trajectory([
      [1, 0],
      [2, 1],
    ]),
  ],
  ...change,
});
const compared = (change: Partial<AnsweredQuestion>) =>
  compareQuestions("t", [question()], [question(change)])[0];

describe("divergenceOf", () => {
  const before = trajectory([
    [4, 1, 0.61],
    [5, 0, 0.9],
    [6, 1, 0.7],
  ]);

  it("is undefined for equal decodings, whatever their confidences", () => {
    expect(
      divergenceOf(
        before,
        trajectory([
          [4, 1, 0.6],
          [5, 0, 0.1],
          [6, 1, 0.7],
        ]),
      ),
    ).toBeUndefined();
  });

  it("finds another token at a place, with the distance of their confidences", () => {
    const found = divergenceOf(
      before,
      trajectory([
        [9, 1, 0.6095],
        [5, 0, 0.9],
        [6, 1, 0.7],
      ]),
    );
    expect(found).toMatchObject({
      forward: 1,
      before: { column: 0, token: 4 },
      after: { column: 0, token: 9 },
    });
    expect(found!.margin).toBeCloseTo(5e-4, 9);
  });

  it("finds the first forward that wrote somewhere else, though the texts are the same", () => {
    const found = divergenceOf(
      before,
      trajectory([
        [4, 0, 0.61],
        [5, 1, 0.9],
        [6, 2, 0.7],
      ]),
    );
    expect(found).toMatchObject({
      forward: 0,
      before: { column: 1, token: 5 },
      after: { column: 0, token: 4 },
    });
  });

  it("finds a text that ended earlier", () => {
    expect(
      divergenceOf(
        before,
        trajectory([
          [4, 1],
          [5, 0],
        ]),
      ),
    ).toEqual({
      ...{ forward: 1, after: null, margin: null },
      before: { column: 2, token: 6, confidence: 0.7 },
    });
  });

  it("finds what was filled in without a forward", () => {
    const filled = (token: number) =>
      trajectory([
        [4, 0],
        [token, -1],
      ]);
    expect(divergenceOf(filled(0), filled(1))).toMatchObject({ forward: -1, margin: null });
  });
});

describe("compareQuestions", () => {
  it("says nothing of equal questions", () => {
    expect(compareQuestions("t", [question()], [question()])).toEqual([]);
  });

  it("names what differs first: prompt, generation, extraction, score", () => {
    const other = {
      ...trajectory([
        [1, 0],
        [3, 1],
      ]),
      prompt_ids: [7, 9, 9],
    };
    expect(compared({ trajectories: [other] })).toMatchObject({
      kind: "prompt",
      what: "its prompt differs from token 1 on (8 → 9; 2 → 3 tokens)",
    });
    expect(
      compared({
        trajectories: [
          trajectory([
            [1, 0],
            [3, 1, 0.5002],
          ]),
        ],
      }),
    ).toMatchObject({
      kind: "generation",
      what: "parts at forward 1: token 2 at 1 (0.5000) → token 3 at 1 (0.5002), 2.0e-4 apart",
    });
    expect(compared({ verdicts: [{ ...verdict, extracted: "6", correct: false }] })).toMatchObject({
      ...{ kind: "extraction", what: 'read as "5" → "6"', before: true, after: false },
    });
    expect(compared({ scores: { "correct,unmask": 0 } })).toMatchObject({
      ...{ kind: "score", what: "correct,unmask: 1 → 0" },
    });
    expect(compared({ verdicts: [{ ...verdict, correct: false }] })).toMatchObject({ kind: "score" });
  });

  it("compares texts where no trajectory is known, and likelihoods up to rounding", () => {
    const bare = question({ trajectories: undefined });
    const text = { ...bare, responses: ["six"] };
    expect(compareQuestions("t", [bare], [text])[0]).toMatchObject({
      ...{ kind: "generation", what: 'its text differs: "five: 5" → "six"' },
    });
    const choice = (nlls: number[]) => question({ trajectories: undefined, responses: [], nlls });
    expect(compareQuestions("t", [choice([2, 3])], [choice([2 + 1e-6, 3])])).toEqual([]);
    expect(compareQuestions("t", [choice([2, 3])], [choice([2, 3.1])])[0]).toMatchObject({
      ...{ kind: "generation", what: "the likelihood of candidate 1 differs: 3 → 3.1 nats" },
    });
  });

  it("keeps questions that one side lacks", () => {
    const later = question({ doc: 5, id: "q5" });
    expect(compareQuestions("t", [question()], [later])).toMatchObject([
      { doc: 3, kind: "missing", what: "was not asked again", before: true, after: undefined },
      { doc: 5, kind: "missing", what: "was not asked before", before: undefined, after: true },
    ]);
  });
});
