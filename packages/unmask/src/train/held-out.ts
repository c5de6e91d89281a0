// The loss of held-out examples: the same noise at every call, so that figures of one run compare.

import { item, noGrad, type ProductDtype, scope } from "@unmask/torch";
import type { Network } from "../models/family.ts";
import type { Answer } from "./masked-batch.ts";
import type { MaskedMethod } from "./masked-method.ts";
import type { Place } from "./method.ts";

export interface HeldOutOptions {
  readonly seed: number;
  readonly products: ProductDtype;
  /** Draws of noise an example, each with its own time; 1 by default. */
  readonly draws?: number | undefined;
  /** Examples in one forward; 64 by default. */
  readonly batchSize?: number | undefined;
}

/** Sequence numbers of evaluation noise lie beyond any training example's. */
const firstSequence = 2 ** 44;

/** Mean loss over what the method averages over (nats a token for rows). NaN without examples. */
export function heldOutLoss(
  network: Network,
  method: MaskedMethod,
  examples: readonly Answer[],
  { seed, products, draws = 1, batchSize = 64 }: HeldOutOptions,
): number {
  let sum = 0;
  let size = 0;
  for (let start = 0; start < examples.length * draws; start += batchSize) {
    const count = Math.min(batchSize, examples.length * draws - start);
    const places = Array.from({ length: count }, (_, i) => start + i);
    const place: Place = {
      seed,
      step: 0,
      examples: places.map((i) => firstSequence + i),
      first: 0,
      count,
      progress: 0,
    };
    const batch = method.prepare(
      places.map((i) => examples[i % examples.length]!),
      place,
    );
    const context = { place, totals: { size: 1 }, products };
    sum += scope(() => noGrad(() => item(method.phases[0]!.loss({ student: network }, batch, context).loss)));
    size += batch.size;
  }
  return sum / size;
}
