// A task file of lm-evaluation-harness as a task.
//
// Served are generate_until with exact_match, multiple_choice with acc, acc_norm, acc_bytes, acc_mutual_info and
// brier_score, and loglikelihood with perplexity (as mean nll). Whatever else a file asks for is refused by its name:
// nothing is left out silently.

import { basename, dirname, isAbsolute, join } from "node:path";
import { ConfigError, UnsupportedError } from "../../base/errors.ts";
import { type AskDescription, written } from "./asking.ts";
import { type ChoiceMetric, choiceMetrics, chooseTask } from "./choose-task.ts";
import type { DataSet } from "./data-set.ts";
import type { ExactMatchOptions } from "./exact-match.ts";
import { generateTask } from "./generate-task.ts";
import {
  choicesReader,
  goldOf,
  type HarnessDocument,
  refuseQuestionIndex,
  type Target,
  targetReader,
  textReader,
} from "./harness-documents.ts";
import { harnessFilters } from "./harness-filters.ts";
import { type HarnessSettings, harnessSettings, type MetricSettings } from "./harness-settings.ts";
import { readHarnessYaml } from "./harness-yaml.ts";
import { judgeEach, matchingAny, share } from "./judge.ts";
import { likelihoodTask } from "./likelihood-task.ts";
import { pythonString } from "./python-literal.ts";
import type { Generation, Task } from "./task.ts";

/** Reads a task file. Throws a ConfigError or UnsupportedError. */
export function harnessTask(file: string): Task {
  const settings = harnessSettings(readHarnessYaml(file), file);
  const make = makers[settings.output_type];
  if (make !== undefined) return make(settings, file);
  throw new UnsupportedError(
    `${file}: output_type ${settings.output_type} is not served; there are ${Object.keys(makers).join(", ")}`,
    { file },
  );
}

type Make = (settings: HarnessSettings, file: string) => Task;

const makers: Readonly<Record<string, Make>> = {
  generate_until: generates,
  multiple_choice: chooses,
  loglikelihood: scores,
};

function generates(settings: HarnessSettings, file: string): Task {
  const ask = asking(settings, file);
  const {
    metric_list: list = [{ metric: "exact_match", aggregation: undefined, higher_is_better: undefined }],
  } = settings;
  const judges = list.flatMap((metric) => {
    const options = exactMatchOptions(metric, file);
    return harnessFilters(settings, file).map(
      ({ name, filter }) => [`${metric.metric},${name}`, matchingAny(filter, ask.golds, options)] as const,
    );
  });
  return generateTask({
    ...ask.description,
    target: (document) => ask.golds(document)[0] ?? "",
    generation: generation(settings),
    metrics: judges.map(([name]) => share(name)),
    judge: judgeEach(Object.fromEntries(judges)),
  });
}

function chooses(settings: HarnessSettings, file: string): Task {
  const ask = asking(settings, file);
  const { choices } = ask;
  if (choices === undefined) {
    throw new ConfigError(`${file} has no doc_to_choice; multiple_choice needs the list of choices`, {
      file,
    });
  }
  const metrics = settings.metric_list?.map((metric) => choiceMetric(metric, file)) ?? ["acc", "acc_norm"];
  return chooseTask({
    ...ask.description,
    choices,
    gold: (document) => goldOf(ask.target(document), choices(document)),
    metrics,
  });
}

function scores(settings: HarnessSettings, file: string): Task {
  for (const metric of settings.metric_list ?? []) {
    requireMean(metric, file, ["perplexity"]);
    if (metric.metric === "perplexity") continue;
    throw new UnsupportedError(
      `${file}: the metric ${metric.metric} of loglikelihood is not served (a model that fills in masks has no greedy continuation here); keep perplexity alone`,
      { file, metric: metric.metric },
    );
  }
  const ask = asking(settings, file);
  return likelihoodTask({
    ...ask.description,
    continuation: (document) => pythonString(ask.target(document)),
  });
}

interface Asking {
  readonly description: AskDescription<HarnessDocument>;
  readonly choices: ((document: HarnessDocument) => readonly string[]) | undefined;
  target(document: HarnessDocument): Target;
  /** Texts of which any counts. */
  golds(document: HarnessDocument): readonly string[];
}

function asking(settings: HarnessSettings, file: string): Asking {
  const { doc_to_text: question, doc_to_target: wanted, doc_to_choice: choice, task } = settings;
  refuseQuestionIndex(question, file);
  if (wanted === undefined) throw new ConfigError(`${file} has no doc_to_target`, { file });
  const source = (field: string) => `${basename(file)}, ${field}`;
  const choices = choice === undefined ? undefined : choicesReader(choice, source("doc_to_choice"));
  const hasChoices = choices !== undefined;
  const target = targetReader(wanted, { source: source("doc_to_target"), hasChoices });
  const delimiters = { target: settings.target_delimiter, shot: settings.fewshot_delimiter };
  const { description, gen_prefix: prefix } = settings;
  return {
    description: {
      ...{
        name: task,
        version: versionOf(settings),
        description: `${basename(file)} of lm-evaluation-harness`,
      },
      data: dataSetOf(settings, file, settings.test_split ?? settings.validation_split),
      read: (row) => row,
      question: textReader(question, source("doc_to_text")),
      ...(description === undefined || description === ""
        ? {}
        : { preamble: textReader(description, source("description")) }),
      ...(prefix === undefined ? {} : { answerPrefix: textReader(prefix, source("gen_prefix")) }),
      shots: shotsOf(settings, { file, choices, target }),
      delimiters,
    },
    choices,
    target,
    golds: (document) => textsOf(target(document), choices?.(document)),
  };
}

