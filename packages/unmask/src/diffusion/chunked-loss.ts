// Cross-entropy straight from hidden rows and the head's weight, a part of the vocabulary at a time.
//
// Logits [N, V] are never whole: a first pass takes the log-sum-exp and the targets' logits chunk by chunk, a second
// computes each chunk again and turns it into gradients at once (softmax − one-hot, weighted). What is left for
// backward() are gradients of the inputs' own sizes. Cost: four products of N · V · D where autograd makes three;
// memory: two chunks instead of three times the logits. (Wijmans et al. 2025, "Cut your losses"; Hsu et al. 2024.)
//
// The result is the loss plus terms ⟨x, gradient⟩ − ⟨x, gradient⟩, which are 0 and carry the gradients into the graph,
// scaled by whatever the caller multiplies the loss with.
//
// Letters: N rows, D hidden, V vocabulary, C columns of a chunk.

import {
  add,
  add_,
  clamp,
  convert,
  detach,
  exp,
  gather,
  ge,
  logicalAnd,
  logsumexp,
  lt,
  matmul,
  mixedLinear,
  mm,
  mmOut,
  mul,
  mul_,
  narrow,
  neg,
  noGrad,
  type ProductDtype,
  reshape,
  scatter_,
  scope,
  squeeze,
  stack,
  sub,
  sum,
  sumDim,
  type Tensor,
  t,
  toDtype,
  unsqueeze,
  zeros,
} from "@unmask/torch";
import type { ChunkOptions as AllOptions, Head } from "./head-chunks.ts";
import type { NelboBatch } from "./objective.ts";

type ChunkOptions = Omit<AllOptions, "recompute">;

const chunkLogits = 1 << 22;

/**
 * weightedCrossEntropy() of the logits hidden · weightᵀ + bias + column, without making them. The loss has gradients
 * for the hidden rows, the weight and the bias, as far as they want one. `losses_N` has none.
 */
export function chunkedCrossEntropy(
  hidden_ND: Tensor,
  head: Head,
  batch: NelboBatch,
  options: ChunkOptions = {},
): { loss: Tensor; losses_N: Tensor } {
  const inputs = [hidden_ND, head.weight_VD, head.bias_V];
  return scope(() => {
    const wanted = inputs.map((one) => one !== undefined && wantsGradient(one));
    const { loss, losses_N, gradients } = noGrad(() => {
      const work = new Chunks(hidden_ND, head, batch, options);
      const { lse_N, target_N } = work.sums();
      const losses_N = sub(lse_N, target_N);
      const loss = sum(mul(losses_N, batch.weights_N));
      return { loss, losses_N, gradients: wanted.includes(true) ? work.gradients(lse_N, wanted) : [] };
    });
    const carriers = inputs.flatMap((one, i) => (wanted[i] ? [carrier(one!, gradients[i]!)] : []));
    return { loss: carriers.reduce((total, one) => add(total, one), loss), losses_N };
  });
}

/** Whether what is computed of a tensor now has a gradient: without a graph nothing has, whatever its leaf wants. */
const wantsGradient = (one: Tensor): boolean => scope(() => neg(narrow(one, 0, 0, 0)).requiresGrad);

/** 0, with `gradient` as its derivative by `input`. */
function carrier(input: Tensor, gradient: Tensor): Tensor {
  const product = matmul(reshape(input, [-1]), reshape(convert(gradient, input.dtype, undefined), [-1]));
  return sub(product, detach(product));
}

/** The passes over the vocabulary; all without a graph. */
class Chunks {
  private readonly hidden_ND: Tensor;
  private readonly head: Head;
  private readonly batch: NelboBatch;
  private readonly products: ProductDtype;
  private readonly size: number;
  private readonly vocabularySize: number;

  constructor(hidden_ND: Tensor, head: Head, batch: NelboBatch, options: ChunkOptions) {
    const N = Math.max(1, hidden_ND.shape[0]!);
    this.hidden_ND = detach(hidden_ND);
    this.head = head;
    this.batch = batch;
    this.products = options.products ?? "float32";
    this.vocabularySize = head.weight_VD.shape[0]!;
    this.size = Math.max(1, Math.min(options.chunk ?? Math.ceil(chunkLogits / N), this.vocabularySize));
  }

