// Ancestral sampling of absorbing diffusion (MDLM §3.2, D3PM): step k of N goes from time t_k to t_{k+1} on the
// grid t_k = 1 − k/N. Every open column is revealed, independently of the others, with probability
//   (alpha(t_{k+1}) − alpha(t_k)) / (1 − alpha(t_k))
// and takes the token that was drawn from the network's distribution. Token and reveal draws are independent, so
// this is the reference's single draw from {stay, tokens} split in two. The published "analytic" sampler has the same
// law (SEDD's Tweedie step for absorbing noise).
//
// The last step ends at t = 0, where alpha = 1: everything still open is revealed, and N steps are N forwards.
// `released` stops at t = 1e-5 and spends one more forward on what is left. Without an end what is left stays open.
// With the log-linear schedule step k of N reveals a share 1/(N − k) of what is open, to about 1e-3.
//
// A step after one that revealed nothing sees the same canvas: its proposal stands (MDLM's "ancestral_cache"). A drawn
// token that was not revealed is still a fair draw, for reveals do not look at tokens.

import { generator, streams } from "../../base/rng.ts";
import {
  logLinear,
  type NoiseSchedule,
  releasedLastTime,
  revealProbability,
  reverseTimes,
  sigma,
} from "../../diffusion/schedule.ts";
import { type Canvas, isFinished, openColumns } from "../canvas.ts";
import { type Decoder, type Fidelity, type OptionSpec, whyNotFullView } from "../decoder.ts";
import type { Decision, Plan, Policy, Proposal } from "./policy.ts";

/** What becomes of columns that are open at the end: drawn once more, the most probable token, or left open. */
export const ends = ["ancestral", "greedy", "none"] as const;
export type End = (typeof ends)[number];

export interface AncestralOptions {
  readonly steps: number;
  readonly seed: number;
  readonly schedule: NoiseSchedule;
  /** "corrected" by default. */
  readonly fidelity?: Fidelity | undefined;
  /** "ancestral" by default. */
  readonly end?: End | undefined;
  /** A proposal stands while nothing is revealed; true by default. */
  readonly reuse?: boolean | undefined;
  /** Steps are drawn whole: the mask as a token means that the column stays open. */
  readonly drawsTransition?: boolean | undefined;
}

export function ancestral(options: AncestralOptions): Policy {
  const { reuse = true, drawsTransition = false } = options;
  const steps = reverseSteps(options);
  return {
    name: "ancestral",
    limit: () => steps.length,
    start(canvas) {
      let next = 0;
      return {
        plan() {
          if (next === steps.length || isFinished(canvas)) return undefined;
          next++;
          return { ...wholeCanvas(canvas, steps[next - 1]!), reuse: reuse && !drawsTransition };
        },
        decide: (proposal) =>
          decideStep(canvas, proposal, { ...options, step: steps[next - 1]!, index: next - 1 }),
      };
    },
  };
}

/** One step of the reverse process. */
export interface ReverseStep {
  /** Of an open column. */
  readonly revealProbability: number;
  readonly noise: { readonly before: number; readonly after: number };
  /** Takes the most probable tokens instead of the drawn ones. */
  readonly greedy: boolean;
}

export function reverseSteps(options: AncestralOptions): ReverseStep[] {
  const { steps, schedule, fidelity = "corrected", end = "ancestral" } = options;
  const stopsShort = fidelity === "released" || end === "none";
  const times = reverseTimes(steps, stopsShort ? releasedLastTime : 0);
  const level = (t: number) => (t === 0 ? 0 : sigma(schedule, t));
  const grid = times.slice(1).map((after, k): ReverseStep => {
    const isEnd = after === 0;
    return {
      revealProbability: isEnd ? 1 : revealProbability(schedule, times[k]!, after),
      noise: { before: level(times[k]!), after: level(after) },
      greedy: isEnd && end === "greedy",
    };
  });
  if (!stopsShort || end === "none") return grid;
  const noise = { before: level(releasedLastTime), after: 0 };
  return [...grid, { revealProbability: 1, noise, greedy: end === "greedy" }];
}

/** The plan of a step: all is fed, and all that is open may be revealed. */
export const wholeCanvas = (canvas: Canvas, { noise }: ReverseStep): Plan => ({
  from: 0,
  to: canvas.length,
  candidates: openColumns(canvas),
  noise,
});

export interface StepContext {
  readonly step: ReverseStep;
  /** Of the step, from 0. */
  readonly index: number;
  readonly seed: number;
  readonly drawsTransition?: boolean | undefined;
  /** Which of the drawn tokens; the first by default. */
  readonly draw?: number | undefined;
}

/** What a step reveals. Draw j of a column has the position j · canvas length + column. */
export function decideStep(canvas: Canvas, proposal: Proposal, context: StepContext): Decision {
  const { step, index, seed, drawsTransition = false, draw = 0 } = context;
  const drawn = proposal.draws?.[draw] ?? proposal.token;
  const tokens = step.greedy ? proposal.best : drawn;
  const commit: number[] = [];
  if (drawsTransition) {
    tokens.forEach((token, i) => {
      if (token !== canvas.noiseId) commit.push(i);
    });
  } else {
    const uniforms = revealUniforms(canvas, { seed, index, draw });
    proposal.columns.forEach((column, i) => {
      if (step.revealProbability >= 1 || uniforms[column]! < step.revealProbability) commit.push(i);
    });
  }
  if (tokens === proposal.token) return { commit };
  return { commit, tokens: new Map(commit.map((i) => [i, tokens[i]!])) };
}

/** One reveal draw a column. */
function revealUniforms(
  canvas: Canvas,
  { seed, index, draw }: { seed: number; index: number; draw: number },
): Float64Array {
  const { sequence, length } = canvas;
  const next = generator({ seed, stream: streams.reveal, sequence, step: index });
  const all = Float64Array.from({ length: (draw + 1) * length }, next);
  return all.subarray(draw * length);
}

export const ancestralSettings = {
  steps: {
    kind: "integer",
    default: undefined,
    min: 1,
    max: 65_536,
    aliases: ["sampling_steps", "num_steps"],
    doc: "Steps of the reverse process, each a forward or less; as many as there are tokens to write by default.",
  },
  temperature: {
    kind: "number",
    default: 1,
    min: 0,
    doc: "Of the distribution that tokens are drawn from; 0 takes the most probable token.",
  },
  top_p: {
    kind: "number",
    default: 1,
    min: 0,
    max: 1,
    aliases: ["p_nucleus", "nucleus_p"],
    doc: "Draws among the fewest tokens whose probabilities reach p.",
  },
  noise_removal: {
    kind: "choice",
    default: "ancestral",
    choices: ends,
    doc: "What is still masked at the end is drawn, takes its most probable token, or is left.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const ancestralDecoder: Decoder = {
  name: "ancestral",
  aliases: ["ancestral_cache", "analytic", "ddpm", "ddpm_cache", "mdlm"],
  doc: "Reveals tokens at random moments of the reverse process, as MDLM is trained.",
  options: {
    ...ancestralSettings,
    reuse: {
      kind: "flag",
      default: true,
      doc: "Spends no forward on a step after one that revealed nothing; the law of the text is the same.",
    },
  },
  refuses: whyNotFullView,
  create: (values, { seed, fidelity, newTokens }) => ({
    policy: ancestral({
      steps: (values.steps as number | undefined) ?? Math.max(1, newTokens),
      seed,
      schedule: logLinear(),
      fidelity,
      end: values.noise_removal as End,
      reuse: values.reuse as boolean,
    }),
    sampling: { temperature: values.temperature as number, topP: values.top_p as number },
  }),
};
