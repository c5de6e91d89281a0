// @ts-check
// What the sweeps wrote, as points: scores by seed and prompt, forwards, diversity.

import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { diversity, mean, twoLevelInterval } from "./statistics.mjs";

/**
 * @typedef {object} SeedPoint one point of one trained network
 * @property {number[]} scores by prompt: 1 for right reasoning; nats a token of judged texts
 * @property {number[]} answers right final answers, where the task tells them from right reasoning
 * @property {number | null} tokenEntropy of judged texts: nats a token, pooled
 * @property {string[]} texts
 * @property {number} tokens
 * @property {number} forwards
 */

/**
 * @param {string} folder of one setting of a sweep
 * @param {import("./text-judge.mjs").TextJudge | undefined} judge
 * @returns {Promise<SeedPoint>}
 */
export async function readPoint(folder, judge) {
  const file = readdirSync(folder).find((name) => name.startsWith("samples_") && name.endsWith(".jsonl"));
  if (file === undefined) throw new Error(`${folder} has no samples`);
  /** @type {SeedPoint} */
  const point = { scores: [], answers: [], tokenEntropy: null, texts: [], tokens: 0, forwards: 0 };
  for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
    const row = JSON.parse(line);
    if (judge === undefined) point.scores.push(row["faithful,none"]);
    if (row["answer,none"] !== undefined) point.answers.push(row["answer,none"]);
    point.texts.push(judge === undefined ? row.resps[0][0].trim() : row.resps[0][0]);
    for (const { tokens, forwards } of row.unmask.answers) {
      point.tokens += tokens;
      point.forwards += forwards;
    }
  }
  if (judge === undefined) return point;
  return {
    ...point,
    scores: judge.scores(point.texts, folder),
    tokenEntropy: judge.pooledEntropy(point.texts),
  };
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
  const answers = seeds.flatMap((one) => one.answers);
  const entropies = seeds.flatMap(({ tokenEntropy }) => (tokenEntropy === null ? [] : [tokenEntropy]));
  const meanOrNull = (/** @type {number[]} */ values) => (values.length === 0 ? null : mean(values));
  return {
    ...{ prompts, seeds: seeds.length },
    score: mean(seeds.map(({ scores }) => mean(scores))),
    ...interval,
    by_seed: seeds.map(({ scores }) => mean(scores)),
    answer: meanOrNull(answers),
    token_entropy: meanOrNull(entropies),
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
