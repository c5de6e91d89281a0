// What a training method is: data in, data out. Pre-training, fine-tuning and every distiller are methods; the loop
// (loop.ts) knows steps, accumulation, precision, averages, checkpoints and workers, and no method's name.
//
// One step of the loop, on each worker:
//
//   examples of its part of the global batch ─ prepare ─► host arrays          (no tensor: tested without a network)
//   counts of all parts, added up over micro-batches and workers              (what losses are averaged over)
//   sample, if the method has it: rollouts and the like, without gradients    (once, before the first phase)
//   for each phase: loss and backward of every micro-batch ─ add gradients up ─ clip ─ update one network
//
// A loss is a share: the shares of all micro-batches and workers add up to the loss of the step. That is why a method
// says what it averages over before any loss is computed: dividing by `totals` makes accumulation and several workers
// exact, however unequal the parts are.

import type { ProductDtype, Recompute, Tensor } from "@unmask/torch";

/** Where a micro-batch stands. Everything random is keyed by (seed, example number), never by batch or worker. */
export interface Place {
  readonly seed: number;
  /** Updates done before this step. */
  readonly step: number;
  /** Numbers of the examples in the run, ascending; each example of each epoch has its own. */
  readonly examples: readonly number[];
  /** Place of the first example in the global batch, and the examples of the whole. */
  readonly first: number;
  readonly count: number;
  /** Share of the run that is done, from 0 to 1: what curricula follow. */
  readonly progress: number;
}

/** What losses are averaged over, by name: tokens, answers, masked tokens, … */
export type Counts = Readonly<Record<string, number>>;

/** How forwards of the present phase are to be computed. */
export interface PhaseContext {
  readonly place: Place;
  /** Counts of the global batch. */
  readonly totals: Counts;
  readonly products: ProductDtype;
  /** To be handed to the forwards of the network that is updated, where memory is to be saved. */
  readonly recompute?: Recompute | undefined;
}

export interface LossParts {
  /** The micro-batch's share of the step's loss, a scalar with gradient. */
  readonly loss: Tensor;
  /** Terms of it for the log, as shares of the same kind: scalars on the device, or numbers. */
  readonly terms?: Readonly<Record<string, Tensor | number>> | undefined;
  /**
   * Unweighted losses of single positions and the noise time (or masked share) that each was seen at: the log shows them
   * by bucket, because the weighted sum jumps with the times drawn.
   */
  readonly positions?: { readonly losses_N: Tensor; readonly times: ArrayLike<number> } | undefined;
}

/** One update of one network. */
export interface Phase<Networks, Batch> {
  readonly name: string;
  /** The network that is updated; gradients of all others are off. */
  readonly updates: keyof Networks & string;
  loss(networks: Networks, batch: Batch, context: PhaseContext): LossParts;
  /** What becomes of the gradients of all micro-batches and processes before they are clipped; nothing by default. */
  beforeClipping?(networks: Networks): void;
  /** Whether the phase takes place at this step (a critic's head start, a student updated every other step). */
  active?(step: number): boolean;
}

/**
 * `Networks` by role ("student", "teacher", "critic", …), `Example` what the data gives, `Prepared` host arrays,
 * `Batch` what the phases see.
 */
export interface Method<Networks, Example, Prepared, Batch = Prepared> {
  readonly name: string;
  prepare(examples: readonly Example[], place: Place): Prepared;
  counts(prepared: Prepared): Counts;
  /** Tokens that the trained network is fed, for the speed shown. */
  tokens(prepared: Prepared): number;
  /**
   * What the networks themselves add to a batch, without gradients: rollouts, a teacher's distributions. Without it the
   * phases see what was prepared. Host arrays, or tensors that the loop frees after the step.
   */
  sample?(networks: Networks, prepared: Prepared, context: PhaseContext): Batch;
  readonly phases: readonly Phase<Networks, Batch>[];
}

export type { ExampleSource } from "../data/example.ts";
