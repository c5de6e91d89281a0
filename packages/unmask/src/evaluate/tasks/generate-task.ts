// Builds a task whose answers are texts from its description: how a document is read, asked, and judged.

import { DataError, UsageError } from "../../base/errors.ts";
import { type DataSet, documentsOf } from "./data-set.ts";
import { type Documents, type Row, rowsOf } from "./documents.ts";
import { drawShots, type Sampler } from "./shots.ts";
import type {
  DataProvenance,
  Generation,
  Graded,
  Metric,
  OpenGenerateTask,
  Task,
  TaskOptions,
  TextAnswer,
  Verdict,
} from "./task.ts";
import { buildPrompt, type Delimiters, joined, type QuestionTurn, usualDelimiters } from "./turns.ts";

/** `D` is what a row becomes once it is read and checked. */
export interface GenerateDescription<D> {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly data?: DataSet | readonly DataSet[] | undefined;
  /** Throws a DataError for a row that lacks something. */
  read(row: Row): D;
  /** The document's own name; its row's number otherwise. */
  id?(document: D): string;
  /** What stands in front of everything: lm-evaluation-harness's `description`. */
  preamble?(document: D): string;
  question(document: D): string;
  /** How the answer begins: lm-evaluation-harness's `gen_prefix`. */
  answerPrefix?(document: D): string;
  /** For reports. */
  target(document: D): string;
  readonly shots?: ShotsDescription<D> | undefined;
  readonly delimiters?: Delimiters | undefined;
  readonly generation: Partial<Generation>;
  /** Whether a chat template is meant to be applied; not, unless said. */
  readonly chat?: boolean | undefined;
  readonly metrics: readonly Metric[];
  /** The metrics under `fidelity: released`, where another comes first. */
  readonly releasedMetrics?: readonly Metric[] | undefined;
  judge: JudgeAll<D>;
}

export interface ShotsDescription<D> {
  /** Unless the user asks for another number. */
  readonly count: number;
  readonly sampler: Sampler;
  /** Written in the task … */
  readonly examples?: readonly D[] | undefined;
  /** … or a split of a data set. */
  readonly data?: DataSet | readonly DataSet[] | undefined;
  /** The documents' own split: the document asked about is never among its shots. */
  readonly sameSplit?: boolean | undefined;
  /** shots.ts says when. */
  readonly oneMore?: boolean | undefined;
  answer(document: D): string;
  question?(document: D): string;
  answerPrefix?(document: D): string;
  readonly delimiters?: Delimiters | undefined;
}

/** What is judged: the responses to one document. */
export interface Answered<D> {
  readonly document: D;
  readonly row: Row;
  readonly prompt: QuestionTurn;
  readonly responses: readonly string[];
}

/** Scores by metric; verdicts of the metric that comes first, one a response. */
export interface Judged {
  readonly scores: Readonly<Record<string, number>>;
  readonly verdicts: readonly Verdict[];
}

export type JudgeAll<D> = (answered: readonly Answered<D>[], options: TaskOptions) => Promise<Judged[]>;

export const usualGeneration: Generation = { stop: [], maxNewTokens: 256, temperature: 0, repeats: 1 };

export function generateTask<D>(description: GenerateDescription<D>): Task {
  const { name, version, description: text } = description;
  return {
    ...{ name, version, description: text, kind: "generate" },
    open: (options = {}) => openGenerate(description, options),
  };
}

async function openGenerate<D>(
  task: GenerateDescription<D>,
  options: TaskOptions,
): Promise<OpenGenerateTask> {
  const { name, version, description } = task;
  const data = await documentsOf({ task: name, option: "data", file: options.data, dataSet: task.data });
  const asked = limited(data.rows, options.limit).map((row) => ({ row, document: task.read(row) }));
  const shots = await shotsOf(task, data, { ...options, asked: asked.length });
  const ids = uniqueIds(asked.map(({ row, document }) => task.id?.(document) ?? String(row.number)));
  const items = asked.map(({ row, document }, at) => ({
    id: ids[at]!,
    row: row.number,
    prompt: promptOf(task, document, { shots: shots.of(at), options }),
    target: task.target(document),
  }));
  const byId = new Map(asked.map((one, at) => [ids[at]!, one]));
  return {
    ...{ kind: "generate", name, version, description, items },
    metrics: options.fidelity === "released" ? (task.releasedMetrics ?? task.metrics) : task.metrics,
    generation: { ...usualGeneration, ...task.generation },
    chat: task.chat ?? false,
    provenance: { data: data.provenance, fewshot: shots.provenance },
    grade: (answers) => gradeAll(task, { answers, byId, options }),
  };
}

