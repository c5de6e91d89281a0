// An evaluation again, from its manifest: what differs, question by question, and why. With `regrade` the recorded
// answers are read and judged again and the model is not asked.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { DataError } from "../../base/errors.ts";
import { decodeTrajectories } from "../../trajectory/file.ts";
import type { Trajectory } from "../../trajectory/record.ts";
import type { Graded, OpenTask } from "../tasks/task.ts";
import { type Cause, causesOf } from "./causes.ts";
import { type AnsweredQuestion, compareQuestions, type QuestionDifference } from "./compare.ts";
import { type EvalConfig, taskConfigs } from "./config.ts";
import { readJson, readJsonLines } from "./files.ts";
import { type Answer, childGrader, gradeAnswers, localGrader } from "./grade.ts";
import { type Identity, programIdentity } from "./identity.ts";
import { type Manifest, manifestVersion } from "./manifest.ts";
import { samplesFile, trajectoryFile } from "./names.ts";
import { openTask } from "./open-task.ts";
import type { TaskOutcome } from "./outcome.ts";
import type { Evaluated } from "./run.ts";

export interface TaskComparison {
  readonly name: string;
  readonly questions: number;
  readonly right: { readonly before: number; readonly after: number };
  /** By what differs first. */
  readonly differing: Readonly<Record<string, number>>;
  readonly turned: { readonly to_right: number; readonly to_wrong: number };
}

export interface Comparison {
  readonly equal: boolean;
  readonly tasks: readonly TaskComparison[];
  /** What the two evaluations were made from, where that differs. */
  readonly causes: readonly Cause[];
  readonly differences: readonly (QuestionDifference & { readonly why: string })[];
}

/** Reads a manifest, by its path or its folder's. Throws a DataError. */
export function readManifest(path: string): { readonly manifest: Manifest; readonly folder: string } {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "manifest.json") : path;
  const value = readJson(file) as Partial<Manifest> | null;
  if (value?.format !== "unmask evaluation") {
    throw new DataError(`${file} is no manifest of an evaluation; give the manifest.json of one`, { file });
  }
  if (value.version !== manifestVersion) {
    throw new DataError(
      `${file} has version ${value.version}, this program reads ${manifestVersion}; use the unmask that wrote it`,
      { file },
    );
  }
  return { manifest: value as Manifest, folder: dirname(file) };
}

const sampleSchema = z.object({
  doc_id: z.number(),
  resps: z.array(z.array(z.union([z.string(), z.number()]))),
  metrics: z.array(z.string()),
  unmask: z.object({
    id: z.string(),
    verdicts: z.array(
      z.object({
        correct: z.boolean(),
        extracted: z.string().nullable(),
        reason: z.string(),
        unparsed: z.boolean(),
      }),
    ),
    trajectory: z.object({ rows: z.array(z.number()) }).optional(),
  }),
});

/** The questions of an evaluation's folder, as they were answered. Throws a DataError. */
export async function recordedQuestions(folder: string, task: string): Promise<AnsweredQuestion[]> {
  const file = join(folder, samplesFile(task));
  const trajectories = await recordedTrajectories(join(folder, trajectoryFile(task)));
  return readJsonLines(file).map((line, at): AnsweredQuestion => {
    const parsed = sampleSchema.safeParse(line);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const field = issue?.path.join(".") ?? "";
      throw new DataError(`${file}, row ${at + 1}: ${field} is missing or wrong; write the samples again`, {
        ...{ file, row: at + 1, field },
      });
    }
    const { doc_id: doc, resps, metrics, unmask } = parsed.data;
    const fields = line as Readonly<Record<string, number>>;
    const first = resps[0] ?? [];
    const isText = unmask.trajectory !== undefined;
    return {
      ...{ doc, id: unmask.id, verdicts: unmask.verdicts },
      responses: isText ? first.map(String) : [],
      scores: Object.fromEntries(metrics.map((name) => [name, fields[name]!])),
      trajectories: unmask.trajectory?.rows.flatMap((row) => trajectories[row] ?? []),
      nlls: isText ? undefined : resps.map(([value]) => -Number(value)),
    };
  });
}

async function recordedTrajectories(path: string): Promise<readonly Trajectory[]> {
  return existsSync(path) ? (await decodeTrajectories(readFileSync(path), path)).rows : [];
}

/** Questions of a run that was just made. */
export const answeredQuestions = ({ planned, rows }: TaskOutcome): AnsweredQuestion[] =>
  rows.map(({ item, written, scored, graded }) => ({
    ...{ doc: item, id: planned.task.items[item]!.id, scores: graded.scores, verdicts: graded.verdicts },
    responses: written.map(({ text }) => text),
    trajectories: scored === undefined ? written.map(({ trajectory }) => trajectory) : undefined,
    nlls: scored?.nlls,
  }));

