// @ts-check
// The line of a case and the summary of a run.

/**
 * @typedef {import("./compare.mjs").Worst} Worst
 *
 * @typedef {object} Result
 * @property {string} name family/case
 * @property {string} kind family/kind
 * @property {"passed" | "failed" | "skipped" | "unknown"} status
 * @property {Worst} [worst]
 * @property {number} [compared] number of compared values
 * @property {string[]} [unchecked] outputs that nothing was compared with
 * @property {string} [reason] of a failure or a skip; of a pass, what to know about it
 */

const words = { passed: "ok  ", failed: "FAIL", skipped: "skip", unknown: "FAIL" };

/** @param {Result} result */
export function lineOf({ name, status, worst, reason, unchecked = [] }) {
  const parts = [words[status], name.padEnd(40)];
  if (worst !== undefined) parts.push(inWords(worst));
  if (unchecked.length > 0 && status === "passed") parts.push(`not compared: ${unchecked.join(", ")}`);
  if (reason !== undefined) parts.push(reason);
  return parts
    .join("  ")
    .replaceAll(/\s*\n\s*/g, " ")
    .trimEnd();
}

/** @param {Worst} worst */
function inWords({ quantity, difference, allowed, at, found, expected, outside, count }) {
  const short = (/** @type {number} */ value) => String(Number(value.toPrecision(3)));
  const amount = allowed === 0 && difference === 0 ? "exact" : `${short(difference)} of ${short(allowed)}`;
  if (outside === 0) return `${amount} (${quantity})`;
  const where = `${quantity}${at}: ${found}, expected ${expected}`;
  return `${amount} (${where}; ${outside} of ${count} values are outside)`;
}

/**
 * What is printed last, and whether all is well: something ran or was skipped, nothing failed, every skip has a reason.
 * @param {Result[]} results
 */
export function summaryOf(results) {
  const count = (/** @type {Result["status"]} */ status) =>
    results.filter((one) => one.status === status).length;
  const cases = results.map(({ name, kind, status, worst, compared, unchecked, reason }) => ({
    case: name,
    kind,
    status,
    worst: worst === undefined ? undefined : finite(worst),
    compared,
    unchecked: unchecked?.length === 0 ? undefined : unchecked,
    reason,
  }));
  const summary = {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    unknown: count("unknown"),
    cases,
  };
  const silent = results.some(({ status, reason = "" }) => status === "skipped" && reason === "");
  const good = results.length > 0 && summary.failed === 0 && summary.unknown === 0 && !silent;
  return { summary, good };
}

/** JSON has no NaN: it becomes a word. @param {Worst} worst */
function finite(worst) {
  const { quantity, difference, allowed, at, outside } = worst;
  const plain = Number.isFinite(difference) ? difference : String(difference);
  return { quantity: quantity + at, difference: plain, allowed, outside };
}
