// Functions of logits, row by row, with the vocabulary taken in chunks: logits [N, V] are never whole.
//
// A function gives numbers of each row and chunk (a log-sum-exp, a mean), which the caller puts together with ordinary
// operators. In training each chunk is a part of a Recompute: its logits are made, reduced and dropped, and made again
// when the gradients of its numbers are known. That is exact whatever is done with the numbers, and costs four products
// of N · V · D where the plain graph makes three.
//
// Letters: N rows, D hidden, V vocabulary, C columns of a chunk, K chunks.

import {
  add,
  backward,
  convert,
  copy_,
  detach,
  gradientOf,
  mixedLinear,
  narrow,
  type ProductDtype,
  type Recompute,
  scope,
  select,
  setRequiresGrad,
  stack,
  type Tensor,
  zerosLike,
} from "@unmask/torch";

/** What multiplies hidden rows to give logits. */
export interface Head {
  readonly weight_VD: Tensor;
  readonly bias_V?: Tensor | undefined;
  /** Added to the logits, without gradient: maskColumn() takes the mask out. */
  readonly column_V?: Tensor | undefined;
}

/** What logits are made of. */
export interface HeadRows {
  readonly hidden_ND: Tensor;
  readonly head: Head;
}

export interface ChunkOptions {
  readonly products?: ProductDtype | undefined;
  /** Columns of a chunk; as many as make 4 Mi logits by default. */
  readonly chunk?: number | undefined;
  /** Its finish(), after backward(), computes the chunks again. Without it the graph keeps all of them. */
  readonly recompute?: Recompute | undefined;
}

/** Columns start … start + count of the vocabulary. */
export interface Range {
  readonly start: number;
  readonly count: number;
}

/** Numbers [N] from the logits [N, C] of each head; what needs no gradient is detached. */
export type ChunkFunction = (logits: readonly Tensor[], range: Range) => Readonly<Record<string, Tensor>>;

/**
 * What `reduce` gives for the chunks, [N, K] by name. All `sources` have the same number of rows and one vocabulary.
 */
export function overChunks(
  sources: readonly HeadRows[],
  reduce: ChunkFunction,
  { recompute, products, chunk }: ChunkOptions,
): Map<string, Tensor> {
  const ranges = rangesOf(sources, chunk);
  const held = sources.map((source) => hold(source, recompute));
  const run: Run = (range, part) => {
    const logits = held.map(({ hidden_ND, head }) => logitsOf(hidden_ND, part(head, range), products));
    return Object.entries(reduce(logits, range));
  };
  const made = ranges.map((range) =>
    scope(() =>
      run(range, partOf).map(([name, one]) => {
        const recorded = one.requiresGrad;
        return { name, recorded, numbers_N: recompute === undefined ? one : detach(one) };
      }),
    ),
  );
  const whole = new Map<string, Tensor>();
  made[0]!.forEach(({ name, recorded }, j) => {
    const numbers_NK = stack(
      made.map((list) => list[j]!.numbers_N),
      { dim: 1 },
    );
    whole.set(name, recompute?.leaf(numbers_NK, recorded) ?? numbers_NK);
  });
  if (made[0]!.some(({ recorded }) => recorded)) {
    recompute?.add(() => finish(whole, { ranges, run, heads: held.map(({ head }) => head) }));
  }
  return whole;
}

function rangesOf([first, ...others]: readonly HeadRows[], chunk: number | undefined): Range[] {
  const [N, V] = [first!.hidden_ND.shape[0]!, first!.head.weight_VD.shape[0]!];
  for (const { hidden_ND, head } of others) {
    if (hidden_ND.shape[0] === N && head.weight_VD.shape[0] === V) continue;
    throw new RangeError(
      `rows to be compared must be as many, of one vocabulary: got ${first!.hidden_ND.describe()} with a head of ${V} and ${hidden_ND.describe()} with one of ${head.weight_VD.shape[0]}`,
    );
  }
  const step = Math.max(1, Math.min(chunk ?? Math.ceil(logitsAtOnce / Math.max(1, N)), V));
  return Array.from({ length: Math.ceil(V / step) }, (_, i) => ({
    start: i * step,
    count: Math.min(step, V - i * step),
  }));
}

