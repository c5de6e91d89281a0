// What all tasks share: reading documents, finding the shots of each, writing the prompts.

import { DataError, UsageError } from "../../base/errors.ts";
import { type DataSet, documentsOf } from "./data-set.ts";
import { type Documents, type Row, rowsOf } from "./documents.ts";
import { drawShots, type Sampler } from "./shots.ts";
import type { Provenance, TaskOptions, TaskPrompt } from "./task.ts";
import { buildPrompt, type Delimiters, joined, usualDelimiters } from "./turns.ts";

/** `D` is what a row becomes once it is read and checked. */
export interface AskDescription<D> {
  readonly name: string;
  readonly version: string;
  /** One line. */
  readonly description: string;
  /** Several are one after the other. */
  readonly data?: DataSet | readonly DataSet[] | undefined;
  /** Rows that are made where no file is named: as many as are asked for. */
  made?(count: number | undefined): Documents;
  /** Throws a DataError for a row that lacks something. */
  read(row: Row): D;
  /** The document's own name; its row's number otherwise. */
  id?(document: D): string;
  /** What stands in front of everything: lm-evaluation-harness's `description`. */
  preamble?(document: D): string;
  question(document: D): string;
  /** How the answer begins: lm-evaluation-harness's `gen_prefix`. */
  answerPrefix?(document: D): string;
  readonly shots?: ShotsDescription<D> | undefined;
  readonly delimiters?: Delimiters | undefined;
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
  /** Shots are taken from documents of the same group alone. */
  group?(document: D): string;
  answer(document: D): string;
  question?(document: D): string;
  answerPrefix?(document: D): string;
  readonly delimiters?: Delimiters | undefined;
}

export interface Asked<D> {
  /** Unique in the task. */
  readonly id: string;
  readonly row: Row;
  readonly document: D;
  readonly shots: readonly D[];
}

export interface OpenDocuments<D> {
  readonly asked: readonly Asked<D>[];
  readonly provenance: Provenance;
}

export async function openDocuments<D>(
  task: AskDescription<D>,
  options: TaskOptions,
): Promise<OpenDocuments<D>> {
  const { name: taskName } = task;
  const wanted = { task: taskName, option: "data", file: options.data, dataSet: task.data };
  const made = options.data === undefined ? task.made?.(options.limit) : undefined;
  const data = made ?? (await documentsOf(wanted));
  const rows = limited(data.rows, options.limit);
  const documents = rows.map((row) => task.read(row));
  const shots = await shotsOf(task, data, { options, documents });
  const ids = uniqueIds(documents.map((document, at) => task.id?.(document) ?? String(rows[at]!.number)));
  return {
    asked: documents.map((document, at) => ({
      ...{ id: ids[at]!, row: rows[at]!, document, shots: shots.of(at) },
    })),
    provenance: { data: data.provenance, fewshot: shots.provenance },
  };
}

/** Only the first documents. */
function limited<T>(all: readonly T[], limit: number | undefined): readonly T[] {
  if (limit === undefined) return all;
  if (Number.isSafeInteger(limit) && limit >= 1) return all.slice(0, limit);
  throw new UsageError(`limit is ${limit}; give a whole number of at least 1`, { limit });
}

/** A name that stands twice gets its place behind it. */
function uniqueIds(ids: readonly string[]): string[] {
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
  readonly provenance: Provenance["fewshot"];
}

interface ShotsContext<D> {
  readonly options: TaskOptions;
  readonly documents: readonly D[];
}

async function shotsOf<D>(
  { name, shots, read }: AskDescription<D>,
  data: Documents,
  { options, documents }: ShotsContext<D>,
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
  const isWritten = shots.examples !== undefined && options.fewshotData === undefined;
  const isSame = shots.sameSplit === true && options.fewshotData === undefined;
  const wanted = { task: name, option: "fewshot_data", file: options.fewshotData, dataSet: shots.data };
  const pool = isWritten ? undefined : isSame ? data : await documentsOf(wanted);
  const examples = pool?.rows.map((row) => read(row)) ?? shots.examples!;
  const drawing = { count, seed, name, oneMore: isSame || shots.oneMore === true };
  const { group } = shots;
  return {
    of: drawShots(shots.sampler, { examples, documents, group }, drawing),
    provenance: {
      count,
      ...(pool === undefined ? {} : { data: pool.provenance }),
      ...(shots.sampler === "default" ? { seed } : {}),
    },
  };
}

interface PromptOptions {
  readonly options: TaskOptions;
  readonly question?: string | undefined;
}

/** The prompt of a document with its shots; `question` where it is not the task's own. */
export function promptOf<D>(
  task: AskDescription<D>,
  { document, shots }: Pick<Asked<D>, "document" | "shots">,
  { options, question = task.question(document) }: PromptOptions,
): TaskPrompt {
  const { delimiters = usualDelimiters, shots: own } = task;
  return buildPrompt(
    {
      preamble: joined(options.systemInstruction ?? "", task.preamble?.(document) ?? "", delimiters.shot),
      delimiters,
      shots: shots.map((shot) => ({
        question: (own?.question ?? task.question)(shot),
        prefix: (own?.answerPrefix ?? task.answerPrefix)?.(shot) ?? "",
        answer: own!.answer(shot),
      })),
      last: { question, prefix: task.answerPrefix?.(document) ?? "" },
      shotDelimiters: own?.delimiters,
    },
    { multiturn: options.fewshotAsMultiturn ?? true },
  );
}

/** Looks a document up by its id; one that the task lacks is the answers' mistake. */
export function byId<T extends { readonly id: string }>(task: string, all: readonly T[]): (id: string) => T {
  const known = new Map(all.map((one) => [one.id, one]));
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    throw new DataError(`the task ${task} has no document ${JSON.stringify(id)}`, { id });
  };
}

/** Rows that are written in a task, read as any others. */
export const written = <D>(
  name: string,
  read: (row: Row) => D,
  values: readonly Readonly<Record<string, unknown>>[],
): D[] => rowsOf(name, values).map((row) => read(row));
