import { describe, expect, it } from "vitest";
import { generator, streams } from "../base/rng.ts";
import { automatonOf } from "./automaton.ts";
import { Expressions } from "./expressions.ts";
import { searchPattern } from "./pattern.ts";
import { randomWord, wordsOf } from "./words.ts";

const automaton = (pattern: string) => {
  const all = new Expressions();
  return automatonOf(all, searchPattern(all, pattern))!;
};

describe("words of an automaton", () => {
  it("finds the shortest, however many beginnings lead elsewhere", () => {
    expect(wordsOf(automaton("z.*z"), 1)).toEqual(["zz"]);
    expect(wordsOf(automaton("^(abc|b)$"), 5)).toEqual(["b", "abc"]);
  });

  it("finds different ones", () => {
    const words = wordsOf(automaton("^[a-c]+$"), 40);
    expect(new Set(words).size).toBe(40);
    for (const word of words) expect(word).toMatch(/^[a-c]+$/);
  });

  it.each(["^[a-z]{3,9}$", "z.*z", "^(a|bb)*$", "^é+$"])("draws texts of %s by chance", (pattern) => {
    const one = automaton(pattern);
    for (let step = 0; step < 50; step++) {
      const next = generator({ seed: 5, stream: streams.token, sequence: 0, step });
      expect(randomWord(one, next, step % 12)).toMatch(new RegExp(pattern, "u"));
    }
  });
});
