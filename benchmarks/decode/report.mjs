// @ts-check
// The result for programs (one JSON object) and for people (two tables).

import { readFileSync } from "node:fs";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { aligned, caseTable, number, warningsOf } from "../lib/report.mjs";
import { promptLength, spread } from "./cases.mjs";
import { targets } from "./targets.mjs";

const packageFile = new URL("../../packages/torch/package.json", import.meta.url);

/**
 * @typedef {import("../lib/measure.mjs").Result & Counts} DecodeResult
 * @typedef {ReturnType<typeof recordOf>} DecodeRecord
 *
 * @typedef {object} Counts
 * @property {number} newTokens
 * @property {import("./ours.mjs").StepTimes} steps
 * @property {number} tokensPerForward
 * @property {number | null} peerForwards
 * @property {number | null} peerFed
 * @property {number | null} peerTokensPerForward
 * @property {boolean | null} overheadMet null with --quick
 */

/**
 * @param {object} run
 * @param {DecodeResult[]} run.results
 * @param {{ version: string, threads: number }} run.engine
 * @param {import("../lib/peer.mjs").PeerFacts | undefined} run.peer
 * @param {boolean} run.quick
 */
export function recordOf({ results, engine, peer, quick }) {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
  const ours = { version, libtorch: engine.version, threads: engine.threads, blas: loadedBlas() };
  return {
    bench: "decode",
    date: new Date().toISOString(),
    ...commit(),
    quick,
    hardware: hardware(),
    ours,
    peer: peer ?? null,
    warnings: peer === undefined ? [] : warningsOf(ours, peer),
    targets,
    promptLength,
    spread,
    cases: results,
  };
}

/**
 * @param {DecodeRecord} record
 * @returns {string}
 */
export function table({ ours, peer, cases, warnings, quick }) {
  const side = (/** @type {{ threads: number, blas: string | null }} */ { threads, blas }) =>
    `${threads} thread(s), BLAS ${blas ?? "inside libtorch or unknown"}`;
  return [
    "",
    ...caseTable(cases),
    "",
    ...stepTable(cases),
    "",
    `ours    @unmask/torch ${ours.version}, libtorch ${ours.libtorch}, ${side(ours)}`,
    peer === null ? "Python  –" : `Python  ${peer.python}, torch ${peer.torch}, ${side(peer)}`,
    "ratio   of tokens/s ours / Python, median over pairs, from the prompt to the finished text",
    "rest    what a step takes outside the network's forward; share: of the forward's time",
    ...cases.flatMap(notes),
    ...warnings.map((warning) => `warning ${warning}`),
    ...(quick ? ["warning --quick: few tokens, one repetition; these figures mean nothing"] : []),
    "",
  ].join("\n");
}

/** @param {DecodeResult[]} cases */
function stepTable(cases) {
  const rows = cases.map(({ title, agree, steps, overheadMet, ...one }) => [
    title,
    agree === null ? "–" : agree ? "equal" : "differ",
    `${steps.forwards} (${one.tokensPerForward.toFixed(2)})`,
    one.peerForwards === null ? "–" : `${one.peerForwards} (${one.peerTokensPerForward?.toFixed(2)})`,
    `${number(steps.forwardMilliseconds)} ms`,
    `${number(steps.outsideMilliseconds)} ms`,
    `${(100 * steps.overhead).toFixed(1)} %`,
    `at most ${100 * targets.overhead} %`,
    overheadMet === null ? "" : overheadMet ? "met" : "missed",
  ]);
  const forwards = "forwards (tokens each)";
  const head = ["", "tokens", forwards, "Python's", "forward", "rest", "share", "target", ""];
  return aligned([head, ...rows], [2, 3, 4, 5, 6]);
}

/** @param {DecodeResult} one */
function notes({ title, problem }) {
  return problem === null || problem === "no peer" ? [] : [`void    ${title}: ${problem}`];
}
