// The files of a finished evaluation.

import { join } from "node:path";
import { encodeTrajectories } from "../../trajectory/file.ts";
import { jsonLines, jsonText, writeWhole } from "./files.ts";
import { manifestJson } from "./manifest.ts";
import { judgeTexts } from "./quality.ts";
import { type ResultsJson, resultsJson, sampleLines, samplesFile, trajectoryFile } from "./results.ts";
import type { Evaluated } from "./run.ts";
import { machine, type TaskTiming, timingOf } from "./timing.ts";
import { engineVersion } from "./worker.ts";

export interface WrittenResults {
  readonly folder: string;
  readonly results: ResultsJson;
  readonly timing: Readonly<Record<string, TaskTiming>>;
}

/** Writes one setting's results into a folder. */
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
    writeWhole(join(folder, trajectoryFile(outcome.name)), encodeTrajectories(outcome.header, rows));
  }
  const timing = timingOf(own, { plan, record, setting });
  const facts = machine(engineVersion());
  writeWhole(join(folder, "timing.json"), jsonText({ machine: facts, tasks: timing }));
  writeWhole(join(folder, "manifest.json"), jsonText(manifestJson(evaluated, setting)));
  writeWhole(join(folder, "results.json"), jsonText(results));
  return { folder, results, timing };
}
