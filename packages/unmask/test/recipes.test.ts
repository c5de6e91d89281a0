// Every recipe is a configuration of its verb: keys known, values in range, the method's own options accepted.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readConfig, resolveConfig } from "../src/cli/config.ts";
import { resolveDistillation } from "../src/cli/distill.ts";
import { type OptionValues, readOptions } from "../src/decode/decoder.ts";
import { decoders } from "../src/decode/decoders.ts";
import { distillers } from "../src/distill/distillers.ts";
import { methodOptions } from "../src/distilling/options.ts";
import { evalConfigSchema, sweepConfigSchema } from "../src/evaluate/run/config.ts";
import { sweepVariants } from "../src/evaluate/run/sweep.ts";
import { families } from "../src/models/families.ts";
import { freshModel } from "../src/models/fresh.ts";
import { rolloutConfigSchema } from "../src/rollout/config.ts";
import { trainConfigSchema } from "../src/train/config.ts";

const folder = fileURLToPath(new URL("../../../recipes", import.meta.url));
const recipes = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const verbOf = (file: string) => {
  const keys = readConfig(file);
  if ("tasks" in keys) return "sweep" in keys ? "sweep" : "eval";
  return "distill" in keys ? "distill" : typeof keys.model === "string" ? "rollout" : "train";
};

/** Every decoder that a recipe names, with its options and the one that a sweep changes. */
function decodings(file: string): { decoder: string; decoder_options: OptionValues }[] {
  const { decoder, decoder_options: common = {}, sweep = [] } = readConfig(file) as Record<string, never>;
  const curves = sweep as {
    decoder?: string;
    decoder_options?: OptionValues;
    option: string;
    values: number[];
  }[];
  if (curves.length === 0) return decoder === undefined ? [] : [{ decoder, decoder_options: common }];
  return curves.flatMap((curve) =>
    curve.values.map((value) => ({
      decoder: curve.decoder ?? decoder!,
      decoder_options: { ...(curve.decoder_options ?? common), [curve.option]: value },
    })),
  );
}

describe.each(recipes)("%s", (name) => {
  const file = join(folder, name);

  it("is a configuration, and its method takes its options", () => {
    const verb = verbOf(file);
    for (const { decoder, decoder_options: options } of decodings(file)) {
      const found = decoders.find((one) => one.name === decoder);
      expect(found, decoder).toBeDefined();
      readOptions(found!, options);
    }
    if (verb === "eval") resolveConfig(evalConfigSchema, { file });
    else if (verb === "sweep") sweepVariants(resolveConfig(sweepConfigSchema, { file }).config);
    else if (verb === "train") resolveConfig(trainConfigSchema, { file });
    else if (verb === "rollout") resolveConfig(rolloutConfigSchema, { file });
    else {
      const { config } = resolveDistillation([file], {});
      const { method } = config.distill;
      const [, family] = name.replace(/\.yaml$/, "").split("-");
      const model = family === "coder" ? "dream" : family!;
      expect(families.map((one) => one.name)).toContain(model);
      const { facts } = freshModel(model, {
        ...{ vocabularySize: 100, hiddenSize: 8, layers: 1, heads: 2, length: 16, maskId: 99, endIds: [98] },
      });
      expect(name.startsWith(`${method}-`)).toBe(true);
      const distiller = distillers[method];
      expect(distiller.refuses(facts)).toBeUndefined();
      expect(distiller.create(facts, methodOptions(config.distill) as never).name).toBe(method);
    }
  });
});

it("there is one for every method, as published and small", () => {
  for (const method of Object.keys(distillers)) {
    const own = recipes.filter((name) => name.startsWith(`${method}-`));
    expect(
      own.some((name) => !name.endsWith("-cpu.yaml")),
      method,
    ).toBe(true);
    if (method !== "duo")
      expect(
        own.some((name) => name.endsWith("-cpu.yaml")),
        method,
      ).toBe(true);
  }
});
