// Bytes that a forward keeps for its gradient: what autograd saves of transformer.ts and mdlm-trunk.ts, counted by reading
// them, and what a backward takes besides at its worst. plan.ts adds weights and the optimiser; a test holds the sum against
// runs.
//
// Letters: B rows, L positions of a row, n = B · L, N rows that are read, D hidden, Q and K numbers of all queries and keys
// of a position, F inner, V vocabulary, S scores.

import type { NetworkSizes } from "./family.ts";

export interface TrainedForward {
  readonly rows: number;
  readonly length: number;
  /** Positions whose logits are computed. */
  readonly reads: number;
  /** Bytes of a number: of what flows between the layers, of the products, and of the matrices as they are stored. */
  readonly stream: number;
  readonly products: number;
  readonly stored: number;
  /** What trains: everything, or adapters of this rank beside all projections, or nothing (a gradient passes through). */
  readonly trains: "weights" | { readonly rank: number } | "nothing";
  readonly recompute: boolean;
  /** Attention keeps no scores: libtorch's own kernel. */
  readonly fusedAttention: boolean;
  /** Who sees whom is given, or padding is: scores have a bias. */
  readonly biased: boolean;
}

export interface KeptBytes {
  /** Kept from the forward until the backward reaches it. */
  readonly kept: number;
  /** Taken besides while the backward stands in a layer. */
  readonly working: number;
}

const wide = 4;

/** Everything below the head. */
export function layersKept(sizes: NetworkSizes, forward: TrainedForward): KeptBytes {
  const n = forward.rows * forward.length;
  const { layers, hiddenSize: D } = sizes;
  const stream = forward.stream * n * D;
  const layer = attentionKept(sizes, forward) + mlpKept(sizes, forward, n) + matricesKept(sizes, forward);
  const last =
    attentionKept(sizes, forward) +
    mlpKept(sizes, forward, lastRows(sizes, forward)) +
    matricesKept(sizes, forward);
  const working = layerWorking(sizes, forward);
  if (!forward.recompute) return { kept: (layers - 1) * layer + last, working };
  // One input a layer; a layer's own when it is run again.
  return { kept: layers * stream, working: Math.max(layer, last) + working };
}

/** Past the last attention a transformer computes picked rows alone; MDLM picks before the head. */
const lastRows = ({ norm }: NetworkSizes, { rows, length, reads }: TrainedForward): number =>
  norm === "rms" ? reads : rows * length;

/** Inputs of `count` linear layers that share one: each converts its own where the products have another dtype. */
const inputsKept = ({ stream, products, trains }: TrainedForward, count: number): number => {
  if (trains === "nothing") return 0;
  return stream === products ? products : count * products;
};

/** A number of one norm's input. RMS norms with a trained weight keep the normed value too. */
const normKept = ({ norm }: NetworkSizes, { stream, trains }: TrainedForward): number =>
  wide + (norm === "rms" && trains === "weights" ? stream : 0);

function attentionKept(sizes: NetworkSizes, forward: TrainedForward): number {
  const { hiddenSize: D, heads, keyHeads, headSize, packed, headNorms } = sizes;
  const { rows: B, length: L, products, trains, fusedAttention } = forward;
  const [Q, K] = [heads * headSize, keyHeads * headSize];
  const norm = D * (normKept(sizes, forward) + inputsKept(forward, packed ? 1 : 3));
  const headNorm = headNorms ? (Q + K) * (wide + (trains === "weights" ? products : 0)) : 0;
  const output = trains === "nothing" ? 0 : products * Q;
  const scores = fusedAttention ? 0 : B * heads * L * L * (products < wide ? wide + products : wide);
  return B * L * (norm + headNorm + products * (Q + 2 * K) + output + rankKept(forward, 4)) + scores;
}

function mlpKept(sizes: NetworkSizes, forward: TrainedForward, rows: number): number {
  const { hiddenSize: D, innerSize: F, mlp } = sizes;
  const { products, trains } = forward;
  const norm = D * (normKept(sizes, forward) + inputsKept(forward, mlp === "gated" ? 2 : 1));
  const inner = products * F * ((mlp === "gated" ? 3 : 1) + (trains === "nothing" ? 0 : 1));
  return rows * (norm + inner + rankKept(forward, 3));
}

const rankKept = ({ trains, products }: TrainedForward, layers: number): number =>
  typeof trains === "string" ? 0 : layers * trains.rank * products;

/** Copies of a layer's matrices: in the products' dtype, and with MDLM's gates on their rows. */
function matricesKept(
  sizes: NetworkSizes,
  { products, stored, trains, rows, length }: TrainedForward,
): number {
  const { hiddenSize: D, innerSize: F, heads, keyHeads, headSize, mlp } = sizes;
  const projections = D * headSize * (heads + 2 * keyHeads);
  const [output, up, down] = [heads * headSize * D, (mlp === "gated" ? 2 : 1) * D * F, D * F];
  const converted = stored === products ? 0 : products * (projections + output + up + down);
  if (sizes.norm === "rms" || trains !== "weights") return converted;
  const n = rows * length;
  return converted + wide * ((D < n ? output : 0) + (F < n ? down : 0));
}

/**
 * What a layer makes and does not keep: tensors live until the end of its half, and gradients take their places. An
 * adapter makes three more of each output.
 */
function layerWorking(sizes: NetworkSizes, forward: TrainedForward): number {
  const { hiddenSize: D, innerSize: F, heads, keyHeads, headSize, headNorms, mlp } = sizes;
  const { rows: B, length: L, products, stream, trains, fusedAttention } = forward;
  const [Q, K] = [heads * headSize, keyHeads * headSize];
  const adapted = typeof trains !== "string";
  const attention = 5 * Q + 4 * K + D + (headNorms ? Q + K : 0) + (adapted ? 3 * (Q + 2 * K + D) : 0);
  const inner = (mlp === "gated" ? 3 : 2) * F + (adapted ? 3 * (F + D) : 0);
  const scores = fusedAttention ? 0 : B * heads * L * L * (products < wide ? 2 * wide + products : 2 * wide);
  return B * L * (products * (attention + inner) + 2 * stream * D) + scores;
}

/** The head with whole logits and their cross-entropy: they are kept in each dtype and with the mask taken out. */
export function headKept(
  sizes: NetworkSizes,
  forward: TrainedForward,
  { vocabularySize: V, chunked }: { vocabularySize: number; chunked: boolean },
): KeptBytes {
  const { hiddenSize: D } = sizes;
  const { reads: N, products, stored, trains } = forward;
  const rows = N * D * (normKept(sizes, forward) + inputsKept(forward, 1));
  const weight = trains === "weights" ? wide * V * D : 0;
  // A chunk of logits, twice; and the weight's gradient before it is handed on.
  if (chunked) return { kept: rows + weight, working: 2 * wide * Math.min(N * V, 2 ** 22) };
  const converted = stored === products ? 0 : products * V * D;
  const logits = (products < wide ? products : 0) + 3 * wide;
  return { kept: rows + converted + logits * N * V, working: 2 * wide * N * V };
}
