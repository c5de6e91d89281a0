// Dream's decoder: no blocks; in each step of a time grid some open columns anywhere are written (time-grid.ts).
//
//   origin                 each column by chance, with the share as its probability
//   maskgit_plus           those whose token is most probable
//   topk_margin            those whose best token is furthest ahead of the second
//   entropy                those with the lowest entropy
//   confidence_threshold   Fast-dLLM's: an even share a step, of which what is below the threshold (but for the surest)
//                          waits; steps are added until everything is written
//
// alg_temp draws the columns by chance, the surer the likelier. `corrected` fidelity never spends a forward on a canvas
// that it has seen: it ends when nothing is open, and where origin writes nothing the proposal stands. `released`
// takes exactly the steps it is given, and added ones.

import { ConfigError } from "../../base/errors.ts";
import { streams } from "../../base/rng.ts";
import { countOpen, isFinished, openColumns } from "../canvas.ts";
import {
  type Decoder,
  type DecoderContext,
  type Fidelity,
  type OptionSpec,
  whyNotFullView,
} from "../decoder.ts";
import type { Policy, Proposal } from "./policy.ts";
import { randomScores, ranked } from "./select.ts";
import { type GridStep, gridQuota, gridShare, pick, type Sureness, surenesses } from "./time-grid.ts";
import { writable } from "./turns.ts";

export const dreamAlgorithms = [
  "origin",
  "maskgit_plus",
  "topk_margin",
  "entropy",
  "confidence_threshold",
] as const;

export type DreamAlgorithm = (typeof dreamAlgorithms)[number];

export interface DreamOptions {
  readonly algorithm: DreamAlgorithm;
  /** Forwards for the whole text. */
  readonly steps: number;
  readonly eps: number;
  readonly orderTemperature?: number | undefined;
  /** Of confidence_threshold. */
  readonly threshold: number;
  readonly seed: number;
  readonly fidelity: Fidelity;
}

/** A step, and what was open before it and at the start. */
interface Moment extends GridStep {
  readonly open: number;
  readonly total: number;
  readonly sequence: number;
}

export function dream(options: DreamOptions): Policy {
  const { algorithm, steps, eps, fidelity } = options;
  return {
    name: "dream",
    needsMargin: algorithm === "topk_margin",
    limit: (canvas) => steps + writable(canvas),
    start(canvas) {
      const { sequence } = canvas;
      const total = countOpen(canvas);
      const isWaiting = algorithm === "confidence_threshold";
      const reuse = fidelity === "corrected" && algorithm === "origin";
      let next = 0;
      let end = steps;
      return {
        plan() {
          if (total === 0 || (fidelity === "corrected" && isFinished(canvas))) return undefined;
          // What waits after the last step gets a step each, needed or not.
          if (next === steps && isWaiting) end += countOpen(canvas);
          if (next === end) return undefined;
          next++;
          return { from: 0, to: canvas.length, candidates: openColumns(canvas), reuse };
        },
        decide(proposal) {
          const open = proposal.columns.length;
          return { commit: choose(proposal, { step: next - 1, steps, eps, open, total, sequence }, options) };
        },
      };
    },
  };
}

function choose(proposal: Proposal, moment: Moment, options: DreamOptions): number[] {
  const { algorithm, fidelity, seed, orderTemperature, threshold } = options;
  const { open, total, sequence, step } = moment;
  const { columns } = proposal;
  if (algorithm === "origin") {
    const share = gridShare(moment);
    const uniforms = randomScores(columns, { seed, stream: streams.reveal, sequence, step });
    return [...uniforms.keys()].filter((i) => uniforms[i]! < share);
  }
  if (algorithm === "confidence_threshold") {
    const budget = budgetOf(moment, fidelity);
    return ranked(proposal.probability)
      .slice(0, budget)
      .filter((i, rank) => rank === 0 || proposal.probability[i]! >= threshold)
      .sort((a, b) => a - b);
  }
  const quota = gridQuota(open, total, { ...moment, fidelity });
  const scores = surenesses[algorithm satisfies Sureness](proposal);
  return pick(scores, quota, { columns, temperature: orderTemperature, seed, sequence, step });
}

/** Even shares up to this step, less what is written. */
function budgetOf({ step, steps, open, total }: Moment, fidelity: Fidelity): number {
  if (step >= steps - 1) return open;
  const written = total - open;
  if (fidelity === "released") return Math.floor(total / steps) * (step + 1) - written;
  return Math.max(1, Math.ceil((total * (step + 1)) / steps) - written);
}

/** Options that decoders of Dream share. */
export const dreamOptions = {
  temperature: {
    kind: "number",
    default: 0,
    min: 0,
    doc: "0 takes the most probable token; confidence is measured after temperature and filters.",
  },
  top_p: {
    kind: "number",
    default: undefined,
    min: 0,
    max: 1,
    doc: "Draws among the fewest tokens whose probabilities reach p; filters before top_k.",
  },
  top_k: { kind: "integer", default: undefined, min: 1, doc: "Draws among the k most probable tokens." },
  alg_temp: {
    kind: "number",
    default: undefined,
    min: 0,
    doc: "Draws the columns by their confidence, this much spread, instead of taking the surest.",
  },
  eps: { kind: "number", default: 1e-3, min: 1e-6, max: 1, doc: "Time at which the last step ends." },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const dreamDecoder: Decoder = {
  name: "dream",
  aliases: ["diffusion_generate"],
  doc: "Columns anywhere in the text, on a grid of times (Dream).",
  options: {
    steps: {
      kind: "integer",
      default: undefined,
      min: 1,
      aliases: ["diffusion_steps"],
      doc: "Forwards for the whole text; one a token by default.",
    },
    alg: {
      kind: "choice",
      default: "entropy",
      choices: dreamAlgorithms,
      aliases: ["algorithm"],
      doc: "Which columns a step writes.",
    },
    confidence_threshold: {
      kind: "number",
      default: 0.9,
      min: 0,
      max: 1,
      aliases: ["threshold"],
      doc: "Of alg confidence_threshold: less probable tokens wait.",
    },
    ...dreamOptions,
  },
  refuses: whyNotFullView,
  create(values, context) {
    const steps = (values.steps as number | undefined) ?? context.newTokens;
    const algorithm = values.alg as DreamAlgorithm;
    if (algorithm === "confidence_threshold") checkShares(context, steps);
    return {
      policy: dream({
        algorithm,
        steps,
        eps: values.eps as number,
        orderTemperature: values.alg_temp as number | undefined,
        threshold: values.confidence_threshold as number,
        seed: context.seed,
        fidelity: context.fidelity,
      }),
      sampling: dreamSampling(values),
    };
  },
};

export const dreamSampling = (values: Parameters<Decoder["create"]>[0]) => ({
  temperature: values.temperature as number,
  topP: values.top_p as number | undefined,
  topK: values.top_k as number | undefined,
  topPFirst: true,
});

function checkShares({ fidelity, newTokens }: DecoderContext, steps: number): void {
  if (fidelity === "corrected" || newTokens % steps === 0) return;
  throw new ConfigError(
    `steps is ${steps} and max_new_tokens ${newTokens}; in released fidelity confidence_threshold wants it to divide it`,
    { steps, max_new_tokens: newTokens },
  );
}
