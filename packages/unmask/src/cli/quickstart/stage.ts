// The quickstart as a list of stages. Each leaves a marker in the folder when it is done, so that a quickstart that was
// interrupted goes on with the stage it was at, and each stage goes on inside itself where it can.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { writeWhole } from "../../evaluate/run/files.ts";

export interface StageTools {
  readonly signal: AbortSignal;
  /** How much of the stage is done, 0 to 1, and what to say of it. */
  report(done: number, detail: string): void;
}

export interface Stage {
  /** Of its marker. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** How long it is thought to take. */
  readonly seconds: number;
  /** False if it was interrupted. */
  run(tools: StageTools): Promise<boolean>;
}

export interface StageView {
  begin(stage: Stage, at: number): void;
  report(done: number, detail: string): void;
  skip(stage: Stage): void;
}

const folderOf = (out: string): string => join(out, "done");
const markerOf = (out: string, { name }: Stage): string => join(folderOf(out), `${name}.json`);

export const isDone = (out: string, stage: Stage): boolean => existsSync(markerOf(out, stage));

/** Runs what is not done yet; false if it was interrupted. */
export async function runStages(
  out: string,
  stages: readonly Stage[],
  { view, signal }: { readonly view: StageView; readonly signal: AbortSignal },
): Promise<boolean> {
  mkdirSync(folderOf(out), { recursive: true });
  for (const [at, stage] of stages.entries()) {
    if (isDone(out, stage)) {
      view.skip(stage);
      continue;
    }
    if (signal.aborted) return false;
    view.begin(stage, at);
    const began = performance.now();
    const report = (done: number, detail: string) => view.report(done, detail);
    if (!(await stage.run({ signal, report }))) return false;
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    writeWhole(markerOf(out, stage), `${JSON.stringify({ seconds })}\n`);
  }
  return true;
}

/** A folder belongs to one quickstart: what it holds was made with these choices. */
export function claimFolder(out: string, choices: Readonly<Record<string, unknown>>): void {
  const path = join(out, "quickstart.json");
  const text = `${JSON.stringify(choices, null, 2)}\n`;
  if (!existsSync(path)) {
    mkdirSync(out, { recursive: true });
    writeFileSync(path, text);
    return;
  }
  const before = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const names = Object.keys(choices).filter((name) => before[name] !== choices[name]);
  if (names.length === 0) return;
  const told = names.map((name) => `${name} ${JSON.stringify(before[name])}`).join(" and ");
  throw new UsageError(
    `${out} holds a quickstart with ${told}; give the same to go on with it, or choose another folder with --out`,
    { folder: out, changed: names },
  );
}
