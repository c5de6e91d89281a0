// @ts-check
// `npm run bench -- inspector`: what a step of a replay costs the page, from a trace of the browser: script, style,
// layout and paint on the page's main thread, for 1,024 tokens written in 1,024 steps.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commit, hardware } from "../lib/machine.mjs";
import { readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";
import { openPage } from "./page.mjs";
import { costs, percentile } from "./trace.mjs";
import { longTrajectory } from "./trajectory.mjs";

const options = /** @type {const} */ ({
  tokens: { type: "string", default: "1024" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- inspector [options]: milliseconds of a step of a replay, from a trace of Chromium.
  --tokens N  length of the text, one step a token (default 1024)
  --save      also write the result to benchmarks/results
CHROMIUM=FILE chooses the browser.
`;

/** Milliseconds of script, layout and paint, 95th percentile. */
const target = 16;

/** How the steps are gone through: the next step from the present one. */
const ways = {
  "one step": (/** @type {number} */ at, /** @type {number} */ length) => (at + 1) % (length + 1),
  "back and forth by 100": (/** @type {number} */ at, /** @type {number} */ length) =>
    (at + 100) % (length + 1),
  "from end to end": (/** @type {number} */ at, /** @type {number} */ length) => (at === 0 ? length : 0),
};

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  const length = Number(given.tokens);
  const folder = mkdtempSync(join(tmpdir(), "unmask-bench-inspector-"));
  const file = join(folder, "long.parquet");
  writeFileSync(file, longTrajectory(length));
  const opened = await openPage(file);
  const results = [];
  try {
    for (const { colour, way, steps } of cases(length)) {
      const next = ways[/** @type {keyof typeof ways} */ (way)];
      const all = costs(await opened.scrub({ colour, positions: positions(next, steps, length) }));
      const clock = figuresOf(all.map((one) => one.clock));
      const processor = figuresOf(all.map((one) => one.processor));
      results.push({ colour, way, steps: all.length, clock, processor, met: clock.p95 <= target });
      const told = `median ${clock.median.toFixed(1)} ms, p95 ${clock.p95.toFixed(1)}, most ${clock.most.toFixed(1)}`;
      process.stderr.write(
        `${`${colour}, ${way}`.padEnd(32)} ${told}; p95 on the processor ${processor.p95.toFixed(1)}\n`,
      );
    }
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const record = {
    ...{
      bench: "inspector",
      date: new Date().toISOString(),
      ...commit(),
      hardware: hardware(),
      browser: opened.version,
    },
    ...{ tokens: length, target, cases: results },
  };
  process.stderr.write(
    `95th percentile at most ${target} ms: ${results.every(({ met }) => met) ? "met" : "missed"}\n`,
  );
  if (given.save) process.stderr.write(`saved ${save(record)}\n`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** @param {number} length */
const cases = (length) => [
  { colour: "step", way: "one step", steps: length },
  { colour: "step", way: "back and forth by 100", steps: 200 },
  { colour: "step", way: "from end to end", steps: 100 },
  { colour: "entropy", way: "one step", steps: 200 },
];

/** @param {number[]} values */
function figuresOf(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), most: sorted.at(-1) ?? 0 };
}

/**
 * @param {(at: number, length: number) => number} next
 * @param {number} steps
 * @param {number} length
 */
function positions(next, steps, length) {
  const all = [];
  for (let at = 0; all.length < steps; ) {
    at = next(at, length);
    all.push(at);
  }
  return all;
}
