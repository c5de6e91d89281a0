// metrics.jsonl: every event of a run, one a line. Where a run goes on from a checkpoint, what an earlier process told
// of the steps behind it is taken out: those steps are done again.

import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { TrainEvent } from "./events.ts";

export class MetricsFile {
  private readonly path: string;

  constructor(path: string, fromStep: number) {
    this.path = path;
    if (!existsSync(path)) return;
    if (fromStep === 0) rmSync(path);
    else keepUntil(path, fromStep);
  }

  append(event: TrainEvent): void {
    appendFileSync(this.path, `${JSON.stringify(event)}\n`);
  }
}

function keepUntil(path: string, step: number): void {
  const kept = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => {
      const event = parsed(line);
      return event !== undefined && (event.type === "start" ? event.fromStep <= step : event.step <= step);
    });
  writeFileSync(`${path}.tmp`, kept.map((line) => `${line}\n`).join(""), { flush: true });
  renameSync(`${path}.tmp`, path);
}

/** Undefined for the end of the file and for a line that a kill cut off. */
function parsed(line: string): TrainEvent | undefined {
  try {
    return JSON.parse(line) as TrainEvent;
  } catch {
    return undefined;
  }
}
