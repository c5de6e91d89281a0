// @ts-check
// `--kind`: which cases to run, by words of their kinds' names.

import { nearest } from "../../packages/unmask/dist/base/nearest.js";
import { families } from "./kinds/table.mjs";

/**
 * A predicate for "family/kind", or why a word selects nothing. A word selects the kinds in whose names it stands
 * between underscores ("logits" selects logits_full and dit_logits, "kv_cache" logits_kv_cache); "sdar/logits" does
 * so within one family.
 * @param {readonly string[]} words none selects everything
 * @returns {{ selects: (kind: string) => boolean } | { problem: string }}
 */
export function selectionOf(words) {
  const known = Object.entries(families).flatMap(([family, kinds]) =>
    Object.keys(kinds).map((kind) => `${family}/${kind}`),
  );
  for (const word of words) {
    if (known.some((kind) => matches(word, kind))) continue;
    const near = nearest(word, [...known, ...new Set(known.map((kind) => nameOf(kind)))]);
    const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
    const problem = `no kind of case is called ${JSON.stringify(word)}${hint}; known are ${known.join(", ")}`;
    return { problem };
  }
  return { selects: (kind) => words.length === 0 || words.some((word) => matches(word, kind)) };
}

/** @param {string} kind "family/kind" */
const nameOf = (kind) => kind.slice(kind.indexOf("/") + 1);

/**
 * @param {string} word
 * @param {string} kind "family/kind"
 */
function matches(word, kind) {
  const [family, name] = word.includes("/") ? [word.split("/")[0], nameOf(word)] : [undefined, word];
  if (family !== undefined && !kind.startsWith(`${family}/`)) return false;
  return name !== "" && `_${nameOf(kind)}_`.includes(`_${name}_`);
}
