import { backward, equal, gradientOf, item, mul, scope, sum, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { tableNetwork } from "../../test/oracle/table-network.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { afterUpdate, firstRound, type Rounds, refreshReference } from "./rounds.ts";

/** What happens over updates 1, 2, … with these scores: "k" keep, "s" the student becomes the reference, "K" the kept. */
function run(rounds: Rounds, scores: (number | undefined)[]): string {
  let state = firstRound;
  return scores
    .map((score, i) => {
      const step = afterUpdate(rounds, state, { updates: i + 1, score });
      state = step.state;
      return (
        `${step.keep ? "k" : ""}${step.refresh === "student" ? "s" : step.refresh === "kept" ? "K" : ""}` ||
        "."
      );
    })
    .join("");
}
const none = (count: number) => Array<undefined>(count).fill(undefined);

describe("rounds", () => {
  it("end with the latest student", () => {
    expect(run({ interval: 3, refresh: "latest" }, none(7))).toBe("..s..s.");
    expect(run({ interval: 3, refresh: "latest" }, [1, 5, 2, 9])).toBe("..s.");
    expect(run({ interval: undefined, refresh: "latest" }, none(5))).toBe(".....");
  });

  it("end an update early as released", () => {
    expect(run({ interval: 10, refresh: "latest", released: true }, none(20))).toBe("........s.........s.");
  });

  it("end with the best student, which is kept when it is found", () => {
    const best = { interval: 4, refresh: "best" } as const;
    expect(run(best, [3, 5, 4, 1])).toBe("kk.K");
    expect(run(best, [3, 5, 4, 6])).toBe("kk.s");
    expect(run(best, [-2, undefined, undefined, undefined])).toBe("k..K");
    // Scores of an earlier round count no more; without any the last student is taken.
    expect(run(best, [9, undefined, undefined, undefined, 1, undefined, undefined, undefined])).toBe(
      "k..Kk..K",
    );
    expect(run(best, none(8))).toBe("...s...s");
    expect(run(best, [2, 2, 2, 2])).toBe("k..K"); // equals: the first
  });

  it("count", () => {
    const { state } = afterUpdate({ interval: 1, refresh: "latest" }, { round: 6, best: 3 }, { updates: 7 });
    expect(state).toEqual({ round: 7, best: undefined });
  });

  it("refuse a score that is no number", () => {
    const wrong = () =>
      afterUpdate({ interval: 4, refresh: "best" }, firstRound, { updates: 2, score: Number.NaN });
    expect(wrong).toThrow(ConfigError);
    expect(wrong).toThrow(/update 2/);
  });
});

describe("refreshReference", () => {
  it("copies the weights, and keeps both apart", () => {
    const [student, reference] = [tableNetwork([[1, 2]]), tableNetwork([[5, 6]])];
    refreshReference(student, reference);
    const [own, copy] = [student, reference].map(({ parameters }) => parameters.get("table")!);
    expect(equal(own!, copy!)).toBe(true);
    scope(() => backward(sum(mul(own!, 3))));
    expect(gradientOf(copy!)).toBeNull();
    expect(toNumbers(gradientOf(own!)!)).toEqual([3, 3]);
    expect(item(sum(copy!))).toBe(3);
  });

  it("says what is missing", () => {
    const reference = { ...tableNetwork([[1]]), parameters: new Map([["other", tensor([1])]]) };
    const refresh = () => refreshReference(tableNetwork([[1]]), reference);
    expect(refresh).toThrow(CheckpointError);
    expect(refresh).toThrow(/other/);
  });
});
