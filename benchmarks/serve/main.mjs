// @ts-check
// `npm run bench -- serve`: 16 requests at once beside the same one at a time, in turn: tokens a second, and when the
// first text came.

import { buildInfo, chooseThreads, measureProduct, setThreads } from "@unmask/torch";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { chosenCases, positiveInteger, readOptions } from "../lib/options.mjs";
import { median } from "../lib/pairs.mjs";
import { aligned, fixed, number, save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { checkpoint, defaultCache } from "../models/checkpoints.mjs";
import { shapes } from "../models/shapes.mjs";
import { cases, requestsOf } from "./cases.mjs";
import { atOnce, oneByOne, openEngine } from "./client.mjs";

/** @typedef {import("./client.mjs").Answer} Answer */

const size = "0.1b";

const options = /** @type {const} */ ({
  only: { type: "string", multiple: true },
  threads: { type: "string" },
  pairs: { type: "string", default: "3" },
  cache: { type: "string", default: defaultCache },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- serve [options]: 16 requests at once beside the same one at a time.
  --only TEXT  only cases whose name contains TEXT; may be given several times
  --pairs N    measurements of each side (default: 3)
  --threads N  threads of an operator (default: measured)
  --cache DIR  where the random checkpoints are made and kept (default: ~/.cache/unmask/bench-models)
  --quick      few tokens and one pair, to see that it runs: its figures mean nothing
  --save       also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (given.save && (given.quick || given.only)) {
    throw new UsageError("a kept result has every case; omit --save, or --quick and --only");
  }
  const wanted = chosenCases(given.only, cases);
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  setThreads(threads);
  measureProduct("float32", 64, 1);
  const pairs = given.quick ? 1 : (positiveInteger("pairs", given.pairs) ?? 3);
  say(`${threads} thread(s), ${hardware().cpu}`);
  const results = [];
  for (const one of wanted) {
    say(`… ${one.title}`);
    results.push(await measure(one, { pairs, cache: given.cache, quick: given.quick }));
  }
  const ours = { libtorch: buildInfo().version, threads, blas: loadedBlas() };
  const about = { bench: "serve", date: new Date().toISOString(), ...commit(), quick: given.quick };
  const record = { ...about, hardware: hardware(), ours, cases: results };
  for (const line of table(results)) say(line);
  if (given.save) say(`written to ${save(record)}`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/**
 * @param {import("./cases.mjs").Case} one
 * @param {{ pairs: number, cache: string, quick: boolean }} options
 */
async function measure(one, { pairs, cache, quick }) {
  const { name, title, family, target } = one;
  const folder = checkpoint(family, size, { cache, dtype: "float32", say });
  const engine = await openEngine(folder);
  const requests = requestsOf(one, { vocabularySize: shapes[family][size].vocabulary, quick });
  /** @type {Run[]} */
  const alone = [];
  /** @type {Run[]} */
  const together = [];
  try {
    await oneByOne(engine, requests.slice(0, 2));
    for (let i = 0; i < pairs; i++) {
      alone.push(await timed(() => oneByOne(engine, requests)));
      together.push(await timed(() => atOnce(engine, requests)));
    }
  } finally {
    await engine.close();
  }
  const ratios = together.map(({ speed }, i) => speed / Number(alone[i]?.speed));
  const ratio = median(ratios);
  return {
    ...{ name, title, family, target, met: target === null || quick ? null : ratio >= target },
    ...{ ratio, ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios) },
    ...{ alone: summary(alone), together: summary(together) },
    equalTexts: requests.filter(
      (_, i) => new Set(all(alone, together).map(({ answers }) => answers[i]?.text)).size === 1,
    ).length,
    requests: requests.length,
    samples: { alone: alone.map(({ speed }) => speed), together: together.map(({ speed }) => speed) },
  };
}

/** @typedef {{ answers: Answer[], speed: number }} Run `speed` in tokens a second */

/** @type {(one: Run[], other: Run[]) => Run[]} */
const all = (one, other) => [...one, ...other];

/**
 * @param {() => Promise<Answer[]>} run
 * @returns {Promise<Run>}
 */
async function timed(run) {
  const begin = performance.now();
  const answers = await run();
  const seconds = (performance.now() - begin) / 1000;
  return { answers, speed: answers.reduce((sum, { tokens }) => sum + tokens, 0) / seconds };
}

/** @param {Run[]} runs */
function summary(runs) {
  const firsts = runs
    .flatMap(({ answers }) => answers.map(({ firstText }) => firstText))
    .sort((a, b) => a - b);
  return {
    tokensPerSecond: median(runs.map(({ speed }) => speed)),
    firstText: median(firsts),
    firstText95: firsts[Math.ceil(0.95 * firsts.length) - 1] ?? Number.NaN,
  };
}

/** @param {Awaited<ReturnType<typeof measure>>[]} results */
function table(results) {
  const head = [
    ...["", "one at a time", "16 at once", "ratio (min–max)", "target"],
    ...["first text alone", "at once, median", "95th", "equal"],
  ];
  const rows = results.map((one) => [
    ...[
      one.title,
      `${number(one.alone.tokensPerSecond)} tokens/s`,
      `${number(one.together.tokensPerSecond)} tokens/s`,
    ],
    `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    one.target === null
      ? "–"
      : `at least ${one.target}${one.met === null ? "" : one.met ? ", met" : ", missed"}`,
    ...[one.alone.firstText, one.together.firstText, one.together.firstText95].map(
      (seconds) => `${number(seconds)} s`,
    ),
    `${one.equalTexts} of ${one.requests}`,
  ]);
  return aligned([head, ...rows], [1, 2]);
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
