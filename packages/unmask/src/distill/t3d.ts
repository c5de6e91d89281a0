// T3D: trajectory self-distillation with direct discriminative optimisation (Zhang et al. 2026, arXiv 2602.12262).
// Reference for parity: Tyrion58/T3D 330e9c6, train/self_ddo_sdar_full.py and train/prepare.py.
//
// The teacher is the student before training: its trajectories give x_0 (what it wrote) and x_t (how far it had come).
// The reference is a copy of the student that is refreshed between rounds (rounds.ts). It fills x_t in at one go, each
// position by itself, and so gives x̂, the text that a few-step student would write. DDO teaches the student to hold x_0
// more probable than the reference does, and x̂ less:
//
//   Δ(y)   = ℓ_θ(y) − ℓ_ref(y)                     ℓ(y) = mean over supervised positions of log p(y_i | x_t)
//   L_DDO  = −log σ(β Δ(x_0)) − α log(1 − σ(β Δ(x̂)))      mean over answers; Eq. 6–7 with α and β
//   L_path = −Σ w_i log p_θ(x_0,i | x_t)           Eq. 8–9; w: path-weights.ts
//   L      = L_DDO + λ L_path
//
// Gradients reach the student's ℓ alone. One forward of each network a step (the published code makes two of each).
//
// Fidelity:
//   corrected  states hide what was revealed last; blocks stand where decoding cuts them; columns behind a text's end are
//              masks in its last block (the published states show padding there, which gives the end away); an answer's
//              own end of text is in the path loss; every answer counts alike, as in the published batches of one; new
//              states every epoch; reference and student look at the same draw x̂.
//   released   what the published code does with a batch, defects included: states hide what was revealed first, and are
//              frozen; with reference_temp > 0 the reference scores one draw and the student another.
//   paper      Eq. 7 and 9 as written: sums instead of means, α = β = 1, x̂ drawn from the reference (temperature 1) instead
//              of its most probable tokens, linear path weights; the best student of a round becomes the reference. States as corrected. The paper's own λ is 0.2; what B and π are across blocks
//              it does not say.
//
// Smoke test: student = reference gives L_DDO = (1 + α) ln 2, 1.0397 for α = 0.5.
//
// Letters: B answers, N rows of logits, M of them supervised, V vocabulary.

import {
  add,
  cat,
  gt,
  indexAdd,
  logsumexp,
  lt,
  mul,
  narrow,
  neg,
  select,
  stack,
  sub,
  sum,
  type Tensor,
  tensor,
  toDtype,
  zeros,
  zerosLike,
} from "@unmask/torch";
import type { Network } from "../models/family.ts";
import type { Counts, LossParts, Method, PhaseContext } from "../train/method.ts";
import { idTensor } from "../train/rows-forward.ts";
import { nestedWeights } from "./path-weights.ts";
import { endsRound, refreshReference } from "./rounds.ts";
import { type T3dOptions, type T3dSettings, t3dSettings } from "./t3d-options.ts";
import { logProbabilities, rowsAtATime, tokenScores } from "./token-scores.ts";
import { type DistillFacts, statePlan, type TraceStates, traceStates } from "./trace-states.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

export interface T3dNetworks {
  readonly student: Network;
  /** The student as it was at the last refresh. */
  readonly reference: Network;
}

/** States, and what the reference makes of them. */
export interface T3dBatch {
  readonly states: TraceStates;
  /** x̂, that the student is scored on: int64 [M]. */
  readonly fakes_M: Tensor;
  /** ℓ_ref of x_0 and x̂, [B]. */
  readonly real_B: Tensor;
  readonly fake_B: Tensor;
}

export type T3dMethod = Method<T3dNetworks, TrajectoryExample, TraceStates, T3dBatch>;

export function t3d(facts: DistillFacts, options: T3dOptions = {}): T3dMethod {
  const settings = t3dSettings(facts, options);
  const plan = statePlan(facts, settings.states);
  return {
    name: "t3d",
    prepare: (examples, place) => traceStates(examples, place, plan),
    counts: stateCounts,
    tokens: ({ batch }) => batch.rows * batch.length,
    sample({ student, reference }, states, context) {
      const { rounds } = settings;
      // The best student is known to whoever scores it: refreshes are theirs.
      if (rounds.refresh === "latest" && endsRound(rounds, context.place.step)) {
        refreshReference(student, reference);
      }
      return referenceScores(reference, states, { settings, context });
    },
    phases: [
      {
        name: "student",
        updates: "student",
        loss: ({ student }, batch, context) => studentLoss(student, batch, { settings, context }),
      },
    ],
  };
}

/** What losses are averaged over, and how many answers are in no loss. */
export function stateCounts({ kept, supervised, pathWeights, levelSteps }: TraceStates): Counts {
  const answers = kept.reduce((total, one) => total + one, 0);
  const levels = pathWeights === undefined ? levelSteps : [];
  return {
    ...{ answers, tokens: supervised, empty: kept.length - answers },
    ...Object.fromEntries(levels.map((count, s) => [levelName(s), count])),
  };
}

const levelName = (level: number): string => `path_level_${level}`;

interface Work {
  readonly settings: T3dSettings;
  readonly context: PhaseContext;
}

