// The whole of an evaluation: plan, answers, verdicts, results. It may be killed at any moment and go on: what is
// finished stands in journals, what is not is done again with the same questions in the same batch, and the results
// are those of a run that was never interrupted.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, UsageError } from "../../base/errors.ts";
import { describe, type FetchOptions, type ModelText, modelFolder } from "../../generate/load.ts";
import { loadChatTemplate } from "../../text/chat-template.ts";
import type { EvalConfig } from "./config.ts";
import { type Answer, childGrader, type Grader, gradeAnswers, localGrader } from "./grade.ts";
import { type Identity, identityOf, refuseOtherRun } from "./identity.ts";
import { outcomeOf, type Row, type TaskOutcome } from "./outcome.ts";
import { makePlan, type Plan, requestOf, type Unit, type Variant } from "./plan.ts";
import { runUnits } from "./pool.ts";
import { journalName, RunRecord } from "./record.ts";
import type { UnitResult } from "./unit.ts";
import { childWorker, deviceOf, localWorker, threadsOf, type WorkerModel } from "./worker.ts";

export type EvalEvent =
  | { readonly type: "start"; readonly plan: Plan; readonly answered: number; readonly questions: number }
  | {
      readonly type: "answers";
      readonly setting: number;
      readonly task: string;
      readonly answered: number;
      readonly questions: number;
    }
  | { readonly type: "grades"; readonly graded: number; readonly questions: number };

export interface EvaluateOptions {
  /** Goes on with the run in config.out. */
  readonly resume?: boolean | undefined;
  readonly variants?: readonly Variant[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: EvalEvent) => void) | undefined;
  readonly onProgress?: FetchOptions["onProgress"];
  /** One worker and the grader in this process: nothing cuts a grader that hangs. */
  readonly inProcess?: boolean | undefined;
}

export interface Evaluated {
  readonly config: EvalConfig;
  readonly model: ModelText;
  readonly plan: Plan;
  readonly identity: Identity;
  readonly record: RunRecord;
  /** By setting, in the plan's order. */
  readonly outcomes: readonly (readonly TaskOutcome[])[];
}

export interface Prepared {
  readonly config: EvalConfig;
  readonly model: ModelText;
  readonly plan: Plan;
}

/** Reads everything but weights, and checks it. */
export async function prepareEvaluation(
  config: EvalConfig,
  { variants, signal, onProgress }: EvaluateOptions = {},
): Promise<Prepared> {
  refuseMissing(config);
  const folder = await modelFolder(config.model, { revision: config.revision, signal, onProgress });
  const { facts, tokenizer } = await describe(folder);
  const template = tokenizer === undefined ? undefined : await loadChatTemplate(folder, tokenizer);
  const model: ModelText = { folder, facts, tokenizer, template };
  return { config, model, plan: await makePlan(config, model, variants) };
}

/** Folders that are read late are looked for early. */
function refuseMissing({ adapter, judge }: EvalConfig): void {
  for (const [key, folder] of Object.entries({ adapter, judge })) {
    if (
      folder === undefined ||
      existsSync(join(folder, key === "adapter" ? "adapter_config.json" : "config.json"))
    ) {
      continue;
    }
    const what = key === "adapter" ? "no LoRA adapter (adapter_config.json)" : "no model (config.json)";
    throw new ConfigError(`${key}: ${folder} holds ${what}`, { [key]: folder });
  }
}

/** Undefined if it was interrupted; what is done is kept. */
export async function evaluate(
  config: EvalConfig,
  options: EvaluateOptions = {},
): Promise<Evaluated | undefined> {
  const { resume = false, signal } = options;
  if (!resume && existsSync(join(config.out, journalName))) {
    throw new UsageError(
      `${config.out} holds an evaluation; go on with it by --resume, or choose another folder with out=DIR`,
      { folder: config.out },
    );
  }
  const prepared = await prepareEvaluation(config, options);
  const record = new RunRecord(config.out);
  try {
    const threads = threadsFor(config, record);
    const identity = await identityOf({ ...prepared, threads });
    if (record.identity === undefined) record.begin(identity);
    else refuseOtherRun(config.out, record.identity, identity);
    record.time({ type: "session", began: new Date().toISOString(), processes: config.processes });
    await answerAll({ ...prepared, record, threads }, options);
    if (!signal?.aborted) await gradeAll({ ...prepared, record, threads }, options);
    if (signal?.aborted) return undefined;
    return { ...prepared, identity, record, outcomes: outcomesOf(prepared, record) };
  } finally {
    record.close();
  }
}

/** Measured ones differ from time to time: a run goes on with those that it was begun with. */
function threadsFor({ threads, processes }: EvalConfig, { identity }: RunRecord): number {
  const begun = (identity as Identity | undefined)?.run.threads;
  return threads === "auto" && begun !== undefined ? begun : threadsOf(threads, processes);
}

