// Judging texts: every metric is a way to turn a response into a verdict. The first metric's verdicts are the task's.

import type { Result } from "../../grade/mathematics.ts";
import type { Fields } from "./documents.ts";
import { type ExactMatchOptions, exactMatch } from "./exact-match.ts";
import { type Filter, invalid } from "./filters.ts";
import type { Answered, JudgeAll, Judged } from "./generate-task.ts";
import type { Metric, Verdict } from "./task.ts";

/** Verdicts on the responses to one document; one that looks at all of them together gives one. */
export type JudgeOne<D> = (responses: readonly string[], document: D, fields: Fields) => readonly Verdict[];

export const share = (name: string): Metric => ({ name, higherIsBetter: true, isShare: true });

/** One judge a metric; under `fidelity: released` the order is `released`, where that is given. */
export function judgeEach<D>(
  judges: Readonly<Record<string, JudgeOne<D>>>,
  released: string = Object.keys(judges)[0]!,
): JudgeAll<D> {
  return async (answered, { fidelity }) => {
    const main = fidelity === "released" ? released : Object.keys(judges)[0]!;
    return answered.map((one) => judged(judges, main, one));
  };
}

function judged<D>(
  judges: Readonly<Record<string, JudgeOne<D>>>,
  main: string,
  { responses, document, row }: Answered<D>,
): Judged {
  const all = Object.entries(judges).map(
    ([name, judge]) => [name, judge(responses, document, row.fields)] as const,
  );
  const scores = Object.fromEntries(all.map(([name, verdicts]) => [name, shareOf(verdicts)]));
  return { scores, verdicts: all.find(([name]) => name === main)![1] };
}

/** Of right verdicts. */
export const shareOf = (verdicts: readonly Verdict[]): number =>
  verdicts.filter(({ correct }) => correct).length / verdicts.length;

/** A filter's pipeline, then exact_match with the gold text. */
export const matching = <D>(
  filter: Filter,
  gold: (document: D) => string,
  options: ExactMatchOptions,
): JudgeOne<D> => matchingAny(filter, (document) => [gold(document)], options);

/** As `matching`, with texts of which any counts. */
export function matchingAny<D>(
  filter: Filter,
  golds: (document: D) => readonly string[],
  options: ExactMatchOptions,
): JudgeOne<D> {
  const matches = exactMatch(options);
  return (responses, document, fields) => {
    const all = golds(document);
    return filter(responses, fields).map((found) =>
      verdictOf(
        found,
        all.some((gold) => matches(found, gold)),
      ),
    );
  };
}

function verdictOf(found: string, correct: boolean): Verdict {
  const unparsed = found === invalid;
  const reason = correct ? "" : unparsed ? "the filter found nothing" : "differs from the target";
  return { correct, extracted: unparsed ? null : found, reason, unparsed };
}

/** A grader of src/grade, on every response. */
export const graded =
  <D>(grade: (response: string, document: D) => Result): JudgeOne<D> =>
  (responses, document) =>
    responses.map((response) => grade(response, document));
