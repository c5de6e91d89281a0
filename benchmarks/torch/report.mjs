// @ts-check
// The result for programs (one JSON object) and for people (a table).

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { targets } from "./targets.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** @typedef {ReturnType<typeof recordOf>} TorchRecord */

/**
 * @param {object} run
 * @param {import("./measure.mjs").Result[]} run.results
 * @param {{ version: string, threads: number, dtype: string }} run.engine
 * @param {import("./peer.mjs").PeerFacts | undefined} run.peer
 * @param {boolean} run.quick
 */
export function recordOf({ results, engine, peer, quick }) {
  const { version } = JSON.parse(readFileSync(here("../../packages/torch/package.json"), "utf8"));
  const { threads, dtype } = engine;
  const ours = { version, libtorch: engine.version, threads, blas: loadedBlas(), dtype };
  return {
    bench: "torch",
    date: new Date().toISOString(),
    ...commit(),
    quick,
    hardware: hardware(),
    ours,
    peer: peer === undefined ? null : { ...peer, dtype },
    warnings: peer === undefined ? [] : warningsOf(ours, peer),
    targets,
    cases: results,
  };
}

/**
 * Differences that make a ratio say something about the set-up and not about the code.
 * @param {{ libtorch: string, threads: number, blas: string | null }} ours
 * @param {import("./peer.mjs").PeerFacts} peer
 */
function warningsOf(ours, peer) {
  const release = (/** @type {string} */ version) => version.split(".").slice(0, 2).join(".");
  const differ = (/** @type {string} */ what, /** @type {unknown} */ a, /** @type {unknown} */ b) =>
    a === b ? [] : [`${what} differs: ${a} here, ${b} in Python`];
  return [
    ...differ("BLAS", ours.blas, peer.blas),
    ...differ("libtorch", release(ours.libtorch), release(peer.torch)),
    ...differ("number of threads", ours.threads, peer.threads),
  ];
}

/**
 * @param {TorchRecord} record
 * @returns {string}
 */
export function table(record) {
  const { ours, peer } = record;
  const rows = record.cases.map((one) => [
    one.title,
    one.unit,
    number(one.ours),
    number(one.peer),
    one.ratio === null ? "–" : `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    `${one.targetIs} ${one.target}`,
    verdict(one),
  ]);
  const head = ["", "unit", "ours", "Python", "ratio (min–max)", "target", ""];
  return [
    "",
    ...aligned([head, ...rows]),
    "",
    `ours    @unmask/torch ${ours.version}, libtorch ${ours.libtorch}, ${side(ours)}`,
    peer === null ? "Python  –" : `Python  ${peer.python}, torch ${peer.torch}, ${side(peer)}`,
    "ratio   ours / Python, median over pairs: of times for calls, of speeds for products and training",
    ...record.cases.flatMap(notes),
    ...record.warnings.map((warning) => `warning ${warning}`),
    ...(record.quick ? ["warning --quick: small sizes, few repetitions; these figures mean nothing"] : []),
    "",
  ].join("\n");
}

/** @param {{ threads: number, blas: string | null, dtype: string }} facts */
function side({ threads, blas, dtype }) {
  return `${threads} thread(s), BLAS ${blas ?? "inside libtorch or unknown"}, training products ${dtype}`;
}

/** @param {import("./measure.mjs").Result} one */
function notes({ title, peerFacts, problem, agree, difference, tolerance }) {
  const { form, optimiser } = peerFacts;
  const apart = agree === false ? ` (apart by ${difference ?? "∞"}, allowed ${tolerance})` : "";
  return [
    ...(form === undefined
      ? []
      : [`note    ${title}: Python's fastest was ${form} form, ${optimiser} AdamW`]),
    ...(problem === null || problem === "no peer" ? [] : [`void    ${title}: ${problem}${apart}`]),
  ];
}

/** @param {import("./measure.mjs").Result} one */
function verdict({ met, problem }) {
  if (problem !== null) return problem === "no peer" ? "" : "void";
  if (met === null) return "";
  return met ? "met" : "missed";
}

/** @param {string[][]} rows */
function aligned(rows) {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => (i >= 2 && i <= 3 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** @param {number | null} value */
function number(value) {
  if (value === null) return "–";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {number | null} value */
function fixed(value) {
  return value === null ? "–" : value.toFixed(2);
}

/**
 * Writes the result to benchmarks/results and returns the file's name.
 * @param {TorchRecord} record
 */
export function save(record) {
  const cpu = `${record.hardware.cpu} ${record.hardware.cores} vcpu`;
  const slug = cpu
    .toLowerCase()
    .replaceAll(/\((r|tm)\)/g, "")
    .replaceAll(/[^a-z0-9]+/g, "-");
  const name = `torch_${slug}_${record.date.slice(0, 10)}.json`;
  mkdirSync(here("../results"), { recursive: true });
  writeFileSync(here(`../results/${name}`), `${JSON.stringify(record, undefined, 2)}\n`);
  return `benchmarks/results/${name}`;
}
