// Activation checkpointing without custom autograd nodes: parts of a forward keep their inputs alone, and are computed
// again when their gradient is known. (Chen et al. 2016, "Training deep nets with sublinear memory".)
//
//   const recompute = new Recompute();
//   const loss = …            forwards that are handed `recompute`
//   backward(loss);           reaches the outputs of the parts, which are leaves
//   recompute.finish();       walks the parts backwards, the last made first
//
// Gradients are those of the plain graph: each part runs the same operators twice. A part may draw no hidden random
// numbers. Tensors live until finish() or dispose(), whatever scopes end before.

import { detach, view } from "../generated/ops.ts";
import { backward, gradientOf, recordsGraph } from "./autograd.ts";
import { setRequiresGrad } from "./create.ts";
import { TorchError } from "./errors.ts";
import { keep, scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** One block of a stack. What it uses besides its input are leaves (parameters) or held tensors. */
export type Block = (input: Tensor) => Tensor;

interface Kept {
  readonly block: Block;
  /** Its input. */
  readonly leaf: Tensor;
}

export class Recompute {
  /** In the order made. Each says whether a gradient had reached it. */
  private finishers: (() => boolean)[] = [];
  private readonly owned = new Set<Tensor>();
  private readonly holds = new Map<Tensor, Tensor>();

  /**
   * A stand-in for a tensor that parts use besides their input: it lives until finish(). If the tensor wants a
   * gradient, the stand-in is a leaf that gathers it, and finish() carries the sum on into the tensor's graph, once. The
   * same tensor has the same stand-in; parameters need none.
   */
  hold(tensor: Tensor): Tensor {
    const present = this.holds.get(tensor);
    if (present !== undefined) return present;
    const source = this.own(view(tensor, tensor.shape));
    // A view of a leaf says that it wants a gradient even where none is recorded.
    const wanted = source.requiresGrad && recordsGraph();
    const leaf = this.leaf(detach(source), wanted);
    if (!wanted) return leaf;
    this.holds.set(tensor, leaf);
    this.add(() => {
      const gradient = gradientOf(leaf);
      if (gradient !== null) backward(source, { gradients: [gradient] });
      return gradient !== null;
    });
    return leaf;
  }

  /**
   * Runs `blocks` one after the other from `input`, keeping one input a block. Blocks before the first that a gradient
   * is wanted for keep nothing. Each block runs as it will run again, with a graph that is dropped at once.
   */
  through(blocks: readonly Block[], input: Tensor): Tensor {
    const held = this.hold(input);
    let leaf = held;
    const kept: Kept[] = [];
    for (const block of blocks) {
      const { output, recorded } = scope(() => {
        const result = block(leaf);
        return { output: detach(result), recorded: result.requiresGrad };
      });
      if (recorded) kept.push({ block, leaf });
      else if (leaf !== held) this.free(leaf);
      leaf = this.leaf(output, recorded);
    }
    const output = leaf;
    if (kept.length > 0) this.add(() => this.walk(kept, output, held));
    return view(output, output.shape);
  }

  /** For parts of other kinds: called by finish() after everything that was added later. */
  add(finisher: () => boolean): void {
    this.finishers.push(finisher);
  }

  /** A tensor that finish() frees, as a leaf that wants a gradient or not. */
  leaf(tensor: Tensor, wanted: boolean): Tensor {
    return setRequiresGrad(this.own(tensor), wanted);
  }

  /** Call once, after backward(): fills the gradients of all that the parts used, and frees what was kept. */
  finish(): void {
    try {
      const list = this.finishers.splice(0).reverse();
      const reached = list.map((finisher) => scope(finisher));
      if (list.length > 0 && !reached.includes(true)) {
        throw new TorchError("Recompute", "finish() found no gradient; call it after backward()");
      }
    } finally {
      this.dispose();
    }
  }

  /** Frees what was kept without computing any gradient. */
  dispose(): void {
    for (const tensor of this.owned) tensor.dispose();
    this.owned.clear();
    this.holds.clear();
    this.finishers = [];
  }

  private own(tensor: Tensor): Tensor {
    this.owned.add(keep(tensor));
    return tensor;
  }

  private free(tensor: Tensor): void {
    this.owned.delete(tensor);
    tensor.dispose();
  }

  /** From the last block down, as far as a gradient is wanted; `held` gathers for others too. */
  private walk(kept: readonly Kept[], output: Tensor, held: Tensor): boolean {
    const reached = gradientOf(output);
    let gradient = reached;
    for (const { block, leaf } of kept.toReversed()) {
      const above = gradient;
      if (above === null) break;
      gradient = scope(() => {
        backward(block(leaf), { gradients: [above] });
        return leaf.requiresGrad && leaf !== held ? gradientOf(leaf) : null;
      });
      above.dispose();
      if (leaf !== held) this.free(leaf);
    }
    return reached !== null;
  }
}