  /** Log-sum-exp of each row, and the logit of its target. */
  sums(): { lse_N: Tensor; target_N: Tensor } {
    const lses: Tensor[] = [];
    const targets: Tensor[] = [];
    this.each((logits_NC, place) => {
      const { lse_N, target_N } = scope(() => {
        const made_NC = logits_NC();
        const { columns_N1, inside_N } = place();
        const own_N = squeeze(gather(made_NC, 1, columns_N1), 1);
        return { lse_N: logsumexp(made_NC, -1), target_N: mul(own_N, inside_N) };
      });
      lses.push(lse_N);
      targets.push(target_N);
    });
    return { lse_N: logsumexp(stack(lses, { dim: 1 }), -1), target_N: sumDim(stack(targets, { dim: 1 }), 1) };
  }

  /** Of hidden rows, weight and bias; undefined where not wanted. */
  gradients(lse_N: Tensor, wanted: readonly boolean[]): (Tensor | undefined)[] {
    const { weight_VD, bias_V } = this.head;
    const { dtype, device } = lse_N;
    const like = (one: Tensor | undefined, i: number) =>
      wanted[i] ? zeros(one!.shape, { dtype, device }) : undefined;
    const [hidden, weight, bias] = [this.hidden_ND, weight_VD, bias_V].map(like);
    const products = dtype === "float64" ? "float64" : this.products;
    const rows_ND = convert(this.hidden_ND, products, undefined);
    this.each((logits_NC, place, { start, count }) =>
      scope(() => {
        const slope_NC = this.slopes(logits_NC(), lse_N, place());
        if (bias !== undefined) add_(narrow(bias, 0, start, count), sumDim(slope_NC, 0));
        const narrow_NC = convert(slope_NC, products, undefined);
        if (hidden !== undefined) {
          const part_CD = convert(narrow(weight_VD, 0, start, count), products, undefined);
          add_(hidden, mm(narrow_NC, part_CD));
        }
        if (weight === undefined) return;
        const part_CD = narrow(weight, 0, start, count);
        if (products === dtype) mmOut(t(narrow_NC), rows_ND, { out: part_CD });
        else add_(part_CD, mm(t(narrow_NC), rows_ND));
      }),
    );
    return [hidden, weight, bias];
  }

  /** weight · (softmax − one-hot), written over the logits. */
  private slopes(logits_NC: Tensor, lse_N: Tensor, { columns_N1, inside_N }: Place): Tensor {
    const share_NC = exp(sub(logits_NC, unsqueeze(lse_N, 1)));
    const own_N1 = sub(gather(share_NC, 1, columns_N1), unsqueeze(inside_N, 1));
    return mul_(scatter_(share_NC, 1, columns_N1, own_N1), unsqueeze(this.batch.weights_N, 1));
  }

  private each(use: (logits_NC: () => Tensor, place: () => Place, range: Range) => void): void {
    for (let start = 0; start < this.vocabularySize; start += this.size) {
      const range = { start, count: Math.min(this.size, this.vocabularySize - start) };
      use(
        () => this.logits(range),
        () => this.place(range),
        range,
      );
    }
  }

  /** float32, or float64 for float64 weights. */
  private logits({ start, count }: Range): Tensor {
    const { weight_VD, bias_V, column_V } = this.head;
    const part = (one: Tensor | undefined) => (one === undefined ? undefined : narrow(one, 0, start, count));
    const raw_NC = mixedLinear(this.hidden_ND, part(weight_VD)!, part(bias_V), { products: this.products });
    const logits_NC = raw_NC.dtype === "float64" ? raw_NC : convert(raw_NC, "float32", undefined);
    return column_V === undefined ? logits_NC : add(logits_NC, part(column_V)!);
  }

  /** Where in the chunk each row's target is; 0, and outside, where it is not. */
  private place({ start, count }: Range): Place {
    const offset_N = sub(this.batch.targets_N, start);
    const inside_N = logicalAnd(ge(offset_N, 0), lt(offset_N, count));
    return {
      columns_N1: unsqueeze(clamp(offset_N, { min: 0, max: count - 1 }), 1),
      inside_N: toDtype(inside_N, this.head.weight_VD.dtype === "float64" ? "float64" : "float32"),
    };
  }
}

interface Range {
  readonly start: number;
  readonly count: number;
}

interface Place {
  readonly columns_N1: Tensor;
  /** 1 or 0. */
  readonly inside_N: Tensor;
}
