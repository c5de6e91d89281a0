// One answer of mathematics: taken from the response, compared with the gold answer.

import { compareAnswers } from "./compare.ts";
import { boxed, extractMath } from "./extract.ts";
import { extractNumber, numberOf } from "./gsm8k.ts";
import { same } from "./rational.ts";
import { extractReleased, sameAsReleased } from "./released.ts";

export interface Answer {
  /** As the data set writes it: the answer, or the solution that ends with it. */
  readonly gold: string;
  /** In full, or only the answer. */
  readonly response: string;
}

export interface Result {
  readonly correct: boolean;
  /** What was taken for the answer; null where there was none. */
  readonly extracted: string | null;
  /** Why it is wrong; empty where it is right. */
  readonly reason: string;
  /** Nothing was found, or what was found is no mathematics that we read. */
  readonly unparsed: boolean;
}

/** Undefined for a gold answer that is none: the caller knows its file and row. */
export type Judge = (answer: Answer) => Result | undefined;

export type GradeRules = "corrected" | "released";

const right = (extracted: string): Result => ({ correct: true, extracted, reason: "", unparsed: false });
const wrong = (extracted: string | null, reason: string, unparsed = false): Result => ({
  ...{ correct: false, extracted, reason, unparsed },
});
const nothing = (): Result => wrong(null, "no answer was found", true);

export const gradeMath =
  (rules: GradeRules = "corrected"): Judge =>
  ({ gold, response }) => {
    const wanted = boxed(gold).length > 0 ? extractMath(gold)! : gold.trim();
    if (wanted === "") return undefined;
    if (rules === "released") return releasedResult(wanted, response);
    const extracted = extractMath(response);
    if (extracted === undefined) return nothing();
    const verdict = compareAnswers(wanted, extracted);
    if (verdict === "equal") return right(extracted);
    if (verdict === "unparsed") return wrong(extracted, "the answer cannot be read", true);
    if (verdict === "limit") return wrong(extracted, "the comparison was cut: too much work", true);
    return wrong(extracted, `not equal to ${wanted}`);
  };

function releasedResult(gold: string, response: string): Result {
  const extracted = extractReleased(response);
  if (extracted === undefined) return nothing();
  return sameAsReleased(gold, extracted) ? right(extracted) : wrong(extracted, `not equal to ${gold}`);
}

/** `released` stands for the strict filter: only "#### 18" and "The answer is 18" count. */
export const gradeGsm8k =
  (rules: GradeRules = "corrected"): Judge =>
  ({ gold, response }) => {
    const written = extractNumber(gold);
    const wanted = written === undefined ? undefined : numberOf(written);
    if (wanted === undefined) return undefined;
    const extracted = extractNumber(response, rules === "released" ? "strict" : "flexible");
    if (extracted === undefined) return nothing();
    const found = numberOf(extracted);
    if (found === undefined) return wrong(extracted, "the answer cannot be read", true);
    return same(found, wanted) ? right(extracted) : wrong(extracted, `not equal to ${written}`);
  };
