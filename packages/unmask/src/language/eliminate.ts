/**
 * Exact sums over discrete variables by eliminating one variable after the other, in log space and float64:
 *   log sum_x prod_f exp(factor_f(x)),  x = one value per variable.
 * The next variable is the one whose combined table is smallest (ties: lowest number). -Infinity is a
 * probability of zero and stays exact; a variable that no factor mentions counts its values.
 */

/** Log weights over some variables; the table is row-major, the last variable of the scope runs fastest. */
export interface Factor {
  readonly scope: readonly number[];
  readonly table: Float64Array;
}

interface Elimination {
  readonly variable: number;
  readonly involved: readonly Factor[];
}

export function logSumExp(values: ArrayLike<number>, count = values.length): number {
  let max = -Infinity;
  for (let index = 0; index < count; index++) if (values[index]! > max) max = values[index]!;
  if (max === -Infinity) return -Infinity;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += Math.exp(values[index]! - max);
  return max + Math.log(sum);
}

export function logSumProduct(sizes: readonly number[], factors: readonly Factor[]): number {
  return eliminateAll(sizes, factors, () => {});
}

/**
 * One draw of all variables from the distribution that the factors define, or undefined when their sum is zero.
 * `draw` gets the log weights of one variable's values, given those drawn before, and returns an index.
 */
export function sampleProduct(
  sizes: readonly number[],
  factors: readonly Factor[],
  draw: (logWeights: Float64Array) => number,
): number[] | undefined {
  const order: Elimination[] = [];
  const total = eliminateAll(sizes, factors, (elimination) => order.push(elimination));
  if (total === -Infinity) return undefined;
  const values = sizes.map(() => 0);
  for (const { variable, involved } of order.reverse()) {
    const logWeights = new Float64Array(sizes[variable]!);
    for (const factor of involved) {
      let offset = 0;
      let step = 0;
      for (const other of factor.scope) {
        offset = offset * sizes[other]! + (other === variable ? 0 : values[other]!);
        step = other === variable ? 1 : step * sizes[other]!;
      }
      for (let x = 0; x < logWeights.length; x++) logWeights[x]! += factor.table[offset + x * step]!;
    }
    values[variable] = draw(logWeights);
  }
  return values;
}

function eliminateAll(
  sizes: readonly number[],
  factors: readonly Factor[],
  record: (elimination: Elimination) => void,
): number {
  let remaining = mergeScopes(factors, sizes);
  const open = new Set(sizes.keys());
  while (open.size > 0) {
    let best = -1;
    let bestCost = Infinity;
    for (const variable of open) {
      let cost = 1;
      for (const other of neighbours(remaining, variable)) cost *= sizes[other]!;
      if (cost < bestCost) {
        best = variable;
        bestCost = cost;
      }
    }
    const involved = remaining.filter((factor) => factor.scope.includes(best));
    record({ variable: best, involved });
    remaining = remaining.filter((factor) => !factor.scope.includes(best));
    remaining.push(sumOut(best, involved, sizes));
    open.delete(best);
  }
  return remaining.reduce((sum, factor) => sum + factor.table[0]!, 0);
}

/** Drops variables with one value from the scopes, then adds up factors over the same variables. */
function mergeScopes(factors: readonly Factor[], sizes: readonly number[]): Factor[] {
  const merged = new Map<string, Factor>();
  for (const factor of factors) {
    const scope = factor.scope.filter((variable) => sizes[variable]! > 1);
    const sum = merged.get(scope.join());
    if (sum === undefined) merged.set(scope.join(), { scope, table: factor.table.slice() });
    else for (let cell = 0; cell < sum.table.length; cell++) sum.table[cell]! += factor.table[cell]!;
  }
  return [...merged.values()];
}

function neighbours(factors: readonly Factor[], variable: number): Set<number> {
  const found = new Set([variable]);
  for (const factor of factors) {
    if (factor.scope.includes(variable)) for (const other of factor.scope) found.add(other);
  }
  return found;
}

/** The product of the factors, summed over one variable. */
function sumOut(variable: number, factors: readonly Factor[], sizes: readonly number[]): Factor {
  const scope = [...neighbours(factors, variable)].filter((other) => other !== variable);
  const strides = factors.map((factor) =>
    [...scope, variable].map((other) => strideOf(factor, other, sizes)),
  );
  const offsets = factors.map(() => 0);
  const counters = scope.map(() => 0);
  const table = new Float64Array(scope.reduce((product, other) => product * sizes[other]!, 1));
  const sums = new Float64Array(sizes[variable]!);
  for (let cell = 0; cell < table.length; cell++) {
    sums.fill(0);
    for (let index = 0; index < factors.length; index++) {
      const source = factors[index]!.table;
      const step = strides[index]![scope.length]!;
      const base = offsets[index]!;
      for (let x = 0; x < sums.length; x++) sums[x]! += source[base + x * step]!;
    }
    table[cell] = logSumExp(sums);
    for (let axis = scope.length - 1; axis >= 0; axis--) {
      const size = sizes[scope[axis]!]!;
      const wraps = ++counters[axis]! === size;
      const shift = wraps ? 1 - size : 1;
      for (let index = 0; index < offsets.length; index++) offsets[index]! += shift * strides[index]![axis]!;
      if (!wraps) break;
      counters[axis] = 0;
    }
  }
  return { scope, table };
}

/** How far one step of a variable moves in a factor's table; 0 when the factor does not mention it. */
function strideOf(factor: Factor, variable: number, sizes: readonly number[]): number {
  const place = factor.scope.indexOf(variable);
  if (place < 0) return 0;
  return factor.scope.slice(place + 1).reduce((product, other) => product * sizes[other]!, 1);
}
