// @ts-check
// The result for programs (one JSON object) and for people (two tables).

import { readFileSync } from "node:fs";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { aligned, caseTable, number, warningsOf } from "../lib/report.mjs";
import { targets } from "./targets.mjs";

const packageFile = new URL("../../packages/torch/package.json", import.meta.url);

/**
 * @typedef {import("../lib/measure.mjs").Result & { products: string, shorter: number }} ModelResult
 * @typedef {ReturnType<typeof recordOf>} ModelsRecord
 */

/**
 * @param {object} run
 * @param {ModelResult[]} run.results
 * @param {import("./load.mjs").LoadResult[]} run.loads
 * @param {{ version: string, threads: number }} run.engine
 * @param {import("../lib/peer.mjs").PeerFacts | undefined} run.peer
 * @param {boolean} run.quick
 */
export function recordOf({ results, loads, engine, peer, quick }) {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
  const ours = { version, libtorch: engine.version, threads: engine.threads, blas: loadedBlas() };
  return {
    bench: "models",
    date: new Date().toISOString(),
    ...commit(),
    quick,
    hardware: hardware(),
    ours,
    peer: peer ?? null,
    warnings: peer === undefined ? [] : warningsOf(ours, peer),
    targets,
    cases: results,
    loads,
  };
}

/**
 * @param {ModelsRecord} record
 * @returns {string}
 */
export function table({ ours, peer, cases, loads, warnings, quick }) {
  const side = (/** @type {{ threads: number, blas: string | null }} */ { threads, blas }) =>
    `${threads} thread(s), BLAS ${blas ?? "inside libtorch or unknown"}`;
  return [
    "",
    ...(cases.length === 0 ? [] : [...caseTable(cases), ""]),
    ...(loads.length === 0 ? [] : [...loadTable(loads), ""]),
    `ours    @unmask/torch ${ours.version}, libtorch ${ours.libtorch}, ${side(ours)}`,
    peer === null ? "Python  –" : `Python  ${peer.python}, torch ${peer.torch}, ${side(peer)}`,
    "ratio   of speeds ours / Python, median over pairs; of loading: time / time of reading the bytes",
    ...new Set(cases.flatMap(notes)),
    ...warnings.map((warning) => `warning ${warning}`),
    ...(quick ? ["warning --quick: short sequences, few repetitions; these figures mean nothing"] : []),
    "",
  ].join("\n");
}

/** @param {import("./load.mjs").LoadResult[]} loads */
function loadTable(loads) {
  const rows = loads.map(({ name, weightBytes, loadSeconds, readSeconds, ratio, peakBytes, peakBefore }) => [
    name.replaceAll("-", " "),
    `${number(weightBytes / 2 ** 20)} MiB`,
    `${number(loadSeconds)} s`,
    `${number(readSeconds)} s`,
    ratio.toFixed(2),
    `${number(peakBytes / 2 ** 20)} MiB (${number(peakBefore / 2 ** 20)} before)`,
    (peakBytes / weightBytes).toFixed(2),
  ]);
  const head = ["", "weights", "load", "read", "ratio", "peak memory", "peak / weights"];
  return aligned([head, ...rows], [1, 2, 3, 4, 6]);
}

/** @param {ModelResult} one */
function notes({ title, name, peerFacts, products, shorter, problem, agree, difference, tolerance }) {
  const group = name.split("-").slice(0, 3).join(" ");
  const apart = agree === false ? ` (apart by ${difference ?? "∞"}, allowed ${tolerance})` : "";
  return [
    ...(name.includes("-bfloat16-") ? [precisions(group, peerFacts, products)] : []),
    ...(shorter > 1 ? [`note    ${group}: sequences ${shorter} times shorter than usual`] : []),
    ...(problem === null || problem === "no peer" ? [] : [`void    ${title}: ${problem}${apart}`]),
  ];
}

/**
 * Weights of bfloat16 may be computed otherwise; Python then holds them twice as large.
 * @param {string} group
 * @param {Record<string, unknown>} peerFacts
 * @param {string} products
 */
function precisions(group, peerFacts, products) {
  const seconds = /** @type {Record<string, number> | undefined} */ (peerFacts.seconds);
  const tried = Object.entries(seconds ?? {}).map(([dtype, value]) => `${number(value)} s in ${dtype}`);
  const python =
    seconds === undefined ? "" : `; Python's fastest was ${peerFacts.dtype} (${tried.join(", ")})`;
  return `note    ${group}: our products ran in ${products}${python}`;
}
