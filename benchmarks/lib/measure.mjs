// @ts-check
// One case on both sides: the same work, compared first, then timed in turn.

import { calibrate, difference, measurePairs, median } from "./pairs.mjs";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {number} tolerance largest difference of the values, relative to the largest of them
 * @property {{ kind: string, atMost: boolean }} target `kind` names a line of the table of targets
 * @property {boolean} [long] a repetition takes long: longer measurements, fewer of them
 * @property {boolean} [slow] a repetition takes seconds: one a measurement, and opening it has warmed both sides up
 * @property {(seconds: number, count: number) => number} figure seconds of `count` repetitions in the case's unit
 * @property {Record<string, unknown>} request what the peer is told
 * @property {() => Open | Promise<Open>} open
 *
 * @typedef {object} Open
 * @property {number[]} value
 * @property {(count: number) => number | Promise<number>} run
 * @property {() => void} close
 *
 * @typedef {Pick<import("./peer.mjs").Peer, "open" | "run">} OtherSide
 *
 * @typedef {object} MeasureOptions
 * @property {number | undefined} pairs
 * @property {boolean} quick
 * @property {Readonly<Record<string, number>>} targets
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {number} ours median
 * @property {number | null} peer median
 * @property {number | null} ratio median of the pairs' ratios ours / peer; null without a peer or if void
 * @property {number | null} ratioMin
 * @property {number | null} ratioMax
 * @property {number} pairs
 * @property {number} repetitions in each measurement
 * @property {boolean | null} agree whether both sides computed the same numbers
 * @property {number | null} difference the largest, relative to the largest value
 * @property {number} tolerance
 * @property {number} target
 * @property {"at most" | "at least"} targetIs
 * @property {boolean | null} met null without a ratio, and with --quick
 * @property {Record<string, unknown>} peerFacts what the peer chose, for example its optimiser
 * @property {string | null} problem why there is no ratio
 * @property {{ ours: number[], peer: number[] }} values the first of the numbers compared; losses in training
 * @property {{ ours: number[], peer: number[] }} samples the figure of each pair
 */

/**
 * @param {Case} one
 * @param {OtherSide | undefined} peer
 * @param {MeasureOptions} settings
 * @returns {Promise<Result>}
 */
export async function measureCase(one, peer, { pairs, quick, targets }) {
  const ours = await one.open();
  try {
    const theirs = await openPeer(one, peer);
    const { long = false, slow = false } = one;
    const count = slow ? 1 : await calibrate(ours, burstSeconds(quick, long));
    const options = { pairs: pairs ?? usualPairs(count, { quick, long, slow }), count, isWarm: slow };
    const side = theirs.problem === null ? peer : undefined;
    const seconds = await measurePairs(ours, side, options).catch((error) => {
      theirs.problem = messageOf(error);
      return measurePairs(ours, undefined, options);
    });
    return resultOf(one, { seconds, count, ours: ours.value, theirs, quick, targets });
  } finally {
    ours.close();
  }
}

/**
 * @param {number} count
 * @param {{ quick: boolean, long: boolean, slow: boolean }} options
 */
function usualPairs(count, { quick, long, slow }) {
  if (slow) return quick ? 1 : 3;
  if (quick) return 2;
  return long || count === 1 ? 7 : 15;
}

/**
 * @param {boolean} quick
 * @param {boolean} long
 */
function burstSeconds(quick, long) {
  if (quick) return 0.02;
  return long ? 1 : 0.3;
}

/**
 * The peer's values and facts; a failure there costs this case its ratio, not the run.
 * @param {Case} one
 * @param {OtherSide | undefined} peer
 * @returns {Promise<{ value: number[] | null, facts: Record<string, unknown>, problem: string | null }>}
 */
async function openPeer(one, peer) {
  if (peer === undefined) return { value: null, facts: {}, problem: "no peer" };
  try {
    const { case: name, ...request } = one.request;
    const { value, ...facts } = await peer.open(String(name), request);
    return { value, facts, problem: null };
  } catch (error) {
    return { value: null, facts: {}, problem: messageOf(error) };
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {Case} one
 * @param {object} measured
 * @param {{ ours: number[], peer: number[] }} measured.seconds
 * @param {number} measured.count
 * @param {number[]} measured.ours
 * @param {Awaited<ReturnType<typeof openPeer>>} measured.theirs
 * @param {boolean} measured.quick
 * @param {MeasureOptions["targets"]} measured.targets
 * @returns {Result}
 */
function resultOf(one, { seconds, count, ours, theirs, quick, targets }) {
  const figures = (/** @type {number[]} */ list) => list.map((value) => short(one.figure(value, count)));
  const samples = { ours: figures(seconds.ours), peer: figures(seconds.peer) };
  const apart = theirs.value === null ? null : difference(ours, theirs.value);
  const agree = apart === null ? null : apart <= one.tolerance;
  const problem = agree === false ? "the two sides computed different numbers" : theirs.problem;
  const ratios =
    problem === null ? samples.ours.map((value, i) => value / /** @type {number} */ (samples.peer[i])) : [];
  const ratio = ratios.length === 0 ? null : short(median(ratios));
  const target = targets[one.target.kind] ?? Number.NaN;
  const reached = ratio !== null && (one.target.atMost ? ratio <= target : ratio >= target);
  return {
    name: one.name,
    title: one.title,
    unit: one.unit,
    ours: short(median(samples.ours)),
    peer: samples.peer.length === 0 ? null : short(median(samples.peer)),
    ratio,
    ratioMin: ratio === null ? null : short(Math.min(...ratios)),
    ratioMax: ratio === null ? null : short(Math.max(...ratios)),
    pairs: samples.peer.length,
    repetitions: count,
    agree,
    difference: apart !== null && Number.isFinite(apart) ? short(apart) : null,
    tolerance: one.tolerance,
    target,
    targetIs: one.target.atMost ? "at most" : "at least",
    met: ratio === null || quick ? null : reached,
    peerFacts: theirs.facts,
    problem,
    values: { ours: ours.slice(0, 3), peer: theirs.value?.slice(0, 3) ?? [] },
    samples,
  };
}

/** @param {number} value */
function short(value) {
  return Number(value.toPrecision(5));
}
