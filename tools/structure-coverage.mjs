// @ts-check
// How much of JSON Schema is honoured: every schema of packages/unmask/test/structure/schemas.json (ours, in the spirit of
// the public test suite), filled in on a canvas by a proposer of random tokens that heeds nothing, and the texts checked by
// a validator that the product does not use. Prints refusals and one line of JSON; exits 1 if a text is not valid.
//
//   node tools/structure-coverage.mjs [SCHEMAS] [SEEDS]

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { registerSchema, unregisterSchema, validate } from "@hyperjump/json-schema/draft-2020-12";
import "@hyperjump/json-schema/draft-2019-09";
import "@hyperjump/json-schema/draft-07";
import "@hyperjump/json-schema/draft-06";
import "@hyperjump/json-schema/draft-04";

/** @type {(path: string) => Promise<any>} */
const built = (path) => import(new URL(`../packages/unmask/dist/${path}.js`, import.meta.url).href);
const [{ planStructure }, { layOut }, { Vocabulary }, { constrained }, { decode }, { scriptedProposer }] =
  await Promise.all(
    [
      ...["structure/structure", "structure/layout", "structure/vocabulary", "decode/constrained"],
      ...["decode/decode", "decode/scripted"],
    ].map(built),
  );
const { lowConfidence } = await built("decode/policies/low-confidence");
const { newCanvas } = await built("decode/canvas");
const { uniform } = await built("base/rng");

const [paddingId, noiseId, size] = [256, 257, 258];
const vocabulary = new Vocabulary({
  bytes: Array.from({ length: size }, (_, id) => (id < 256 ? Uint8Array.of(id) : undefined)),
  ...{ paddingId, size },
});

/**
 * One text, from random tokens.
 *
 * @param {any} layout
 * @param {number} seed
 */
async function write(layout, seed) {
  const canvas = newCanvas({ length: layout.columns, noiseId, given: layout.given });
  const policy = lowConfidence({
    ...{ steps: Math.max(1, Math.ceil(layout.columns / 4)), remasking: "low_confidence" },
    ...{ seed, fidelity: "corrected" },
  });
  /** @type {(column: number, forward: number, stream: number) => number} */
  const draw = (column, forward, stream) => uniform({ seed, stream }, 0, forward, column);
  const proposer = scriptedProposer(
    (/** @type {number} */ _, /** @type {number} */ column, /** @type {number} */ forward) => ({
      token: Math.floor(draw(column, forward, 1) * size),
      probability: draw(column, forward, 2),
    }),
  );
  for await (const _ of decode([canvas], proposer, constrained(policy, layout.constraint(0)))) void _;
  const bytes = Array.from(canvas.ids).filter((id) => id !== paddingId);
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
}

let registered = 0;

/**
 * Whether each of the texts is valid, by a validator of its own.
 *
 * @param {any} schema
 * @param {readonly string[]} texts
 */
async function judge(schema, texts) {
  const uri = `https://unmask.invalid/${registered++}`;
  const dialect = schema?.$schema ?? "https://json-schema.org/draft/2020-12/schema";
  registerSchema(schema, uri, dialect);
  try {
    const isValid = await validate(uri);
    return texts.map((text) => isValid(JSON.parse(text)).valid);
  } finally {
    unregisterSchema(uri);
  }
}

const given =
  process.argv[2] ??
  fileURLToPath(new URL("../packages/unmask/test/structure/schemas.json", import.meta.url));
const seeds = Number(process.argv[3] ?? 3);
const schemas = JSON.parse(readFileSync(given, "utf8"));
const counts = { schemas: schemas.length, answered: 0, refused: 0, texts: 0, invalid: 0 };
for (const schema of schemas) {
  let layout;
  try {
    const plan = planStructure({ kind: "json-schema", schema });
    layout = layOut(plan, {
      vocabulary,
      budget: 1024,
      encode: (/** @type {string} */ text) => new TextEncoder().encode(text),
    });
  } catch (error) {
    const { exitCode, message } = /** @type {{ exitCode?: number, message: string }} */ (error);
    if (exitCode !== 2) throw error;
    counts.refused++;
    console.log(`refused ${JSON.stringify(schema)}: ${message}`);
    continue;
  }
  counts.answered++;
  /** @type {string[]} */
  const texts = [];
  for (let seed = 1; seed <= seeds; seed++) texts.push(await write(layout, seed));
  const verdicts = await judge(schema, texts);
  counts.texts += texts.length;
  verdicts.forEach((isValid, i) => {
    if (isValid) return;
    counts.invalid++;
    console.log(`invalid ${JSON.stringify(schema)}: ${texts[i]}`);
  });
}
console.log(JSON.stringify({ ...counts, refused_share: counts.refused / counts.schemas }));
process.exitCode = counts.invalid === 0 ? 0 : 1;