/** x̂ and the reference's ℓ; the loop calls it without gradients. */
function referenceScores(reference: Network, states: TraceStates, { settings, context }: Work): T3dBatch {
  const { batch, supervised: M } = states;
  const how = { ...settings, products: context.products, count: M };
  const values_M3 = rowsAtATime(reference, batch, how, (logits_nV, { start, count }) => {
    const part = (numbers: Int32Array) => numbers.subarray(start, start + count);
    const where = { answers: part(states.answers), columns: part(states.columns), place: context.place };
    const scored_n = settings.draw(logits_nV, { ...where, index: 0 });
    const fakes_n = settings.drawsTwice ? settings.draw(logits_nV, { ...where, index: 1 }) : scored_n;
    const targets_n = idTensor(part(batch.targets), logits_nV.device);
    return [...logProbabilities(logits_nV, [targets_n, scored_n]), fakes_n];
  });
  const [real_M, fake_M, fakes_M] = [0, 1, 2].map((k) => select(values_M3, 1, k));
  return {
    states,
    fakes_M: toDtype(fakes_M!, "int64"),
    real_B: answerScores(real_M!, states, settings),
    fake_B: answerScores(fake_M!, states, settings),
  };
}

/** ℓ of each answer [B]: the mean, or as the paper has it the sum, of log p at its supervised positions. */
export function answerScores(
  logp_M: Tensor,
  { batch, supervised, answers, kept }: TraceStates,
  settings: Pick<T3dSettings, "logRatio">,
): Tensor {
  const { dtype, device } = logp_M;
  const weights = settings.logRatio === "mean" ? batch.weights.subarray(0, supervised) : undefined;
  const weighted_M =
    weights === undefined ? logp_M : mul(logp_M, tensor(weights, undefined, { dtype, device }));
  const zeros_B = zeros([kept.length], { dtype, device });
  return indexAdd(zeros_B, 0, idTensor(answers.subarray(0, supervised), device), weighted_M);
}

function studentLoss(student: Network, { states, ...reference }: T3dBatch, work: Work): LossParts {
  const { settings, context } = work;
  const { batch, supervised: M } = states;
  const { products, recompute, totals } = context;
  const targets_N = idTensor(batch.targets, reference.fakes_M.device);
  // Of rows that only the path loss looks at, only x_0 counts.
  const rest_N = narrow(targets_N, 0, M, batch.targets.length - M);
  const tokens = [targets_N, cat([reference.fakes_M, rest_N])];
  const [real_N, fake_N] = tokenScores(student, batch, { ...settings, products, recompute, tokens });
  const [real_M, fake_M] = [real_N!, fake_N!].map((one) => narrow(one, 0, 0, M));
  const ddo = ddoLoss(
    { real_B: answerScores(real_M!, states, settings), fake_B: answerScores(fake_M!, states, settings) },
    reference,
    { states, work },
  );
  const path = settings.lambdaPath === 0 ? undefined : pathLoss(real_N!, states, totals);
  const loss = path === undefined ? ddo.loss : add(ddo.loss, mul(path, settings.lambdaPath));
  return {
    loss,
    terms: { ddo: ddo.loss, ...ddo.terms, ...(path === undefined ? {} : { path }) },
    positions: { losses_N: neg(real_M!), times: batch.times.subarray(0, M) },
  };
}

interface Scores {
  /** ℓ of x_0 and of x̂, [B]. */
  readonly real_B: Tensor;
  readonly fake_B: Tensor;
}

/** Eq. 6–7. Terms are means over the answers of the global batch, as the published log names them. */
function ddoLoss(student: Scores, reference: Scores, { states, work }: { states: TraceStates; work: Work }) {
  const { alpha, beta } = work.settings;
  const { dtype, device } = student.real_B;
  const [referenceReal_B, referenceFake_B] = [reference.real_B, reference.fake_B].map((one) =>
    toDtype(one, dtype),
  );
  const share = (kept: number) => kept / Math.max(1, work.context.totals.answers!);
  const share_B = tensor(Float64Array.from(states.kept, share), undefined, { dtype, device });
  const mean = (values_B: Tensor): Tensor => sum(mul(values_B, share_B));
  const realRatio_B = sub(student.real_B, referenceReal_B!);
  const fakeRatio_B = sub(student.fake_B, referenceFake_B!);
  const real = mean(softplus(mul(realRatio_B, -beta)));
  const fake = mul(mean(softplus(mul(fakeRatio_B, beta))), alpha);
  const isRight = (flags: Tensor): Tensor => mean(toDtype(flags, dtype));
  return {
    loss: add(real, fake),
    terms: {
      ...{ ddo_real: real, ddo_fake: fake },
      ...{ logp_student_real: mean(student.real_B), logp_reference_real: mean(referenceReal_B!) },
      ...{ logp_student_fake: mean(student.fake_B), logp_reference_fake: mean(referenceFake_B!) },
      // Share of the answers that the student tells apart as it should.
      ...{
        above_reference_real: isRight(gt(realRatio_B, 0)),
        below_reference_fake: isRight(lt(fakeRatio_B, 0)),
      },
    },
  };
}

/** log(1 + e^x) = −log σ(−x), with the right slope at 0 and no overflow. */
function softplus(x_B: Tensor): Tensor {
  return logsumexp(stack([x_B, zerosLike(x_B)], { dim: 1 }), 1);
}

/** Eq. 8–9, this batch's share. */
export function pathLoss(real_N: Tensor, { pathWeights, levels }: TraceStates, totals: Counts): Tensor {
  const { dtype, device } = real_N;
  const answers = Math.max(1, totals.answers!);
  const steps: number[] = [];
  while (totals[levelName(steps.length)] !== undefined) steps.push(totals[levelName(steps.length)]!);
  const weights = pathWeights?.map((weight) => weight / answers) ?? nestedWeights(levels, steps);
  return neg(sum(mul(real_N, tensor(weights, undefined, { dtype, device }))));
}
