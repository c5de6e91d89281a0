// Exponential moving average of weights: average ← decay · average + (1 − decay) · weight, once a step.
// Warm-up as in MDLM: decay_n = min(decay, (1 + n) / (10 + n)) at update n = 1, 2, …
//
// Averages of bfloat16 weights are float32: with a decay of 0.999 the change of an update is less than half of bfloat16's
// last place, so that an average in bfloat16 would stand still.

import {
  add_,
  clone,
  convert,
  detach,
  foreachAdd_,
  foreachMul_,
  keep,
  noGrad,
  scope,
  type Tensor,
} from "@unmask/torch";

export class MovingAverage {
  /** Averaged weights by name, outside every scope. */
  readonly averages: ReadonlyMap<string, Tensor>;
  updates = 0;
  private readonly decay: number;
  private readonly warmup: boolean;

  /** Without `warmup` the decay is the same from the first update on (DiDi-Instruct). */
  constructor(parameters: ReadonlyMap<string, Tensor>, decay: number, { warmup = true } = {}) {
    this.decay = decay;
    this.warmup = warmup;
    this.averages = new Map(
      [...parameters].map(([name, one]) => [name, keep(noGrad(() => scope(() => clone(precise(one)))))]),
    );
  }

  update(parameters: ReadonlyMap<string, Tensor>): void {
    this.updates++;
    const early = this.warmup ? (1 + this.updates) / (10 + this.updates) : 1;
    const decay = Math.min(this.decay, early);
    const averages = [...this.averages.values()];
    noGrad(() =>
      scope(() => {
        const present = [...this.averages.keys()].map((name) => detach(parameters.get(name)!));
        foreachMul_(averages, decay);
        const alpha = 1 - decay;
        if (present.every((one, i) => one.dtype === averages[i]!.dtype)) {
          foreachAdd_(averages, present, { alpha });
          return;
        }
        // One after the other: the weights are never all held a second time.
        for (const [i, one] of averages.entries()) {
          scope(() => void add_(one, precise(present[i]!), { alpha }));
        }
      }),
    );
  }
}

const precise = (parameter: Tensor): Tensor =>
  parameter.dtype === "float64" ? detach(parameter) : convert(detach(parameter), "float32", undefined);
