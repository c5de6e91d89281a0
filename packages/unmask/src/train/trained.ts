// A network in training: the parameters that are updated, their optimiser and their average.

import {
  clipGradients,
  type GradientBuckets,
  gradientBuckets,
  ShardedAdamW,
  type Tensor,
  type World,
} from "@unmask/torch";
import { MovingAverage } from "./ema.ts";

export interface UpdateOptions {
  /** Learning rate of an update, of those done before it and the share of the run that is done. */
  readonly rate: (update: number, progress: number) => number;
  readonly betas: readonly [number, number];
  readonly eps?: number | undefined;
  /** Of matrices alone: norms and biases are not decayed. */
  readonly weightDecay: number;
  /** Largest global norm of the gradients; none by default. */
  readonly clip?: number | undefined;
  /** Decay of the averaged weights; no average by default. */
  readonly average?: number | undefined;
  /** The average's decay rises to its value in the first updates; true by default. */
  readonly averageWarmup?: boolean | undefined;
}

export class Trained {
  /** What is updated, by name: all of a network, a part, or adapters. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Its state is sharded over the processes. */
  readonly optimiser: ShardedAdamW;
  readonly average: MovingAverage | undefined;
  readonly options: UpdateOptions;
  readonly buckets: GradientBuckets;

  /** Every process gives the same parameters, in the same order. */
  constructor(parameters: ReadonlyMap<string, Tensor>, options: UpdateOptions, world: World) {
    const { betas, eps, weightDecay, average, averageWarmup: warmup = true } = options;
    this.parameters = parameters;
    this.options = options;
    const isMatrix = ([, one]: [string, Tensor]) => one.shape.length >= 2;
    const groups = [
      { parameters: new Map([...parameters].filter(isMatrix)), weightDecay },
      { parameters: new Map([...parameters].filter((entry) => !isMatrix(entry))), weightDecay: 0 },
    ];
    this.optimiser = new ShardedAdamW(world, groups, { betas, eps });
    this.average = average === undefined ? undefined : new MovingAverage(parameters, average, { warmup });
    this.buckets = gradientBuckets(world, [...parameters.values()]);
  }

  /** Norm of the gradients before clipping. */
  clip(): number {
    return clipGradients([...this.parameters.values()], this.options.clip ?? Number.POSITIVE_INFINITY);
  }

  /** One update with the gradients present, which it removes. Returns the learning rate. */
  async update(progress: number): Promise<number> {
    const rate = this.options.rate(this.optimiser.steps, progress);
    await this.optimiser.step(rate);
    this.zeroGradients();
    this.average?.update(this.parameters);
    return rate;
  }

  zeroGradients(): void {
    this.optimiser.zeroGradients();
  }

  dispose(): void {
    this.buckets.dispose();
    this.optimiser.dispose();
    for (const one of this.average?.averages.values() ?? []) one.dispose();
  }
}
