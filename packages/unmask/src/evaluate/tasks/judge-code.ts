// Judging programs: code is taken from each response, then the row's tests run in the sandbox.

import { type CodeTaskName, gradeCode } from "../../grade/code.ts";
import type { Extraction } from "../../grade/code-extract.ts";
import type { Fields } from "./documents.ts";
import type { JudgeAll } from "./generate-task.ts";
import { shareOf } from "./judge.ts";
import type { Fidelity } from "./task.ts";

/** How code is taken from a response: `cut` first, then by its shape or as the extraction says. */
export interface CodeRule<D> {
  readonly cut?: ((response: string, document: D) => string) | undefined;
  readonly extraction: Extraction;
}

export interface CodeJudge<D> {
  readonly grader: CodeTaskName;
  readonly metric: string;
  /** The row as the grader reads it; its task_id is replaced. */
  fields(document: D): Fields;
  readonly rules: Readonly<Record<Fidelity, CodeRule<D>>>;
}

export function judgeCode<D>({ grader, metric, fields, rules }: CodeJudge<D>): JudgeAll<D> {
  return async (answered, { fidelity = "corrected", unsafe = false }) => {
    const { cut, extraction } = rules[fidelity];
    const completions = answered.flatMap(({ document, responses }, at) =>
      responses.map((response) => ({
        ...{ task_id: String(at), completion: cut?.(response, document) ?? response },
      })),
    );
    const data = answered.map(({ document }, at) => ({ ...fields(document), task_id: String(at) }));
    const { results } = await gradeCode(
      grader,
      { answers: { file: "the responses", rows: completions }, data: { file: "the rows", rows: data } },
      { extraction, unsafe },
    );
    let next = 0;
    return answered.map(({ responses }) => {
      const own = results.slice(next, next + responses.length);
      next += responses.length;
      const verdicts = own.map(({ correct, extracted, reason, ending }) => ({
        ...{ correct, extracted, reason, unparsed: ending === "no code" },
      }));
      return { scores: { [metric]: shareOf(verdicts) }, verdicts };
    });
  };
}

/** Everything up to the first fence. */
export const untilFence = (response: string): string => response.split("```")[0]!;

/** Between the first Python fence, if there is one, and the next fence. */
export function insideFence(response: string): string {
  const fence = "```python\n";
  const at = response.indexOf(fence);
  return untilFence(at === -1 ? response : response.slice(at + fence.length));
}

/** For a rule that is the same under both fidelities. */
export const always = <D>(rule: CodeRule<D>): Readonly<Record<Fidelity, CodeRule<D>>> => ({
  ...{ corrected: rule, released: rule },
});

/** By its shape, or under `released` exactly what the published code takes. */
export const byShape = <D>(cut: (response: string) => string): Readonly<Record<Fidelity, CodeRule<D>>> => ({
  corrected: { extraction: "auto" },
  released: { cut, extraction: "verbatim" },
});
