// @ts-check
// Runs one case. Whatever goes wrong inside it is its failure, never the end of the run.

import { nearest } from "../../packages/unmask/dist/base/nearest.js";
import { Case } from "./case.mjs";
import { Check } from "./compare.mjs";
import { families, kindOf } from "./kinds/table.mjs";

/**
 * "family/kind" of a case.
 * @param {import("./discover.mjs").Found} found
 */
export const kindNameOf = ({ family, stem }) => `${family}/${kindOf(family, stem).name}`;

/**
 * @param {import("./discover.mjs").Found} found
 * @param {{ verbose: boolean }} options
 * @returns {Promise<import("./report.mjs").Result>}
 */
export async function runCase(found, { verbose }) {
  const { family, stem, json } = found;
  const kind = kindOf(family, stem);
  const base = { name: `${family}/${stem}`, kind: `${family}/${kind.name}` };
  if (json === undefined) return { ...base, status: "failed", reason: found.problem ?? "" };
  if (kind.run === undefined) return { ...base, status: "unknown", reason: unknownReason(family, kind.name) };
  if (typeof kind.run !== "function") return { ...base, status: "skipped", reason: kind.run.skip };
  const one = new Case(found, json);
  const check = new Check();
  try {
    await kind.run(one, check);
  } catch (error) {
    if (verbose) console.error(error);
    return { ...base, status: "failed", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    one.close();
  }
  return { ...base, ...judge(one, check) };
}

/**
 * @param {Case} one
 * @param {Check} check
 */
function judge(one, check) {
  const failures = check.failures();
  const reasons = [...one.notes];
  if (check.count() === 0) reasons.unshift("the case holds nothing that could be compared");
  if (failures.length > 1)
    reasons.push(`also outside: ${failures.map(({ quantity }) => quantity).join(", ")}`);
  const passed = failures.length === 0 && check.count() > 0;
  /** @type {"passed" | "failed"} */
  const status = passed ? "passed" : "failed";
  const worst = check.worst();
  return {
    status,
    ...(worst === undefined ? {} : { worst }),
    compared: check.count(),
    unchecked: one.unchecked(),
    ...(reasons.length === 0 ? {} : { reason: reasons.join("; ") }),
  };
}

/**
 * @param {string} family
 * @param {string} kind
 */
function unknownReason(family, kind) {
  const known = families[family];
  const names = Object.keys(known ?? families);
  const near = nearest(known === undefined ? family : kind, names);
  const hint = near === undefined ? `known are ${names.join(", ")}` : `did you mean "${near}"?`;
  return known === undefined ? `unknown family "${family}"; ${hint}` : `unknown kind "${kind}"; ${hint}`;
}
