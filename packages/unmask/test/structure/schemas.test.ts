// The schemas of schemas.json on networks with random weights: every answer is valid, by a validator that the product
// does not use (tools/structure-coverage.mjs tries more texts, without a network).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registerSchema, unregisterSchema, validate } from "@hyperjump/json-schema/draft-2020-12";
import "@hyperjump/json-schema/draft-2019-09";
import "@hyperjump/json-schema/draft-07";
import "@hyperjump/json-schema/draft-06";
import "@hyperjump/json-schema/draft-04";
import { afterAll, describe, expect, it } from "vitest";
import { isUnmaskError } from "../../src/base/errors.ts";
import type { GenerateOptions } from "../../src/generate/events.ts";
import { generate } from "../../src/generate/generate.ts";
import { load, type Model } from "../../src/generate/load.ts";
import { tinyModel } from "../tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-schemas-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schemas = JSON.parse(readFileSync(new URL("schemas.json", import.meta.url), "utf8")) as unknown[];
const dialectOf = (schema: unknown): string =>
  (schema as { $schema?: string }).$schema ?? "https://json-schema.org/draft/2020-12/schema";

let registered = 0;
async function isValid(schema: unknown, text: string): Promise<boolean> {
  const uri = `https://unmask.invalid/${registered++}`;
  registerSchema(schema as never, uri, dialectOf(schema));
  try {
    return (await validate(uri))(JSON.parse(text)).valid;
  } finally {
    unregisterSchema(uri);
  }
}

/** What becomes of a schema; an answer that is not valid fails. */
async function outcome(model: Model, schema: unknown, options: GenerateOptions) {
  try {
    for await (const event of generate(model, "hi", options)) {
      if (event.type !== "sequence") continue;
      const { text } = event.sequence;
      expect(await isValid(schema, text), JSON.stringify([schema, text])).toBe(true);
    }
    return "answered";
  } catch (error) {
    if (!isUnmaskError(error)) throw error;
    return /room for|cannot be written in/.test(error.message) ? "tooLong" : "refused";
  }
}

describe("schemas on networks with random weights", () => {
  // Each family takes a third of them; the refused are at most a tenth of all.
  it.each(["llada", "dream", "sdar"] as const)(
    "%s writes what is valid",
    { timeout: 600_000 },
    async (family) => {
      const model = await load(await tinyModel(root, family));
      const third = ["llada", "dream", "sdar"].indexOf(family);
      const room = Math.min(400, model.facts.contextLength - 2);
      const counts = { answered: 0, refused: 0, tooLong: 0 };
      for (const schema of schemas.filter((_, i) => i % 3 === third)) {
        const structure = { kind: "json-schema", schema } as const;
        const options = {
          structure,
          seed: registered,
          maxNewTokens: room,
          decoderOptions: { temperature: 1 },
        };
        counts[await outcome(model, schema, options)]++;
      }
      model.dispose();
      expect(counts.refused).toBeLessThanOrEqual(schemas.length / 30);
      expect(counts.answered).toBeGreaterThan(20);
    },
  );
});
