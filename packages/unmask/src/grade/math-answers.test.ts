import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareAnswers } from "./compare.ts";
import { gradeMath } from "./mathematics.ts";

const data = (name: string) =>
  readFileSync(new URL(`../../test/data/${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

const answers = data("math500-answers.jsonl") as string[];
const isPlainNumber = (gold: string) => /^-?\d+$/.test(gold);
const isFormula = (gold: string) =>
  !/text|,|=|_|[[{(]?\\begin|\\pm|circ|\$/.test(gold) || /^\\frac[^,]*$/.test(gold);
const isWord = (gold: string) => /^\\text/.test(gold);

/** Other ways to write an answer, each a full response. */
function rewritings(gold: string): string[] {
  const forms = [
    gold,
    `$${gold}$`,
    `$$${gold}$$`,
    `The answer is \\(${gold}\\).`,
    `**Answer:** $${gold}$`,
    `So we get $\\boxed{${gold}}$.`,
    `Thus the result is \\[\\boxed{${gold}}.\\] This completes it.`,
    `Final Answer: The final answer is $${gold}$. I hope it is correct.`,
    `\\boxed{ ${gold.replaceAll("\\frac", "\\dfrac")} }`,
    `\\boxed{${gold.replace(/\(/g, "\\left(").replace(/\)/g, "\\right)").replace(/\[/g, "\\left[").replace(/\]/g, "\\right]")}}`,
    `\\boxed{\\displaystyle ${gold}}`,
    `\\fbox{${gold.replace(/\s*([-+=]|,(?!\\!))\s*/g, " $1 ")}}`,
    `\\boxed{${gold.replace(/\\(frac|sqrt)(\d)(\d)/g, "\\$1{$2}{$3}").replace(/\\sqrt(\d)/g, "\\sqrt{$1}")}}`,
    `First \\boxed{123456789} was wrong.\n\nNow \\boxed{${gold}}`,
  ];
  if (isFormula(gold))
    forms.push(`\\boxed{${gold} + 0}`, `\\boxed{1 \\cdot (${gold})}`, `\\boxed{\\frac{2(${gold})}{2}}`);
  if (isPlainNumber(gold)) {
    forms.push(
      `\\boxed{${gold}.00}`,
      `\\boxed{${gold}\\text{ units}}`,
      `\\boxed{x = ${gold}}`,
      `\\boxed{\\$${gold}}`,
    );
    forms.push(
      `\\boxed{${Number(gold).toLocaleString("en-US").replaceAll(",", "{,}")}}`,
      `\\boxed{\\sqrt{${BigInt(gold) ** 2n}}}`.replace(
        "{\\sqrt",
        gold.startsWith("-") ? "{-\\sqrt" : "{\\sqrt",
      ),
    );
  }
  const [, sign, top, bottom] = /^(-?)\\[dt]?frac\{(\d+)\}\{(\d+)\}$/.exec(gold) ?? [];
  if (top !== undefined) {
    forms.push(
      `${sign}${top}/${bottom}`,
      `\\frac{${sign}${top}}{${bottom}}`,
      `\\boxed{${sign}\\frac{${3 * Number(top)}}{${3 * Number(bottom)}}}`,
    );
    forms.push(`\\boxed{${sign}${(Number(top) / Number(bottom)).toFixed(12)}}`);
  }
  if (/^-?\d+, ?-?\d+/.test(gold))
    forms.push(`\\boxed{${gold.split(",").reverse().join(" \\text{ and } ")}}`);
  return forms;
}

/** Answers that look like it and are wrong. */
function nearMisses(gold: string): string[] {
  if (isWord(gold)) return ["\\text{north}", "\\text{(D)}", "5", "x", "\\text{none of them}"];
  const digit = (at: number) => {
    const places = [...gold.matchAll(/\d/g)].map(({ index }) => index!);
    const place = places.at(at);
    return place === undefined
      ? []
      : [`${gold.slice(0, place)}${(Number(gold[place]) + 1) % 10}${gold.slice(place + 1)}`];
  };
  const misses = [...digit(0), ...digit(-1)].filter((one) => !/^0$/.test(one) || gold !== "0");
  if (isFormula(gold)) {
    misses.push(`(${gold}) + 1`, `2(${gold}) + 1000003`, `(${gold}) - 1`, `\\sqrt{(${gold})^2 + 1}`);
    if (gold !== "0") misses.push(`-(${gold})`);
  }
  const [, open, first, second, close] =
    /^(?:\\left)?\s*([([])([^,()]+),([^,()]+?)(?:\\right)?\s*([)\]])$/.exec(gold) ?? [];
  if (open !== undefined) {
    misses.push(
      `${open}${second},${first}${close}`,
      `${open === "(" ? "[" : "("}${first},${second}${close}`,
      `(${first}+1,${second})`,
      `(${first})`,
    );
  }
  if (/^-?\d+(?:, ?-?\d+)+$/.test(gold))
    misses.push(`${gold}, 99`, gold.slice(0, gold.lastIndexOf(",")), "0", `${gold} + 1`);
  return [...misses, "\\text{Evelyn}", "\\boxed{}", "987654321 + q", "(17, 18, 19, 20)", "\\{71, 72, 73\\}"];
}

describe("the gold answers of MATH-500", () => {
  const judge = gradeMath();

  it("are equal to themselves and to other ways to write them", () => {
    const wrong: string[] = [];
    let fewest = Number.POSITIVE_INFINITY;
    for (const gold of answers) {
      const forms = [...new Set(rewritings(gold))];
      fewest = Math.min(fewest, forms.length);
      for (const response of forms)
        if (judge({ gold, response })?.correct !== true) wrong.push(`${gold} <- ${response}`);
    }
    expect(wrong).toEqual([]);
    expect(fewest).toBeGreaterThanOrEqual(10);
  });

  it("are not equal to answers that look like them", () => {
    const wrong: string[] = [];
    for (const gold of answers) {
      const misses = [...new Set(nearMisses(gold))];
      expect(misses.length).toBeGreaterThanOrEqual(5);
      for (const miss of misses) {
        if (compareAnswers(gold, miss) === "equal") wrong.push(`${gold} <- ${miss}`);
        if (compareAnswers(miss, gold) === "equal") wrong.push(`${miss} <- ${gold}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("are equal to each other only where they are the same number", () => {
    const found: string[] = [];
    answers.forEach((a, index) => {
      for (const b of answers.slice(index + 1, index + 25)) {
        const equal = compareAnswers(a, b) === "equal";
        if (equal !== (compareAnswers(b, a) === "equal")) found.push(`${a} and ${b}: one way only`);
        if (equal && a.replaceAll(" ", "") !== b.replaceAll(" ", "")) found.push(`${a} = ${b}`);
      }
    });
    expect(found.filter((pair) => !/^x=5 = 5$|^5 = x=5$|\^\\circ/.test(pair))).toEqual([]);
  });
});

describe("pairs of answers", () => {
  const pairs = data("answer-pairs.jsonl") as { gold: string; response: string; equal: boolean }[];

  it.each(pairs)("$gold and $response: $equal", ({ gold, response, equal }) => {
    expect(compareAnswers(gold, response) === "equal").toBe(equal);
  });
});
