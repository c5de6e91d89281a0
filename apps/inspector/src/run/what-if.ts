// What another threshold would have committed at a step: the decoders' own rules, asked again of what was proposed then.
// Where a file holds no proposals, a stricter threshold can still be answered: of what was committed, the confidence and
// the entropy are known.

import { withinEntropy } from "#unmask/decode/policies/block-entropy.ts";
import { select } from "#unmask/decode/policies/block-selection.ts";
import { byFactor } from "#unmask/decode/policies/fast-dllm.ts";
import { largest, largestAnd } from "#unmask/decode/policies/select.ts";
import { type Order, placesAt, type Run } from "./run.ts";

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

export interface Answer {
  /** Places that the rule commits and the run did as well. */
  readonly both: readonly number[];
  /** Places that only the rule commits. */
  readonly more: readonly Candidate[];
  /** Places that only the run committed. */
  readonly less: readonly number[];
  /** Whether everything that was proposed is known, or only what was committed. */
  readonly complete: boolean;
}

export interface Candidate {
  readonly place: number;
  readonly text: string;
  readonly confidence: number;
  readonly entropy: number;
}

/** Asks a rule about the forward that led to a step (from 1 on). */
export function whatIf(run: Run, order: Order, step: number, rule: Rule): Answer {
  const committed = [...placesAt(order, step)].filter((place) => run.decoded[place] === 1);
  const { proposed } = run;
  const [from, to] = proposed === undefined ? [0, 0] : [proposed.start[step - 1]!, proposed.start[step]!];
  const candidates: Candidates =
    proposed === undefined
      ? committedOnly(run, committed)
      : {
          columns: proposed.column.subarray(from, to),
          token: proposed.token.subarray(from, to),
          confidence: proposed.confidence.subarray(from, to),
          entropy: proposed.entropy.subarray(from, to),
          probability: proposed.probability.subarray(from, to),
        };
  const chosen = committedBy(rule, candidates);
  const places = new Set(chosen.map((i) => candidates.columns[i]!));
  const known = new Set(committed);
  return {
    both: committed.filter((place) => places.has(place)),
    more: chosen
      .filter((i) => !known.has(candidates.columns[i]!))
      .map((i) => ({
        place: candidates.columns[i]!,
        text: proposed!.text(from + i),
        confidence: candidates.confidence[i]!,
        entropy: candidates.entropy[i]!,
      })),
    less: committed.filter((place) => !places.has(place)),
    complete: proposed !== undefined,
  };
}

const committedOnly = (run: Run, places: readonly number[]): Candidates => ({
  columns: Int32Array.from(places),
  token: Int32Array.from(places, (place) => run.ids[place] ?? 0),
  confidence: Float32Array.from(places, (place) => run.confidence[place]!),
  entropy: Float32Array.from(places, (place) => run.entropy[place]!),
  probability: Float32Array.from(places, (place) => run.confidence[place]!),
});

/** In how many forwards a rule commits exactly what the run did. */
export function agreement(run: Run, order: Order, rule: Rule): { agree: number; forwards: number } {
  let [agree, forwards] = [0, 0];
  for (let step = 1; step <= run.forwards; step++) {
    const { both, more, less } = whatIf(run, order, step, rule);
    if (both.length + more.length + less.length === 0) continue;
    forwards++;
    if (more.length + less.length === 0) agree++;
  }
  return { agree, forwards };
}
