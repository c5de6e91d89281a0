// Every number of the quickstart, in one place: how long each training lasts, how it is set, what is measured.

import type { StorySize } from "../../language/stories.ts";

/** Keys of a training's or distillation's configuration, as in a recipe. */
type Keys = Readonly<Record<string, unknown>>;

export interface Training {
  /** Of training, where the processor has bfloat16 products; twice as long elsewhere. */
  readonly minutes: number;
  readonly train: Keys;
  /** Of the method. */
  readonly distill?: Keys;
}

/** One decoder, and the option that goes through its values: the slowest first. */
export interface Grid {
  readonly decoder: string;
  readonly decoder_options?: Keys;
  readonly option: string;
  readonly values: readonly number[];
}

export interface Settings {
  /** At most so many lanes run side by side, each in a process of its own, as the processor has cores; 1: none. */
  readonly processes: number;
  readonly story: StorySize;
  readonly stories: number;
  /** Fresh, on stories or on a text of one's own. */
  readonly teacher: Training & { readonly model: Keys };
  readonly didi: Training;
  /** Beside DiDi-Instruct on a text of one's own. */
  readonly sdtt: Training;
  /** Questions that teachers answer; what they get right is learnt from. */
  readonly prompts: number;
  readonly t3d: Training;
  readonly d3llm: Training;
  /** Texts a setting. */
  readonly texts: number;
  /** Of one's own text, where a network judges. */
  readonly ownTexts: number;
  readonly grids: {
    readonly stories: Grid;
    readonly ownText: Grid;
    readonly sdar: Grid;
    readonly llada: Grid;
  };
  /** One token a forward: what trajectories are recorded with. */
  readonly slowest: {
    readonly sdar: Omit<Grid, "option" | "values">;
    readonly llada: Omit<Grid, "option" | "values">;
  };
  /** Of the bundled teachers, for --from-scratch: examples and minutes, as their recipes have them. */
  readonly scratch: { readonly examples: number; readonly minutes: number };
}

export const usualSettings: Settings = {
  processes: 2,
  story: "medium",
  stories: 50_000,
  teacher: {
    // Updates count, not stories: twice as many of half the batch made 12 to 58 % of stories valid 94 %.
    minutes: 3.5,
    model: { hidden_size: 128, blocks: 3, heads: 4 },
    train: { batch_size: 32, learning_rate: 2e-3, beta2: 0.98 },
  },
  didi: {
    minutes: 0.4,
    distill: {
      shared_tau: true,
      kl_hi: 0.02,
      kl_lo: 0.02,
      discriminator_lr: 1e-3,
      discriminator_positions: "all",
      discriminator_warmup_steps: 30,
    },
    train: { batch_size: 32, learning_rate: 1e-4, warmup: 20, schedule: "constant", clip: 1, ema: 0.99 },
  },
  sdtt: {
    minutes: 0.5,
    distill: { batch: "rows", orig_num_sampling_steps: 64, min_num_sampling_steps: 8, grow_dt_every: 100 },
    train: { batch_size: 64, learning_rate: 3e-4, warmup: 20, schedule: "constant", ema: 0.99 },
  },
  prompts: 2000,
  t3d: {
    minutes: 1,
    distill: { block_size: 4 },
    train: { batch_size: 64, learning_rate: 3e-4, warmup: 20, schedule: "cosine" },
  },
  d3llm: {
    minutes: 1,
    distill: { progressive_block_sizes: [4, 8, 16, 24] },
    train: { batch_size: 64, learning_rate: 3e-4, warmup: 20, schedule: "cosine" },
  },
  texts: 200,
  ownTexts: 32,
  grids: {
    stories: { decoder: "ancestral", option: "steps", values: [64, 32, 16, 8, 4, 2] },
    ownText: { decoder: "ancestral", option: "steps", values: [64, 32, 16, 8, 4, 2] },
    sdar: { decoder: "block_diffusion", option: "denoising_steps", values: [4, 2, 1] },
    llada: { decoder: "multi_block", option: "threshold", values: [0.01, 0.1, 0.5, 1] },
  },
  slowest: {
    sdar: { decoder: "block_diffusion", decoder_options: { denoising_steps: 4 } },
    llada: { decoder: "low_confidence", decoder_options: { block_length: 8 } },
  },
  scratch: { examples: 84_000, minutes: 20 },
};
