#!/usr/bin/env node
// @ts-check
// docs/performance.md: one page with every figure of benchmarks/results, and no other. `node benchmarks/page.mjs` writes it;
// a test fails when a result was added or changed and the page was not.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fixed, number } from "./lib/report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const results = join(root, "benchmarks", "results");
export const pagePath = join(root, "docs", "performance.md");

/** @typedef {{ file: string, record: any }} Saved */

/** @returns {Saved[]} the newest of each benchmark and machine, in the order of their names */
export function savedResults(folder = results) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const newest = new Map(names.sort().map((name) => [name.replace(/_?\d{4}-\d\d-\d\d\.json$/, ""), name]));
  return [...newest.values()].map((file) => ({
    file,
    record: JSON.parse(readFileSync(join(folder, file), "utf8")),
  }));
}

/** @param {Saved[]} saved */
export function renderPage(saved) {
  return [
    "# Performance",
    "",
    "<!-- written by benchmarks/page.mjs from benchmarks/results; a test holds it against them -->",
    "",
    "Every figure on this page is rendered from a file of [benchmarks/results](../benchmarks/results).",
    "`npm run bench` measures everything but `methods` (hours; `npm run bench -- methods`) again on your machine, every peer in turn",
    "with us in the same call, and writes this page anew; [benchmarks/README.md](../benchmarks/README.md) says what is measured and how",
    "it is kept fair. A ratio is ours over Python's: of speeds, higher is better; of times, lower.",
    ...saved.flatMap(({ file, record }) => ["", ...section(file, record)]),
    "",
  ].join("\n");
}

/**
 * @param {string} file
 * @param {any} record
 */
function section(file, record) {
  const name = record.bench ?? basename(file).split("_")[0];
  const head = [`## ${name}`, "", `${place(record)} [${file}](../benchmarks/results/${file})`, ""];
  return [...head, ...body(name, record)];
}

/** @param {any} record where and when */
function place({ date = "", hardware = {}, ours, peer, quick }) {
  const { cpu = "an unnamed processor", cores, flags = [], gpu } = hardware;
  const bfloat16 = ["avx512_bf16", "amx_bf16"].filter((flag) => flags.includes(flag));
  const machine = [
    ...(gpu === undefined ? [] : [gpu]),
    cores === undefined ? cpu : `${cores} virtual cores of an ${cpu}`,
    ...(bfloat16.length > 0 ? [`with ${bfloat16.join(" and ")}`] : []),
  ].join(", ");
  const engines = [
    ...(ours?.libtorch === undefined
      ? []
      : [
          [
            `libtorch ${ours.libtorch}`,
            ...(ours.threads === undefined ? [] : [`${ours.threads} threads`]),
          ].join(", "),
        ]),
    ...(peer?.torch === undefined ? [] : [`Python's PyTorch ${peer.torch}, ${peer.threads} threads`]),
  ];
  return `${date.slice(0, 10)}, ${[machine, ...engines].join("; ")}.${quick === true ? " A quick run: its figures mean nothing." : ""}`;
}

/**
 * @param {string} name
 * @param {any} record
 * @returns {string[]}
 */
function body(name, record) {
  if (name === "memory") return memory(record);
  if (name === "dtype") return dtype(record);
  if (name === "quickstart") return quickstart(record);
  if (name.startsWith("methods-")) return methods(record);
  if (name === "inspector") return inspector(record);
  if (name === "serve") return served(record);
  if (name === "distill") return distilled(record);
  const cases = record.cases;
  if (Array.isArray(cases) && cases.every((one) => "ratio" in one && "unit" in one)) return compared(record);
  return table([["", ""], ...facts(record)]);
}

const told = new Set([
  "bench",
  "date",
  "commit",
  "modified",
  "quick",
  "hardware",
  "ours",
  "peer",
  "warnings",
  "samples",
]);

/**
 * Every number, text and truth value of a result that has no table of its own.
 * @param {Record<string, unknown>} record
 * @param {string} [before]
 * @returns {string[][]}
 */
function facts(record, before = "") {
  return Object.entries(record).flatMap(([name, value]) => {
    if (before === "" && told.has(name)) return [];
    const path = `${before}${name}`;
    if (typeof value === "number") return [[path, Number.isInteger(value) ? String(value) : number(value)]];
    if (typeof value === "string" || typeof value === "boolean") return [[path, String(value)]];
    if (Array.isArray(value) && value.length > 12) return [[path, `${value.length} values, in the file`]];
    return typeof value === "object" && value !== null ? facts(/** @type {any} */ (value), `${path} `) : [];
  });
}

