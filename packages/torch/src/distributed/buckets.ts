// Gradients summed over all ranks while backward still runs.

import type { Tensor } from "../core/tensor.ts";
import type { World } from "./world.ts";

export interface BucketOptions {
  /** MiB of gradients that travel together (25 by default). */
  megabytes?: number | undefined;
  /** MiB of the first bucket (1 by default): communication begins early. */
  firstMegabytes?: number | undefined;
}

export interface GradientBuckets {
  /**
   * Call before the backward passes of a micro-batch. With `communicate` false its gradients are only added up here:
   * of the micro-batches of a step only the last gives true. Until finish() the parameters hold no gradient.
   */
  begin(communicate: boolean): void;
  /**
   * Call after the last micro-batch's backward passes: sends what was not sent yet, waits for the others, and leaves
   * the sum over ranks and micro-batches in the parameters' gradients (valid until the next begin()). A parameter that
   * got no gradient on any rank has none.
   */
  finish(): Promise<void>;
  dispose(): void;
}

const nothing: GradientBuckets = { begin: () => {}, finish: async () => {}, dispose: () => {} };

/** Every rank gives the same parameters in the same order. In a world of one nothing is done or held. */
export function gradientBuckets(
  world: World,
  _parameters: readonly Tensor[],
  _options: BucketOptions = {},
): GradientBuckets {
  if (world.size === 1) return nothing;
  throw new Error("a world of several processes is still being built");
}
