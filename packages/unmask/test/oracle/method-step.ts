// One step of a training method as the loop takes it, without an update: for each phase the loss, its terms and the
// gradients, of a batch whole or in micro-batches.

import {
  backward,
  gradientOf,
  item,
  noGrad,
  Recompute,
  scope,
  setGradient,
  setRequiresGrad,
  type Tensor,
  toNumbers,
} from "@unmask/torch";
import type { Network } from "../../src/models/family.ts";
import type { Counts, Method, PhaseContext, Place } from "../../src/train/method.ts";

export interface StepOptions {
  readonly seed?: number | undefined;
  readonly step?: number | undefined;
  /** Numbers of the examples in the run. */
  readonly numbers: readonly number[];
  /** Sizes of the micro-batches; all in one by default. */
  readonly parts?: readonly number[] | undefined;
  /** What is trained of the networks, by role and name; all that wants a gradient by default. */
  readonly trained?: ReadonlyMap<string, ReadonlyMap<string, Tensor>> | undefined;
  /** Layers are computed again for their gradients. */
  readonly recompute?: boolean | undefined;
}

export interface PhaseResult {
  readonly name: string;
  readonly loss: number;
  readonly terms: Record<string, number>;
  /** By network and parameter; only those that have one. */
  readonly gradients: Record<string, Record<string, number[]>>;
  readonly positions: { readonly losses: number[]; readonly times: number[] };
}

const numberOf = (value: Tensor | number): number => (typeof value === "number" ? value : item(value));

export function takeStep<Networks extends object, Example, Prepared, Batch>(
  method: Method<Networks, Example, Prepared, Batch>,
  networks: Networks,
  examples: readonly Example[],
  { seed = 1, step = 0, numbers, parts = [examples.length], recompute: again = false, trained }: StepOptions,
): { phases: PhaseResult[]; totals: Counts } {
  let first = 0;
  const prepared = parts.map((size) => {
    const place: Place = {
      ...{ seed, step, first, count: examples.length, progress: 0 },
      examples: numbers.slice(first, first + size),
    };
    const made = method.prepare(examples.slice(first, first + size), place);
    first += size;
    return { place, made };
  });
  const totals: Record<string, number> = {};
  for (const { made } of prepared) {
    for (const [name, count] of Object.entries(method.counts(made)))
      totals[name] = (totals[name] ?? 0) + count;
  }
  return scope(() => {
    const batches = prepared.map(({ place, made }) => {
      const context: PhaseContext = { place, totals, products: "float32" };
      const batch = method.sample?.bind(method);
      return {
        context,
        batch:
          batch === undefined ? (made as unknown as Batch) : noGrad(() => batch(networks, made, context)),
      };
    });
    const phases = method.phases.map((phase) => {
      const result = { name: phase.name, loss: 0, terms: {} as Record<string, number> };
      const positions = { losses: [] as number[], times: [] as number[] };
      const others = [...(trained ?? [])].filter(([role]) => role !== phase.updates);
      setGradients(others, false);
      for (const { context, batch } of batches) {
        scope(() => {
          const recompute = again ? new Recompute() : undefined;
          const made = phase.loss(networks, batch, { ...context, recompute });
          result.loss += item(made.loss);
          for (const [name, value] of Object.entries(made.terms ?? {}))
            result.terms[name] = (result.terms[name] ?? 0) + numberOf(value);
          positions.losses.push(...(made.positions === undefined ? [] : toNumbers(made.positions.losses_N)));
          positions.times.push(...Array.from(made.positions?.times ?? []));
          backward(made.loss);
          recompute?.finish();
        });
      }
      setGradients(others, true);
      return { ...result, positions, gradients: takeGradients(networks) };
    });
    return { phases, totals };
  });
}

/** As the loop does: what stands besides a phase's network takes no gradients. */
function setGradients(
  networks: readonly (readonly [string, ReadonlyMap<string, Tensor>])[],
  wanted: boolean,
): void {
  for (const [, parameters] of networks) {
    for (const one of parameters.values()) setRequiresGrad(one, wanted);
  }
}

function takeGradients(networks: object): Record<string, Record<string, number[]>> {
  const all: Record<string, Record<string, number[]>> = {};
  for (const [role, network] of Object.entries(networks) as [string, Pick<Network, "parameters">][]) {
    const own: Record<string, number[]> = {};
    for (const [name, parameter] of network.parameters) {
      const gradient = gradientOf(parameter);
      if (gradient === null) continue;
      own[name] = toNumbers(gradient);
      setGradient(parameter, null);
    }
    all[role] = own;
  }
  return all;
}
