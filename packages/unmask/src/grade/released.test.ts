import { describe, expect, it } from "vitest";
import { compareAnswers } from "./compare.ts";
import { gradeGsm8k, gradeMath } from "./mathematics.ts";
import { sameAsReleased } from "./released.ts";

/** Response and gold answer, as the published code was seen to judge them; and as mathematics, where that differs. */
const vectors: readonly (readonly [response: string, gold: string, released: boolean, ours?: boolean])[] = [
  ["\\frac{1}{2}", "0.5", true],
  ["1/2", "\\frac12", true],
  ["1,000", "1000", true],
  ["x=5", "5", true],
  ["5\\text{ cm}", "5", true],
  ["50\\%", "50", true],
  ["90^\\circ", "90", true],
  ["\\sqrt3", "\\sqrt{3}", true],
  ["(1,2)", "(1, 2)", true],
  ["\\left(1,2\\right)", "(1,2)", true],
  ["A", "\\text{A}", true],
  ["3.0", "3", true],
  ["\\dfrac{3}{4}", "\\frac{3}{4}", true],
  ["5 dollars", "5", true],
  ["1e3", "1000", true],
  ["6", "6.00", true],
  ["", "", true],
  ["none", "none", true],
  ["0.25", "\\frac{1}{4}", false, true],
  ["2x+3", "3+2x", false, true],
  ["-\\frac{2}{3}", "-2/3", false, true],
  ["\\text{(A)}", "A", false, true],
  ["\\frac{10}{4}", "\\frac{5}{2}", false, true],
  ["2\\sqrt{2}", "\\sqrt{8}", false, true],
  ["1,2,3", "3,2,1", false, true],
  ["x \\in [1,2]", "[1,2]", false, true],
];

describe("the published string rules", () => {
  const rows = vectors.map(([response, gold, released, ours = released]) => ({
    response,
    gold,
    released,
    ours,
  }));

  it.each(rows)("$response beside $gold: $released", ({ response, gold, released, ours }) => {
    expect(sameAsReleased(gold, response)).toBe(released);
    expect(compareAnswers(gold, response) === "equal").toBe(ours);
  });

  it("are asked for by name, and take only what is boxed", () => {
    const [released, corrected] = [gradeMath("released"), gradeMath()];
    const answer = { gold: "\\frac{1}{4}", response: "so it is \\boxed{0.25}" };
    expect(released(answer)).toMatchObject({ correct: false, extracted: "0.25" });
    expect(corrected(answer)).toMatchObject({ correct: true, extracted: "0.25" });
    expect(released({ gold: "5", response: "it is 5" })).toMatchObject({ correct: false, unparsed: true });
  });

  it("of GSM8K are the strict filter", () => {
    const strict = gradeGsm8k("released");
    expect(strict({ gold: "18", response: "#### 18" })?.correct).toBe(true);
    expect(strict({ gold: "18", response: "The answer is 18." })?.correct).toBe(true);
    expect(strict({ gold: "18", response: "She makes 18 dollars." })).toMatchObject({
      correct: false,
      unparsed: true,
    });
  });
});
