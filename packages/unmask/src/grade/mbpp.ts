// MBPP by its public rule: the completion, the row's set-up code, then each assertion of `test_list`. Rows of the full
// set have {"task_id", "text", "code", "test_list", "test_setup_code"}, rows of the sanitised set {"task_id",
// "prompt", "code", "test_list", "test_imports"}.

import type { CodeTask } from "./code.ts";
import { type Extraction, extractCode } from "./code-extract.ts";
import { keepReachable } from "./code-reachable.ts";

/** The few-shot prompt shows code between these. */
const [begin, done] = ["[BEGIN]", "[DONE]"];

/** What lm-evaluation-harness writes before the code of an instruct answer: `List` without its import does not matter. */
const lazyAnnotations = "from __future__ import annotations\n";

export const mbpp: CodeTask = {
  name: "mbpp",
  required: ["task_id", "test_list"],
  problem(row) {
    const setUp = [...row.texts("test_imports"), row.text("test_setup_code", "")];
    const tests = `${[...setUp, ...row.texts("test_list")].join("\n")}\n`;
    return {
      id: row.text("task_id"),
      program(completion, extraction: Extraction) {
        const started = completion.trimStart();
        const text = started.startsWith(begin) ? started.slice(begin.length) : completion;
        const stopped = text.includes(done) ? text.slice(0, text.indexOf(done)) : text;
        const extracted = extractCode(stopped, extraction);
        if (extraction === "reachable") return { extracted, code: keepReachable(extracted, tests), tests };
        const fenced = extracted !== stopped;
        return { extracted, code: `${fenced ? lazyAnnotations : ""}${extracted}\n`, tests };
      },
    };
  },
};