/** Only the first documents. */
export function limited<T>(all: readonly T[], limit: number | undefined): readonly T[] {
  if (limit === undefined) return all;
  if (Number.isSafeInteger(limit) && limit >= 1) return all.slice(0, limit);
  throw new UsageError(`limit is ${limit}; give a whole number of at least 1`, { limit });
}

/** A name that stands twice gets its row's place behind it. */
export function uniqueIds(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.map((id, at) => {
    const unique = seen.has(id) ? `${id} (${at + 1})` : id;
    seen.add(unique);
    return unique;
  });
}

interface Shots<D> {
  /** The shots of the n-th document, from 0. */
  of(at: number): readonly D[];
  readonly provenance: { readonly count: number; readonly data?: DataProvenance; readonly seed?: number };
}

export interface ShotsTask<D> {
  readonly name: string;
  readonly shots?:
    | Pick<ShotsDescription<D>, "count" | "sampler" | "examples" | "data" | "sameSplit" | "oneMore">
    | undefined;
  read(row: Row): D;
}

export async function shotsOf<D>(
  { name, shots, read }: ShotsTask<D>,
  data: Documents,
  options: TaskOptions & { readonly asked: number },
): Promise<Shots<D>> {
  const { numFewshot: count = shots?.count ?? 0, fewshotSeed: seed = 1234 } = options;
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new UsageError(`num_fewshot is ${count}; give a whole number of at least 0`, {
      num_fewshot: count,
    });
  }
  if (count === 0) return { of: () => [], provenance: { count } };
  if (shots === undefined) {
    throw new UsageError(`the task ${name} has no examples to show, and num_fewshot is ${count}; give 0`, {
      ...{ task: name, num_fewshot: count },
    });
  }
  const wanted = { task: name, option: "fewshot_data", file: options.fewshotData, dataSet: shots.data };
  const isWritten = shots.examples !== undefined && options.fewshotData === undefined;
  const isSame = shots.sameSplit === true && options.fewshotData === undefined;
  const pool = isWritten ? undefined : isSame ? data : await documentsOf(wanted);
  const examples = pool?.rows.map(read) ?? shots.examples!;
  const drawn = drawShots(shots.sampler, {
    ...{ population: examples.length, count, seed, documents: options.asked, name },
    ...{ isSame, oneMore: shots.oneMore ?? false },
  });
  return {
    of: (at) => drawn(at).map((index) => examples[index]!),
    provenance: {
      count,
      ...(pool === undefined ? {} : { data: pool.provenance }),
      ...(shots.sampler === "default" ? { seed } : {}),
    },
  };
}

function promptOf<D>(
  task: GenerateDescription<D>,
  document: D,
  { shots, options }: { readonly shots: readonly D[]; readonly options: TaskOptions },
) {
  const { delimiters = usualDelimiters } = task;
  const own = task.shots;
  const preamble = joined(options.systemInstruction ?? "", task.preamble?.(document) ?? "", delimiters.shot);
  return buildPrompt(
    {
      ...{ preamble, delimiters },
      shots: shots.map((shot) => ({
        question: (own?.question ?? task.question)(shot),
        prefix: (own?.answerPrefix ?? task.answerPrefix)?.(shot) ?? "",
        answer: own!.answer(shot),
      })),
      last: lastTurn(task, document),
      shotDelimiters: own?.delimiters,
    },
    { multiturn: options.fewshotAsMultiturn ?? true },
  );
}

const lastTurn = <D>(task: GenerateDescription<D>, document: D): QuestionTurn => ({
  question: task.question(document),
  prefix: task.answerPrefix?.(document) ?? "",
});

interface ToGrade<D> {
  readonly answers: readonly TextAnswer[];
  readonly byId: ReadonlyMap<string, { readonly row: Row; readonly document: D }>;
  readonly options: TaskOptions;
}

async function gradeAll<D>(task: GenerateDescription<D>, { answers, byId, options }: ToGrade<D>) {
  const answered = answers.map(({ id, responses }) => {
    const found = byId.get(id);
    if (found === undefined) {
      throw new DataError(`the task ${task.name} has no document ${JSON.stringify(id)}`, { id });
    }
    if (responses.length === 0) throw new DataError(`document ${id} of ${task.name} has no response`, { id });
    return { ...found, prompt: lastTurn(task, found.document), responses };
  });
  const judged = await task.judge(answered, options);
  return judged.map((one, at): Graded => ({ id: answers[at]!.id, ...one }));
}

/** Rows that are written in a task, read as any others. */
export const written = <D>(
  name: string,
  read: (row: Row) => D,
  values: readonly Readonly<Record<string, unknown>>[],
): D[] => rowsOf(name, values).map(read);
