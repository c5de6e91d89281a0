// What another threshold would have committed at a step. Where the file says enough, the decoder itself is asked again
// (rerun.ts); else its rule alone, without its blocks. Where a file holds no proposals, a stricter threshold can still be answered: of what was committed, the confidence and
// the entropy are known.

import type { OptionValues } from "#unmask/decode/decoder.ts";
import { withinEntropy } from "#unmask/decode/policies/block-entropy.ts";
import { select } from "#unmask/decode/policies/block-selection.ts";
import { byFactor } from "#unmask/decode/policies/fast-dllm.ts";
import { largest, largestAnd } from "#unmask/decode/policies/select.ts";
import type { Trajectory, TrajectoryHeader } from "#unmask/trajectory/record.ts";
import { decidedAt, isRepeatable } from "./rerun.ts";
import { type Order, type Proposed, placesAt, type Run } from "./run.ts";

export interface Rule {
  readonly name: RuleName;
  /** Its threshold, bound, factor or number of tokens. */
  readonly value: number;
}

export const ruleNames = ["confidence", "entropy", "factor", "dynamic", "bound", "count"] as const;
export type RuleName = (typeof ruleNames)[number];

interface RuleFacts {
  readonly label: string;
  readonly decoder: string;
  readonly unit: string;
  readonly least: number;
  readonly most: number;
  readonly digits: number;
  readonly usual: number;
  /** Whether a larger value commits more. */
  readonly looserUpwards: boolean;
}

export const rules: Readonly<Record<RuleName, RuleFacts>> = {
  confidence: {
    ...{ label: "probability at least", decoder: "fast_dllm", unit: "", least: 0, most: 1, digits: 2 },
    ...{ usual: 0.9, looserUpwards: false },
  },
  entropy: {
    ...{ label: "entropy at most", decoder: "multi_block", unit: "nats", least: 0, most: 4, digits: 2 },
    ...{ usual: 0.5, looserUpwards: true },
  },
  factor: {
    ...{ label: "factor", decoder: "fast_dllm", unit: "", least: 0, most: 4, digits: 2 },
    ...{ usual: 1, looserUpwards: true },
  },
  dynamic: {
    ...{ label: "sampled probability over", decoder: "block_diffusion", unit: "", least: 0, most: 1 },
    ...{ digits: 2, usual: 0.9, looserUpwards: false },
  },
  bound: {
    ...{ label: "sum of entropies under", decoder: "block_diffusion", unit: "nats", least: 0, most: 8 },
    ...{ digits: 2, usual: 0.5, looserUpwards: true },
  },
  count: {
    ...{ label: "the surest", decoder: "low_confidence", unit: "tokens", least: 1, most: 32, digits: 0 },
    ...{ usual: 1, looserUpwards: true },
  },
};

/** The rule that a decoder went by, as far as its recorded options say. */
export function ruleOf(decoder: string, options: Readonly<Record<string, unknown>>): Rule {
  const rule = (name: RuleName, option?: string): Rule => {
    const value = option === undefined ? undefined : options[option];
    return { name, value: typeof value === "number" ? value : rules[name].usual };
  };
  if (decoder === "multi_block") return rule("entropy", "threshold");
  if (decoder === "block_entropy" || options.alg === "entropy_threshold")
    return rule("entropy", "entropy_threshold");
  if (decoder === "block_diffusion") {
    if (options.remasking_strategy === "entropy_bounded") return rule("bound", "entropy_bound");
    if (options.remasking_strategy === "low_confidence_dynamic") return rule("dynamic", "dynamic_threshold");
    return rule("count");
  }
  if (typeof options.factor === "number") return rule("factor", "factor");
  if (decoder === "low_confidence" || decoder === "dream" || decoder === "ancestral") return rule("count");
  return rule("confidence", "confidence_threshold");
}

interface Candidates {
  readonly columns: Int32Array;
  readonly token: Int32Array;
  readonly confidence: Float32Array;
  readonly entropy: Float32Array;
  readonly probability: Float32Array;
}

/** Indices of the candidates that a rule commits, ascending. */
export function committedBy({ name, value }: Rule, candidates: Candidates): number[] {
  const { confidence, entropy, columns } = candidates;
  if (columns.length === 0) return [];
  if (name === "confidence") return largestAnd(confidence, value);
  if (name === "factor") return byFactor(confidence, value, "corrected");
  if (name === "count") return largest(confidence, Math.min(value, columns.length));
  if (name === "entropy") return withinEntropy(entropy, value, false);
  const strategy = name === "dynamic" ? "low_confidence_dynamic" : "entropy_bounded";
  const { token, probability } = candidates;
  const proposal = {
    ...{ columns, token, best: token, probability, entropy, margin: entropy },
    ...{ plainProbability: confidence, plainEntropy: entropy },
  };
  const selection = { strategy, threshold: value, entropyBound: value, seed: 0 } as const;
  return select(proposal, selection, { quota: 1, sequence: 0, step: 0 });
}

