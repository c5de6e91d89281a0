// The stages of a quickstart, and how they are run: those of different lanes side by side.

import { type LaneRequest, runLane } from "./lane.ts";
import type { QuickstartOptions } from "./options.ts";
import { ownTextStages } from "./own-text.ts";
import type { Settings } from "./settings.ts";
import { type Running, runStages, type Stage } from "./stage.ts";
import { languageStages, type StageList } from "./stages.ts";

/** `threads`: of an operator. */
export function listOf(
  { data, seed, out, fromScratch }: QuickstartOptions,
  settings: Settings,
  threads: number,
): StageList {
  const making = { out, seed, settings, fromScratch, threads };
  return data === undefined ? languageStages(making) : ownTextStages(making, data);
}

/** Runs what is not done yet, lanes side by side; false if it was interrupted. */
export async function runBeside(
  stages: readonly Stage[],
  how: Omit<LaneRequest, "lane">,
  running: Running,
): Promise<boolean> {
  for (const group of groupsOf(stages)) {
    const lanes = [...new Set(group.map(({ lane }) => lane))];
    const failure = new AbortController();
    const signal = AbortSignal.any([running.signal, failure.signal]);
    const ends = lanes.map((lane) => {
      const own = group.filter((stage) => stage.lane === lane);
      if (lane === undefined) return runStages(how.options.out, own, running);
      return runLane({ ...how, lane }, own, { ...running, signal });
    });
    // A lane that fails stops the others where they can be gone on from, and is heard when they have stopped.
    for (const end of ends) end.catch(() => failure.abort());
    const settled = await Promise.allSettled(ends);
    for (const end of settled) if (end.status === "rejected") throw end.reason;
    if (!settled.every((end) => end.status === "fulfilled" && end.value)) return false;
  }
  return true;
}

/** Neighbours with lanes, and neighbours without. */
function groupsOf(stages: readonly Stage[]): Stage[][] {
  const groups: Stage[][] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    if (last !== undefined && (last[0]!.lane === undefined) === (stage.lane === undefined)) last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}
