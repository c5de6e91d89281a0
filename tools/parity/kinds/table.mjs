// @ts-check
// Kinds of cases by family. A kind is the family's folder and the file's name up to a running number or a variant:
// the longest known kind that begins the name at an underscore ("vanilla_3_uneven_schedule" is "vanilla").

import { kinds as aup } from "./aup.mjs";
import { kinds as d3llm } from "./d3llm.mjs";
import { kinds as didi } from "./didi.mjs";
import { kinds as dream } from "./dream.mjs";
import { kinds as gpt2 } from "./gpt2.mjs";
import { kinds as llada } from "./llada.mjs";
import { kinds as mdlm } from "./mdlm.mjs";
import { kinds as sdar } from "./sdar.mjs";
import { kinds as t3d } from "./t3d.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../compare.mjs").Check} Check
 * @typedef {(one: Case, check: Check) => void | Promise<void>} Runner compares what it finds; throws if it cannot
 * @typedef {{ skip: string }} Skipped a known kind that is not run, and why
 * @typedef {Record<string, Runner | Skipped>} Kinds
 */

/** @type {Record<string, Kinds>} */
export const families = { mdlm, didi, gpt2, sdar, t3d, llada, dream, d3llm, aup };

/**
 * @param {string} family
 * @param {string} stem
 * @returns {{ name: string, run: Runner | Skipped | undefined }}
 */
export function kindOf(family, stem) {
  const kinds = Object.hasOwn(families, family) ? /** @type {Kinds} */ (families[family]) : {};
  const name = Object.keys(kinds)
    .filter((kind) => stem === kind || stem.startsWith(`${kind}_`))
    .reduce((longest, kind) => (kind.length > longest.length ? kind : longest), "");
  return name === "" ? { name: stem.replace(/_\d+$/, ""), run: undefined } : { name, run: kinds[name] };
}
