// A network that answers from a table, for tests: decoding, serving and inspecting run without a tensor.

import type { Proposal, Proposer } from "./policies/policy.ts";

export interface ScriptedAnswer {
  token: number;
  /** 1 by default; also the plain one. */
  probability?: number;
  /** 0 by default; also the plain one. */
  entropy?: number;
  margin?: number;
}

/** `answer(sequence, column, forward)` stands for the network; forwards count from 0 for each sequence. */
export function scriptedProposer(
  answer: (sequence: number, column: number, forward: number) => ScriptedAnswer,
): Proposer {
  return {
    propose: (requests) =>
      requests.map(({ canvas, plan }) => {
        const forward = canvas.forwards++;
        const answers = Array.from(plan.candidates, (column) => answer(canvas.sequence, column, forward));
        return scriptedProposal(plan.candidates, answers);
      }),
  };
}

/** A proposal that says the given things of the columns. */
export function scriptedProposal(columns: ArrayLike<number>, answers: readonly ScriptedAnswer[]): Proposal {
  const token = Int32Array.from(answers, (one) => one.token);
  const probability = Float32Array.from(answers, (one) => one.probability ?? 1);
  const entropy = Float32Array.from(answers, (one) => one.entropy ?? 0);
  return {
    columns: Int32Array.from(columns),
    token,
    probability,
    entropy,
    margin: Float32Array.from(answers, (one) => one.margin ?? 1),
    plainProbability: probability,
    plainEntropy: entropy,
    best: token,
  };
}