/** Holds a run against the recorded one. */
export async function compareRun(
  { manifest, folder }: ReturnType<typeof readManifest>,
  evaluated: Evaluated,
): Promise<Comparison> {
  const [outcomes] = evaluated.outcomes;
  const pairs: Pair[] = [];
  for (const outcome of outcomes!) {
    const before = await recordedQuestions(folder, outcome.name);
    pairs.push({ name: outcome.name, before, after: answeredQuestions(outcome) });
  }
  return comparisonOf(pairs, causesOf(manifest, evaluated.identity));
}

export interface RegradeOptions {
  /** Judges in this process. */
  readonly inProcess?: boolean | undefined;
}

/** Judges the recorded answers again. */
export async function compareGrades(
  { manifest, folder }: ReturnType<typeof readManifest>,
  config: EvalConfig,
  { inProcess = false }: RegradeOptions = {},
): Promise<Comparison> {
  const configs = taskConfigs(config);
  const open: OpenTask[] = [];
  for (const one of configs) open.push(await openTask(one, config));
  const grader = inProcess ? localGrader(open) : childGrader(config);
  const pairs: Pair[] = [];
  try {
    for (const [index, one] of open.entries()) {
      const name = configs[index]!.as ?? one.name;
      const before = await recordedQuestions(folder, name);
      const after = new Map<string, Graded>();
      await gradeAnswers({ index, open: one }, before.map(answerOf), {
        grader,
        onGraded: (some) => {
          for (const graded of some) after.set(graded.id, graded);
        },
      });
      pairs.push({
        ...{ name, before },
        after: before.map((question) => ({ ...question, ...after.get(question.id)! })),
      });
    }
  } finally {
    grader.close();
  }
  const tasks = manifest.identity.tasks.map((one, at) => {
    const { version, metrics, provenance, items } = open[at]!;
    const names = metrics.map(({ name }) => name);
    return { ...one, version, metrics: names, provenance, questions: items.length };
  });
  const now: Identity = { ...manifest.identity, unmask: programIdentity(), tasks };
  return comparisonOf(pairs, causesOf(manifest, now));
}

const answerOf = ({ id, responses, nlls }: AnsweredQuestion): Answer =>
  nlls === undefined ? { id, responses } : { id, nlls };

interface Pair {
  readonly name: string;
  readonly before: readonly AnsweredQuestion[];
  readonly after: readonly AnsweredQuestion[];
}

function comparisonOf(pairs: readonly Pair[], causes: readonly Cause[]): Comparison {
  const tasks: TaskComparison[] = [];
  const differences: Comparison["differences"][number][] = [];
  for (const { name, before, after } of pairs) {
    const found = compareQuestions(name, before, after);
    for (const one of found) differences.push({ ...one, why: whyOf(one, causes) });
    tasks.push(taskComparison({ name, before, after }, found));
  }
  return { equal: differences.length === 0, tasks, causes, differences };
}

function taskComparison({ name, before, after }: Pair, found: readonly QuestionDifference[]): TaskComparison {
  const differing: Record<string, number> = {};
  for (const { kind } of found) differing[kind] = (differing[kind] ?? 0) + 1;
  const right = (some: readonly AnsweredQuestion[]) =>
    some.filter(({ verdicts }) => verdicts.every(({ correct }) => correct)).length;
  return {
    ...{ name, questions: Math.max(before.length, after.length), differing },
    right: { before: right(before), after: right(after) },
    turned: {
      to_right: found.filter((one) => one.before === false && one.after === true).length,
      to_wrong: found.filter((one) => one.before === true && one.after === false).length,
    },
  };
}

/** A margin below which two arithmetics may choose differently. */
const nearTie = 1e-3;

/** What may have caused a difference: the first of the things that changed and that it depends on. */
function whyOf({ kind, divergence }: QuestionDifference, causes: readonly Cause[]): string {
  const found = causes.filter(({ affects }) => affects.includes(kind)).map(({ name }) => name);
  if (found.length > 0) return found.join(", ");
  if (kind !== "generation") {
    return "nothing that is recorded changed: the samples were edited, or the judging is not deterministic";
  }
  const isTie = divergence !== undefined && divergence.margin !== null && divergence.margin < nearTie;
  return isTie
    ? "a near tie, decided by the last bits of a product"
    : "nothing that is recorded changed: the samples were edited, or the arithmetic is not deterministic";
}
