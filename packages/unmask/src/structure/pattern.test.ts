import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import { accepts, automatonOf } from "./automaton.ts";
import { Expressions } from "./expressions.ts";
import { searchPattern, wholePattern } from "./pattern.ts";

const patterns = [
  "a",
  "^a",
  "a$",
  "^a$",
  "^$",
  "",
  "ab|ba",
  "^(ab|ba)+$",
  "^a{2,4}b?$",
  "^(a|b){3}$",
  "^(a?b?){2,3}$",
  "[^a]b",
  "^[a-c]*é$",
  "^\\d+(\\.\\d{1,2})?$",
  "^(?=.*a)(?=.*b)[abc]+$",
  "^(?!.*aa)[ab]*$",
  "^(?!a$)a*b?$",
  "(?=ab)a",
  "^a(?!b)",
  "(^a|b)c",
  "^(a|(b$))",
  "^(a$|b){1,2}",
  "^\\p{Lu}\\p{L}*$",
  "^.$",
  "^..$",
  "\\s",
  "^\\S+$",
  "^\\w\\W$",
  "^\\u{1F600}+$",
  "^[^]$",
  "^(?:a|)(?:b|)$",
  "(a+)+b",
];

const characters = [..."aabbbc1.é猫😀 \n-A", "\u2028", '"', "\\"];

describe("patterns", () => {
  it.each(patterns)("%j matches what JavaScript's own regular expressions match", (source) => {
    const all = new Expressions();
    const search = searchPattern(all, source);
    const whole = wholePattern(all, source);
    const [searching, matching] = [automatonOf(all, search), automatonOf(all, whole)];
    const native = new RegExp(source, "u");
    const nativeWhole = new RegExp(`^(?:${source})$`, "u");
    const next = generator({ seed: 1, stream: streams.token, sequence: 0, step: patterns.indexOf(source) });
    for (let i = 0; i < 3000; i++) {
      const length = Math.floor(next() * 7);
      const text = Array.from({ length }, () => characters[Math.floor(next() * characters.length)]).join("");
      const context = JSON.stringify(text);
      expect(all.matches(search, text), context).toBe(native.test(text));
      expect(searching !== undefined && accepts(searching, text), context).toBe(native.test(text));
      expect(matching !== undefined && accepts(matching, text), context).toBe(nativeWhole.test(text));
    }
  });

  it("writes values as JSON strings, each in one way", () => {
    const all = new Expressions();
    const json = automatonOf(all, all.json(searchPattern(all, "^[^]{0,4}$")))!;
    const next = generator({ seed: 2, stream: streams.token, sequence: 0, step: 0 });
    for (let i = 0; i < 3000; i++) {
      const length = Math.floor(next() * 6);
      const points = Array.from({ length }, () => Math.floor(next() ** 4 * 0xd7ff));
      const value = String.fromCodePoint(...points);
      expect(accepts(json, JSON.stringify(value).slice(1, -1)), JSON.stringify(value)).toBe(length <= 4);
    }
    for (const text of ['"', "\\", "\\/", "\\u0041", "\n", "\\x"]) expect(accepts(json, text)).toBe(false);
  });

  it.each([
    ["(a)\\1", "a back reference"],
    ["(?<=a)b", "a lookbehind"],
    ["\\bfoo", "a word boundary"],
    ["(?:^a|b)*", "inside a repetition"],
    ["a?^b", "a ^ behind"],
  ])("%j is refused", (source, reason) => {
    expect(() => searchPattern(new Expressions(), source)).toThrow(reason);
  });

  it("refuses what would need too many states, soon", () => {
    for (const source of [
      "[ab]*a[ab]{30}$",
      "^(a{1,90}){1,90}b{5000}$",
      "a{100000}",
      "(?=.*a.{20})(?=.*b.{21})c",
    ]) {
      const all = new Expressions();
      expect(() => automatonOf(all, searchPattern(all, source)), source).toThrow(UnsupportedError);
    }
  });

  it("says what is no pattern", () => {
    expect(() => searchPattern(new Expressions(), "a(")).toThrow("no regular expression");
  });
});