/** @param {any} record */
function compared({ cases, warnings = [] }) {
  const head = ["", "unit", "ours", "Python", "ratio (smallest–largest)", "target", ""];
  const rows = cases.map((/** @type {any} */ one) => [
    one.title ?? one.name,
    one.unit,
    number(one.ours),
    number(one.peer),
    one.ratio === null ? "–" : `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    one.target === undefined || one.target === null ? "" : `${one.targetIs} ${one.target}`,
    one.met === null || one.met === undefined ? (one.problem ?? "") : one.met ? "met" : "missed",
  ]);
  return [...table([head, ...rows]), ...warnings.map((/** @type {string} */ one) => `\nWarning: ${one}.`)];
}

/** @param {any} record */
function memory({ cases, target }) {
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const rows = cases.map((/** @type {any} */ one) => [
    one.name,
    gigabytes(one.estimate.peak),
    gigabytes(one.peak),
    fixed(one.ratio),
    one.met ? "met" : "missed",
  ]);
  return table([["forward", "estimated peak", "peak", "ratio", `within ${100 * target} %`], ...rows]);
}

/** @param {any} record */
function dtype({ results: rows, rows: texts, draws }) {
  const told = rows.map((/** @type {any} */ one) => [
    one.dtype,
    one.nelbo.toFixed(4),
    `${(one.bytes / 1e6).toFixed(2)} MB`,
  ]);
  return [
    `NELBO of ${texts} held-out texts, ${draws} draws each.`,
    "",
    ...table([["dtype of the weights", "nats a token", "weights"], ...told]),
  ];
}

/** @param {any} record */
function inspector({ tokens, target, browser, cases }) {
  const rows = cases.map((/** @type {any} */ { colour, way, clock, met }) => [
    ...[way, colour, ...[clock.median, clock.p95, clock.most].map(fixed)],
    met ? "met" : "missed",
  ]);
  const head = [
    "the slider is moved",
    "coloured by",
    "median, ms",
    "95th percentile",
    "most",
    `within ${target} ms`,
  ];
  return [`A replay of ${tokens} tokens in Chromium ${browser}.`, "", ...table([head, ...rows])];
}

/** @param {any} record */
function distilled({ size, cases }) {
  const milliseconds = (/** @type {number} */ seconds) => (1000 * seconds).toFixed(0);
  const rows = cases.map((/** @type {any} */ one) => [
    ...[`${one.name} on ${one.family}`, milliseconds(one.step), milliseconds(one.training)],
    `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    ...[fixed(one.perToken), `${one.tokens} / ${one.trainingTokens}`],
    Object.entries(one.forwards)
      .map(([network, count]) => `${network} ${count}`)
      .join(", "),
  ]);
  const head = [
    ...[
      "",
      "a step, ms",
      "a training step",
      "ratio (smallest–largest)",
      "per token",
      "tokens fed / training",
    ],
    "forwards of a step",
  ];
  const network = `${size.layers} layers × ${size.hidden}, vocabulary ${size.vocabulary}, ${size.rows} texts of ${size.length} tokens`;
  return [`${network}.`, "", ...table([head, ...rows])];
}

/** @param {any} record */
function served({ cases }) {
  const side = (/** @type {any} */ { tokensPerSecond, firstText, firstText95 }) =>
    `${number(tokensPerSecond)} (${fixed(firstText)} s, ${fixed(firstText95)} s)`;
  const rows = cases.map((/** @type {any} */ one) => [
    ...[one.title, side(one.alone), side(one.together)],
    `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    one.target === null ? "" : `at least ${one.target}`,
    one.met === null ? "" : one.met ? "met" : "missed",
    `${one.equalTexts} of ${one.requests}`,
  ]);
  const head = ["", "one at a time", "16 at once", "ratio (smallest–largest)", "target", "", "equal texts"];
  return [
    "Tokens a second (median and 95th percentile of the time to the first text).",
    "",
    ...table([head, ...rows]),
  ];
}

/** @param {any} record */
function quickstart({ seconds, comparisons }) {
  const clock = `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  const told = (/** @type {any} */ { metric, is_share, points, aup }) => {
    const score = (/** @type {number} */ value) => (is_share ? (100 * value).toFixed(1) : value.toFixed(3));
    const rows = points.map((/** @type {any} */ one) => [
      ...[one.method, `${one.option} ${one.value}`, one.tokens_per_forward.toFixed(2)],
      `${score(one.score)} (${score(one.low)}–${score(one.high)})`,
      one.entropy.mean.toFixed(3),
      ...Object.values(one.beside),
    ]);
    const beside = Object.keys(points[0].beside);
    const curves = Object.entries(aup).filter(([, value]) => value !== null);
    const areas = curves.map(([name, value]) => `${name} ${Number(value).toFixed(1)}`).join(", ");
    return [
      ...table([
        ["", "setting", "tokens a forward", is_share ? `${metric}, %` : metric, "entropy", ...beside],
        ...rows,
      ]),
      ...(areas === ""
        ? []
        : ["", `AUP, of each curve up to its last point within 5 points of its first: ${areas}.`]),
    ];
  };
  return [
    `From nothing to the report in ${clock}.`,
    ...comparisons.flatMap((/** @type {any} */ one) => ["", `**${one.name}**`, "", ...told(one)]),
  ];
}

/** @param {any} record */
function methods({ about, prompts, seeds, rows }) {
  const judged = typeof rows[0]?.token_entropy === "number";
  const number = (/** @type {number} */ value) => (judged ? value.toFixed(3) : (100 * value).toFixed(1));
  const told = rows.map((/** @type {any} */ one) => [
    ...[`${one.curve}, ${one.option} ${one.value}`, one.method],
    `${number(one.score)} (${number(one.low)}–${number(one.high)})`,
    one.by_seed.map(number).join(", "),
    judged ? one.token_entropy.toFixed(3) : one.answer === null ? "–" : number(one.answer),
    ...[one.tokens_per_forward.toFixed(2), one.forwards_per_text.toFixed(1)],
  ]);
  const heads = judged ? ["nats a token (95 %)", "entropy, nats"] : ["% (95 %)", "answers alone"];
  return [
    `${about}. ${prompts} texts a point, ${seeds} students of each method; intervals by a bootstrap over seeds and prompts.`,
    "",
    ...table([["point", "method", heads[0], "by seed", heads[1], "tokens a forward", "forwards"], ...told]),
  ];
}

/** @param {string[][]} rows */
function table(rows) {
  const [head = [], ...rest] = rows.map((row) => `| ${row.join(" | ")} |`);
  return [/** @type {string} */ (head), `|${"---|".repeat(rows[0]?.length ?? 0)}`, ...rest];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(pagePath, renderPage(savedResults()));
  process.stderr.write(`${pagePath} is written\n`);
}