interface Running extends Prepared {
  readonly record: RunRecord;
  readonly threads: number;
}

const questionsOf = ({ settings, tasks }: Plan): number =>
  settings.length * tasks.reduce((sum, { task }) => sum + task.items.length, 0);

/** Whether all answers to a question are there. */
function isAnswered({ plan, record }: Running, { setting, task }: Unit, item: number): boolean {
  if (plan.tasks[task]!.task.kind === "choose") return record.scoredAt({ setting, task, item }) !== undefined;
  const wanted = plan.tasks[task]!.options.count ?? 1;
  const known = record.answersAt({ setting, task, item });
  return known.length === wanted && !known.includes(undefined as never);
}

async function answerAll(running: Running, options: EvaluateOptions): Promise<void> {
  const { config, plan, record } = running;
  const pending = plan.units.filter((unit) => !unit.items.every((item) => isAnswered(running, unit, item)));
  const questions = questionsOf(plan);
  let answered = questions - pending.reduce((sum, { items }) => sum + items.length, 0);
  options.onEvent?.({ type: "start", plan, answered, questions });
  await runUnits(
    pending.map((unit) => requestOf(plan, unit, config)),
    {
      workers: options.inProcess === true ? 1 : config.processes,
      open: workerOf(running, options),
      signal: options.signal,
      onDone({ index, worker, first, result }) {
        const unit = pending[index]!;
        keepAnswers(running, unit, result);
        record.time({ type: "unit", ...unit, worker, first, ...result.timing });
        answered += unit.items.length;
        const { setting, task } = unit;
        const name = plan.tasks[task]!.name;
        options.onEvent?.({ type: "answers", setting, task: name, answered, questions });
      },
    },
  );
}

function workerOf({ config, model, threads }: Running, { inProcess, signal }: EvaluateOptions) {
  const { adapter, device, dtype, fidelity } = config;
  const wanted: WorkerModel = {
    ...{ folder: model.folder, source: config.model, adapter, device, dtype, threads },
    // Exact and faster; but DiDi-Instruct's released sampler tells the network the noise.
    fold: fidelity !== "released",
  };
  const local = inProcess === true || config.processes === 1;
  return (number: number) =>
    local
      ? localWorker(wanted, signal)
      : childWorker({ ...wanted, device: deviceOf(device, number) }, signal);
}

function keepAnswers({ record }: Running, { setting, task, items }: Unit, result: UnitResult): void {
  if (result.kind === "choose") {
    record.addScores(result.scores.map((scored, at) => ({ setting, task, item: items[at]!, scored })));
    return;
  }
  const repeats = result.answers.length / items.length;
  const answers = result.answers.map((written, at) => ({
    ...{ setting, task, item: items[Math.floor(at / repeats)]! },
    ...{ repeat: at % repeats, written },
  }));
  record.addAnswers(answers, result.header);
}

async function gradeAll(running: Running, options: EvaluateOptions): Promise<void> {
  const { config, plan, record } = running;
  const open = plan.tasks.map(({ task }) => task);
  const grader: Grader = options.inProcess === true ? localGrader(open) : childGrader(config);
  const questions = questionsOf(plan);
  let graded = 0;
  try {
    for (const setting of plan.settings.keys()) {
      for (const [task, { task: one }] of plan.tasks.entries()) {
        const places = new Map(one.items.map(({ id }, item) => [id, { setting, task, item }]));
        const pending = [...places].filter(([, place]) => record.gradedAt(place) === undefined);
        graded += one.items.length - pending.length;
        await gradeAnswers(
          { index: task, open: one },
          pending.map(([id, place]): Answer => {
            const nlls = record.scoredAt(place)?.nlls;
            if (nlls !== undefined) return { id, nlls };
            return { id, responses: record.answersAt(place).map(({ text }) => text) };
          }),
          {
            grader,
            signal: options.signal,
            onGraded(some) {
              record.addGraded(some.map((verdict) => ({ ...places.get(verdict.id)!, graded: verdict })));
              graded += some.length;
              options.onEvent?.({ type: "grades", graded, questions });
            },
          },
        );
      }
    }
  } finally {
    grader.close();
  }
}

function outcomesOf({ config, plan }: Prepared, record: RunRecord): TaskOutcome[][] {
  return plan.settings.map((_, setting) =>
    plan.tasks.map((planned, task) => {
      const rows = planned.task.items.map((_item, item): Row => {
        const place = { setting, task, item };
        const [written, scored] = [record.answersAt(place), record.scoredAt(place)];
        return { item, written, scored, graded: record.gradedAt(place)! };
      });
      return outcomeOf({ planned, header: record.headerOf({ setting, task }), rows, seed: config.seed });
    }),
  );
}
