// HumanEval by its public rule: prompt, completion, the row's tests, then check(entry_point). A completion that is a
// whole answer with fenced code counts by the code in it; if that defines the function anew, the prompt before it
// still gives its imports and helpers. Rows: {"task_id", "prompt", "entry_point", "test", "canonical_solution"}.

import type { CodeTask } from "./code.ts";
import { type Extraction, extractCode } from "./code-extract.ts";
import { keepReachable } from "./code-reachable.ts";

export const humanEval: CodeTask = {
  name: "humaneval",
  required: ["task_id", "prompt", "entry_point", "test"],
  problem(row) {
    const [prompt, entry, test] = [row.text("prompt"), row.text("entry_point"), row.text("test")];
    return {
      id: row.text("task_id"),
      program(completion, extraction: Extraction) {
        const extracted = extractCode(completion, extraction);
        // A prompt ends with the function's docstring, so it stands alone before a function that is defined anew.
        const joined = `${prompt}${prompt.endsWith("\n") ? "" : "\n"}${extracted}`;
        const tests = `${test}\ncheck(${entry})\n`;
        const code = extraction === "reachable" ? keepReachable(joined, tests) : `${joined}\n`;
        return { extracted, code, tests };
      },
    };
  },
};
