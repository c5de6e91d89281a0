// @ts-check
// Averaged weights of a sequence of parameter values.

import { tensor, toNumbers } from "../../../../packages/torch/dist/index.js";
import { MovingAverage } from "../../../../packages/unmask/dist/train/ema.js";
import { nestedNumbers } from "../../case.mjs";

/** So many updates in, the warm-up is over for every decay. */
const longAgo = 2 ** 40;

/**
 * Averages after each update, one entry a parameter. `values[0]` are the parameters at the start.
 * @param {unknown[][]} values by update and parameter, nested numbers
 * @param {{ decay: number, warmUp: boolean }} options
 */
export function averages(values, { decay, warmUp }) {
  const [start, ...updates] = values.map(
    (parameters) =>
      new Map(
        parameters.map((value, i) => {
          const { values: numbers, shape } = nestedNumbers(value);
          return [String(i), tensor(Float32Array.from(numbers), shape)];
        }),
      ),
  );
  if (start === undefined) throw new Error("there are no parameter values");
  const average = new MovingAverage(start, decay);
  if (!warmUp) average.updates = longAgo;
  const found = updates.map((parameters) => {
    average.update(parameters);
    return [...average.averages.values()].map((one) => ({ values: toNumbers(one), shape: [...one.shape] }));
  });
  for (const group of [start, ...updates, average.averages]) for (const one of group.values()) one.dispose();
  return found;
}
