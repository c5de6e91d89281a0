// Options of DiDi-Instruct, under the names of the paper and its code, and their defaults by fidelity.
//
// corrected  defects of the published code are mended; where it has a choice, its constants
// released   the published training code's arithmetic, defects included (docs/parity.md lists them)

import { ConfigError } from "../../base/errors.ts";
import { logLinear, type NoiseSchedule } from "../../diffusion/schedule.ts";
import { inRange } from "../in-range.ts";

/** KL between teacher q and student p: forward KL(q ‖ p), reverse KL(p ‖ q), Jeffrey (1 − β) forward + β reverse. */
export const kullbackLeiblers = ["forward", "reverse", "jeffrey"] as const;
export type KullbackLeibler = (typeof kullbackLeiblers)[number];

/** ω(t): from alpha, min(max(−α′/(1−α), 0.1), 10), which is min(1/t, 10); or 1. */
export const weightModes = ["alpha", "constant"] as const;
export type WeightMode = (typeof weightModes)[number];

/**
 * What is subtracted from a reward.
 *
 *   group          the mean of its group, and divided by the group's standard deviation (the paper's)
 *   leave_one_out  the mean of the others of its group: unbiased, and enough of it with two
 *   none           nothing: unbiased, with all the variance
 */
export const baselines = ["group", "leave_one_out", "none"] as const;
export type Baseline = (typeof baselines)[number];

/**
 * Which tokens a reward is credited to.
 *
 *   sequence  all that were drawn (the paper's)
 *   token     those that can have moved it: a token of the text's last draw that was hidden from the critic cannot, and
 *             its share is noise with mean 0
 *   logit     as token, and what the critic saw has the critic's logit at its own place for a reward, instead of the
 *             text's mean: they are the same for a perfect critic, and a real one finds mistakes where they stand. Needs
 *             discriminator_positions "all"
 */
export const credits = ["sequence", "token", "logit"] as const;
export type Credit = (typeof credits)[number];

/**
 * Where the critic is asked, in training and for rewards: where tokens are hidden (the published code), or everywhere
 * behind the prompt. Everywhere it may compare a token with the others, which is easier to learn.
 */
export const discriminatorPositions = ["hidden", "all"] as const;
export type DiscriminatorPositions = (typeof discriminatorPositions)[number];

/**
 * What a text's log-probability is the sum of: the tokens that were written, or also the masks that a step left, which add
 * a constant in the published code and have no gradient.
 */
export const logprobModes = ["changed_only", "prev_is_mask"] as const;
export type LogprobMode = (typeof logprobModes)[number];

/** What the critic takes for the real thing: the data (the published code), or texts of the teacher (the paper). */
export const positives = ["real", "teacher"] as const;
export type Positives = (typeof positives)[number];

export type DidiFidelity = "corrected" | "released";

export interface DidiOptions {
  readonly fidelity: DidiFidelity;
  readonly vocabularySize: number;
  readonly maskId: number;
  readonly schedule: NoiseSchedule;
  /** Texts written for each example, G: a group. */
  readonly numSamplesPerPrompt: number;
  /** "beta" and the two parameters, one digit each: beta11 is uniform. */
  readonly tauMode: string;
  /** tau is kept in [tauMinEps, 1 − tauMinEps]. */
  readonly tauMinEps: number;
  /** One tau for the whole group. Beyond the paper. */
  readonly sharedTau: boolean;
  /**
   * A share of the example up to this, drawn for each group, is given as if it were a prompt: 0 as published. Beyond the
   * paper, for long texts.
   */
  readonly knownShare: number;
  /** Two steps 1 → tau → 0 (intermediate-state matching); else one, from all masks to the text. */
  readonly scoreDecomposition: boolean;
  /** The critic looks at texts noised to the same tau at which the student stopped over; else to another time. */
  readonly coupledTime: boolean;
  /** Where the second step ends: 0, or short of it as published. What is still masked then stays so. */
  readonly t0Eps: number;
  /** Share of what the first step wrote that is masked again. */
  readonly remaskProb: number;
  readonly weightMode: WeightMode;
  /** ω is divided by tau's density π. */
  readonly importanceWeight: boolean;
  readonly rewardClipVal: number;
  readonly advantageClipVal: number;
  /** Beyond the paper. */
  readonly baseline: Baseline;
  /** Beyond the paper. */
  readonly credit: Credit;
  /** "prev_is_mask" is for fidelity "released" alone: a mask has no probability otherwise. */
  readonly logprobMode: LogprobMode;
  readonly kl: KullbackLeibler;
  /** β of Jeffrey's. */
  readonly jeffreyBeta: number;
  readonly klBeta: number;
  /** Weights of the first and the second step's KL. */
  readonly klHi: number;
  readonly klLo: number;
  /** Weight of the entropy of the student's tokens, which is rewarded. */
  readonly entropyBeta: number;
  /** Beyond the paper. */
  readonly discriminatorPositions: DiscriminatorPositions;
  /** The critic's targets are 1 − labelSmoothing and labelSmoothing. */
  readonly labelSmoothing: number;
  readonly positives: Positives;
  /** Forwards of the teacher for a text of its own. */
  readonly teacherSteps: number;
  /** Steps that update the critic alone. */
  readonly discriminatorWarmupSteps: number;
  /** The student is updated at every so manyth step. */
  readonly studentUpdateEvery: number;
}