/** The option of a decoder that a rule's value stands for; undefined where the decoder has another rule. */
function changeFor(decoder: string, { name, value }: Rule): OptionValues | undefined {
  if (decoder === "multi_block" && name === "entropy") return { threshold: value };
  if (decoder === "block_entropy" && name === "entropy") return { entropy_threshold: value };
  if (decoder === "fast_dllm" && name === "confidence")
    return { confidence_threshold: value, factor: undefined };
  if (decoder === "fast_dllm" && name === "factor") return { factor: value, confidence_threshold: undefined };
  if (decoder === "block_diffusion" && name === "dynamic") {
    return { remasking_strategy: "low_confidence_dynamic", dynamic_threshold: value };
  }
  if (decoder === "block_diffusion" && name === "bound") {
    return { remasking_strategy: "entropy_bounded", entropy_bound: value };
  }
  return undefined;
}

/** How an answer came about, the surest way first. */
export type Basis = "decoder" | "rule" | "committed";

export interface Answer {
  /** Places that the rule commits and the run did as well. */
  readonly both: readonly number[];
  /** Places that only the rule commits. */
  readonly more: readonly Candidate[];
  /** Places that only the run committed. */
  readonly less: readonly number[];
  /** By the decoder itself, by its rule alone, or from what was committed, because no more is known. */
  readonly basis: Basis;
}

export interface Candidate {
  readonly place: number;
  readonly text: string;
  readonly confidence: number;
  readonly entropy: number;
}

/** A sequence as it was read, and as it is shown. */
export interface Asked {
  readonly opened: { readonly file: { readonly header: TrajectoryHeader } };
  readonly row: Trajectory;
  readonly run: Run;
  readonly order: Order;
}

/** Asks a rule about the forward that led to a step (from 1 on). */
export function whatIf({ opened, row, run, order }: Asked, step: number, rule: Rule): Answer {
  const committed = [...placesAt(order, step)].filter((place) => run.decoded[place] === 1);
  const candidates =
    run.proposed === undefined ? committedOnly(run, committed) : candidatesOf(run.proposed, step);
  const { header } = opened.file;
  const change = changeFor(header.decoder, rule);
  const byDecoder =
    run.proposed !== undefined && change !== undefined && isRepeatable({ header, row })
      ? decidedAt({ header, row }, step, change)
      : undefined;
  const places = byDecoder ?? committedBy(rule, candidates).map((i) => candidates.columns[i]!);
  const isKnown = new Set(committed);
  const isChosen = new Set(places);
  return {
    both: committed.filter((place) => isChosen.has(place)),
    // Behind the end of the text nothing is shown.
    more: places
      .filter((place) => !isKnown.has(place) && place < run.pieces.length)
      .map((place) => candidateAt(run, step, place)),
    less: committed.filter((place) => !isChosen.has(place)),
    basis: byDecoder !== undefined ? "decoder" : run.proposed === undefined ? "committed" : "rule",
  };
}

const spanOf = ({ start }: Proposed, step: number) => [start[step - 1]!, start[step]!] as const;

function candidatesOf(proposed: Proposed, step: number): Candidates {
  const [from, to] = spanOf(proposed, step);
  return {
    columns: proposed.column.subarray(from, to),
    token: proposed.token.subarray(from, to),
    confidence: proposed.confidence.subarray(from, to),
    entropy: proposed.entropy.subarray(from, to),
    probability: proposed.probability.subarray(from, to),
  };
}

function candidateAt({ proposed }: Run, step: number, place: number): Candidate {
  const [from] = spanOf(proposed!, step);
  const at = from + candidatesOf(proposed!, step).columns.indexOf(place);
  return {
    ...{ place, text: proposed!.text(at) },
    ...{ confidence: proposed!.confidence[at]!, entropy: proposed!.entropy[at]! },
  };
}

const committedOnly = (run: Run, places: readonly number[]): Candidates => ({
  columns: Int32Array.from(places),
  token: Int32Array.from(places, (place) => run.ids[place] ?? 0),
  confidence: Float32Array.from(places, (place) => run.confidence[place]!),
  entropy: Float32Array.from(places, (place) => run.entropy[place]!),
  probability: Float32Array.from(places, (place) => run.confidence[place]!),
});
