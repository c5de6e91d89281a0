// adapter_config.json of PEFT (huggingface/peft 0.21, LoraConfig): what is read, what is refused, what is written.
//
//   field                            here
//   r, lora_alpha (8, 8 if absent)   scale = alpha / r; with use_rslora alpha / √r
//   rank_pattern, alpha_pattern      regex → number: the first that matches the end of a layer's name replaces r or alpha
//   target_modules, exclude_modules  see lora-targets.ts, as are layers_to_transform and layers_pattern
//   modules_to_save                  modules whose own weights the file brings, whole
//   bias                             "none" alone
//   fan_in_fan_out                   without effect: layers here store [out, in], and PEFT corrects it for such too
//   init_lora_weights                how A and B began; refused where it changed the base model's weights as well
//   lora_dropout                     kept, not applied
//
// A field that stands in no list of this file and is set (neither null nor false nor empty) is refused: PEFT has a dozen
// variants (DoRA, aLoRA, KaSA …) that compute something else, and gains more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import type { RawConfig } from "./family.ts";
import { expectField, flag, positiveInteger, positiveNumber } from "./parts/fields.ts";

export const configName = "adapter_config.json";

/** Where an adapter's files lie: the folder itself, or `model` in a training run's. */
export function adapterFolder(path: string): string {
  const inner = join(path, "model");
  return !isAdapterFolder(path) && isAdapterFolder(inner) ? inner : path;
}

export const isAdapterFolder = (folder: string): boolean => existsSync(join(folder, configName));

export interface AdapterConfig {
  /** The file as it is, for saving. */
  readonly raw: RawConfig;
  readonly rank: number;
  readonly alpha: number;
  /** Scale alpha / √rank instead of alpha / rank. */
  readonly rankStabilised: boolean;
  /** Names, or one regex, or "all-linear". */
  readonly targets: readonly string[] | string;
  readonly excluded: readonly string[] | string;
  /** Numbers of the layers that are adapted; all if absent. */
  readonly layerNumbers: readonly number[] | undefined;
  readonly layersPattern: readonly string[];
  readonly rankPattern: readonly (readonly [RegExp, number])[];
  readonly alphaPattern: readonly (readonly [RegExp, number])[];
  readonly wholeModules: readonly string[];
}

const understood = new Set([
  ...["peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "target_modules"],
  ...["exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save", "bias"],
  ...["fan_in_fan_out", "init_lora_weights"],
]);

/** Fields that change no number. */
const harmless = new Set([
  ...["base_model_name_or_path", "revision", "task_type", "auto_mapping", "peft_version", "inference_mode"],
  ...["lora_dropout", "megatron_core", "megatron_config", "qalora_group_size", "runtime_config"],
  ...["loftq_config", "eva_config", "corda_config", "lora_ga_config"],
]);

/** Starts that leave the base model's weights as they are. */
const plainStarts: readonly unknown[] = [true, false, "gaussian", "eva", "orthogonal"];

/** Reads and checks an adapter's configuration. Throws a CheckpointError or an UnsupportedError. */
export function readAdapterConfig(folder: string): AdapterConfig {
  return parseAdapterConfig(readJson(join(folder, configName)));
}

export function parseAdapterConfig(raw: RawConfig): AdapterConfig {
  refuseOthers(raw);
  const layers = raw.values.layers_to_transform ?? [];
  const targets = namesOrRegex(raw, "target_modules");
  const layerNumbers = numbers(raw, "layers_to_transform", Array.isArray(layers) ? layers : [layers]);
  const layersPattern = raw.values.layers_pattern == null ? [] : names(raw, "layers_pattern");
  if (typeof targets === "string" && (layerNumbers.length > 0 || layersPattern.length > 0)) {
    throw damaged(raw, "target_modules", "a list of names, since layers_to_transform is given");
  }
  return {
    raw,
    rank: positiveInteger(raw, "r", 8),
    alpha: positiveNumber(raw, "lora_alpha", 8),
    rankStabilised: flag(raw, "use_rslora", false),
    targets,
    excluded: raw.values.exclude_modules == null ? [] : namesOrRegex(raw, "exclude_modules"),
    layerNumbers: layerNumbers.length === 0 ? undefined : layerNumbers,
    layersPattern,
    rankPattern: pattern(raw, "rank_pattern", Number.isSafeInteger),
    alphaPattern: pattern(raw, "alpha_pattern", Number.isFinite),
    wholeModules: raw.values.modules_to_save == null ? [] : names(raw, "modules_to_save"),
  };
}

/** Rank and scale of the adapter of one layer. */
export function sizesOf(config: AdapterConfig, layer: string): { rank: number; scale: number } {
  const rank = firstMatch(config.rankPattern, layer) ?? config.rank;
  const alpha = firstMatch(config.alphaPattern, layer) ?? config.alpha;
  return { rank, scale: alpha / (config.rankStabilised ? Math.sqrt(rank) : rank) };
}

const firstMatch = (patterns: AdapterConfig["rankPattern"], layer: string): number | undefined =>
  patterns.find(([regex]) => regex.test(layer))?.[1];

export interface NewConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  readonly targets: readonly string[] | string;
  readonly excluded: readonly string[];
  readonly baseModel: string | undefined;
  readonly taskType: string | undefined;
}

