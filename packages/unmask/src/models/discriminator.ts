// DiDi-Instruct's discriminator: MDLM's transformer with a head that gives one logit a position, high for the data's
// text and low for the student's.
// Reference for parity: haoyangzheng-ai/didi-instruct 7825a02, algo.py and models/dit.py.
//
//   logit = w_2 · silu(W_0 x + b_0) + b_2           of the last block's x; there is no final norm
//   W     = W_orig / (uᵀ W_orig v)                  in both layers: spectral norm in PyTorch's older form
//
// u and v are stored vectors, constants for the gradient. In training a power iteration goes before every forward:
// v = Wᵀu / ‖Wᵀu‖, u = W v / ‖W v‖. The last layer runs in float32 whatever the products run in: rewards are clipped
// at ±8, where bfloat16 is coarse. Dropout is not applied.
// Letters: B batch, L length, D hidden, O outputs of a layer, V vocabulary.

import {
  clamp,
  clone,
  convert,
  copy_,
  div,
  matmul,
  mixedLinear,
  mul,
  noGrad,
  type ProductDtype,
  type Recompute,
  scope,
  setRequiresGrad,
  silu,
  squeeze,
  sum,
  type Tensor,
  t,
  vectorNorm,
} from "@unmask/torch";
import { type MdlmConfig, mdlmTrunkShapes } from "./mdlm.ts";
import { MdlmTrunk } from "./mdlm-trunk.ts";

/** PyTorch's guard against division by zero in normalising u and v. */
const normEpsilon = 1e-12;

export const heads = ["output_layer.main.0", "output_layer.main.2"] as const;
type Head = (typeof heads)[number];

/** Names and shapes of every tensor, u and v included, in the checkpoint's order. */
export function discriminatorShapes(config: MdlmConfig): Map<string, number[]> {
  const { hiddenSize: D } = config;
  const head = (name: Head, outputs: number): [string, number[]][] => [
    [`${name}.bias`, [outputs]],
    [`${name}.weight_orig`, [outputs, D]],
    [`${name}.weight_u`, [outputs]],
    [`${name}.weight_v`, [D]],
  ];
  return new Map([...mdlmTrunkShapes(config), ...head(heads[0], D), ...head(heads[1], 1)]);
}

/** u and v of the spectral norm are state, and not trained. */
export const isSpectralState = (name: string): boolean => /\.weight_[uv]$/.test(name);

export interface UnfreezeOptions {
  /** Blocks from the last that train, each with its adaLN; all if there are fewer. None for 0. */
  readonly blocks: number;
  /**
   * The time path trains too. Published networks were only ever given sigma 0; the released code leaves theirs frozen
   * and gives the discriminator real sigmas all the same.
   */
  readonly timePath?: boolean | undefined;
}

/** Names of the parameters that train, in the checkpoint's order. Throws a RangeError for a negative count. */
export function discriminatorTrainable(
  config: MdlmConfig,
  { blocks, timePath = false }: UnfreezeOptions,
): string[] {
  if (!Number.isInteger(blocks) || blocks < 0) {
    throw new RangeError(`blocks that train are ${blocks}, expected a whole number from 0`);
  }
  const first = Math.max(0, config.blocks - blocks);
  const trains = (name: string): boolean => {
    const block = /^blocks\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined) return Number(block) >= first;
    if (name.startsWith("sigma_map.")) return timePath;
    return name.startsWith("output_layer.") && !isSpectralState(name);
  };
  return [...discriminatorShapes(config).keys()].filter(trains);
}

export interface DiscriminatorOptions {
  /** float32 [B], the noise level of each row, as it is; 0 by default. */
  readonly sigma_B?: Tensor | undefined;
  /** dtype of matrix products: float32 by default. */
  readonly products?: ProductDtype | undefined;
  /** As in the networks' forwards. */
  readonly recompute?: Recompute | undefined;
  /** A power iteration first, whose u and v are kept: for training. */
  readonly iterate?: boolean | undefined;
}

export class Discriminator {
  readonly trunk: MdlmTrunk;

  /** `parameters` as discriminatorShapes() lists them; u and v are written to. */
  constructor(config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>) {
    this.trunk = new MdlmTrunk(config, parameters);
  }

  get config(): MdlmConfig {
    return this.trunk.config;
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return this.trunk.weights.parameters;
  }

  /**
   * One logit a position, float32 [B, L] (float64 for float64 weights), for ids int64 [B, L] or a soft input: logits
   * [B, L, V] that stand for the mixture of embeddings softmax(logits) E.
   */
  logits(
    input: Tensor,
    { products = "float32", iterate = false, ...given }: DiscriminatorOptions = {},
  ): Tensor {
    return scope(() => {
      const condition = this.trunk.condition(given);
      const hidden_BLD = this.trunk.forward(input, { ...given, condition, products });
      const layer = (x: Tensor, head: Head, dtype: ProductDtype) =>
        mixedLinear(x, this.headWeight(head, iterate), this.trunk.weights.get(`${head}.bias`), dtype);
      const inner_BLD = silu(layer(hidden_BLD, heads[0], products));
      return squeeze(layer(inner_BLD, heads[1], "float32"), -1);
    });
  }

  /** W_orig / (uᵀ W_orig v) [O, D] of a layer of the head, after a power iteration if `iterate`. */
  headWeight(head: Head, iterate = false): Tensor {
    const { weights, wide } = this.trunk;
    return scope(() => {
      const weight_OD = convert(weights.get(`${head}.weight_orig`), wide, undefined);
      const [u_O, v_D] = noGrad(() => {
        if (iterate) this.powerIteration(head, weight_OD);
        // Copies: the stored vectors may change before the gradient is asked for.
        return [clone(weights.get(`${head}.weight_u`)), clone(weights.get(`${head}.weight_v`))];
      }).map((vector) => convert(vector, wide, undefined)) as [Tensor, Tensor];
      return div(weight_OD, sum(mul(u_O, matmul(weight_OD, v_D))));
    });
  }

  private powerIteration(head: Head, weight_OD: Tensor): void {
    const { weights, wide } = this.trunk;
    const [u_O, v_D] = [weights.get(`${head}.weight_u`), weights.get(`${head}.weight_v`)];
    scope(() => {
      const right_D = normalised(matmul(t(weight_OD), convert(u_O, wide, undefined)));
      copy_(v_D, right_D);
      copy_(u_O, normalised(matmul(weight_OD, right_D)));
    });
  }

  /** Makes exactly the parameters of discriminatorTrainable() want gradients, and returns them by name. */
  unfreeze(options: UnfreezeOptions): Map<string, Tensor> {
    const names = new Set(discriminatorTrainable(this.config, options));
    for (const [name, parameter] of this.parameters) setRequiresGrad(parameter, names.has(name));
    return new Map([...this.parameters].filter(([name]) => names.has(name)));
  }
}

function normalised(vector: Tensor): Tensor {
  return div(vector, clamp(vectorNorm(vector), { min: normEpsilon }));
}
