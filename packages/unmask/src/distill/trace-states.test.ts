import { describe, expect, it } from "vitest";
import { tiny } from "../../test/oracle/tiny-networks.ts";
import {
  tinyTrajectories as examples,
  tinyFacts,
  tinyPlainFacts,
} from "../../test/oracle/tiny-trajectories.ts";
import { UnsupportedError } from "../base/errors.ts";
import { stateCounts, t3d } from "./t3d.ts";
import { stateOptions, type TraceOptions } from "./t3d-options.ts";
import { type DistillFacts, statePlan, type TraceStates, traceStates } from "./trace-states.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

const { maskId: M, padId } = tiny;

function states(
  some: readonly TrajectoryExample[],
  options: TraceOptions = {},
  { numbers = some.map(({ sequence }) => 10 + sequence), facts = tinyFacts as DistillFacts, seed = 1 } = {},
): TraceStates {
  const all = { ...(facts.blockLength === undefined ? {} : { blockSize: 4 }), ...options };
  return traceStates(some, { seed, examples: numbers }, statePlan(facts, stateOptions(facts, all)));
}

/** Of each answer: prompt columns, clean and noisy response, as the network is fed them. */
function parts({ batch }: TraceStates, prompt: number): number[][][] {
  const rows = Array.from({ length: batch.rows }, (_, row) =>
    Array.from(batch.ids.subarray(row * batch.length, (row + 1) * batch.length)),
  );
  const half = (batch.length - prompt) / 2;
  return rows.map((ids) => [
    ids.slice(0, prompt),
    ids.slice(prompt, prompt + half),
    ids.slice(prompt + half),
  ]);
}

const half = { maskRatios: [0.5], randomRatio: 0 } as const;
const one = examples[0]!; // prompt 1 2 3, answer 4 5 6 7 0 revealed in the order 5 4 7 6 0

describe("states on the doubled sequence", () => {
  it("hide what was revealed last, behind the prompt's tail, and end in masks", () => {
    const made = states([one], half);
    // Blocks of 4 from the text's first token: (1 2 3 4) (5 6 7 0). The prompt is the first three.
    expect(parts(made, 0)).toEqual([[[], [1, 2, 3, 4, 5, 6, 7, 0], [1, 2, 3, 4, 5, M, 7, M]]]);
    expect([...made.batch.targets.subarray(0, made.supervised)]).toEqual([6, 0]);
    const cut = states([{ ...one, ids: Array.from(one.ids).slice(0, 6), steps: [1, 0, 3] }], {
      ...half,
      maskRatios: [1],
    });
    expect(parts(cut, 0)[0]![2]).toEqual([1, 2, 3, M, M, M, M, M]);
    expect([...cut.batch.targets]).toEqual([4, 5, 6]);
    // The two columns behind the end are seen in the noisy copy alone.
    expect([...cut.batch.real!]).toEqual([...Array(6).fill(1), 0, 0, ...Array(8).fill(1)]);
  });

  it("as released hide what was revealed first, behind the prompt, and show padding", () => {
    const made = states([one], { ...half, fidelity: "released" });
    expect(parts(made, 3)).toEqual([
      [
        [1, 2, 3],
        [4, 5, 6, 7, 0, padId, padId, padId],
        [M, M, 6, 7, 0, padId, padId, padId],
      ],
    ]);
    expect(made.batch.real).toBeUndefined();
  });

  it("hide everything with a share of 1, and supervise what random tokens stand for", () => {
    const { batch, supervised } = states(examples, { maskRatios: [1], randomRatio: 0.3 });
    expect(supervised).toBe(5 + 2 + 9 + 1);
    const noisy = [...batch.noisy.subarray(0, supervised)];
    // ⌊0.3 n⌋ of an answer's, at least one: 1 + 1 + 2 + 1.
    expect(noisy.filter((id) => id !== M).length).toBeGreaterThan(2);
    expect(noisy.filter((id) => id !== M).length).toBeLessThanOrEqual(5);
    expect(batch.times.every((time) => time === 1)).toBe(true);
  });

  it("read supervised rows, and for the path loss the others of the answers; without it no more", () => {
    const made = states([one], half);
    expect(made.supervised).toBe(2);
    expect(made.batch.reads).toHaveLength(5);
    expect(states([one], { ...half, lambdaPath: 0 }).batch.reads).toHaveLength(2);
    const { length } = made.batch;
    expect([...made.batch.reads.subarray(0, 2)]).toEqual([8 + 5, 8 + 7]);
    expect(length).toBe(16);
  });

  it("never touch given tokens", () => {
    const given = { ...one, steps: [-1, 0, -1, 1, 2] };
    for (const maskStrategy of ["trace", "random"] as const) {
      const made = states([given], { maskRatios: [1], randomRatio: 0, maskStrategy });
      expect(parts(made, 0)[0]![2]).toEqual([1, 2, 3, 4, M, 6, M, M]);
      expect([...made.batch.targets].sort()).toEqual([0, 5, 7]);
    }
  });
});

