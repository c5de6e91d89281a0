// Networks to be trained from nothing: a config.json for given sizes, weights that begin as the family's published code
// lets them begin, and a folder that everything else opens. What is particular stands with the family.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { saveSharded, type Tensor } from "@unmask/torch";
import { ConfigError, UnsupportedError } from "../base/errors.ts";
import { families } from "./families.ts";
import type { FreshSizes, FullSizes } from "./family.ts";
import type { ModelDescription } from "./open.ts";
import { type StartOptions, startAll } from "./parts/start.ts";
import { writeJson } from "./parts/write-json.ts";

/** A description without a folder. */
export type FreshModel = Omit<ModelDescription, "folder" | "checkpoint">;

export const freshFamilies: readonly string[] = families
  .filter(({ fresh }) => fresh !== undefined)
  .map(({ name }) => name);

/**
 * Describes a network of a family's name. Throws a ConfigError for sizes that do not fit each other or that the family
 * does not have, an UnsupportedError for a family that is not trained.
 */
export function freshModel(name: string, sizes: FreshSizes): FreshModel {
  const family = families.find((one) => one.name === name);
  if (family?.fresh === undefined) {
    throw new UnsupportedError(
      `there are no fresh networks of "${name}"; families that can be trained from nothing: ${freshFamilies.join(", ")}`,
    );
  }
  refuseOthers(name, sizes, family.fresh.takes);
  const full = complete(sizes);
  checkSizes(full);
  const files = family.fresh.files(full);
  const raw = { path: `config.json of a fresh ${name}`, values: files.config };
  const generation = { path: `generation_config.json of a fresh ${name}`, values: files.generation ?? {} };
  const config: unknown = family.readConfig(raw);
  const facts = family.facts(config, generation);
  return {
    family,
    config,
    facts,
    raw,
    generation,
    prefix: family.prefixes[0]!,
    shapes: family.shapes(config),
  };
}

/** Weights of a described network: leaves that want gradients, outside every scope. */
export function initialiseFresh(
  { family, config, raw, shapes }: Pick<FreshModel, "family" | "config" | "raw" | "shapes">,
  options: StartOptions,
): Map<string, Tensor> {
  const { fresh } = family;
  if (fresh === undefined) {
    throw new UnsupportedError(`${raw.path}: networks of ${family.name} are not trained from nothing`);
  }
  return startAll(shapes, (name, shape) => fresh.start(config, raw, { name, shape }), options);
}

/** Writes a model folder: config.json, generation_config.json if the family has one, and weights in one dtype. */
export function saveFresh(
  folder: string,
  { raw, generation, prefix }: Pick<FreshModel, "raw" | "generation" | "prefix">,
  parameters: ReadonlyMap<string, Tensor>,
): void {
  mkdirSync(folder, { recursive: true });
  const named = new Map([...parameters].map(([name, value]) => [prefix + name, value]));
  saveSharded(folder, named, { metadata: { format: "pt" } });
  const [first] = parameters.values();
  writeJson(join(folder, "config.json"), { ...raw.values, torch_dtype: first?.dtype });
  if (Object.keys(generation.values).length > 0) {
    writeJson(join(folder, "generation_config.json"), generation.values);
  }
}

/** The name of a size in configuration files. */
const spelled = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const common: readonly string[] = [
  ...["vocabularySize", "hiddenSize", "layers", "heads", "length", "maskId", "endIds", "padId"],
];

function refuseOthers(family: string, sizes: FreshSizes, takes: readonly string[]): void {
  const given = Object.entries(sizes).filter(([, value]) => value !== undefined);
  const other = given.find(([name]) => !common.includes(name) && !takes.includes(name));
  if (other === undefined) return;
  const known =
    takes.length === 0 ? "" : `; besides the common sizes it has ${takes.map(spelled).join(", ")}`;
  throw new ConfigError(`${family} has no ${spelled(other[0])}; leave it out${known}`, { size: other[0] });
}

/** The published proportions of LLaDA-8B and SDAR-1.7B: an inner size of three times the hidden one. */
function complete(sizes: FreshSizes): FullSizes {
  const { hiddenSize, heads, endIds } = sizes;
  return {
    ...{ keyHeads: heads, headSize: hiddenSize / heads, innerSize: 3 * hiddenSize, blockLength: 4 },
    ...{ padId: endIds[0], tied: false, conditionSize: Math.max(1, hiddenSize >> 2), givenBegin: false },
    ...Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined)),
  } as FullSizes;
}

function checkSizes({ hiddenSize, heads, keyHeads, headSize, vocabularySize, ...ids }: FullSizes): void {
  const wrong = (text: string) => new ConfigError(`a fresh network cannot have ${text}`);
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw wrong(
      `hidden_size ${hiddenSize} and ${heads} heads: each head needs a whole, even number of them; use a multiple of ${2 * heads}`,
    );
  }
  if (heads % keyHeads !== 0) {
    throw wrong(`${heads} heads and ${keyHeads} key_heads; heads must be a multiple of key_heads`);
  }
  const tokens = {
    mask_id: [ids.maskId],
    end_ids: ids.endIds,
    pad_id: ids.padId === undefined ? [] : [ids.padId],
  };
  for (const [name, list] of Object.entries(tokens)) {
    const outside = list.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (outside === undefined) continue;
    throw wrong(`${name} ${outside} in a vocabulary of ${vocabularySize} tokens`);
  }
  if (ids.endIds.includes(ids.maskId)) throw wrong(`the mask, ${ids.maskId}, among its end_ids`);
}
