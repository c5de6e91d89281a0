// Naive trajectory distillation: cross-entropy along the teacher's trace (T3D, Eq. 5; its baseline).
//
//   L = −E log p_θ(x_0 | x_t),   x_t a state that the teacher's decoding of x_0 really passed through
//
// Fine-tuning on the teacher's answers with states of its decoding in the place of independent masks. `lambdaPath` adds
// the path-consistency loss and `randomRatio` the random tokens of T3D: the rows of its ablation. Log-probabilities of an
// answer are means over its supervised positions, in fidelity "paper" sums, and answers count alike.
//
// Smoke test: a uniform network has ln V.

import { add, mul, narrow, neg, sum } from "@unmask/torch";
import type { Student } from "../train/masked-method.ts";
import type { Method } from "../train/method.ts";
import { deviceOf, idTensor } from "../train/rows-forward.ts";
import { answerScores, pathLoss, stateCounts } from "./t3d.ts";
import { stateOptions, type TraceOptions } from "./t3d-options.ts";
import { tokenScores } from "./token-scores.ts";
import { type DistillFacts, statePlan, type TraceStates, traceStates } from "./trace-states.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

export type TrajectoryMethod = Method<Student, TrajectoryExample, TraceStates>;

export interface TrajectoryOptions extends TraceOptions {
  /** Logits that may be made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

export function trajectoryMethod(facts: DistillFacts, options: TrajectoryOptions = {}): TrajectoryMethod {
  const { lambdaPath = 0, randomRatio = 0, mostLogits } = options;
  const plan = statePlan(facts, stateOptions(facts, { ...options, lambdaPath, randomRatio }));
  const logRatio = options.fidelity === "paper" ? "sum" : "mean";
  const { vocabularySize } = facts;
  return {
    name: "trajectory",
    prepare: (examples, place) => traceStates(examples, place, plan),
    counts: stateCounts,
    tokens: ({ batch }) => batch.rows * batch.length,
    phases: [
      {
        name: "student",
        updates: "student",
        loss({ student }, states, { totals, products, recompute }) {
          const { batch, supervised: M } = states;
          const tokens = [idTensor(batch.targets, deviceOf(student))];
          const [logp_N] = tokenScores(student, batch, {
            vocabularySize,
            mostLogits,
            products,
            recompute,
            tokens,
          });
          const logp_M = narrow(logp_N!, 0, 0, M);
          const share = -1 / Math.max(1, totals.answers!);
          const entropy = mul(sum(answerScores(logp_M, states, { logRatio })), share);
          const path = lambdaPath === 0 ? undefined : pathLoss(logp_N!, states, totals);
          return {
            loss: path === undefined ? entropy : add(entropy, mul(path, lambdaPath)),
            terms: { cross_entropy: entropy, ...(path === undefined ? {} : { path }) },
            positions: { losses_N: neg(logp_M), times: batch.times.subarray(0, M) },
          };
        },
      },
    ],
  };
}
