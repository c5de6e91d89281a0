// What each token of an answer counts in T3D's path-consistency loss, by when the teacher revealed it.
//
// Published code (compute_path_loss_from_step_map): with S = ⌈b / k⌉ levels, A_s holds the first (s + 1) k tokens of every
// block in the order of revelation, and
//
//   L_path = mean over levels s of the mean over A_s of −log p(x_i | x_t)
//
// so that a token of rank r in its block counts Σ over s ≥ ⌊r / k⌋ of 1 / (S |A_s|). The weights sum to 1. Levels without
// a token are not averaged over. Ties of the order go to the lower position.
//
// Paper, Eq. 8–9: w_i = (B − π_i + 1) / B with the reveal step π_i in 1 … B; the sum over the tokens is not divided. We
// count π among the steps that revealed a token of the answer, and B is their number.
//
// Tokens that were given count nowhere. The published code counts real tokens without a step at every level, if their
// block has a step at all, and tokens that are the padding's id nowhere, though they take up ranks: with them the answer's
// own end of text.
//
// Smoke test: b = 8, k = 4, two full blocks: 0.09375 for ranks 0–3, 0.03125 for ranks 4–7.

export interface LevelOptions {
  readonly blockLength: number;
  /** Tokens of a level and block. */
  readonly k: number;
  /** The published code's rule for tokens without a step and for padding. */
  readonly released?: { readonly padId: number; readonly maskId: number } | undefined;
}

/** Below every level: the token is in no level. */
export const noLevel = -1;

/** The first level that each token belongs to; it belongs to all behind it too. `steps` below 0 mean no step. */
export function pathLevels(
  tokens: ArrayLike<number>,
  steps: ArrayLike<number>,
  { blockLength, k, released }: LevelOptions,
): Int32Array {
  const levels = new Int32Array(tokens.length).fill(noLevel);
  for (let start = 0; start < tokens.length; start += blockLength) {
    const size = Math.min(blockLength, tokens.length - start);
    const block = Array.from({ length: size }, (_, i) => start + i);
    const revealed = block.filter((i) => steps[i]! >= 0).sort((a, b) => steps[a]! - steps[b]!);
    revealed.forEach((i, rank) => {
      levels[i] = Math.floor(rank / k);
    });
    if (released === undefined) continue;
    for (const i of block) {
      if (steps[i] === -1 && revealed.length > 0) levels[i] = 0;
      if (tokens[i] === released.padId || tokens[i] === released.maskId) levels[i] = noLevel;
    }
  }
  return levels;
}

/** Levels of a block. */
export const levelCount = (blockLength: number, k: number): number => Math.ceil(blockLength / k);

/** How many tokens each level adds to the one before it; at least `count` levels. */
export function levelSteps(levels: ArrayLike<number>, count = 0): number[] {
  const steps = new Array<number>(count).fill(0);
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    while (steps.length <= level) steps.push(0);
    if (level >= 0) steps[level]!++;
  }
  return steps;
}

/** Weights of tokens by their levels; `added` is levelSteps() of all tokens that are averaged over. */
export function nestedWeights(levels: ArrayLike<number>, added: readonly number[]): Float64Array {
  let size = 0;
  const sizes = added.map((count) => {
    size += count;
    return size;
  });
  const filled = sizes.filter((one) => one > 0).length;
  const byLevel = new Float64Array(sizes.length);
  let weight = 0;
  for (let s = sizes.length - 1; s >= 0; s--) {
    if (sizes[s]! > 0) weight += 1 / (filled * sizes[s]!);
    byLevel[s] = weight;
  }
  return Float64Array.from({ length: levels.length }, (_, i) => (levels[i]! < 0 ? 0 : byLevel[levels[i]!]!));
}

/** The paper's weights of an answer's tokens; 0 for those without a step. */
export function linearWeights(steps: ArrayLike<number>): Float64Array {
  const order = [...new Set(Array.from(steps).filter((step) => step >= 0))].sort((a, b) => a - b);
  const rank = new Map(order.map((step, i) => [step, i]));
  return Float64Array.from(steps, (step) => {
    const index = rank.get(step);
    return index === undefined ? 0 : (order.length - index) / order.length;
  });
}