describe("states where all see all", () => {
  const facts = tinyPlainFacts;

  it("take an answer as one block, with masks where its canvas went on, and read the row before", () => {
    const { batch, supervised } = states([one], { maskRatios: [0.6], randomRatio: 0 }, { facts });
    expect([...batch.ids]).toEqual([1, 2, 3, 4, 5, M, M, M, M, M]);
    expect(supervised).toBe(3);
    expect([...batch.reads.subarray(0, 3)]).toEqual([4, 5, 6]);
    expect([...batch.targets.subarray(0, 3)]).toEqual([6, 7, 0]);
    expect(batch.allowed).toBeUndefined();
  });

  it("give the first column where nothing predicts it", () => {
    const bare = { ...one, ids: [4, 5, 6], promptLength: 0, steps: [2, 1, 0], tail: 0 };
    expect([...states([bare], { maskRatios: [1], randomRatio: 0 }, { facts }).batch.ids]).toEqual([4, M, M]);
    const unshifted = { ...facts, shift: 0 } as const;
    expect([...states([bare], { maskRatios: [1], randomRatio: 0 }, { facts: unshifted }).batch.ids]).toEqual([
      M,
      M,
      M,
    ]);
  });
});

describe.each([
  ["doubled", tinyFacts],
  ["plain", tinyPlainFacts],
])("noise, %s,", (_, facts) => {
  const options = { randomRatio: 0.4, maskRatioExponent: 1 } as const;
  /** What is hidden of each answer, by sequence: column, and what stands there. */
  const hidden = (
    { batch, answers, columns, supervised }: TraceStates,
    some: readonly TrajectoryExample[],
  ) => {
    const all = new Map<number, string[]>(some.map(({ sequence }) => [sequence, []]));
    for (let n = 0; n < supervised; n++) {
      all.get(some[answers[n]!]!.sequence)!.push(`${columns[n]}:${batch.noisy[n]}:${batch.times[n]}`);
    }
    return all;
  };

  it.each(["corrected", "released", "paper"] as const)(
    "depends on example and column alone: %s",
    (fidelity) => {
      for (const maskStrategy of ["trace", "random"] as const) {
        if (fidelity === "released" && maskStrategy === "random") continue; // there padding is noised too
        const change = { ...options, fidelity, maskStrategy };
        const together = hidden(states(examples, change, { facts }), examples);
        const backwards = [...examples].reverse();
        expect(hidden(states(backwards, change, { facts }), backwards)).toEqual(together);
        for (const example of examples) {
          expect(hidden(states([example], change, { facts }), [example]).get(example.sequence)).toEqual(
            together.get(example.sequence),
          );
        }
        expect(hidden(states(examples, change, { facts, seed: 2 }), examples)).not.toEqual(together);
      }
    },
  );

  it("is new whenever an example comes, or frozen", () => {
    const epoch = (numbers: number[], kind: "fresh" | "frozen") =>
      hidden(states(examples, { ...options, states: kind }, { facts, numbers }), examples);
    expect(epoch([0, 1, 2, 3], "fresh")).not.toEqual(epoch([4, 5, 6, 7], "fresh"));
    expect(epoch([0, 1, 2, 3], "frozen")).toEqual(epoch([4, 5, 6, 7], "frozen"));
  });
});

describe("answers of which nothing is supervised", () => {
  it("are counted, and read nowhere", () => {
    const quarter = { maskRatios: [0.25], randomRatio: 0.1 } as const;
    const made = states(examples, quarter, { facts: tinyPlainFacts });
    expect([...made.kept]).toEqual([1, 0, 1, 0]);
    expect(stateCounts(made)).toEqual({ answers: 2, tokens: 3, empty: 2 });
    expect(new Set(made.answers)).toEqual(new Set([0, 2]));
  });

  it("are told from padding: as released its first two are supervised", () => {
    const pads: TrajectoryExample = {
      sequence: 0,
      ids: [1, 2, 0, 0, 0, 0],
      promptLength: 2,
      steps: [0, 1, 2, 3],
      tail: 0,
    };
    const made = states([pads], { fidelity: "released", maskRatios: [1], randomRatio: 0 });
    expect(made.supervised).toBe(2);
    expect(stateCounts(made)).toEqual({ answers: 1, tokens: 2, empty: 0, path_level_0: 0 });
    expect(stateCounts(states([pads], { fidelity: "released", maskRatios: [1], postNum: 0 }))).toMatchObject({
      empty: 1,
    });
  });

  it("leave nothing to learn for a model without masks, which is refused", () => {
    const judge = { ...tinyFacts, family: "gpt2", maskId: undefined, blockLength: undefined };
    expect(() => t3d(judge)).toThrow(UnsupportedError);
    expect(() => t3d(judge)).toThrow(/gpt2 model has no mask/);
  });
});
