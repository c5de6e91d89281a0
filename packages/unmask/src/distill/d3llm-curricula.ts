// What d3LLM changes as training goes on: how much of a window is hidden, and how long a window is. Both follow the
// share of the run that is done; neither remembers anything.
//
//   noise    t ~ U(lo, max),   lo = min + progress · (max − min)
//   window   one size an epoch, straight lines between them:
//            k = ⌊k_i + (E − i) (k_{i+1} − k_i)⌋,   E = progress · epochs,  i = ⌊E⌋;   the last size from its epoch on
//
// References: hao-ai-lab/d3LLM e5bfcac, d3llm_llada_train.py (get_current_mask_ratio, get_current_block_size,
// compute_loss). The text says that t itself rises; in the code its lower bound does.
// Smoke test: [16, 16, 24, 24, 32, 32] over 6 epochs is 18 at epoch 1.25 and 32 from epoch 4 on.

export interface NoiseCurriculum {
  readonly minMaskRatio: number;
  readonly maxMaskRatio: number;
}

/** Mask ratio of a draw from [0, 1). */
export function maskRatio(
  progress: number,
  uniform: number,
  { minMaskRatio, maxMaskRatio }: NoiseCurriculum,
): number {
  const lowest = minMaskRatio + Math.min(Math.max(progress, 0), 1) * (maxMaskRatio - minMaskRatio);
  return lowest + uniform * (maxMaskRatio - lowest);
}

export interface WindowCurriculum {
  /** Window lengths at the beginning of each epoch. */
  readonly progressiveBlockSizes: readonly number[];
  /** Epochs of the run; as many as there are sizes by default. */
  readonly epochs?: number | undefined;
}

/** Tokens of a window. */
export function windowSize(
  progress: number,
  { progressiveBlockSizes: sizes, epochs }: WindowCurriculum,
): number {
  const epoch = Math.max(0, progress) * (epochs ?? sizes.length);
  const last = sizes.length - 1;
  const before = Math.min(Math.floor(epoch), last);
  const size = sizes[before]!;
  if (before === last) return Math.floor(size);
  return Math.floor(size + (epoch - before) * (sizes[before + 1]! - size));
}
