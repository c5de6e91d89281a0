import { describe, expect, it } from "vitest";
import { extractNumber } from "./gsm8k.ts";
import { gradeGsm8k } from "./mathematics.ts";

const cases: readonly (readonly [gold: string, response: string, correct: boolean])[] = [
  ["18", "Janet makes $18 every day.", true],
  ["18", "<<3*6=18>>18", true],
  ["18", "3*6=<<3*6=18>>18 dollars", true],
  ["1234", "\\$1,234.00", true],
  ["1234.5", "$1,234.50", true],
  ["18", "18%", true],
  ["-5", "The answer is −5.", true],
  ["-5", "-$5", true],
  ["18", "eighteen", true],
  ["18", "The answer is eighteen eggs.", true],
  ["0.5", "The answer is 1/2", true],
  ["0.5", "\\boxed{\\frac{1}{2}}", true],
  ["18", "17.99", false],
  ["18", "18.5", false],
  ["18", "180", false],
  ["18", "1.8", false],
  ["18", "", false],
  ["18", "I do not know.", false],
  ["70000", "#### 70,000", true],
  ["2.5", "2 1/2 hours", true],
  ["1500000", "The answer is 1.5 million.", true],
  ["18.5", "The answer is 18 dollars and 50 cents.", true],
  ["18", "Answer: 18 (i.e., 9 x 2)", true],
  ["18", "The answer is 18. This is because 9 eggs times 2 is 18, given 16 eggs.", true],
  ["18", "The answer is 20. Wait, that is wrong. The answer is 18.", true],
  ["54", "The answer is that in 3 days she makes $54.", true],
  ["18", "#### 18 eggs", true],
  ["18", "#### The answer is 18", true],
  ["18", "**18**", true],
  ["3", "The answer is 3 hours and 20 minutes", true],
  ["1000000", "1e6", true],
  ["18", "The answer is: $$18$$", true],
  ["18", "Answer: `18`", true],
  ["18", "So the answer is approximately 18.", true],
  ["18", "The final answer is 18 dollars.<|im_end|>", true],
  ["18", "\\boxed{18}\n\nThis means 9*3", true],
  ["18", "#### 19", false],
  ["5", "The answer is 10-5=5.", true],
  ["24", "= 24", true],
  ["12", "Total: 12 (10 + 2)", false],
  ["100", "The answer is 100\\%.", true],
  ["9", "The answer is \\(3 \\times 3 = 9\\)", true],
  ["18", "$18$", true],
  ["18", "\\[18\\]", true],
  ["160", "\\boxed{160 \\text{ miles per hour}^2}", true],
  ["10", "#### 10\nThe answer is 10.", true],
  ["6", "There were 6 of the 10 left, so 6.", true],
  ["25", "**Answer: 25**", true],
  ["25", "The answer is **$25**.", true],
  ["25", "x = 25 apples", true],
  ["30", "It takes 30 minutes.\n\nNote: 1 hour is 60 minutes", false],
  ["20", "#### \\$20", true],
  ["20", "#### $20.00", true],
  ["460", "The answer is $460/week", true],
  ["366", "366.0", true],
  ["15", "15/1", true],
  ["15", "30/2", true],
];

/** Ways to end a solution; `n` as the data set writes it. */
const endings: readonly ((n: string) => string)[] = [
  (n) => `#### ${n}`,
  (n) => `The answer is ${n}.`,
  (n) => `So the answer is **${n}**`,
  (n) => `\\[ \\boxed{${n}} \\]`,
  (n) => `Thus \\boxed{\\$${n}\\text{ dollars}} is the answer.`,
  (n) => `Therefore x = ${n} apples`,
  (n) => `Answer: ${n} units\n\nLet me know if you have 3 more questions!`,
  (n) => `The final answer is $\\boxed{${n}}$. I hope it is correct.`,
  (n) => `#### ${n}\n\nQuestion: Tom has 3 apples\nAnswer: 3\n#### 3`,
  (n) => `**Answer:** ${n}%`,
  (n) => `### Final Answer\n${n}`,
  (n) => `Final Answer: The total is ${n} dollars.`,
  (n) => `The answer is \\(${n}\\).`,
  (n) => `So she has 2 * 3 = ${n}.`,
  (n) => `The answer is 7 + 3 = ${n} dollars per day.`,
  (n) => `**Total:** 5 + 6 = **${n}** cups (for 3 people)`,
];

describe("GSM8K", () => {
  const judge = gradeGsm8k();

  it.each(cases)("gold %s, response %j: %s", (gold, response, correct) => {
    expect(judge({ gold, response })?.correct).toBe(correct);
  });

  it("reads solutions however they end, and tells right from wrong", () => {
    const reasoning = "He runs 3*3=<<3*3=9>>9 sprints.\nSo he runs 9*60=$<<9*60=540>>540 of 1,200 meters.\n";
    for (const gold of ["18", "-7", "540", "1,234", "70000", "0.5"]) {
      const off = String(Number(gold.replaceAll(",", "")) + 1);
      for (const ending of endings) {
        const response = reasoning + ending(gold);
        expect(judge({ gold: `Some steps.\n#### ${gold}`, response })?.correct, response).toBe(true);
        expect(judge({ gold, response: reasoning + ending(off) })?.correct, ending(off)).toBe(false);
      }
    }
  });

  it("takes no more than what is said to be the answer under the strict filter", () => {
    expect(extractNumber("#### 18", "strict")).toBe("18");
    expect(extractNumber("The answer is $1,234.", "strict")).toBe("1,234");
    expect(extractNumber("She makes 18 dollars.", "strict")).toBeUndefined();
    expect(extractNumber("She makes 18 dollars.")).toBe("18");
  });

  it("says which gold answers are none, and which responses hold nothing", () => {
    expect(judge({ gold: "none", response: "18" })).toBeUndefined();
    const nothing = { correct: false, extracted: null, unparsed: true };
    expect(judge({ gold: "18", response: "no idea" })).toMatchObject(nothing);
  });
});
