// Texts of a structure from networks with random weights: every family, every decoder.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TinyFamily, tinyFamilies, tinyModel } from "../../test/tiny-models.ts";
import { decoders } from "../decode/decoders.ts";
import type { Structure } from "../structure/structure.ts";
import type { GeneratedSequence, GenerateOptions } from "./events.ts";
import { generate } from "./generate.ts";
import { load, type Model } from "./load.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-structured-"));
const models = {} as Record<TinyFamily, Model>;
beforeAll(async () => {
  for (const family of tinyFamilies) models[family] = await load(await tinyModel(root, family));
});
afterAll(() => {
  for (const model of Object.values(models)) model.dispose();
  rmSync(root, { recursive: true, force: true });
});

async function write(model: Model, structure: Structure, options: GenerateOptions = {}) {
  const sequences: GeneratedSequence[] = [];
  for await (const event of generate(model, "hi", { structure, ...options })) {
    if (event.type === "sequence") sequences.push(event.sequence);
  }
  return sequences;
}

const cached = (family: TinyFamily, name: string) => {
  if (family !== "mdlm") return {};
  if (name.startsWith("fast_dllm")) return { cache: "none" };
  return name === "d2f" ? { use_cache: false } : {};
};

const names = decoders.map(({ name }) => name).filter((name) => name !== "reward_guided");
const pairs = tinyFamilies.flatMap((family) => names.map((name) => [family, name] as const));

describe("a pattern", () => {
  const pattern = "(yes|no), [a-z]{3,8}(-[0-9]+)?!";

  it.each(pairs)("holds on %s with %s", async (family, decoder) => {
    const model = models[family];
    const { refuses } = decoders.find(({ name }) => name === decoder)!;
    if (refuses(model.facts) !== undefined) return;
    const options = { decoder, decoderOptions: { ...cached(family, decoder), temperature: 1 }, count: 4 };
    const written = await write(model, { kind: "regex", pattern }, { ...options, maxNewTokens: 14 });
    expect(written).toHaveLength(4);
    for (const { text, finish_reason } of written) {
      expect(text).toMatch(new RegExp(`^(?:${pattern})$`));
      expect(finish_reason).toBe("stop");
    }
  });

  it.each(tinyFamilies)("leaves %s its choice", async (family) => {
    const options = { decoderOptions: { temperature: 5 }, count: 16, maxNewTokens: 12 };
    const written = await write(models[family], { kind: "regex", pattern: "[a-z]{6}" }, options);
    expect(new Set(written.map(({ text }) => text)).size).toBeGreaterThan(4);
  });
});

describe("a structure", () => {
  const pattern = { kind: "regex", pattern: "a+" } as const;

  it.each<[string, Structure, GenerateOptions, string]>([
    ["what cannot be fitted in", { kind: "regex", pattern: "[a-z]{50}" }, { maxNewTokens: 8 }, "8 tokens"],
    ["what is no pattern", { kind: "regex", pattern: "(" }, {}, "no regular expression"],
    ["what is no schema", { kind: "json-schema", schema: { type: "none" } }, {}, "no JSON Schema"],
    ["what no value fits", { kind: "json-schema", schema: false }, {}, "no value"],
    ["stop strings beside it", pattern, { stop: ["b"] }, "a stop string cannot be combined"],
    ["released fidelity beside it", pattern, { fidelity: "released" }, "released fidelity cannot"],
    ["given tokens beside it", pattern, { given: new Map([[0, 1]]) }, "a frame of given tokens"],
    ["the whole canvas beside it", pattern, { stopAtEnd: false }, "filling the whole canvas"],
  ])("refuses %s", async (_, structure, options, reason) => {
    const failing = write(models.llada, structure, options);
    await expect(failing).rejects.toThrow(reason);
    await expect(failing).rejects.toMatchObject({ exitCode: 2 });
  });

  it("that cannot be honoured names the option, for a server's error", async () => {
    const none = { kind: "json-schema", schema: false } as const;
    await expect(write(models.llada, none, {})).rejects.toMatchObject({
      name: "UnsupportedError",
      data: { option: "structure" },
    });
  });

  it("may stand before a suffix", async () => {
    const schema = { type: "object", properties: { a: { type: "boolean" } }, required: ["a"] };
    const [one] = await write(
      models.llada,
      { kind: "json-schema", schema },
      { suffix: " end", maxNewTokens: 20 },
    );
    expect(typeof JSON.parse(one!.text).a).toBe("boolean");
  });
});
