// What an evaluation task is. A task is one file and one line in the table (tasks.ts), or a YAML file of
// lm-evaluation-harness (harness-yaml.ts), or a TypeScript file of a user's.
//
// Opening a task reads its documents and writes its prompts; nothing of a model is needed for that:
//
//   const task = await (await findTask("gsm8k_cot_zeroshot")).open({ data: "gsm8k_test.jsonl" });
//   task.items            what is asked, one item a document, in the file's order
//   task.generation       stop strings, longest answer, temperature
//   task.grade(answers)   one Graded an answer, in the answers' order
//   task.metrics          what the scores mean; the first is the main one, every one is a mean over items
//
// Two kinds: `generate` items have a prompt and get texts; `choose` items have candidates and get the negative
// log-likelihood of each (likelihood.ts).

import type { ChatMessage } from "../../text/chat-messages.ts";

export interface Task {
  readonly name: string;
  /** Of prompts, filters and metrics: lm-evaluation-harness's own where the task is its. */
  readonly version: string;
  /** One line. */
  readonly description: string;
  readonly kind: "generate" | "choose";
  open(options?: TaskOptions): Promise<OpenTask>;
}

export interface TaskOptions {
  /** JSONL, JSON or Parquet in the public schema; the task's own place on the hub unless given. */
  readonly data?: string | undefined;
  /** Rows that shots are drawn from, for tasks whose shots are a split of the data set. */
  readonly fewshotData?: string | undefined;
  /** The task's own number unless given. */
  readonly numFewshot?: number | undefined;
  /** lm-evaluation-harness's 1234 unless given. */
  readonly fewshotSeed?: number | undefined;
  /** Only the first documents. Shots do not depend on it. */
  readonly limit?: number | undefined;
  /** As chat: every shot is a turn of its own (the default), or one message holds them all (as d3LLM has it). */
  readonly fewshotAsMultiturn?: boolean | undefined;
  readonly systemInstruction?: string | undefined;
  /** Which rules the main metric follows; `released` for the published code's own, where the task has such. */
  readonly fidelity?: Fidelity | undefined;
  /** Runs generated code even where nothing keeps it from this machine. */
  readonly unsafe?: boolean | undefined;
}

export type Fidelity = "corrected" | "released";

export type OpenTask = OpenGenerateTask | OpenChooseTask;

interface OpenTaskParts {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** The main one first. */
  readonly metrics: readonly Metric[];
  /** Where everything came from, for the manifest: a JSON object. */
  readonly provenance: Provenance;
}

export interface OpenGenerateTask extends OpenTaskParts {
  readonly kind: "generate";
  readonly items: readonly GenerateItem[];
  readonly generation: Generation;
  /** Whether the task's author meant a chat template to be applied. */
  readonly chat: boolean;
  /** One Graded an answer. An answer that cannot be read is wrong, never an error. */
  grade(answers: readonly TextAnswer[]): Promise<Graded[]>;
}

export interface OpenChooseTask extends OpenTaskParts {
  readonly kind: "choose";
  readonly items: readonly ChooseItem[];
  grade(answers: readonly ChoiceAnswer[]): Promise<Graded[]>;
}

interface ItemParts {
  /** The document's own name where it has one, else its row; unique in the task. */
  readonly id: string;
  /** Row of the data file, from 1. */
  readonly row: number;
  /** The row as it stands in the data, for sample files. */
  readonly document?: Readonly<Record<string, unknown>> | undefined;
}

export interface GenerateItem extends ItemParts {
  readonly prompt: TaskPrompt;
  /** What was asked for, for reports. */
  readonly target: string;
}

export interface TaskPrompt {
  /** For a model without a chat template, or when none is applied: everything in one text. */
  readonly text: string;
  readonly messages: readonly ChatMessage[];
  /** As chat: how the answer begins, behind the head of the assistant's turn; no part of the response. */
  readonly answerPrefix: string;
}

export interface Generation {
  readonly stop: readonly string[];
  readonly maxNewTokens: number;
  /** 0 unless the task asks for another. */
  readonly temperature: number;
  /** Responses an item, for metrics that need several. */
  readonly repeats: number;
}

export interface ChooseItem extends ItemParts {
  /** What is scored: the likelihood of each continuation behind its context. No chat template is applied. */
  readonly candidates: readonly Candidate[];
  /** Index of the right candidate; several where any of them counts. */
  readonly gold: readonly number[];
}

export interface Candidate {
  readonly context: string;
  readonly continuation: string;
  /** The choice itself, without delimiter: its length normalises acc_norm. */
  readonly choice: string;
}

export interface TextAnswer {
  readonly id: string;
  /** Cut at the stop strings; usually one. */
  readonly responses: readonly string[];
}

export interface ChoiceAnswer {
  readonly id: string;
  /** Of each candidate, in nats. */
  readonly nlls: readonly number[];
}

export interface Graded {
  readonly id: string;
  /** By metric; mean over the responses where a metric judges each. */
  readonly scores: Readonly<Record<string, number>>;
  /** The main metric's verdict on every response (on the choice), in order. */
  readonly verdicts: readonly Verdict[];
}

export interface Verdict {
  readonly correct: boolean;
  /** What was taken for the answer; null where there was none. */
  readonly extracted: string | null;
  /** Why it is wrong, in one line; empty where it is right. */
  readonly reason: string;
  /** Nothing was found, or what was found cannot be read. */
  readonly unparsed: boolean;
}

export interface Metric {
  /** Metric and filter, as lm-evaluation-harness writes them: "exact_match,strict-match", "pass@1,none". */
  readonly name: string;
  readonly higherIsBetter: boolean;
  /** Of 0 and 1: has an interval of a share, is shown in per cent. */
  readonly isShare: boolean;
}

/** A JSON object. */
export interface Provenance {
  readonly data: DataProvenance;
  readonly fewshot: { readonly count: number; readonly data?: DataProvenance; readonly seed?: number };
  readonly [field: string]: unknown;
}

export interface DataProvenance {
  /** A file's name, a data set of the hub with its commit, or "generated". */
  readonly source: string;
  readonly rows: number;
  readonly sha256?: string;
}
