// A prepared batch through a network: the one place where objectives meet tensors.

import { mul, type ProductDtype, type Recompute, sum, type Tensor, tensor } from "@unmask/torch";
import { chunkedCrossEntropy } from "../diffusion/chunked-loss.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import type { ForwardOptions, Network } from "../models/family.ts";
import type { MaskedBatch } from "./masked-batch.ts";

export interface MaskedLossOptions {
  readonly noise: NoiseProcess;
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  /** Size of the global batch that this one is a part of; the batch's own by default. */
  readonly total?: number | undefined;
  /** Logits that may be made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

export interface MaskedLoss {
  /** Σ weight · loss / total, a scalar with gradient; 0 where nothing is in the loss. */
  readonly loss: Tensor;
  /** Unweighted, in the batch's order. */
  readonly losses_N: Tensor;
}

/** More logits than this are never made at once (256 MiB in float32): they are computed twice, chunk by chunk. */
const mostLogits = 2 ** 26;

const int64 = (values: ArrayLike<number>): BigInt64Array => BigInt64Array.from(Array.from(values), BigInt);

export function maskedLoss(network: Network, batch: MaskedBatch, options: MaskedLossOptions): MaskedLoss {
  const { noise, total = batch.size, mostLogits: most = mostLogits } = options;
  const inputs = inputsOf(network, batch, options);
  const shares = batch.weights.map((weight) => weight / Math.max(1, total));
  const { crossEntropy, vocabularySize } = noise;
  if (
    crossEntropy !== undefined &&
    network.headRows !== undefined &&
    batch.reads.length * vocabularySize > most
  ) {
    return chunked(network.headRows(...inputs.forward), batch, { ...options, ...inputs, shares });
  }
  const logits_NV = network.logits(...inputs.forward);
  const { dtype, device } = logits_NV;
  const losses_N = noise.losses(logits_NV, {
    targets_N: inputs.ids(batch.targets),
    noisy_N: inputs.ids(batch.noisy),
    alpha_N: tensor(batch.times.map(noise.schedule.alpha), undefined, { dtype, device }),
  });
  return { loss: sum(mul(losses_N, tensor(shares, undefined, { dtype, device }))), losses_N };
}

interface Inputs {
  readonly ids: (values: ArrayLike<number>, shape?: number[]) => Tensor;
  readonly forward: [Tensor, Tensor, ForwardOptions];
}

function inputsOf(network: Network, batch: MaskedBatch, options: MaskedLossOptions): Inputs {
  const [first] = network.parameters.values();
  const device = first?.device ?? "cpu";
  const { rows: B, length: L, real, places, allowed } = batch;
  const ids = (values: ArrayLike<number>, shape?: number[]) => tensor(int64(values), shape, { device });
  const flags = (values: Uint8Array, shape: number[]) => tensor(values, shape, { dtype: "bool", device });
  const forward: ForwardOptions = {
    products: options.products,
    recompute: options.recompute,
    padding: real === undefined ? undefined : flags(real, [B, L]),
    positions: places === undefined ? undefined : ids(places, [B, L]),
    visibility: allowed === undefined ? undefined : { kind: "explicit", allowed: flags(allowed, [L, L]) },
  };
  return { ids, forward: [ids(batch.ids, [B, L]), ids(batch.reads), forward] };
}

function chunked(
  { hidden_ND, head }: HeadRows,
  batch: MaskedBatch,
  { noise, products, ids, shares }: MaskedLossOptions & Inputs & { shares: Float64Array },
): MaskedLoss {
  const { device } = hidden_ND;
  const dtype = head.weight_VD.dtype === "float64" ? "float64" : "float32";
  const column = noise.crossEntropy?.column;
  const column_V = column === undefined ? undefined : tensor(column, undefined, { dtype, device });
  const rows = { targets_N: ids(batch.targets), weights_N: tensor(shares, undefined, { dtype, device }) };
  return chunkedCrossEntropy(hidden_ND, { ...head, column_V }, rows, { products });
}
