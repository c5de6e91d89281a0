import { describe, expect, it } from "vitest";
import { generator, streams } from "../base/rng.ts";
import { firstToken, hasToken } from "../decode/token-set.ts";
import { automatonOf } from "./automaton.ts";
import { Expressions } from "./expressions.ts";
import { fewestColumns, Hole, openToken } from "./hole.ts";
import { wholePattern } from "./pattern.ts";
import { TokenGraph } from "./token-graph.ts";
import { Vocabulary } from "./vocabulary.ts";

const paddingId = 9;
/** Token 8 has no text, 9 is padding, 2 and 7 spell the same. */
const texts = ["a", "b", "ab", "c", "bc", "é", undefined, "ab"];
const encoder = new TextEncoder();
const bytes = texts.map((text) => (text === undefined ? undefined : encoder.encode(text)));
const halves = [...encoder.encode("é")].map((byte) => Uint8Array.of(byte));
const vocabulary = new Vocabulary({
  bytes: [...bytes, undefined, undefined, ...halves],
  paddingId,
  size: 14,
});
const size = 14;

const graphOf = (pattern: string) => {
  const all = new Expressions();
  return new TokenGraph(automatonOf(all, wholePattern(all, pattern))!, vocabulary);
};

/** Whether tokens, padding only at the end, spell a text that the pattern matches. */
function fits(pattern: RegExp, tokens: readonly number[]): boolean {
  const end = tokens.indexOf(paddingId);
  const words = end < 0 ? tokens : tokens.slice(0, end);
  if (end >= 0 && tokens.slice(end).some((token) => token !== paddingId)) return false;
  if (words.some((token) => vocabulary.bytesOf(token) === undefined)) return false;
  const all = Uint8Array.from(words.flatMap((token) => [...vocabulary.bytesOf(token)!]));
  try {
    return pattern.test(new TextDecoder("utf-8", { fatal: true }).decode(all));
  } catch {
    return false;
  }
}

/** Every way to fill the open columns. */
function* fillings(tokens: readonly number[]): Generator<number[]> {
  const open = tokens.indexOf(openToken);
  if (open < 0) {
    yield [...tokens];
    return;
  }
  for (let token = 0; token < size; token++) yield* fillings(tokens.with(open, token));
}

/** Tokens of each place among the completions that fit. */
function completions(native: RegExp, tokens: readonly number[]): Set<number>[] {
  const found = tokens.map(() => new Set<number>());
  for (const one of fillings(tokens)) {
    if (fits(native, one)) one.forEach((token, i) => void found[i]!.add(token));
  }
  return found;
}

const patterns = ["(ab)*c?", "a+b+", "abcabc|é+", "[^a]*", "a?b?c?é?", "(abc|b)+"];

describe("a hole", () => {
  it.each(patterns)("allows exactly the tokens that can be completed: %s", (pattern) => {
    const graph = graphOf(pattern);
    const native = new RegExp(`^(?:${pattern})$`, "u");
    const next = generator({ seed: 3, stream: streams.token, sequence: 0, step: patterns.indexOf(pattern) });
    for (let round = 0; round < 6; round++) {
      const width = 4;
      const hole = new Hole(graph, width);
      let tokens = new Array<number>(width).fill(openToken);
      while (tokens.includes(openToken)) {
        const expected = completions(native, tokens);
        const open = tokens.flatMap((token, i) => (token === openToken ? [i] : []));
        for (const column of open) {
          const allowed = Array.from({ length: size }, (_, token) => token).filter((token) =>
            hasToken(hole.allowed(column), token),
          );
          expect(allowed).toEqual([...expected[column]!].sort((a, b) => a - b));
          expect(hole.allowed(column).count).toBe(allowed.length);
          expect(firstToken(hole.allowed(column))).toBe(allowed[0]);
        }
        const column = open[Math.floor(next() * open.length)]!;
        const choices = [...expected[column]!];
        const token = choices[Math.floor(next() * choices.length)]!;
        const refused = Array.from({ length: size }, (_, one) => one).find((one) => !choices.includes(one));
        if (refused !== undefined) expect(hole.write(column, refused)).toBe(false);
        expect(hole.write(column, token)).toBe(true);
        tokens = tokens.with(column, token);
      }
      expect(fits(native, tokens)).toBe(true);
    }
  });

  it("knows how few columns a text takes", () => {
    expect(fewestColumns(graphOf("abc"), 9)).toBe(2);
    expect(fewestColumns(graphOf("a{7}"), 9)).toBe(7);
    expect(fewestColumns(graphOf("a{7}"), 6)).toBeUndefined();
    expect(fewestColumns(graphOf("d"), 9)).toBeUndefined();
    expect(fewestColumns(graphOf("(abc)*"), 9)).toBe(0);
  });

  it("spells given text, and says what it cannot spell", () => {
    expect(vocabulary.spell("abc", () => [0, 4])).toEqual([0, 4]);
    expect(vocabulary.spell("abc", () => [0])).toHaveLength(2);
    expect(() => vocabulary.spell("abd", () => [6])).toThrow('"abd"');
  });
});
