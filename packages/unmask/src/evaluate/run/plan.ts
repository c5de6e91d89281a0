// What an evaluation does: questions × decoder settings, cut into units. Everything that can be wrong is found here,
// before a weight is read: unknown decoders and options, files without the fields of their task, prompts that do not fit.

import { createHash } from "node:crypto";
import { ConfigError, UnsupportedError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { OptionValues } from "../../decode/decoder.ts";
import { decoders } from "../../decode/decoders.ts";
import type { ModelText } from "../../generate/load.ts";
import { resolveRequest } from "../../generate/request.ts";
import type { GenerateItem, OpenChooseTask, OpenTask } from "../tasks/task.ts";
import { type EvalConfig, type TaskConfig, taskConfigs } from "./config.ts";
import { fileName } from "./names.ts";
import { openTask } from "./open-task.ts";
import { type EncodedPrompt, encodeTaskPrompt } from "./prompts.ts";
import type { GenerateUnit, UnitRequest } from "./unit.ts";

/** A decoder with its options. */
export interface Setting {
  /** For tables, charts and folders; "" where there is but one. */
  readonly label: string;
  readonly decoder: string;
  /** All of them, defaults filled in. */
  readonly options: OptionValues;
  /** What the configuration says of it. */
  readonly given: OptionValues;
}

export interface PlannedTask {
  /** In the results. */
  readonly name: string;
  readonly config: TaskConfig;
  readonly task: OpenTask;
  readonly chat: boolean;
  /** In the order of the task's items; none for tasks that choose. */
  readonly prompts: readonly EncodedPrompt[];
  readonly options: Pick<GenerateUnit["options"], "maxNewTokens" | "count" | "stop" | "stopIds">;
  /** Where the task asks for one and the configuration names none. */
  readonly temperature?: number | undefined;
  /** Of all prompts' ids. */
  readonly promptsHash: string;
}

export interface Unit {
  /** Indices into the plan's settings and tasks, and into the task's items. */
  readonly setting: number;
  readonly task: number;
  readonly items: readonly number[];
}

export interface Plan {
  readonly settings: readonly Setting[];
  readonly tasks: readonly PlannedTask[];
  readonly units: readonly Unit[];
}

/** A setting before it is checked: aliases and only the options that were given. */
export interface Variant extends Pick<EvalConfig, "decoder" | "decoder_options"> {
  readonly label: string;
}

/** Throws a DataError, ConfigError or UsageError. */
export async function makePlan(
  config: EvalConfig,
  model: ModelText,
  variants: readonly Variant[] = [{ ...config, label: "" }],
): Promise<Plan> {
  const tasks: PlannedTask[] = [];
  for (const one of taskConfigs(config)) tasks.push(await planTask(one, config, model));
  refuseEqualNames(tasks);
  refuseChoicesOfSweep(tasks, variants.length);
  const settings = variants.map((variant) => resolveSetting(variant, { config, model, tasks }));
  const units = settings.flatMap((_, setting) =>
    tasks.flatMap(({ task, options }, at) => {
      const together = Math.max(1, Math.floor(config.batch_size / (options.count ?? 1)));
      return batches(task.items.length, together).map((items) => ({ setting, task: at, items }));
    }),
  );
  return { settings, tasks, units };
}

async function planTask(own: TaskConfig, config: EvalConfig, model: ModelText): Promise<PlannedTask> {
  const task = await openTask(own, config);
  const name = own.as ?? task.name;
  if (task.kind === "choose") return planChoices(name, own, task);
  const chat = own.apply_chat_template ?? (task.chat && model.template?.kind === "jinja");
  if (chat && model.template?.kind !== "jinja") {
    throw new ConfigError(
      `apply_chat_template is true, but ${model.folder} has no chat template; leave it out, or put a chat_template.jinja there`,
    );
  }
  const prompts = task.items.map(({ prompt }) =>
    encodeTaskPrompt(model, prompt, { chat, longest: config.max_prompt_tokens }),
  );
  const { stop, repeats, maxNewTokens, temperature } = task.generation;
  const options = {
    maxNewTokens: own.max_new_tokens ?? usualLength(maxNewTokens, prompts, model),
    ...{ count: repeats, stop, stopIds: chat ? (model.tokenizer?.specials.endOfTurn ?? []) : [] },
  };
  refuseTooLong({ name, options, prompts, items: task.items }, model);
  return { name, config: own, task, chat, prompts, options, temperature, promptsHash: hashOf(prompts) };
}

/** A task's own length, or the room that a network has which was trained on texts of one length. */
function usualLength(wanted: number, prompts: readonly EncodedPrompt[], { facts }: ModelText): number {
  if (facts.fillsContext !== true) return wanted;
  const longest = prompts.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  return Math.max(1, Math.min(wanted, facts.contextLength - longest));
}

function planChoices(name: string, config: TaskConfig, task: OpenChooseTask): PlannedTask {
  if (config.apply_chat_template === true) {
    throw new UnsupportedError(
      `${name} scores choices by their likelihood, for which no chat template is applied; leave apply_chat_template out there`,
      { task: name },
    );
  }
  const asked = task.items.map(({ candidates }) => candidates.map((one) => [one.context, one.continuation]));
  const promptsHash = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
  return { name, config, task, chat: false, prompts: [], options: {}, promptsHash };
}

/** Choices do not depend on the decoder: all points of a curve would be one. */
function refuseChoicesOfSweep(tasks: readonly PlannedTask[], settings: number): void {
  const choosing = tasks.find(({ task }) => task.kind === "choose");
  if (choosing === undefined || settings < 2) return;
  throw new ConfigError(
    `${choosing.name} scores choices, which does not depend on the decoder; ask it with unmask eval`,
    { task: choosing.name },
  );
}

function refuseEqualNames(tasks: readonly PlannedTask[]): void {
  const files = tasks.map(({ name }) => fileName(name));
  const twice = tasks.find((_, i) => files.indexOf(files[i]!) !== i)?.name;
  if (twice === undefined) return;
  throw new ConfigError(`the task ${twice} is asked twice; name one of them otherwise with as: NAME`, {
    twice,
  });
}

interface Fitting extends Pick<PlannedTask, "name" | "prompts" | "options"> {
  readonly items: readonly GenerateItem[];
}

function refuseTooLong({ name, prompts, options, items }: Fitting, { facts }: ModelText): void {
  const room = facts.contextLength - options.maxNewTokens!;
  const long = prompts.filter(({ ids }) => ids.length > room);
  if (long.length === 0) return;
  const longest = Math.max(...long.map(({ ids }) => ids.length));
  const at = items[prompts.findIndex(({ ids }) => ids.length > room)]!;
  const remedies = [
    ...(facts.contextLength > longest ? [`max_new_tokens of at most ${facts.contextLength - longest}`] : []),
    ...(room > 0 ? [`max_prompt_tokens=${room}, which cuts off beginnings`] : []),
    "fewer examples (num_fewshot)",
  ];
  throw new ConfigError(
    `${name}: ${long.length} of ${prompts.length} prompts (the first in row ${at.row}, the longest of ${longest} tokens) and ${options.maxNewTokens} new tokens are more than the model's ${facts.contextLength}; give ${remedies.join(", or ")}`,
    { task: name, row: at.row },
  );
}

interface Resolving {
  readonly config: EvalConfig;
  readonly model: ModelText;
  readonly tasks: readonly PlannedTask[];
}

/** The decoder's options, checked against every task's questions. */
function resolveSetting(variant: Variant, { config, model, tasks }: Resolving): Setting {
  const { label, decoder, decoder_options: decoderOptions } = variant;
  refuseForeign(decoderOptions, decoder);
  const { seed, fidelity } = config;
  const found = tasks.flatMap(({ prompts: [first], options }) => {
    if (first === undefined) return [];
    const prompt = { ids: Array.from(first.ids) };
    return [resolveRequest(model, [prompt], { decoder, decoderOptions, seed, fidelity, ...options })];
  });
  const [request] = found;
  const given = decoderOptions;
  return request === undefined
    ? { label, decoder: decoder ?? "", options: given, given }
    : { label, decoder: request.decoder.name, options: request.options, given };
}

/** An option that no decoder has: the schema says so in files, but not where a sweep names it. */
function refuseForeign(given: OptionValues, decoder: string | undefined): void {
  const names = decoders.flatMap(({ options }) =>
    Object.entries(options).flatMap(([name, { aliases = [] }]) => [name, ...aliases]),
  );
  const wrong = Object.keys(given).find((name) => !names.includes(name));
  if (wrong === undefined) return;
  const whose = decoder === undefined ? "no decoder" : `the decoder ${decoder} and the others`;
  throw new ConfigError(`${whose} has an option ${wrong}${didYouMean(wrong, names)}`, { option: wrong });
}

/** 0 … count − 1 in runs. */
function batches(count: number, size: number): number[][] {
  return Array.from({ length: Math.ceil(count / size) }, (_, at) =>
    Array.from({ length: Math.min(size, count - at * size) }, (_, i) => at * size + i),
  );
}

function hashOf(prompts: readonly EncodedPrompt[]): string {
  const hash = createHash("sha256");
  for (const { ids } of prompts) hash.update(Int32Array.of(ids.length)).update(ids);
  return hash.digest("hex");
}

/** What a worker gets of a unit. */
export function requestOf({ settings, tasks }: Plan, unit: Unit, config: EvalConfig): UnitRequest {
  const { prompts, options, task } = tasks[unit.task]!;
  const { seed, fidelity, batch_size: batchSize, likelihood_draws: draws } = config;
  const places = unit.items;
  if (task.kind === "choose") {
    const items = unit.items.map((at) => task.items[at]!);
    return { kind: "choose", items, places, options: { draws, seed, batchSize } };
  }
  const setting = settings[unit.setting]!;
  return {
    ...{ kind: "generate", prompts: unit.items.map((at) => prompts[at]!.ids), places },
    options: {
      ...{ ...options, decoder: setting.decoder, seed, fidelity },
      decoderOptions: optionsFor(setting, tasks[unit.task]!),
    },
  };
}

/** The setting's options, with a task's own temperature where the decoder has one and none was asked for. */
export function optionsFor(
  { options, given }: Pick<Setting, "options" | "given">,
  { temperature = 0 }: PlannedTask,
): OptionValues {
  const isOwn = given.temperature === undefined && temperature > 0 && Object.hasOwn(options, "temperature");
  return isOwn ? { ...options, temperature } : options;
}