const logitsAtOnce = 1 << 22;

/** Rows in the logits' dtype, so that gradients of chunks add up in it. All lives until the end of recomputation. */
function hold({ hidden_ND, head }: HeadRows, recompute: Recompute | undefined): HeadRows {
  const wide_ND = convert(hidden_ND, wideOf(head), undefined);
  if (recompute === undefined) return { hidden_ND: wide_ND, head };
  const own = (one: Tensor | undefined) =>
    one === undefined || (one.isLeaf && one.requiresGrad) ? one : recompute.hold(one);
  const { weight_VD, bias_V, column_V } = head;
  return {
    hidden_ND: recompute.hold(wide_ND),
    head: { weight_VD: own(weight_VD)!, bias_V: own(bias_V), column_V: own(column_V) },
  };
}

const wideOf = ({ weight_VD }: Head) => (weight_VD.dtype === "float64" ? "float64" : "float32");

/** float32, or float64 for float64 weights. */
export function logitsOf(
  hidden_ND: Tensor,
  { weight_VD, bias_V, column_V }: Head,
  products?: ProductDtype,
): Tensor {
  const raw_NC = mixedLinear(hidden_ND, weight_VD, bias_V, { products: products ?? "float32" });
  const logits_NC = convert(raw_NC, raw_NC.dtype === "float64" ? "float64" : "float32", undefined);
  return column_V === undefined ? logits_NC : add(logits_NC, column_V);
}

type Part = (head: Head, range: Range) => Head;
type Run = (range: Range, part: Part) => [string, Tensor][];

const partOf: Part = (head, range) => mapHead(head, (one) => narrow(one, 0, range.start, range.count));

const mapHead = ({ weight_VD, bias_V, column_V }: Head, map: (one: Tensor) => Tensor): Head => ({
  weight_VD: map(weight_VD),
  bias_V: bias_V && map(bias_V),
  column_V: column_V && map(column_V),
});

/** Computes every chunk again and carries the gradients of its numbers back; false if there are none. */
function finish(
  whole: ReadonlyMap<string, Tensor>,
  { ranges, run, heads }: { ranges: readonly Range[]; run: Run; heads: readonly Head[] },
): boolean {
  const gradients = new Map([...whole].map(([name, leaf]) => [name, gradientOf(leaf)]));
  if ([...gradients.values()].every((one) => one === null)) return false;
  const gathered = new HeadGradients(heads);
  ranges.forEach((range, i) => {
    scope(() => {
      const { part, leaves } = gathered.parts();
      const made = run(range, part).filter(([name]) => gradients.get(name) !== null);
      backward(
        made.map(([, one]) => one),
        { gradients: made.map(([name]) => select(gradients.get(name)!, 1, i)) },
      );
      gathered.put(range, leaves);
    });
  });
  gathered.passOn();
  return true;
}

/** Gradients of weights and biases, put together chunk by chunk. */
class HeadGradients {
  private readonly whole = new Map<Tensor, Tensor>();

  constructor(heads: readonly Head[]) {
    for (const one of heads.flatMap(({ weight_VD, bias_V }) => [weight_VD, bias_V])) {
      if (one?.requiresGrad) this.whole.set(one, zerosLike(detach(one)));
    }
  }

  /** Parts of a chunk, of which those that are wanted are leaves, one for each whole. */
  parts(): { part: Part; leaves: ReadonlyMap<Tensor, Tensor> } {
    const leaves = new Map<Tensor, Tensor>();
    const part: Part = (head, { start, count }) =>
      mapHead(head, (one) => {
        const leaf = leaves.get(one) ?? narrow(detach(one), 0, start, count);
        if (this.whole.has(one)) leaves.set(one, setRequiresGrad(leaf, true));
        return leaf;
      });
    return { part, leaves };
  }

  put({ start, count }: Range, leaves: ReadonlyMap<Tensor, Tensor>): void {
    for (const [one, leaf] of leaves) {
      const gradient = gradientOf(leaf);
      if (gradient !== null) copy_(narrow(this.whole.get(one)!, 0, start, count), gradient);
    }
  }

  passOn(): void {
    for (const [one, gradient] of this.whole) backward(one, { gradients: [gradient] });
  }
}
