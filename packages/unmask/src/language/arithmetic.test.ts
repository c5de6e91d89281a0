import { expect, describe as suite, test } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import {
  countProblems,
  describeProblems,
  problemSizes,
  problemVocabulary,
  sampleProblem,
} from "./arithmetic.ts";
import { checkAnswer, solve, verifyReasoning } from "./arithmetic-check.ts";
import { hearStep, sayStep, stepForms, wordings } from "./reasoning.ts";

const kinds = problemSizes.flatMap((size) => wordings.map((wording) => [size, wording] as const));

suite.each(kinds)("%s problems of %s wording", (size, wording) => {
  const uniform = mulberry32(21);
  const problems = Array.from({ length: 1500 }, () => sampleProblem(uniform, size, wording));

  test("every sample is solved by its own reasoning and answer", () => {
    for (const { question, reasoning, answer, text } of problems) {
      expect(text.startsWith(`${question} ${reasoning} answer `)).toBe(true);
      expect(checkAnswer(question, text)).toEqual({ correct: true, extracted: answer, reason: "" });
      expect(verifyReasoning(question, text)).toMatchObject({ correct: true, faithful: true, reason: "" });
      expect(solve(question)?.answer).toBe(answer);
    }
  });

  test("words are in the vocabulary, lengths within the stated one", () => {
    const words = new Set(problemVocabulary(size, wording));
    const lengths = problems.map((problem) => problem.text.split(" ").length);
    expect(problems.every((problem) => problem.text.split(" ").every((word) => words.has(word)))).toBe(true);
    const { maxWords } = describeProblems(size, wording);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(maxWords);
    if (wording === "plain") expect(Math.max(...lengths)).toBe(maxWords);
    if (size !== "large" && wording === "plain") expect(Math.min(...lengths)).toBe(maxWords);
  });
});

test("the count of tiny questions is the number of distinct samples", () => {
  const uniform = mulberry32(22);
  const seen = new Set(Array.from({ length: 3000 }, () => sampleProblem(uniform, "tiny").question));
  expect(BigInt(seen.size)).toBe(countProblems("tiny"));
  expect(countProblems("medium")).toBeGreaterThan(10n ** 9n);
});

test("every form of a step is heard as it was said, and no two are one", () => {
  const parts = { a: "3", o: "+", b: "4", c: "7" };
  const said = stepForms.map((form) => sayStep(form, parts));
  for (const sentence of said) expect(hearStep(sentence.split(" "))).toEqual(parts);
  expect(new Set(said).size).toBe(stepForms.length);
  expect(hearStep("3 + 4 makes 7 .".split(" "))).toBeUndefined();
});

suite("checks", () => {
  const question =
    "ben has 3 apples . anna gives him 4 more . then he loses 2 outside . how many apples does ben have ?";
  const reasoning = "3 + 4 = 7 . 7 - 2 = 5 .";

  test.each([
    [`${reasoning} answer 5`, true, 5, /^$/],
    [`${question} ${reasoning} answer 5 .`, true, 5, /^$/],
    ["answer 5", true, 5, /^$/],
    ["answer 6", false, 6, /the answer is 5, not 6/],
    ["answer 5 apples", false, undefined, /no single number/],
    ["answer 0 5", false, undefined, /no single number/],
    ["answer", false, undefined, /no single number/],
    ["", false, undefined, /has no "answer"/],
    ["answer 4 . answer 5", true, 5, /^$/],
  ])("answer in %j", (text, correct, extracted, reason) => {
    const verdict = checkAnswer(question, text);
    expect(verdict).toMatchObject({ correct, extracted });
    expect(verdict.reason).toMatch(reason);
  });

  test.each([
    [reasoning, true, true, /^$/],
    ["3 + 4 = 8 . 8 - 2 = 6 .", false, false, /3 \+ 4 is 7, not 8/],
    ["4 + 3 = 7 . 7 - 2 = 5 .", true, false, /step 1 should be 3 \+ 4 = 7/],
    ["3 + 4 = 7 .", true, false, /tells 2 steps, the text 1/],
    ["3 + 4 = 7 . 7 - 2 = 5", false, false, /not a step/],
    ["3 + = 7 .", false, false, /not a step/],
    ["answer 5", false, false, /no reasoning/],
  ])("reasoning %j", (text, correct, faithful, reason) => {
    const verdict = verifyReasoning(question, `${text} answer 5`.replace("answer 5 answer 5", "answer 5"));
    expect(verdict).toMatchObject({ correct, faithful });
    expect(verdict.reason).toMatch(reason);
  });

  test.each([
    question.replace("him", "her"),
    question.replace("anna", "ben"),
    question.replace("3 apples", "3 pears"),
    question.replace("many apples", "many coins"),
    question.replace("loses 2", "loses 9"),
    "how many apples does ben have ?",
    "",
  ])("not a problem: %j", (text) => {
    expect(solve(text)).toBeUndefined();
    expect(checkAnswer(text, "answer 5")).toMatchObject({ correct: false, extracted: 5 });
  });

  test("digit tokens are read as one number", () => {
    const digits = "ben has 1 3 apples . then he doubles the pile . how many apples does ben have ?";
    expect(checkAnswer(digits, "1 3 * 2 = 2 6 . answer 2 6")).toMatchObject({ correct: true, extracted: 26 });
    expect(verifyReasoning(digits, "1 3 * 2 = 2 6 . answer 2 6").faithful).toBe(true);
  });
});
