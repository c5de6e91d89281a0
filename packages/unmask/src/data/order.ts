// In which order examples come: anew every epoch, by the seed and the number alone.

import { invariant } from "../base/errors.ts";
import { permutation, streams } from "../base/rng.ts";

/**
 * Which row example n of the run is: the rows in a new order every epoch. n depends on step and place in the
 * global batch only, so batches are the same after a resume and on any number of workers.
 */
export function exampleOrder(count: number, seed: number): (example: number) => number {
  const orders = new Map<number, Uint32Array>();
  return (example) => {
    const epoch = Math.floor(example / count);
    let order = orders.get(epoch);
    if (order === undefined) {
      if (orders.size > 1) orders.clear();
      order = permutation(count, { seed, stream: streams.shuffle }, epoch);
      orders.set(epoch, order);
    }
    const row = order[example % count];
    invariant(row !== undefined, `example ${example} has no row`);
    return row;
  };
}
