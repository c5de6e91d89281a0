// The critic's loss: which of two noisy texts is real, asked at the positions that the noise hid (or at all).
//
//   L = ½ [ mean over asked of BCE(D(z_real, sigma), 1 − ε)  +  mean over asked of BCE(D(z_fake, sigma), ε) ]
//
// ε is the label smoothing, sigma = −ln alpha(t) as it is. Real and fake texts have masks of their own and the same t.
// They share one forward, and with it one state of the spectral norm; the published code runs the real ones first and the
// fake ones after another power iteration.
//
// Letters: B texts, L length, H positions that are asked.

import {
  add,
  binaryCrossEntropyWithLogits,
  cat,
  full,
  ge,
  indexSelect,
  lt,
  mul,
  narrow,
  noGrad,
  type ProductDtype,
  type Recompute,
  reshape,
  scope,
  sum,
  type Tensor,
  tensor,
  toDtype,
  toNumbers,
} from "@unmask/torch";
import { sigma } from "../../diffusion/schedule.ts";
import type { LossParts } from "../../train/method.ts";
import { deviceOf, idTensor } from "../../train/rows-forward.ts";
import type { DidiOptions } from "./options.ts";
import { type DidiCounts, hide } from "./prepare.ts";
import type { DidiBatch } from "./rollout.ts";

/** What is asked of a discriminator. */
export interface Critic {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** One logit a position [B, L], high for real text. */
  logits(
    ids_BL: Tensor,
    options: {
      sigma_B: Tensor;
      products?: ProductDtype | undefined;
      recompute?: Recompute | undefined;
      iterate?: boolean | undefined;
    },
  ): Tensor;
}

export interface CriticContext {
  readonly options: DidiOptions;
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  readonly totals: DidiCounts;
  /** A power iteration of the spectral norm first: once a step, whatever the number of micro-batches. */
  readonly iterate: boolean;
}

/** The micro-batch's share. */
export function criticLoss(critic: Critic, batch: DidiBatch, context: CriticContext): LossParts {
  const { labelSmoothing, maskId, fidelity } = context.options;
  const { hidden, asked, positives, texts } = batch;
  const noisy = [hide(positives, hidden.real, maskId), hide(texts, hidden.fake, maskId)] as const;
  const [real_BL, fake_BL] =
    fidelity === "released" ? apart(critic, batch, noisy, context) : together(critic, batch, noisy, context);
  const side = (
    logits_BL: Tensor,
    positions: Int32Array,
    { target, total }: { target: number; total: number },
  ) => {
    const logits_H = indexSelect(reshape(logits_BL, [-1]), 0, idTensor(positions, logits_BL.device));
    const targets_H = full([positions.length], target, { dtype: logits_H.dtype, device: logits_H.device });
    const loss = binaryCrossEntropyWithLogits(logits_H, targets_H, { reduction: 2 });
    const right = sum(toDtype(target > 0.5 ? ge(logits_H, 0) : lt(logits_H, 0), logits_H.dtype));
    const share = 1 / Math.max(1, total);
    return { loss: mul(loss, share), right: mul(right, share / 2) };
  };
  const { asked_real, asked_fake } = context.totals;
  const real = side(real_BL, asked.real, { target: 1 - labelSmoothing, total: asked_real });
  const fake = side(fake_BL, asked.fake, { target: labelSmoothing, total: asked_fake });
  return {
    loss: mul(add(real.loss, fake.loss), 0.5),
    terms: { real: real.loss, fake: fake.loss, accuracy: add(real.right, fake.right) },
  };
}

type Noisy = readonly [real: Int32Array, fake: Int32Array];

function together(critic: Critic, batch: DidiBatch, noisy: Noisy, context: CriticContext): [Tensor, Tensor] {
  const { rows } = batch;
  const logits_BL = forward(critic, batch, noisy, context);
  return [narrow(logits_BL, 0, 0, rows), narrow(logits_BL, 0, rows, rows)];
}

function apart(
  critic: Critic,
  batch: DidiBatch,
  [real, fake]: Noisy,
  context: CriticContext,
): [Tensor, Tensor] {
  return [forward(critic, batch, [real], context), forward(critic, batch, [fake], context)];
}

function forward(
  critic: Critic,
  { rows, length, times }: DidiBatch,
  groups: readonly Int32Array[],
  { options, ...given }: Omit<CriticContext, "totals">,
): Tensor {
  const device = deviceOf(critic);
  const ids_BL = cat(groups.map((ids) => idTensor(ids, device, [rows, length])));
  const levels = groups.flatMap(() => Array.from(times, (time) => sigma(options.schedule, time)));
  const sigma_B = tensor(Float32Array.from(levels), undefined, { device });
  return critic.logits(ids_BL, { ...given, sigma_B });
}

/** The critic's logits of the hidden fake texts, [rows · length], without gradient. */
export function criticLogits(
  critic: Critic,
  batch: DidiBatch,
  context: Pick<CriticContext, "options" | "products">,
): number[] {
  const { hidden, texts } = batch;
  const noisy = hide(texts, hidden.fake, context.options.maskId);
  return scope(() =>
    noGrad(() => toNumbers(forward(critic, batch, [noisy], { ...context, iterate: false }))),
  );
}
