// @ts-check
// Comparisons of one case. Each remembers how much of its tolerance it used up; the case is as good as its worst.

/**
 * @typedef {import("./case.mjs").Numbers} Numbers
 * @typedef {import("./case.mjs").Tolerance} Tolerance
 *
 * @typedef {object} Worst the value that comes nearest to its tolerance, or lies furthest outside
 * @property {string} quantity
 * @property {number} difference
 * @property {number} allowed
 * @property {string} at index, such as "[0, 5]"
 * @property {number} found
 * @property {number} expected
 * @property {number} outside how many values of the quantity are outside their tolerance
 * @property {number} count of compared values
 */

export class Check {
  /** @type {Worst[]} */
  all = [];

  /**
   * Every value within abs + rel · |expected| + allowance(i). A shape of [1, n] agrees with [n].
   * @param {string} quantity
   * @param {Numbers} found
   * @param {Numbers} expected
   * @param {Tolerance & { allowance?: (i: number) => number }} tolerance
   */
  close(quantity, found, expected, { abs = 0, rel = 0, allowance = () => 0 }) {
    const shape = sameShape(quantity, found, expected);
    /** @type {Worst} */
    const worst = {
      quantity,
      difference: 0,
      allowed: abs,
      at: "",
      found: 0,
      expected: 0,
      outside: 0,
      count: 0,
    };
    let worstUse = -1;
    for (let i = 0; i < expected.values.length; i++) {
      const [a, b] = [Number(found.values[i]), Number(expected.values[i])];
      const difference = a === b ? 0 : Math.abs(a - b);
      const allowed = abs + rel * Math.abs(b) + allowance(i);
      const use = shareOf(difference, allowed);
      worst.count++;
      if (use > 1) worst.outside++;
      if (use <= worstUse) continue;
      worstUse = use;
      Object.assign(worst, { difference, allowed, at: indexOf(i, shape), found: a, expected: b });
    }
    this.all.push(worst);
  }

  /**
   * @param {string} quantity
   * @param {Numbers} found
   * @param {Numbers} expected
   */
  exact(quantity, found, expected) {
    this.close(quantity, found, expected, { abs: 0 });
  }

  /**
   * ‖found − expected‖ within `share` of ‖expected‖.
   * @param {string} quantity
   * @param {Numbers} found
   * @param {Numbers} expected
   * @param {number} share
   */
  norm(quantity, found, expected, share) {
    sameShape(quantity, found, expected);
    const differences = Array.from(expected.values, (value, i) => Number(found.values[i]) - value);
    const norm = Math.hypot(...Array.from(expected.values));
    const difference = Math.hypot(...differences);
    this.close(
      quantity,
      { values: [difference], shape: [] },
      { values: [0], shape: [] },
      { abs: share * norm },
    );
  }

  /** The comparison that used up most of its tolerance. @returns {Worst | undefined} */
  worst() {
    /** @type {Worst | undefined} */
    let worst;
    for (const one of this.all) {
      if (worst === undefined || usedUp(one) > usedUp(worst)) worst = one;
    }
    return worst;
  }

  /** Quantities outside their tolerance. */
  failures() {
    return this.all.filter(({ outside }) => outside > 0);
  }

  /** How many values were compared. */
  count() {
    return this.all.reduce((sum, { count }) => sum + count, 0);
  }
}

/** @param {number} difference @param {number} allowed */
function shareOf(difference, allowed) {
  if (difference === 0) return 0;
  const share = difference / allowed;
  return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
}

/** @param {Worst} worst */
const usedUp = ({ difference, allowed }) => shareOf(difference, allowed);

/**
 * @param {string} quantity
 * @param {Numbers} found
 * @param {Numbers} expected
 */
function sameShape(quantity, found, expected) {
  const proper = (/** @type {readonly number[]} */ shape) => shape.filter((size) => size !== 1).join(", ");
  if (proper(found.shape) !== proper(expected.shape) || found.values.length !== expected.values.length) {
    const [a, b] = [found.shape.join(", "), expected.shape.join(", ")];
    throw new Error(`${quantity}: the shape is [${a}], expected [${b}]`);
  }
  return expected.shape;
}

/**
 * @param {number} flat
 * @param {readonly number[]} shape
 */
function indexOf(flat, shape) {
  let rest = flat;
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return shape.length === 0 ? "" : `[${index.join(", ")}]`;
}
