// @ts-check
// The result for programs (one JSON object) and for people (a table).

import { readFileSync } from "node:fs";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { caseTable, warningsOf } from "../lib/report.mjs";
import { targets } from "./targets.mjs";

const packageFile = new URL("../../packages/torch/package.json", import.meta.url);

/** @typedef {ReturnType<typeof recordOf>} TorchRecord */

/**
 * @param {object} run
 * @param {import("../lib/measure.mjs").Result[]} run.results
 * @param {{ version: string, threads: number, dtype: string }} run.engine
 * @param {import("../lib/peer.mjs").PeerFacts | undefined} run.peer
 * @param {boolean} run.quick
 */
export function recordOf({ results, engine, peer, quick }) {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
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
 * @param {TorchRecord} record
 * @returns {string}
 */
export function table(record) {
  const { ours, peer } = record;
  return [
    "",
    ...caseTable(record.cases),
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

/** @param {import("../lib/measure.mjs").Result} one */
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
