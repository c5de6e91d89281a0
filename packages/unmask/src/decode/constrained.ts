// A policy under a constraint on its text: structured output.
//
// The constraint says what each open column may take, given all that is written; proposals are drawn from that alone
// (the plan's `allowed`). Of what the policy decides to write at once, the surest comes first, and each token is
// written only if it agrees with those before it; the others stay open for a later forward. Where a single token is
// left for a column, it is written at once and costs no forward.
//
// The policy itself knows nothing of this: its quotas and thresholds hold for what it proposes. Where it has spent its
// steps and something is still open, whole forwards follow until nothing is. Every forward writes at least one token
// of what the policy wants written, so that there are at most as many more forwards as open columns.

import { type Canvas, openColumns } from "./canvas.ts";
import type { Decision, Fill, Policy, Proposal, SequenceDecoder } from "./policies/policy.ts";
import { writable } from "./policies/turns.ts";
import { firstToken, type TokenSet } from "./token-set.ts";

/** Of one canvas. */
export interface Constraint {
  /** Takes the canvas as it stands; what was tried is forgotten. */
  read(canvas: Canvas): void;
  /** What an open column may take; undefined: anything. */
  allowed(column: number): TokenSet | undefined;
  /** Tries a token at an open column: kept until the next read() if it agrees with what is there. */
  write(column: number, token: number): boolean;
  /** Open columns with a single token left for them. */
  certain(): ReadonlyMap<number, number>;
}

/** The policy, with the constraint of the one canvas that it will decode. */
export function constrained(policy: Policy, constraint: Constraint): Policy {
  return {
    ...policy,
    limit: (canvas) => policy.limit(canvas) + writable(canvas),
    start: (canvas) => decoderOf(canvas, policy.start(canvas), constraint),
  };
}

function decoderOf(canvas: Canvas, inner: SequenceDecoder, constraint: Constraint): SequenceDecoder {
  let isSpent = false;
  return {
    plan() {
      const own = isSpent ? undefined : inner.plan();
      isSpent = own === undefined;
      const candidates = own?.candidates ?? openColumns(canvas);
      if (isSpent && candidates.length === 0) return undefined;
      constraint.read(canvas);
      const allowed = Array.from(candidates, (column) => constraint.allowed(column)?.bits);
      return { ...(own ?? { from: 0, to: canvas.length, candidates }), allowed };
    },
    decide(proposal) {
      const wanted = isSpent ? { commit: [...proposal.columns.keys()] } : inner.decide(proposal);
      const alternatives = wanted.alternatives?.map((one) =>
        agreed(canvas, { proposal, wanted: one }, constraint),
      );
      return { ...agreed(canvas, { proposal, wanted }, constraint), alternatives };
    },
    ending: () => inner.ending?.(),
  };
}

/** What can be written of a decision. */
function agreed(
  canvas: Canvas,
  { proposal, wanted }: { proposal: Proposal; wanted: Decision },
  constraint: Constraint,
): Decision {
  constraint.read(canvas);
  const tokens = new Map(wanted.tokens);
  const { plainProbability, columns } = proposal;
  const order = [...wanted.commit].sort((a, b) => plainProbability[b]! - plainProbability[a]! || a - b);
  const commit = order.filter((i) => constraint.write(columns[i]!, tokens.get(i) ?? proposal.token[i]!));
  const [surest] = order;
  if (commit.length === 0 && surest !== undefined) {
    // A proposer that was not bound by `allowed`: scripts, and draws that leave the distribution aside.
    const token = firstToken(constraint.allowed(columns[surest]!)!);
    constraint.write(columns[surest]!, token);
    tokens.set(surest, token);
    commit.push(surest);
  }
  const certain = commit.length === 0 ? [] : fillsOf(constraint.certain());
  return { commit: commit.sort((a, b) => a - b), tokens, certain };
}

function fillsOf(certain: ReadonlyMap<number, number>): Fill[] {
  const columns = new Map<number, number[]>();
  for (const [column, token] of certain) columns.set(token, [...(columns.get(token) ?? []), column]);
  return [...columns].map(([token, those]) => ({ columns: those, token }));
}
