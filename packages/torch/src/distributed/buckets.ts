// Gradients summed over all ranks while backward still runs (native/buckets.h says how).

import {
  beginBuckets,
  createBuckets,
  finishBuckets,
  freeBuckets,
  launchedBuckets,
} from "../core/collectives.ts";
import type { Tensor } from "../core/tensor.ts";
import { NativeWorld } from "./native-world.ts";
import type { World } from "./world.ts";

export interface BucketOptions {
  /** MiB of gradients that travel together (25 by default). */
  megabytes?: number | undefined;
  /** MiB of the first bucket (1 by default): communication begins early. */
  firstMegabytes?: number | undefined;
}

export interface GradientBuckets {
  /** Buckets on their way or arrived since the step began. */
  readonly launched: number;
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

const nothing: GradientBuckets = { launched: 0, begin: () => {}, finish: async () => {}, dispose: () => {} };

/** Every rank gives the same parameters in the same order. In a world of one nothing is done or held. */
export function gradientBuckets(
  world: World,
  parameters: readonly Tensor[],
  options: BucketOptions = {},
): GradientBuckets {
  if (!(world instanceof NativeWorld)) return nothing;
  const [first, rest] = [options.firstMegabytes ?? 1, options.megabytes ?? 25].map((size) =>
    Math.ceil(size * 2 ** 20),
  );
  const id = createBuckets(parameters, first!, rest!);
  return {
    get launched() {
      return launchedBuckets(id);
    },
    begin: (communicate) => {
      if (world.busy || world.summing) {
        throw new Error("begin() was called while a collective or another finish() was under way");
      }
      beginBuckets(id, communicate);
      world.summing = communicate;
    },
    finish: async () => {
      world.summing = true;
      try {
        await world.run(() => finishBuckets(id), true);
      } finally {
        world.summing = false;
      }
    },
    dispose: () => freeBuckets(id),
  };
}