/** What has no default. */
type Needed = "vocabularySize" | "maskId";
type Chosen = Omit<DidiOptions, Needed>;
/** Options as they are given: what is undefined has its default. */
export type DidiSettings = Pick<DidiOptions, Needed> & {
  readonly [Name in keyof Chosen]?: Chosen[Name] | undefined;
};

const common: Omit<DidiOptions, Needed | "fidelity"> = {
  schedule: logLinear(),
  numSamplesPerPrompt: 4,
  tauMode: "beta11",
  tauMinEps: 0.02,
  sharedTau: false,
  knownShare: 0,
  scoreDecomposition: true,
  coupledTime: true,
  t0Eps: 0,
  remaskProb: 0,
  weightMode: "alpha",
  importanceWeight: false,
  rewardClipVal: 8,
  advantageClipVal: 3,
  baseline: "group",
  credit: "sequence",
  logprobMode: "changed_only",
  kl: "jeffrey",
  jeffreyBeta: 0.5,
  klBeta: 1,
  klHi: 0.01,
  klLo: 0.01,
  entropyBeta: 5e-4,
  discriminatorPositions: "hidden",
  labelSmoothing: 0.1,
  positives: "real",
  teacherSteps: 32,
  discriminatorWarmupSteps: 0,
  studentUpdateEvery: 1,
};

/** The published training code's own defaults, where they differ. */
const released: Partial<DidiOptions> = {
  ...{ tauMode: "beta22", t0Eps: 1e-3, logprobMode: "prev_is_mask", kl: "forward", entropyBeta: 0.02 },
};

/** Fills in defaults. Throws a ConfigError that names an option out of its range. */
export function didiOptions({ fidelity = "corrected", ...given }: DidiSettings): DidiOptions {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const base = fidelity === "released" ? { ...common, ...released } : common;
  const options = { ...base, ...set, fidelity } as DidiOptions;
  for (const [name, min, max, whole = false] of ranges) {
    inRange(`distill.${snake(name)}`, options[name], { min, max, whole });
  }
  betaParameters(options.tauMode);
  if (options.logprobMode === "prev_is_mask" && fidelity !== "released") {
    throw new ConfigError(
      'distill.logprob_mode "prev_is_mask" counts masks, which have no probability; give "changed_only", or distill.fidelity "released"',
    );
  }
  if (options.credit === "logit" && options.discriminatorPositions !== "all") {
    throw new ConfigError(
      'distill.credit "logit" asks the critic about tokens that it sees; give distill.discriminator_positions "all" too',
    );
  }
  if (options.numSamplesPerPrompt === 1 && options.baseline !== "none") {
    throw new ConfigError(
      `distill.num_samples_per_prompt is 1, and a baseline "${options.baseline}" needs a group; give at least 2, or baseline "none"`,
    );
  }
  return options;
}

type NumberName = {
  [Name in keyof DidiOptions]: DidiOptions[Name] extends number ? Name : never;
}[keyof DidiOptions];

const ranges: readonly [name: NumberName, min: number, max?: number, whole?: boolean][] = [
  ["vocabularySize", 2],
  ["maskId", 0],
  ["numSamplesPerPrompt", 1, 1024, true],
  ["tauMinEps", 1e-6, 0.5],
  ["knownShare", 0, 1],
  ["t0Eps", 0, 0.5],
  ["remaskProb", 0, 1],
  ["rewardClipVal", 0],
  ["advantageClipVal", 0],
  ["jeffreyBeta", 0, 1],
  ["klBeta", 0],
  ["klHi", 0],
  ["klLo", 0],
  ["entropyBeta", 0],
  ["labelSmoothing", 0, 0.5],
  ["teacherSteps", 1, 1e6, true],
  ["discriminatorWarmupSteps", 0, 2 ** 31, true],
  ["studentUpdateEvery", 1, 2 ** 31, true],
];

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** a and b of tau ~ Beta(a, b). Throws a ConfigError for what is no such name. */
export function betaParameters(tauMode: string): readonly [number, number] {
  if (tauMode === "uniform") return [1, 1];
  const digits = /^beta([1-9])([1-9])$/.exec(tauMode);
  if (digits === null) {
    throw new ConfigError(
      `distill.tau_mode is "${tauMode}"; give "uniform", or "beta" and two digits from 1 to 9, such as beta22`,
    );
  }
  return [Number(digits[1]), Number(digits[2])];
}
