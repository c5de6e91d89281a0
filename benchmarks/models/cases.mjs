// @ts-check
// What is measured of one checkpoint in one dtype.

import { uniforms } from "../lib/inputs.mjs";

/**
 * @typedef {import("./ours.mjs").Work} Work
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} unit
 * @property {"forwardSpeed" | "stepSpeed" | "fewRowsSpeed"} target
 * @property {number} batch
 * @property {number} length positions fed
 * @property {number} [prefix] positions cached beforehand
 * @property {number} [rows] only so many rows' logits are wanted
 */

/** @type {Kind[]} */
export const kinds = [
  { name: "forward-1x256", unit: "tokens/s", target: "forwardSpeed", batch: 1, length: 256 },
  { name: "forward-4x128", unit: "tokens/s", target: "forwardSpeed", batch: 4, length: 128 },
  { name: "step-512+32", unit: "steps/s", target: "stepSpeed", batch: 1, length: 32, prefix: 512 },
  { name: "rows-32-of-256", unit: "steps/s", target: "fewRowsSpeed", batch: 1, length: 256, rows: 32 },
];

/**
 * @param {Kind} kind
 * @param {object} group
 * @param {string} group.name family, size and dtype
 * @param {number} group.shorter lengths are divided by it
 * @param {number} group.tolerance
 * @param {number} group.vocabularySize
 * @param {(work: Work) => import("../lib/measure.mjs").Open} group.open
 * @returns {import("../lib/measure.mjs").Case}
 */
export function caseOf(kind, { name, shorter, tolerance, vocabularySize, open }) {
  const { batch, unit } = kind;
  // A step's block is short already; its prefix costs little.
  const length = kind.prefix === undefined ? kind.length / shorter : kind.length;
  const ids = randomIds(batch, length, { vocabularySize, sequence: 100 });
  const prefix =
    kind.prefix === undefined
      ? undefined
      : randomIds(batch, kind.prefix / shorter, { vocabularySize, sequence: 200 });
  const count = kind.rows === undefined ? undefined : kind.rows / shorter;
  const rows =
    count === undefined
      ? undefined
      : Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
  const work = { ids, ...(prefix && { prefix }), ...(rows && { rows }) };
  const perForward = unit === "tokens/s" ? batch * length : 1;
  return {
    name: `${name}-${kind.name}`,
    title: `${name.replaceAll("-", " ")} ${titleOf({ batch, length, prefix, rows })}`,
    unit,
    tolerance,
    target: { kind: kind.target, atMost: false },
    figure: (seconds, repetitions) => (perForward * repetitions) / seconds,
    request: { case: prefix === undefined ? "forward" : "step", ...work },
    open: () => open(work),
  };
}

/**
 * @param {object} sizes
 * @param {number} sizes.batch
 * @param {number} sizes.length
 * @param {number[][] | undefined} sizes.prefix
 * @param {number[] | undefined} sizes.rows
 */
function titleOf({ batch, length, prefix, rows }) {
  if (prefix !== undefined) return `step, ${length} behind ${prefix[0]?.length} cached`;
  if (rows !== undefined) return `step, ${rows.length} rows of ${length}`;
  return `forward ${batch} × ${length}`;
}

/**
 * @param {number} rows
 * @param {number} length
 * @param {{ vocabularySize: number, sequence: number }} options
 */
export function randomIds(rows, length, { vocabularySize, sequence }) {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(uniforms(length, sequence + row), (value) => Math.floor(((value + 1) / 2) * vocabularySize)),
  );
}
