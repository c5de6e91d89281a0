// The files of a finished evaluation.

import { join } from "node:path";
import { tokenizerOf } from "../../generate/load.ts";
import { textsFor } from "../../generate/token-texts.ts";
import { encodeTrajectories } from "../../trajectory/file.ts";
import { jsonLines, jsonText, writeWhole } from "./files.ts";
import { manifestJson } from "./manifest.ts";
import { samplesFile, trajectoryFile } from "./names.ts";
import { judgeTexts, type TaskText } from "./quality.ts";
import { type ResultsJson, resultsJson, sampleLines } from "./results.ts";
import type { Evaluated } from "./run.ts";
import type { Swept } from "./sweep.ts";
import { machine, type TaskTiming, timingOf } from "./timing.ts";
import { engineVersion } from "./worker.ts";

export interface WrittenResults {
  readonly folder: string;
  readonly results: ResultsJson;
  readonly timing: Readonly<Record<string, TaskTiming>>;
  readonly quality: ReadonlyMap<string, TaskText>;
}

/** Writes one setting's results into a folder. The results come last: where they are, everything is. */
export async function writeResults(
  evaluated: Evaluated,
  { setting, folder }: { readonly setting: number; readonly folder: string },
): Promise<WrittenResults> {
  const { config, plan, identity, record, outcomes } = evaluated;
  const own = outcomes[setting]!;
  const quality = await judgeTexts(own, config);
  const results = resultsJson(own, { config, identity, setting: plan.settings[setting]!, quality });
  for (const outcome of own) {
    writeWhole(join(folder, samplesFile(outcome.name)), jsonLines(sampleLines(outcome)));
    if (outcome.header === undefined) continue;
    const rows = outcome.rows.flatMap(({ written }) => written.map(({ trajectory }) => trajectory));
    const texts = textsFor(tokenizerOf(evaluated.model), { header: outcome.header, rows });
    writeWhole(join(folder, trajectoryFile(outcome.name)), encodeTrajectories(outcome.header, rows, texts));
  }
  const timing = timingOf(own, { plan, record, setting });
  const facts = machine(engineVersion());
  writeWhole(join(folder, "timing.json"), jsonText({ machine: facts, tasks: timing }));
  writeWhole(join(folder, "manifest.json"), jsonText(manifestJson(evaluated, setting)));
  writeWhole(join(folder, "results.json"), jsonText(results));
  return { folder, results, timing, quality };
}

/** Writes report.html into the configuration's folder, over one setting or all points of a sweep. */
export async function writeReport(
  { identity, plan, model, config, outcomes }: Evaluated,
  written: readonly WrittenResults[],
  sweep?: Pick<Swept, "tasks" | "aup">,
): Promise<void> {
  const { reportHtml } = await import("../report/report.ts"); // the library of charts takes a second to load
  const lines = outcomes.flatMap((own, setting) =>
    own.map((outcome) => ({
      label: plan.settings[setting]!.label,
      outcome,
      timing: written[setting]!.timing[outcome.name],
      text: written[setting]!.quality.get(outcome.name),
    })),
  );
  const tokenizer = tokenizerOf(model);
  const report = reportHtml({ identity, machine: machine(engineVersion()), lines, tokenizer, sweep });
  writeWhole(join(config.out, "report.html"), report);
}
