// A network's parameters by name, and the layers that use them whatever they are stored as: any float dtype, int8 with
// a scale a row, with or without a low-rank adapter beside them.

import {
  add,
  addmm,
  convert,
  type Dtype,
  embedding,
  indexSelect,
  matmul,
  mixedLinear,
  mul,
  type ProductDtype,
  reshape,
  scope,
  type Tensor,
  t,
  unsqueeze,
} from "@unmask/torch";
import { UnsupportedError } from "../../base/errors.ts";

/** W x + scale · B (A x): a trained difference of low rank (Hu et al. 2021). */
export interface Adapter {
  /** [rank, in] */
  readonly down: Tensor;
  /** [out, rank] */
  readonly up: Tensor;
  /** alpha / rank, or alpha / √rank. */
  readonly scale: number;
}

/** Name of the float32 [rows] scale that belongs to an int8 weight. */
export const scaleName = (weightName: string): string => `${weightName}_scale`;

export class Weights {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** By the name of the layer, without ".weight". */
  readonly adapters: Map<string, Adapter> = new Map();

  constructor(parameters: ReadonlyMap<string, Tensor>) {
    this.parameters = parameters;
  }

  get(name: string): Tensor {
    const parameter = this.parameters.get(name);
    if (parameter === undefined) throw new Error(`the network has no parameter "${name}"`);
    return parameter;
  }

  /** x [..., in] through the layer's weight [out, in] and, if there is one, its bias. */
  linear(x: Tensor, layer: string, products: ProductDtype): Tensor {
    const name = `${layer}.weight`;
    const scale = this.parameters.get(scaleName(name));
    const bias = this.parameters.get(`${layer}.bias`);
    const result = mixedLinear(x, this.get(name), bias, { products, scale });
    const adapter = this.adapters.get(layer);
    if (adapter === undefined) return result;
    return addProduct(result, mixedLinear(x, adapter.down, undefined, products), adapter);
  }

  /**
   * A layer's weight [out, in] with what its adapter adds, as one matrix (a copy, if there is an adapter). Throws an
   * UnsupportedError for int8 weights.
   */
  whole(layer: string): Tensor {
    const name = `${layer}.weight`;
    if (this.parameters.has(scaleName(name))) {
      throw new UnsupportedError(
        `no gradients flow through int8 weights ("${name}"); load them in another dtype`,
      );
    }
    const weight = this.get(name);
    const adapter = this.adapters.get(layer);
    if (adapter === undefined) return weight;
    return scope(() => add(mul(matmul(adapter.up, adapter.down), adapter.scale), weight));
  }

  /** Rows of the table [V, D] for ids int64 [...], in `dtype`: [..., D]. */
  embed(ids: Tensor, name: string, dtype: Dtype): Tensor {
    const table = this.get(name);
    if (table.requiresGrad) return convert(embedding(table, ids), dtype, undefined);
    const flat = reshape(ids, [-1]);
    const rows = convert(indexSelect(table, 0, flat), dtype, undefined);
    const scale = this.parameters.get(scaleName(name));
    const scaled =
      scale === undefined
        ? rows
        : mul(rows, unsqueeze(convert(indexSelect(scale, 0, flat), dtype, undefined), 1));
    return reshape(scaled, [...ids.shape, table.shape[1]!]);
  }

  /**
   * dtype of what flows between layers: float64 for float64 weights, bfloat16 for a bfloat16 checkpoint computed in
   * bfloat16, else float32.
   */
  streamDtype(name: string, products: ProductDtype): Dtype {
    const { dtype } = this.get(name);
    if (dtype === "float64") return "float64";
    return dtype === "bfloat16" && products === "bfloat16" ? "bfloat16" : "float32";
  }
}

/** result [..., out] + scale · low [..., rank] · upᵀ: one product that adds, so that the layer's many numbers are read once. */
function addProduct(result: Tensor, low: Tensor, { up, scale }: Adapter): Tensor {
  const [low_NR, up_OR] = [reshape(low, [-1, low.shape.at(-1)!]), up].map((one) =>
    convert(one, result.dtype, undefined),
  ) as [Tensor, Tensor];
  const sum_NO = addmm(reshape(result, [-1, up.shape[0]!]), low_NR, t(up_OR), { alpha: scale });
  return reshape(sum_NO, [...result.shape]);
}
