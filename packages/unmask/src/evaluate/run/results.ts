// results.json and samples_<task>.jsonl in the shape of lm-evaluation-harness, so that its readers read them, with what
// decoding cost beside the scores. No time of the clock is in them: the same run gives the same bytes.

import { createHash } from "node:crypto";
import type { ChooseItem, GenerateItem } from "../tasks/task.ts";
import type { EvalConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import { trajectoryFile } from "./names.ts";
import type { MetricOutcome, Row, TaskOutcome } from "./outcome.ts";
import { optionsFor, type Setting } from "./plan.ts";
import type { TaskText } from "./quality.ts";

/** Means over a task's questions: "exact_match,strict-match", and its error under "exact_match_stderr,strict-match". */
function scoresOf({ name, metrics }: TaskOutcome): Record<string, unknown> {
  return {
    alias: name,
    ...Object.fromEntries(
      metrics.flatMap(({ name: metric, mean, stderr }) => [
        [metric, mean],
        [withSuffix(metric, "_stderr"), stderr],
      ]),
    ),
  };
}

/** "exact_match,strict-match" → "exact_match_stderr,strict-match" */
function withSuffix(metric: string, suffix: string): string {
  const [name = "", ...filter] = metric.split(",");
  return [name + suffix, ...filter].join(",");
}

const metricName = (metric: string): string => metric.split(",")[0]!;

export interface ResultsOptions {
  readonly config: EvalConfig;
  readonly identity: Identity;
  readonly setting: Setting;
  /** Where texts are judged, by task. */
  readonly quality: ReadonlyMap<string, TaskText>;
}

export function resultsJson(outcomes: readonly TaskOutcome[], options: ResultsOptions) {
  const { config, identity, setting, quality } = options;
  const { run, model } = identity;
  const each = <Value>(entry: (outcome: TaskOutcome) => Value) =>
    Object.fromEntries(outcomes.map((outcome) => [outcome.name, entry(outcome)]));
  return {
    results: each(scoresOf),
    group_subtasks: each(() => []),
    configs: each((outcome) => taskConfig(outcome, setting)),
    versions: each(({ planned }) => planned.task.version),
    "n-shot": each(({ planned }) => planned.task.provenance.fewshot.count),
    higher_is_better: each(({ metrics }) =>
      Object.fromEntries(metrics.map((one) => [metricName(one.name), one.higherIsBetter])),
    ),
    "n-samples": each(({ planned, rows }) => ({
      original: planned.task.provenance.data.rows,
      effective: rows.length,
    })),
    config: {
      model: "unmask",
      model_args: modelArgs(config),
      ...{
        batch_size: run.batch_size,
        batch_sizes: [],
        device: run.device,
        dtype: run.dtype,
        use_cache: null,
      },
      ...{ limit: config.limit ?? null, gen_kwargs: setting.options },
      ...{ random_seed: run.seed, fewshot_seed: outcomes[0]?.planned.config.fewshot_seed ?? 1234 },
    },
    ...{ model_source: "unmask", model_name: config.model, git_hash: identity.unmask.commit },
    chat_template_sha: model.template_hash,
    system_instruction: config.system_instruction ?? null,
    fewshot_as_multiturn: config.fewshot_as_multiturn,
    unmask: {
      version: identity.unmask.version,
      ...{ decoder: setting.decoder, options: setting.options, fidelity: run.fidelity },
      tasks: each((outcome) => taskSummary(outcome, quality.get(outcome.name))),
    },
  };
}

export type ResultsJson = ReturnType<typeof resultsJson>;

const modelArgs = ({ model, revision, adapter, dtype }: EvalConfig): string =>
  Object.entries({ pretrained: model, revision, peft: adapter, dtype })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join(",");

function taskConfig({ name, planned, metrics }: TaskOutcome, setting: Setting) {
  const { task, chat, options } = planned;
  return {
    task: name,
    description: task.description,
    output_type: task.kind === "generate" ? "generate_until" : "multiple_choice",
    num_fewshot: task.provenance.fewshot.count,
    metric_list: metrics.map((one) => ({ metric: one.name, higher_is_better: one.higherIsBetter })),
    ...(task.kind === "generate"
      ? {
          repeats: options.count,
          generation_kwargs: {
            ...{ until: options.stop, max_gen_toks: options.maxNewTokens },
            ...optionsFor(setting, planned),
          },
          apply_chat_template: chat,
        }
      : {}),
    metadata: { version: task.version, ...task.provenance },
  };
}

export function taskSummary(outcome: TaskOutcome, quality: TaskText | undefined) {
  const { metrics, rows, unparsed, cut, promptsCut, decoding } = outcome;
  return {
    questions: rows.length,
    metrics: Object.fromEntries(metrics.map((one) => [one.name, intervalJson(one)])),
    ...{ unparsed, graders_cut: cut, prompts_cut: promptsCut },
    ...(decoding === undefined ? {} : { decoding }),
    ...(quality === undefined ? {} : { text: quality }),
  };
}

export type TaskSummary = ReturnType<typeof taskSummary>;

const intervalJson = ({ mean, stderr, low, high, method, isShare, higherIsBetter }: MetricOutcome) => ({
  ...{ mean, stderr, low, high, level: 0.95, interval: method },
  ...{ is_share: isShare, higher_is_better: higherIsBetter },
});

/** One line a question. */
export function sampleLines(outcome: TaskOutcome): unknown[] {
  const { task } = outcome.planned;
  return outcome.rows.map((row, at) => {
    const item = task.items[row.item]!;
    const asked = "prompt" in item ? generateParts(outcome, row, item) : chooseParts(row, item);
    const { scores, verdicts } = row.graded;
    return {
      doc_id: row.item,
      doc: item.document ?? { id: item.id },
      ...asked.line,
      filtered_resps: verdicts.map(({ extracted }) => extracted ?? "[invalid]"),
      filter: outcome.metrics[0]!.name.split(",")[1] ?? "none",
      metrics: outcome.metrics.map(({ name }) => name),
      ...scores,
      doc_hash: sha256(JSON.stringify(item.document ?? item.id)),
      prompt_hash: sha256(asked.prompt),
      target_hash: sha256(asked.line.target),
      unmask: {
        ...{ id: item.id, row: item.row },
        verdicts,
        ...(row.graded.cut === true ? { grader_cut: true } : {}),
        ...answerParts(outcome, row, at),
      },
    };
  });
}

function generateParts({ planned }: TaskOutcome, row: Row, { prompt, target }: GenerateItem) {
  const { chat, options } = planned;
  const text = chat
    ? prompt.messages.map(({ role, content }) => `${role}: ${String(content)}`).join("\n") +
      prompt.answerPrefix
    : prompt.text;
  const settings = { until: options.stop, max_gen_toks: options.maxNewTokens };
  return {
    prompt: text,
    line: {
      target,
      arguments: { gen_args_0: { arg_0: chat ? prompt.messages : text, arg_1: settings } },
      resps: [row.written.map((one) => one.text)],
    },
  };
}

function chooseParts(row: Row, { candidates, gold }: ChooseItem) {
  const args = candidates.map(({ context, continuation }, i) => [
    `gen_args_${i}`,
    { arg_0: context, arg_1: continuation },
  ]);
  return {
    prompt: candidates[0]?.context ?? "",
    line: {
      target: gold.map((at) => candidates[at]?.choice ?? "").join(" | "),
      arguments: Object.fromEntries(args),
      resps: (row.scored?.nlls ?? []).map((nll) => [-nll]),
    },
  };
}

/** Where the answers' trajectories stand, and what they cost. */
function answerParts({ name, planned }: TaskOutcome, row: Row, at: number) {
  if (row.scored !== undefined) {
    const { standard_errors, tokens_cut } = row.scored;
    return { standard_errors, prompt_tokens_cut: tokens_cut };
  }
  if (row.written.length === 0) return {};
  const { ids, cut } = planned.prompts[row.item]!;
  const count = row.written.length;
  return {
    trajectory: {
      file: trajectoryFile(name),
      rows: row.written.map((_, repeat) => at * count + repeat),
    },
    prompt_tokens: ids.length,
    prompt_tokens_cut: cut,
    answers: row.written.map(({ tokens, tokens_behind_end, trajectory }) => ({
      ...{ tokens, forwards: trajectory.forwards, tokens_behind_end },
      finish_reason: trajectory.finish_reason,
    })),
  };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
