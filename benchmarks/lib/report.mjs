// @ts-check
// What results of benchmarks against a Python peer have in common: the table of cases, warnings, the file.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const results = fileURLToPath(new URL("../results", import.meta.url));

/** @typedef {import("./measure.mjs").Result} Result */

/**
 * Differences that make a ratio say something about the set-up and not about the code.
 * @param {{ libtorch: string, threads: number, blas: string | null }} ours
 * @param {import("./peer.mjs").PeerFacts} peer
 */
export function warningsOf(ours, peer) {
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
 * Lines of the table.
 * @param {Result[]} cases
 */
export function caseTable(cases) {
  const rows = cases.map((one) => [
    one.title,
    one.unit,
    number(one.ours),
    number(one.peer),
    one.ratio === null ? "–" : `${fixed(one.ratio)} (${fixed(one.ratioMin)}–${fixed(one.ratioMax)})`,
    `${one.targetIs} ${one.target}`,
    verdict(one),
  ]);
  const head = ["", "unit", "ours", "Python", "ratio (min–max)", "target", ""];
  return aligned([head, ...rows], [2, 3]);
}

/** @param {Result} one */
function verdict({ met, problem }) {
  if (problem !== null) return problem === "no peer" ? "" : "void";
  if (met === null) return "";
  return met ? "met" : "missed";
}

/**
 * @param {string[][]} rows
 * @param {number[]} numbers columns that are aligned to the right
 */
export function aligned(rows, numbers) {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => (numbers.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** @param {number | null} value */
export function number(value) {
  if (value === null) return "–";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {number | null} value */
export function fixed(value) {
  return value === null ? "–" : value.toFixed(2);
}

/**
 * Writes the result to benchmarks/results and returns the file's name.
 * @param {{ bench: string, date: string, hardware: { cpu: string, cores: number } }} record
 */
export function save(record) {
  const cpu = `${record.hardware.cpu} ${record.hardware.cores} vcpu`;
  const slug = cpu
    .toLowerCase()
    .replaceAll(/\((r|tm)\)/g, "")
    .replaceAll(/[^a-z0-9]+/g, "-");
  const name = `${record.bench}_${slug}_${record.date.slice(0, 10)}.json`;
  mkdirSync(results, { recursive: true });
  writeFileSync(`${results}/${name}`, `${JSON.stringify(record, undefined, 2)}\n`);
  return `benchmarks/results/${name}`;
}
