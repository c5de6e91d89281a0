import { describe, expect, it } from "vitest";
import { generator, streams } from "../base/rng.ts";
import { compareAnswers } from "./compare.ts";
import { extractMath } from "./extract.ts";
import { extractNumber, numberOf } from "./gsm8k.ts";

const pieces =
  "1 2 3.5 17 x y n \\frac \\sqrt { } { } ( ) [ ] + - * / ^ _ = , ; < \\le \\pm \\pi \\infty \\cup \\{ \\} ! % | \\text{cm} \\left \\right \\sin \\log_ \\begin{pmatrix} & \\\\ \\end{pmatrix} . .. $ \\boxed{ and or 0.\\overline{3} ^\\circ \\binom \\int # é ∫ \\u0000".split(
    " ",
  );

function strings(count: number): string[] {
  const next = generator({ seed: 5, stream: streams.story, sequence: 0, step: 0 });
  return Array.from({ length: count }, () =>
    Array.from(
      { length: 1 + Math.floor(next() * 14) },
      () => pieces[Math.floor(next() * pieces.length)]!,
    ).join(next() < 0.5 ? "" : " "),
  );
}

const hostile = [
  "9^{9^{9^{9^9}}}",
  "(x+1)^{100000}",
  "2006!!!!",
  "((((".repeat(900),
  "\\sqrt".repeat(900),
  "\\frac".repeat(900),
  `${"(".repeat(70)}1${")".repeat(70)}`,
  "{".repeat(3000),
  "1,".repeat(1900),
  `\\{${"x+1,".repeat(900)}1\\}`,
  "1\\pm".repeat(60),
  "7".repeat(3900),
  `0.${"3".repeat(3900)}`,
  "|".repeat(3000),
  `${"a".repeat(50_000)}`,
  "$".repeat(5000),
  "\\boxed{".repeat(800),
  " ".repeat(100_000),
  `answer is ${"*".repeat(20_000)}`,
  `${"1 ".repeat(2000)}`,
  `${"-".repeat(3000)}1`,
  "1e999999999",
  "\\begin{pmatrix}".repeat(200),
  "\\binom{3000}{1500}",
  `${"a_{1}".repeat(700)}`,
  `\\text{${"(".repeat(2000)}}`,
];

describe("any string at all", () => {
  it("is compared, extracted and read without a throw or a hang", () => {
    const all = [...strings(4000), ...hostile];
    for (const [index, text] of all.entries()) {
      compareAnswers(text, all[(index * 7 + 1) % all.length]!);
      compareAnswers("\\frac{1}{2}", text);
      extractMath(text);
      const number = extractNumber(text);
      if (number !== undefined) numberOf(number);
    }
  });

  it("is equal to itself, if it can be read, and never to everything", () => {
    const golds = [
      "5",
      "\\frac{1}{2}",
      "(1,2)",
      "\\{1,2\\}",
      "x^2+1",
      "\\text{Evelyn}",
      "[0,1)",
      "1,2,3",
      "y=2x",
    ];
    for (const text of [...strings(1500), ...hostile.filter((one) => one.length < 4000)]) {
      const matches = golds.filter((gold) => compareAnswers(gold, text) === "equal");
      expect(matches.length, text).toBeLessThanOrEqual(2);
      if (text.trim() !== "" && text.length < 4000) {
        expect(["equal", "unparsed", "limit"], text).toContain(
          compareAnswers(text, text) === "different" ? "different" : "equal",
        );
      }
    }
  });

  it("is equal the other way round too, decimals and units aside", () => {
    const all = strings(1500).filter((text) => !/\\.|cm|%/.test(text));
    for (const [index, text] of all.entries()) {
      const other = all[(index * 11 + 3) % all.length]!;
      const [there, back] = [compareAnswers(text, other), compareAnswers(other, text)];
      expect(there === "equal", `${text} | ${other}`).toBe(back === "equal");
    }
  });
});
