// @ts-check
// What the sweeps wrote, as points: scores by seed and prompt, forwards, diversity.

import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { diversity, mean, twoLevelInterval } from "./statistics.mjs";

/**
 * @typedef {object} SeedPoint one point of one trained network
 * @property {number[]} scores by prompt, 0 or 1
 * @property {number[]} answers right final answers, where the task tells them from right reasoning
 * @property {number[]} nlls nats a word, where the task knows
 * @property {string[]} texts
 * @property {number} tokens
 * @property {number} forwards
 */

/**
 * @param {string} folder of one setting of a sweep
 * @param {string} metric
 * @returns {Promise<SeedPoint>}
 */
export async function readPoint(folder, metric) {
  const file = readdirSync(folder).find((name) => name.startsWith("samples_") && name.endsWith(".jsonl"));
  if (file === undefined) throw new Error(`${folder} has no samples`);
  /** @type {SeedPoint} */
  const point = { scores: [], answers: [], nlls: [], texts: [], tokens: 0, forwards: 0 };
  for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
    const row = JSON.parse(line);
    point.scores.push(row[metric]);
    if (row["answer,none"] !== undefined) point.answers.push(row["answer,none"]);
    if (row["nll_per_word,none"] !== undefined) point.nlls.push(row["nll_per_word,none"]);
    point.texts.push(row.resps[0][0].trim());
    for (const { tokens, forwards } of row.unmask.answers) {
      point.tokens += tokens;
      point.forwards += forwards;
    }
  }
  return point;
}

/**
 * A row of the table: one method at one point, over its seeds.
 * @param {readonly SeedPoint[]} seeds
 * @param {ReadonlySet<string> | undefined} known texts of the training set
 */
export function summarise(seeds, known) {
  const interval = twoLevelInterval(seeds.map(({ scores }) => scores));
  const texts = seeds.map((one) => one.texts);
  const tokens = seeds.reduce((sum, one) => sum + one.tokens, 0);
  const forwards = seeds.reduce((sum, one) => sum + one.forwards, 0);
  const prompts = seeds[0]?.scores.length ?? 0;
  const optional = (/** @type {keyof SeedPoint} */ key) => {
    const values = seeds.flatMap((one) => /** @type {number[]} */ (one[key]));
    return values.length === 0 ? null : mean(values);
  };
  return {
    ...{ prompts, seeds: seeds.length },
    score: mean(seeds.map(({ scores }) => mean(scores))),
    ...interval,
    by_seed: seeds.map(({ scores }) => mean(scores)),
    answer: optional("answers"),
    nll: optional("nlls"),
    ...averaged(texts.map(diversity)),
    novelty: known === undefined ? null : mean(texts.flat().map((text) => Number(!known.has(text)))),
    tokens_per_forward: tokens / forwards,
    forwards_per_text: forwards / (prompts * seeds.length),
  };
}

/** @param {{ distinct: number, entropy: number, entropyByPlace: number }[]} all */
const averaged = (all) => ({
  distinct: mean(all.map(({ distinct }) => distinct)),
  entropy: mean(all.map(({ entropy }) => entropy)),
  entropy_by_place: mean(all.map(({ entropyByPlace }) => entropyByPlace)),
});

/**
 * Texts or responses of a JSONL file.
 * @param {string} file
 */
export function knownTexts(file) {
  if (!existsSync(file)) return undefined;
  const rows = readFileSync(file, "utf8").trimEnd().split("\n");
  return new Set(
    rows.map((row) => {
      const { text, response } = JSON.parse(row);
      return String(text ?? response).trim();
    }),
  );
}
