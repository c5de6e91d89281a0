// @ts-check

/**
 * Kinds that are known and cannot be run yet.
 * @param {string[]} names
 * @param {string} reason
 * @returns {Record<string, import("./table.mjs").Skipped>}
 */
export function skipped(names, reason) {
  return Object.fromEntries(names.map((name) => [name, { skip: reason }]));
}
