// The quickstart as a list of stages. Each leaves a marker in the folder when it is done, so that a quickstart that was
// interrupted goes on with the stage it was at, and each stage goes on inside itself where it can.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
  /** Stages of one lane follow each other; lanes need nothing of each other. Without one: alone, before or after them. */
  readonly lane?: string | undefined;
  /** False if it was interrupted. */
  run(tools: StageTools): Promise<boolean>;
}

export interface StageView {
  begin(stage: Stage): void;
  report(stage: Stage, done: number, detail: string): void;
  end(stage: Stage): void;
  /** It was done before. */
  skip(stage: Stage): void;
}

export interface Running {
  readonly view: StageView;
  readonly signal: AbortSignal;
}

const folderOf = (out: string): string => join(out, "done");
const markerOf = (out: string, { name }: Stage): string => join(folderOf(out), `${name}.json`);

interface Marker {
  readonly seconds: number;
  readonly ended: string;
}

export const isDone = (out: string, stage: Stage): boolean => existsSync(markerOf(out, stage));

/** Runs what is not done yet; false if it was interrupted. */
export async function runStages(
  out: string,
  stages: readonly Stage[],
  { view, signal }: Running,
): Promise<boolean> {
  mkdirSync(folderOf(out), { recursive: true });
  for (const stage of stages) {
    if (isDone(out, stage)) {
      view.skip(stage);
      continue;
    }
    if (signal.aborted) return false;
    view.begin(stage);
    const began = performance.now();
    const report = (done: number, detail: string) => view.report(stage, done, detail);
    if (!(await stage.run({ signal, report }))) return false;
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const marker: Marker = { seconds, ended: new Date().toISOString() };
    writeWhole(markerOf(out, stage), `${JSON.stringify(marker)}\n`);
    view.end(stage);
  }
  return true;
}

/** In which at least one stage ran; what ran side by side counts once. */
export function secondsSpent(out: string): number {
  const spans = readdirSync(folderOf(out))
    .map((name) => JSON.parse(readFileSync(join(folderOf(out), name), "utf8")) as Marker)
    .map(({ seconds, ended }) => [Date.parse(ended) / 1000 - seconds, Date.parse(ended) / 1000] as const)
    .sort(([a], [b]) => a - b);
  let [sum, until] = [0, Number.NEGATIVE_INFINITY];
  for (const [from, to] of spans) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

/** What a quickstart was told; its folder holds what was made with that. */
export type Choices = Readonly<Record<string, string | number | boolean | null>>;

/** A folder belongs to one quickstart. Returns what it was begun with: these choices, and `settled` then. */
export function claimFolder(out: string, choices: Choices, settle: () => Choices): Choices {
  const path = join(out, "quickstart.json");
  if (!existsSync(path)) {
    const begun = { ...choices, ...settle() };
    mkdirSync(out, { recursive: true });
    writeFileSync(path, `${JSON.stringify(begun, null, 2)}\n`);
    return begun;
  }
  const before = JSON.parse(readFileSync(path, "utf8")) as Choices;
  const names = Object.keys(choices).filter((name) => before[name] !== choices[name]);
  if (names.length === 0) return before;
  const told = names.map((name) => `${name} ${JSON.stringify(before[name])}`).join(" and ");
  throw new UsageError(
    `${out} holds a quickstart with ${told}; give the same to go on with it, or choose another folder with --out`,
    { folder: out, changed: names },
  );
}
