// @ts-check
// The result for programs (one JSON object) and for people (three tables).

import { readFileSync } from "node:fs";
import { commit, hardware } from "../lib/machine.mjs";
import { median } from "../lib/pairs.mjs";
import { aligned, caseTable, fixed, number, warningsOf } from "../lib/report.mjs";
import { targets } from "./targets.mjs";

const packageFile = new URL("../../packages/torch/package.json", import.meta.url);

/**
 * @typedef {ReturnType<typeof withProcesses>} TrainResult
 * @typedef {Awaited<ReturnType<typeof import("./distributed.mjs").measureDistribution>>} Distribution
 * @typedef {ReturnType<typeof recordOf>} TrainRecord
 */

/**
 * A case's result with what its processes told: memory above what an empty process holds, share of the peak.
 * @param {import("../lib/measure.mjs").Result} result
 * @param {Pick<ReturnType<typeof import("./cases.mjs").caseOf>, "plan" | "told">} measured
 */
export function withProcesses(result, { plan, told }) {
  const { rows, length, timed } = plan.spec;
  const gigaflops = (/** @type {number | null} */ speed) =>
    speed === null ? null : (plan.operations * speed) / (rows * length) / 1e9;
  const product = middle(told.ours, (one) => Number(one.product));
  const share = (/** @type {number | null} */ speed) => {
    const reached = gigaflops(speed);
    return reached === null || product === null ? null : reached / product;
  };
  const memory = (/** @type {import("./spec.mjs").Outcome[]} */ list) =>
    middle(list, ({ peak, base }) => peak - base);
  return {
    ...result,
    steps: timed,
    stepOperations: plan.operations,
    productGflops: product,
    share: { ours: share(result.ours), peer: share(result.peer) },
    memory: { ours: memory(told.ours), peer: memory(told.peer) },
    memorySinceLoading: told.ours.concat(told.peer).every(({ sinceLoading }) => sinceLoading),
    blas: told.ours[0]?.blas ?? null,
  };
}

/**
 * @param {import("./spec.mjs").Outcome[]} list
 * @param {(one: import("./spec.mjs").Outcome) => number} of
 */
function middle(list, of) {
  return list.length === 0 ? null : median(list.map(of));
}

/**
 * @param {object} run
 * @param {TrainResult[]} run.results
 * @param {Distribution[]} run.distributions
 * @param {{ name: string, reason: string }[]} run.skipped
 * @param {{ version: string, threads: number }} run.engine
 * @param {import("../lib/peer.mjs").PeerFacts | undefined} run.peer
 * @param {boolean} run.quick
 */
export function recordOf({ results, distributions, skipped, engine, peer, quick }) {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
  const blas = results[0]?.blas ?? null;
  const ours = { version, libtorch: engine.version, threads: engine.threads, blas };
  return {
    bench: "train",
    date: new Date().toISOString(),
    ...commit(),
    quick,
    hardware: hardware(),
    ours,
    peer: peer ?? null,
    warnings: peer === undefined || results.length === 0 ? [] : warningsOf(ours, peer),
    targets,
    cases: results,
    distributions,
    skipped,
  };
}

/** @param {TrainRecord} record */
export function table({ ours, peer, cases, distributions, skipped, warnings, quick }) {
  const side = (/** @type {{ threads: number, blas: string | null }} */ { threads, blas }) =>
    `${threads} thread(s), BLAS ${blas ?? "inside libtorch or unknown"}`;
  return [
    "",
    ...(cases.length === 0 ? [] : [...caseTable(cases), "", ...shareTable(cases), ""]),
    ...(distributions.length === 0 ? [] : [...distributionTable(distributions), ""]),
    `ours    @unmask/torch ${ours.version}, libtorch ${ours.libtorch}, ${side(ours)}`,
    peer === null ? "Python  –" : `Python  ${peer.python}, torch ${peer.torch}, ${side(peer)}`,
    "ratio   of speeds ours / Python, median over pairs of processes, one at a time",
    "share   of the speed of the step's largest product in a layer, measured in the same processes",
    "memory  most that was held in the steps, above an empty process's",
    ...cases.flatMap(notes),
    ...skipped.map(({ name, reason }) => `skipped ${name}: ${reason}`),
    ...warnings.map((warning) => `warning ${warning}`),
    ...(quick ? ["warning --quick: small networks, few steps; these figures mean nothing"] : []),
    "",
  ].join("\n");
}

/** @param {TrainResult[]} cases */
function shareTable(cases) {
  const percent = (/** @type {number | null} */ value) =>
    value === null ? "–" : `${(100 * value).toFixed(0)} %`;
  const mib = (/** @type {number | null} */ bytes) =>
    bytes === null ? "–" : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const rows = cases.map(({ title, productGflops, share, memory }) => [
    title,
    number(productGflops),
    percent(share.ours),
    percent(share.peer),
    mib(memory.ours),
    mib(memory.peer),
    memory.ours === null || memory.peer === null ? "–" : fixed(memory.ours / memory.peer),
  ]);
  const head = ["", "product GFLOP/s", "share ours", "Python", "memory ours", "Python", "ratio"];
  return aligned([head, ...rows], [1, 2, 3, 4, 5, 6]);
}

/** @param {Distribution[]} list */
function distributionTable(list) {
  const rows = list.map(({ title, several, one, ratio, ratioMin, ratioMax, agree }) => [
    title,
    number(several),
    number(one),
    `${fixed(ratio)} (${fixed(ratioMin)}–${fixed(ratioMax)})`,
    agree ? "" : "void: other losses",
  ]);
  return aligned([["", "several, tokens/s", "one", "ratio (min–max)", ""], ...rows], [1, 2]);
}

/** @param {TrainResult} one */
function notes({ title, peerFacts, problem, agree, difference, tolerance, memorySinceLoading }) {
  const apart = agree === false ? ` (apart by ${difference ?? "∞"}, allowed ${tolerance})` : "";
  return [
    ...(peerFacts.optimiser === undefined
      ? []
      : [`note    ${title}: Python's fastest AdamW was ${peerFacts.optimiser}`]),
    ...(memorySinceLoading ? [] : [`note    ${title}: memory includes loading`]),
    ...(problem === null || problem === "no peer" ? [] : [`void    ${title}: ${problem}${apart}`]),
  ];
}
