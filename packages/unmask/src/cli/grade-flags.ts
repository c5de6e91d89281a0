// The options of `unmask grade`.

import type { Command } from "commander";
import { oneOf } from "./options.ts";

export function addGrade(root: Command): Command {
  return root
    .command("grade")
    .description("judge finished answers; exit code 0 whatever the verdicts")
    .option("--task <name>", "gsm8k, math, humaneval or mbpp (required)")
    .option("--input <file>", "JSONL of answers, see below (required)")
    .option("--data <file>", "JSONL of the tasks, as published (humaneval and mbpp)")
    .option(
      "--fidelity <name>",
      "corrected, or released: the published code's string rules (gsm8k: its strict filter)",
      oneOf("--fidelity", ["corrected", "released"]),
      "corrected",
    )
    .option("--unsafe", "run generated code even where nothing isolates it")
    .addHelpText("after", inputHelp);
}

const inputHelp = `
Lines of the input:
  gsm8k, math       {"gold": "\\\\frac{1}{2}", "response": "… so \\\\boxed{0.5}"}
                    gold as the data set writes it; response in full or only the answer
  humaneval, mbpp   {"task_id": "HumanEval/0", "completion": "    return …"}

One result a line, in order: {"correct", "extracted", "reason"}. An answer that
cannot be read is wrong and counted as unparsed.`;