/** A choice's number becomes its text. */
function textsOf(target: Target, choices: readonly string[] | undefined): readonly string[] {
  const all = typeof target === "object" ? target : [target];
  return all.map((one) => (typeof one === "number" ? (choices?.[one] ?? String(one)) : one));
}

interface ShotParts {
  readonly file: string;
  readonly choices: Asking["choices"];
  target(document: HarnessDocument): Target;
}

function shotsOf(
  settings: HarnessSettings,
  { file, choices, target }: ShotParts,
): NonNullable<AskDescription<HarnessDocument>["shots"]> {
  const own = settings.fewshot_config;
  if (own?.fewshot_indices !== undefined) {
    throw new UnsupportedError(
      `${file}: fewshot_config.fewshot_indices is not served; write fewshot_config.samples`,
      {
        file,
      },
    );
  }
  const { training_split: train, validation_split: validation, test_split: test } = settings;
  const named = own?.split ?? settings.fewshot_split;
  const split = named ?? train ?? validation ?? test;
  const samples = named === undefined ? own?.samples : undefined;
  const source = (field: string) => `${basename(file)}, fewshot_config.${field}`;
  const ownChoices =
    own?.doc_to_choice === undefined ? choices : choicesReader(own.doc_to_choice, source("doc_to_choice"));
  const ownTarget =
    own?.doc_to_target === undefined
      ? target
      : targetReader(own.doc_to_target, {
          ...{ source: source("doc_to_target"), hasChoices: ownChoices !== undefined },
        });
  return {
    count: settings.num_fewshot ?? 0,
    sampler: own?.sampler ?? "default",
    ...(samples === undefined
      ? { data: split === undefined ? undefined : dataSetOf(settings, file, split) }
      : { examples: written(`the samples of ${basename(file)}`, (row) => row, samples) }),
    sameSplit: samples === undefined && split === (test ?? validation),
    oneMore: named === test,
    answer: (document) => textsOf(ownTarget(document), ownChoices?.(document))[0] ?? "",
    ...(own?.doc_to_text === undefined
      ? {}
      : { question: textReader(own.doc_to_text, source("doc_to_text")) }),
    ...(own?.gen_prefix === undefined
      ? {}
      : { answerPrefix: textReader(own.gen_prefix, source("gen_prefix")) }),
    delimiters: {
      target: own?.target_delimiter ?? settings.target_delimiter,
      shot: own?.fewshot_delimiter ?? settings.fewshot_delimiter,
    },
  };
}

const fileKinds = ["json", "parquet"];

function dataSetOf(settings: HarnessSettings, file: string, split: string | undefined): DataSet | undefined {
  const { dataset_path: path, dataset_name: config, dataset_kwargs: more = {} } = settings;
  if (path === undefined || split === undefined) return undefined;
  const files = more.data_files;
  if (files !== undefined && files !== null) {
    const own = typeof files === "string" ? files : (files as Record<string, unknown>)[split];
    if (typeof own !== "string") {
      throw new ConfigError(`${file}: dataset_kwargs.data_files names no one file for the split ${split}`, {
        file,
      });
    }
    return { path, split, file: isAbsolute(own) ? own : join(dirname(file), own) };
  }
  if (fileKinds.includes(path)) {
    throw new ConfigError(`${file}: dataset_path ${path} needs dataset_kwargs.data_files`, { file });
  }
  return { path, config, split };
}

function versionOf({ metadata }: HarnessSettings): string {
  const version = (metadata as { version?: unknown } | null | undefined)?.version;
  return typeof version === "number" || typeof version === "string" ? String(version) : "1";
}

function generation({ generation_kwargs: given, fewshot_delimiter, repeats }: HarnessSettings): Generation {
  const { until, max_gen_toks: most, max_new_tokens: alias, temperature, do_sample: samples } = given ?? {};
  return {
    stop: (until ?? [fewshot_delimiter]).filter((text) => text !== ""),
    maxNewTokens: most ?? alias ?? 256,
    temperature: samples === false ? 0 : (temperature ?? 0),
    repeats,
  };
}

function exactMatchOptions(metric: MetricSettings, file: string): ExactMatchOptions {
  requireMean(metric, file);
  if (metric.metric !== "exact_match") {
    throw new UnsupportedError(
      `${file}: the metric ${metric.metric} is not served; texts are judged by exact_match, or write the task as a TypeScript file`,
      { file, metric: metric.metric },
    );
  }
  const { ignore_case, ignore_punctuation, ignore_numbers, regexes_to_ignore: regexes } = metric;
  return {
    ignoreCase: ignore_case === true,
    ignorePunctuation: ignore_punctuation === true,
    ignoreNumbers: ignore_numbers === true,
    regexesToIgnore: Array.isArray(regexes) ? regexes.map(String) : [],
  };
}

function choiceMetric(metric: MetricSettings, file: string): ChoiceMetric {
  const found = choiceMetrics.find((name) => name === metric.metric);
  requireMean(metric, file, found === "brier_score" ? ["brier_score"] : []);
  if (found !== undefined) return found;
  throw new UnsupportedError(
    `${file}: the metric ${metric.metric} is not served; choices are judged by ${choiceMetrics.join(", ")}`,
    { file, metric: metric.metric },
  );
}

/** Every score here is a mean over documents. */
function requireMean(
  { metric, aggregation }: MetricSettings,
  file: string,
  others: readonly string[] = [],
): void {
  if (aggregation === undefined || aggregation === "mean" || others.includes(aggregation)) return;
  throw new UnsupportedError(
    `${file}: the aggregation ${aggregation} of ${metric} is not served; scores are means over documents`,
    { file, metric },
  );
}
