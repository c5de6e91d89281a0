// Activation checkpointing for a stack of blocks, without custom autograd nodes.
//
// Forward: the blocks run without a graph and only their inputs are kept. The output of the last is a leaf that
// the caller goes on from. Backward: once that leaf has its gradient, the blocks are walked in reverse; each is
// run again with a graph from its kept input, and its gradient goes one block down. Memory: one input a block
// plus one block's graph; time: one more forward. (Chen et al. 2016, "Training deep nets with sublinear memory".)

import { add_, detach } from "../generated/ops.ts";
import { backward, gradientOf, noGrad, setGradient } from "./autograd.ts";
import { setRequiresGrad } from "./create.ts";
import { TorchError } from "./errors.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** One block: the running tensor and the tensors all blocks share (a conditioning vector, a mask). */
export type Block = (input: Tensor, shared: readonly Tensor[]) => Tensor;

export interface CheckpointedStack {
  /** Output of the last block: a leaf that wants a gradient. */
  readonly output: Tensor;
  /**
   * Call after backward() has reached `output`: fills the gradients of the blocks' parameters, and carries on
   * into the graph that made `input` and `shared` if they have one. Call it once.
   */
  finish(): void;
}

/**
 * Runs `blocks` one after the other from `input` with checkpointing. A block must give the same result when run
 * again (draw no hidden random numbers).
 */
export function checkpointStack(
  blocks: readonly Block[],
  input: Tensor,
  shared: readonly Tensor[] = [],
): CheckpointedStack {
  const inputs: Tensor[] = [];
  let hidden = noGrad(() => detach(input));
  for (const block of blocks) {
    inputs.push(hidden);
    hidden = noGrad(() => scope(() => block(hidden, shared)));
  }
  const output = setRequiresGrad(detach(hidden), true);
  const finish = (): void =>
    scope(() => {
      let gradient = gradientOf(output);
      if (gradient === null) throw new TorchError("checkpointStack", "finish() was called before backward()");
      const leaves = shared.map((one) => setRequiresGrad(detach(one), one.requiresGrad));
      for (let i = blocks.length - 1; i >= 0; i--)
        gradient = backThrough(blocks[i]!, inputs[i]!, leaves, gradient);
      passOn([input, ...shared], [gradient, ...leaves.map(gradientOf)]);
    });
  return { output, finish };
}

function backThrough(block: Block, input: Tensor, shared: readonly Tensor[], gradient: Tensor): Tensor {
  return scope(() => {
    const leaf = setRequiresGrad(detach(input), true);
    backward(block(leaf, shared), { gradients: [gradient] });
    const result = gradientOf(leaf);
    if (result === null) throw new TorchError("checkpointStack", "a block does not depend on its input");
    return result;
  });
}

/** Hands gradients to what came before: leaves accumulate, graphs are walked. */
function passOn(tensors: readonly Tensor[], gradients: readonly (Tensor | null)[]): void {
  const outputs: Tensor[] = [];
  const outer: Tensor[] = [];
  tensors.forEach((one, i) => {
    const gradient = gradients[i];
    if (!one.requiresGrad || gradient === null || gradient === undefined) return;
    if (one.isLeaf) accumulate(one, gradient);
    else {
      outputs.push(one);
      outer.push(gradient);
    }
  });
  if (outputs.length > 0) backward(outputs, { gradients: outer });
}

function accumulate(leaf: Tensor, gradient: Tensor): void {
  const present = gradientOf(leaf);
  if (present === null) setGradient(leaf, gradient);
  else noGrad(() => add_(present, gradient));
}
