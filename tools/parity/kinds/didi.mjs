// @ts-check
// DiDi-Instruct: distillation with a discriminator, and guided sampling.

import { discriminatorLoss } from "./didi/critic-loss.mjs";
import { discriminatorForward } from "./didi/discriminator.mjs";
import { fullRun, rerankStep, tiltStep } from "./didi/guided.mjs";
import { policyIteration } from "./didi/iteration.mjs";
import { rewardAdvantageOmega } from "./didi/rewards.mjs";
import { averages } from "./mdlm/averages.mjs";

/** @type {import("./table.mjs").Runner} */
function studentEma(one, check) {
  const tolerance = one.tolerance("ema", { abs: 1e-6 });
  /** @type {{ beta: number, ema_start: number[], updates: { student: number[], ema_after: number[] }[] }[]} */
  const rows = one.output("rows");
  rows.forEach(({ beta, ema_start: start, updates }, i) => {
    const values = [[start], ...updates.map(({ student }) => [student])];
    const found = averages(values, { decay: beta, warmUp: false });
    updates.forEach(({ ema_after: after }, k) => {
      check.close(`rows[${i}].updates[${k}]`, found[k]?.[0] ?? none, one.numbers(after), tolerance);
    });
  });
}

const none = { values: [], shape: [0] };

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  student_ema: studentEma,
  discriminator_forward: discriminatorForward,
  rgas_tilt_step: tiltStep,
  rgas_rerank_step: rerankStep,
  rgas_full_run: fullRun,
  discriminator_loss: discriminatorLoss,
  reward_advantage_omega: rewardAdvantageOmega,
  policy_iteration: policyIteration,
};
