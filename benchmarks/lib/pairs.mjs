// @ts-check
// Two sides measured in turn, A B A B …, so that a busy neighbour or a warm processor meets both alike.

import { setTimeout as sleep } from "node:timers/promises";

// After a parallel operator OpenMP's threads spin for some milliseconds, which would cost the other side.
const pauseMilliseconds = 20;

/**
 * @typedef {object} Side
 * @property {(count: number) => number | Promise<number>} run does the work `count` times; seconds of it
 */

/**
 * NaN for an empty list.
 * @param {readonly number[]} values
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * How often to do the work so that it takes about `seconds`; warms up on the way.
 * @param {Side} side
 * @param {number} seconds
 */
export async function calibrate(side, seconds) {
  let count = 1;
  for (let round = 0; round < 4; round++) {
    const taken = await side.run(count);
    const wanted = Math.max(1, Math.round((count * seconds) / Math.max(taken, 1e-9)));
    if (wanted <= 1.5 * count) return Math.min(count, wanted);
    // A cold first call misleads: approach by at most a factor of 100.
    count = Math.min(wanted, 100 * count);
  }
  return count;
}

/**
 * Seconds of each pair, both sides doing the same number of repetitions; without a peer its list is empty.
 * @param {Side} ours
 * @param {Side | undefined} peer
 * @param {{ pairs: number, count: number, isWarm?: boolean }} options
 */
export async function measurePairs(ours, peer, { pairs, count, isWarm = false }) {
  if (!isWarm) {
    await ours.run(count);
    await peer?.run(count);
  }
  /** @type {{ ours: number[], peer: number[] }} */
  const seconds = { ours: [], peer: [] };
  for (let i = 0; i < pairs; i++) {
    await sleep(pauseMilliseconds);
    seconds.ours.push(await ours.run(count));
    if (peer === undefined) continue;
    await sleep(pauseMilliseconds);
    seconds.peer.push(await peer.run(count));
  }
  return seconds;
}

/**
 * The largest difference, relative to the largest value; infinite where a value is missing or not finite.
 * @param {readonly number[]} ours
 * @param {readonly number[]} peer
 */
export function difference(ours, peer) {
  const scale = Math.max(...peer.map(Math.abs), Number.MIN_VALUE);
  const largest = Math.max(...ours.map((value, i) => Math.abs(value - (peer[i] ?? Number.NaN)) / scale));
  return ours.length === peer.length && Number.isFinite(largest) ? largest : Number.POSITIVE_INFINITY;
}

/**
 * Seconds of `count` calls of `work`.
 * @param {number} count
 * @param {() => void} work
 */
export function timed(count, work) {
  const begin = performance.now();
  for (let i = 0; i < count; i++) work();
  return (performance.now() - begin) / 1000;
}
