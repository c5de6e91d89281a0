// The options of every distiller as keys of a configuration, under the names of the papers and their code. Defaults stand
// with the distillers, because they depend on fidelity and family; what is left out here has them.

import { z } from "zod";
import { alignments } from "../diffusion/doubled.ts";
import type { D3llmOptions, NetworkIds } from "../distill/d3llm-options.ts";
import {
  baselines,
  credits,
  type DidiSettings,
  discriminatorPositions,
  kullbackLeiblers,
  logprobModes,
  positives,
  weightModes,
} from "../distill/didi/options.ts";
import type { DistillerName } from "../distill/distillers.ts";
import { distillModes } from "../distill/divergence.ts";
import type { DuoOptions } from "../distill/duo.ts";
import { refreshes } from "../distill/rounds.ts";
import type { SdttOptions } from "../distill/sdtt.ts";
import { lossWeights, type SftOptions } from "../distill/sft.ts";
import { distillFidelities, type T3dOptions } from "../distill/t3d-options.ts";
import type { TrajectoryOptions } from "../distill/trajectory.ts";
import { normalisations, paddingPolicies } from "../train/masked-batch.ts";

/** maskRatioExponent -> mask_ratio_exponent */
type Snake<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${Snake<Rest>}`
    : `_${Lowercase<First>}${Snake<Rest>}`
  : Name;
/** A key for every option; the compiler says which is missing or is none. */
type Keys<Options> = { readonly [Name in keyof Options & string as Snake<Name>]-?: z.ZodType };

const share = z.number().min(0).max(1);
const amount = z.number().nonnegative();
const whole = z.number().int().positive();
const twoWays = z.enum(["corrected", "released"]).optional();

const traceKeys = {
  fidelity: z
    .enum(distillFidelities)
    .optional()
    .describe("corrected, as the code has it, or as the paper writes it"),
  block_size: whole.optional().describe("of training; 8, or the whole answer where all see all"),
  mask_ratios: z.array(share).min(1).optional().describe("shares of a block that may be hidden"),
  mask_ratio_exponent: amount.optional().describe("a share is drawn with probability share ^ exponent"),
  mask_strategy: z.enum(["trace", "random"]).optional().describe("along the trajectory, or a random subset"),
  trace_hides: z.enum(["latest", "earliest"]).optional().describe("which end of the trajectory is hidden"),
  random_ratio: share.optional().describe("share of the hidden tokens that become random ones"),
  random_tokens: whole.optional().describe("tokens that random ones are drawn from"),
  post_num: z
    .number()
    .int()
    .nonnegative()
    .optional()
    .describe("supervised tokens of an answer that are padding"),
  states: z.enum(["fresh", "frozen"]).optional().describe("new intermediate states every epoch, or the same"),
  alignment: z
    .enum(alignments)
    .optional()
    .describe("blocks as decoding counts them, or from the prompt's end"),
  lambda_path: amount.optional().describe("weight of path consistency"),
  path_k_steps: whole.optional().describe("tokens that a level of path consistency adds in each block"),
  path_weights: z.enum(["nested", "linear"]).optional().describe("as released, or as in the paper"),
  path_average: z.enum(["answer", "batch"]).optional(),
  most_logits: whole.optional().describe("logits that may be made at once"),
} as const;

const t3dKeys = {
  ...traceKeys,
  alpha: amount.optional().describe("weight of the negatives"),
  beta: amount.optional().describe("sharpness of the discrimination"),
  log_ratio: z.enum(["mean", "sum"]).optional().describe("log-probabilities of an answer: mean or sum"),
  reference_temp: amount.optional().describe("temperature of the reference's fill; 0 takes the likeliest"),
  round_interval: z
    .number()
    .int()
    .nonnegative()
    .optional()
    .describe("updates of a round; 0 for a reference that stays"),
  refresh: z
    .enum(refreshes)
    .optional()
    .describe("what becomes the reference: the latest student, or the round's best"),
  draws_twice: z.boolean().optional().describe("reference and student look at two draws"),
} as const satisfies Keys<Omit<T3dOptions, "draw">>;

const trajectoryKeys = traceKeys satisfies Keys<TrajectoryOptions>;

const sftKeys = {
  loss_weight: z.enum(lossWeights).optional().describe("1/t, or every masked token alike"),
  block_size: whole.optional(),
  padding: z.enum(paddingPolicies).optional(),
  normalisation: z.enum(normalisations).optional(),
  smallest_time: share.optional(),
  alignment: z.enum(alignments).optional(),
  times: z.enum(["block", "answer"]).optional(),
} as const satisfies Keys<SftOptions>;

const windowKeys = {
  fidelity: twoWays,
  progressive_block_sizes: z.array(whole).min(1).optional().describe("window sizes, one an epoch"),
  epochs: z.number().positive().optional().describe("as many as window sizes unless given"),
  min_mask_ratio: share.optional(),
  max_mask_ratio: share.optional(),
  use_naive_random_mask: z.boolean().optional().describe("hide random tokens, not those revealed last"),
  use_complementary_loss: z
    .boolean()
    .optional()
    .describe("a second forward with visible and hidden exchanged"),
  use_blockwise_loss: z.boolean().optional().describe("false: the whole answer is one window"),
  temperature: z.number().positive().optional().describe("of the distribution whose entropy is lowered"),
  entropy_weight: amount.optional().describe("weight of the certainty term"),
  complementary_entropy: z.boolean().optional(),
  divisor: z.number().positive().optional().describe("of the sum of all terms"),
  max_length: whole.optional().describe("longest row; what is longer is cut"),
  answer_length: whole.optional().describe("columns behind the prompt; the recorded ones unless given"),
  windows_over: z.enum(["text", "canvas"]).optional(),
  padding: z.enum(paddingPolicies).optional(),
} as const satisfies Keys<Omit<D3llmOptions, keyof NetworkIds>>;

const didiKeys = {
  fidelity: twoWays,
  num_samples_per_prompt: whole.optional().describe("texts of a group"),
  tau_mode: z.string().optional().describe("uniform, or beta and two digits: beta22"),
  tau_min_eps: share.optional(),
  shared_tau: z.boolean().optional().describe("one tau for a group (beyond the paper)"),
  known_share: share
    .optional()
    .describe("a share of the example up to this is given, drawn for each group (beyond the paper)"),
  score_decomposition: z.boolean().optional().describe("intermediate-state matching: two steps by tau"),
  coupled_time: z.boolean().optional().describe("the critic looks at the time of tau"),
  t0_eps: share.optional(),
  remask_prob: share.optional(),
  weight_mode: z.enum(weightModes).optional(),
  importance_weight: z.boolean().optional().describe("divide by the density of tau"),
  reward_clip_val: amount.optional(),
  advantage_clip_val: amount.optional(),
  baseline: z.enum(baselines).optional().describe("group, or leave_one_out or none (beyond the paper)"),
  credit: z
    .enum(credits)
    .optional()
    .describe("to the sequence, to tokens that can have moved the reward, or by logit (beyond the paper)"),
  discriminator_positions: z
    .enum(discriminatorPositions)
    .optional()
    .describe("the critic is asked where tokens are hidden, or everywhere (beyond the paper)"),
  logprob_mode: z.enum(logprobModes).optional(),
  kl: z.enum(kullbackLeiblers).optional(),
  jeffrey_beta: share.optional(),
  kl_beta: amount.optional(),
  kl_hi: amount.optional(),
  kl_lo: amount.optional(),
  entropy_beta: amount.optional(),
  label_smoothing: share.optional(),
  positives: z.enum(positives).optional().describe("real texts, or the teacher's (beyond the paper's code)"),
  teacher_steps: whole.optional(),
  discriminator_warmup_steps: z.number().int().nonnegative().optional(),
  student_update_every: whole.optional(),
} as const satisfies Keys<Omit<DidiSettings, "vocabularySize" | "maskId" | "schedule">>;

/** Of the critic's network, not of the loss. */
const criticKeys = {
  discriminator_lr: z.number().positive().default(1e-5),
  discriminator_unfreeze_blocks: whole.default(4).describe("blocks from the last that train"),
  discriminator_time_path: z.boolean().optional().describe("the critic's time path trains; unless released"),
} as const;

const sdttKeys = {
  batch: z
    .enum(["rows", "answers"])
    .default("answers")
    .describe("texts of one length, or answers to prompts"),
  padding: z.enum(paddingPolicies).optional(),
  num_distill_steps: whole.optional().describe("steps of the teacher that become one"),
  orig_num_sampling_steps: whole.optional(),
  min_num_sampling_steps: whole.optional(),
  grow_dt_every: whole.optional().describe("updates of a round"),
  distill_mode: z.enum(distillModes).optional(),
} as const satisfies Keys<Omit<SdttOptions, keyof NetworkIds | "noise">>;

const duoKeys = {
  gamma_min: z.number().optional(),
  gamma_max: z.number().optional(),
  steps: whole.optional(),
  update_teacher_every: whole.optional(),
  loss_type: z.enum(["kl-bwd", "kl-fwd"]).optional(),
  time_conditioning: z.boolean().optional(),
} as const satisfies Keys<Omit<DuoOptions, "vocabularySize">>;

/** Keys of `distill:` by method. */
export const methodKeys = {
  t3d: t3dKeys,
  trajectory: trajectoryKeys,
  sft: sftKeys,
  d3llm: windowKeys,
  dparallel: windowKeys,
  didi: { ...didiKeys, ...criticKeys },
  sdtt: sdttKeys,
  duo: duoKeys,
} as const satisfies Record<DistillerName, Record<string, z.ZodType>>;

/** Keys that configure the run, not the method. */
const runNames = new Set<string>(["method", ...Object.keys(criticKeys)]);

/** The method's own options, in its spelling. */
export function methodOptions(section: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own = Object.entries(section).filter(([name, value]) => !runNames.has(name) && value !== undefined);
  const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(own.map(([name, value]) => [camel(name), value]));
}