/** adapter_config.json of a new adapter: fields that every PEFT since 0.9 knows, newer ones only where they are needed. */
export function newConfigValues(config: NewConfig): Record<string, unknown> {
  const { targets, excluded } = config;
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: config.baseModel ?? null,
    bias: "none",
    ...(excluded.length === 0 ? {} : { exclude_modules: excluded }),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    rank_pattern: {},
    revision: null,
    target_modules: targets,
    task_type: config.taskType ?? null,
    use_dora: false,
    use_rslora: config.useRslora,
  };
}

/** Python's re.fullmatch, as far as both languages write it alike. */
export function fullMatch(source: string, { path }: Pick<RawConfig, "path">): RegExp {
  try {
    return new RegExp(`^(?:${source.replaceAll("(?P<", "(?<")})$`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnsupportedError(`${path}: the pattern ${show(source)} cannot be read (${reason})`, { source });
  }
}

function readJson(path: string): RawConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new CheckpointError(
      `${path}: no such file; give the folder of an adapter (adapter_config.json, adapter_model.safetensors)`,
    );
  }
  try {
    const values: unknown = JSON.parse(text);
    if (values !== null && typeof values === "object" && !Array.isArray(values)) {
      return { path, values: values as Record<string, unknown> };
    }
  } catch {
    // falls through to the message below
  }
  throw new CheckpointError(`${path}: not a JSON object; the file is damaged, restore or fetch it again`);
}

function refuseOthers(raw: RawConfig): void {
  const { path, values } = raw;
  if (values.peft_type === undefined) throw damaged(raw, "peft_type", '"LORA"');
  expectField(raw, "peft_type", ["LORA"]);
  expectField(raw, "bias", ["none"]);
  if (values.init_lora_weights != null && !plainStarts.includes(values.init_lora_weights)) {
    throw new UnsupportedError(
      `${path}: init_lora_weights is ${show(values.init_lora_weights)}, which changed the base model's weights too; save the adapter in Python with path_initial_model_for_weight_conversion, which makes it a plain one`,
    );
  }
  for (const [field, value] of Object.entries(values)) {
    if (understood.has(field) || harmless.has(field) || !isSet(value)) continue;
    throw new UnsupportedError(
      `${path}: ${field} is ${show(value)}, and what it changes is not served; only plain LoRA is (rank-stabilised too), so merge such an adapter in Python`,
      { field },
    );
  }
}

function isSet(value: unknown): boolean {
  if (value === null || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value as object).length > 0;
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? "undefined";

function damaged({ path, values }: RawConfig, field: string, expected: string): CheckpointError {
  return new CheckpointError(`${path}: ${field} is ${show(values[field])}, expected ${expected}`, { field });
}

const isName = (value: unknown): value is string => typeof value === "string" && value !== "";

function names(raw: RawConfig, field: string): string[] {
  const value = raw.values[field];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.every(isName)) return list;
  throw damaged(raw, field, "names of modules");
}

function namesOrRegex(raw: RawConfig, field: string): string[] | string {
  const value = raw.values[field];
  return isName(value) ? value : names(raw, field);
}

function numbers(raw: RawConfig, field: string, list: readonly unknown[]): number[] {
  if (list.every((one) => Number.isSafeInteger(one))) return list as number[];
  throw damaged(raw, field, "numbers of layers");
}

/** PEFT matches `key` as a regex against a whole name or what follows a dot in it. */
function pattern(
  raw: RawConfig,
  field: string,
  isRight: (value: unknown) => boolean,
): (readonly [RegExp, number])[] {
  const value = raw.values[field] ?? {};
  if (typeof value !== "object" || Array.isArray(value)) throw damaged(raw, field, "numbers by pattern");
  return Object.entries(value).map(([key, number]: [string, unknown]) => {
    if (!isRight(number) || (number as number) <= 0) throw damaged(raw, field, "positive numbers by pattern");
    return [fullMatch(`(?:.*\\.)?(?:${key})`, raw), number as number] as const;
  });
}
