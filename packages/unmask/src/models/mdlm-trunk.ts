// The diffusion transformer below its head: embedding, conditioning, blocks. MDLM's network and DiDi-Instruct's
// discriminator put different heads on it.
//
//   c  = silu(MLP(sinusoid(sigma)))                                    conditioning, [C]
//   h  = LN(x) (1 + scale_a) + shift_a;  x += gate_a · W_o attention(rotary(W_qkv h))
//   h  = LN(x) (1 + scale_m) + shift_m;  x += gate_m · (W_2 gelu_tanh(W_1 h + b_1) + b_2)
//
// Without a sigma (that is, 0 for every row) c is one vector, and shift and scale go into the layer norm's own weight
// and bias. Folded parameters (mdlm-fold.ts) hold what that comes to and know no conditioning.
//
// Norms, modulation and softmax run in float32 whatever the products run in (all in float64 for float64 weights).
// Letters: B batch, L length, D hidden, H heads, E head size, C conditioning, V vocabulary.

import {
  add,
  addcmul,
  attention,
  type Block,
  cat,
  chunk,
  convert,
  cos as cosine,
  type Dtype,
  gelu,
  item,
  layerNorm,
  matmul,
  max,
  mixedLinear,
  mul,
  type ProductDtype,
  permute,
  reshape,
  rotate,
  scope,
  silu,
  sin as sine,
  softmax,
  type Tensor,
  tensor,
  unbind,
  unsqueeze,
} from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { ForwardOptions } from "./family.ts";
import type { MdlmConfig } from "./mdlm.ts";
import { RotaryTables } from "./parts/rotary.ts";
import { attentionBias } from "./parts/visibility.ts";
import { scaleName, Weights } from "./parts/weights.ts";

export const timeFeatures = 256;
export const rotaryBase = 10_000;
const timeBase = 10_000;
const normEpsilon = 1e-5;

/** What sigma makes of one norm and the layer after it: [D], or [B, 1, D] (rows [N, D]) with a sigma a row. */
export interface Modulation {
  readonly shift: Tensor;
  readonly scale: Tensor;
  /** Absent for the head. */
  readonly gate?: Tensor | undefined;
}

type ConditionOptions = Pick<ForwardOptions, "sigma_B" | "recompute">;

/** What is the same for all blocks of one forward. */
interface Pass {
  /** Absent where the parameters are folded. */
  readonly condition: Tensor | undefined;
  readonly products: ProductDtype;
  readonly bias: Tensor | undefined;
  readonly positions: Tensor | undefined;
  /** One more than the largest position. */
  readonly end: number;
}

export class MdlmTrunk {
  readonly config: MdlmConfig;
  readonly weights: Weights;
  /** The conditioning is folded into the other parameters: only sigma 0 can be computed. */
  readonly isFolded: boolean;
  private readonly rotary: RotaryTables;

  constructor(config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>) {
    this.config = config;
    this.weights = new Weights(parameters);
    this.isFolded = !parameters.has("sigma_map.mlp.0.weight");
    this.rotary = new RotaryTables(config.hiddenSize / config.heads, rotaryBase);
  }

  /** float64 for float64 weights, else float32: what norms, modulation and the conditioning run in. */
  get wide(): Dtype {
    return this.weights.get(embeddingName).dtype === "float64" ? "float64" : "float32";
  }

  /**
   * Output of the last block [B, L, D] for ids int64 [B, L], or for logits [B, L, V], each of which stands for the
   * mixture of embeddings softmax(logits) E. Pushes the embedding and the output of each block to `states`; `last` is one
   * more block, whose output is the result.
   */
  forward(
    input: Tensor,
    { condition, ...options }: ForwardOptions & { condition: Tensor | undefined },
    { states, last }: { states?: Tensor[] | undefined; last?: Block | undefined } = {},
  ): Tensor {
    const products = options.products ?? "float32";
    let x_BLD = scope(() => this.embed(input, this.weights.streamDtype(embeddingName, products)));
    const pass = { condition, products, ...plan(x_BLD, options) };
    const { blocks: count } = this.config;
    const blocks = Array.from(
      { length: count },
      (_, i): Block =>
        (hidden) =>
          this.block(i, hidden, pass),
    );
    if (last !== undefined) blocks.push(last);
    if (options.recompute !== undefined && states === undefined) {
      return options.recompute.through(blocks, x_BLD);
    }
    for (const block of blocks) {
      const before = x_BLD;
      states?.push(before);
      x_BLD = block(before);
      if (states === undefined) before.dispose();
    }
    return x_BLD;
  }

  private embed(input: Tensor, dtype: Dtype): Tensor {
    if (input.shape.length === 2) return this.weights.embed(input, embeddingName, dtype);
    const table_VD = convert(this.weights.get(embeddingName), this.wide, undefined);
    return convert(matmul(softmax(convert(input, this.wide, undefined), -1), table_VD), dtype, undefined);
  }

  /**
   * Conditioning vector c: [C] for sigma 0, else [B, 1, C]; undefined for folded parameters, which throw an
   * UnsupportedError when given a sigma. Blocks and head share it, so where it is recomputed it is held.
   */
  condition({ sigma_B, recompute }: ConditionOptions): Tensor | undefined {
    if (this.isFolded) {
      if (sigma_B === undefined) return undefined;
      throw new UnsupportedError(
        "the conditioning of this network is folded away at sigma 0; load the model without fold to give it a sigma",
      );
    }
    return scope(() => {
      const { device } = this.weights.get(embeddingName);
      const features = convert(sinusoid(sigma_B), this.wide, device);
      const inner = silu(this.weights.linear(features, "sigma_map.mlp.0", "float32"));
      const condition = silu(this.weights.linear(inner, "sigma_map.mlp.2", "float32"));
      return recompute?.hold(condition) ?? condition;
    });
  }

  /** `count` vectors of a layer's adaLN; undefined for folded parameters. */
  modulation(layer: string, condition: Tensor | undefined, count: 2 | 6): Tensor[] | undefined {
    if (condition === undefined) return undefined;
    const all = this.weights.linear(condition, `${layer}.adaLN_modulation`, "float32");
    return chunk(all, count, { dim: -1 });
  }

  /** LN(x) · weight · (1 + scale) + shift in float32; for vectors scale and shift one fused layer norm. */
  norm(x: Tensor, name: string, modulation: Modulation | undefined): Tensor {
    const wide = convert(x, this.wide, undefined);
    const width = [this.config.hiddenSize];
    const at = (part: string) => convert(this.weights.get(`${name}.${part}`), wide.dtype, undefined);
    const weight = at("weight");
    if (modulation === undefined)
      return layerNorm(wide, width, { weight, bias: at("bias"), eps: normEpsilon });
    const { shift, scale } = modulation;
    const factor = add(scale, 1);
    if (shift.shape.length === 1) {
      return layerNorm(wide, width, { weight: mul(weight, factor), bias: shift, eps: normEpsilon });
    }
    return add(mul(layerNorm(wide, width, { weight, eps: normEpsilon }), factor), shift);
  }

  /** Each half in a scope of its own: what it made is freed at once, as far as autograd does not hold it. */
  private block(i: number, x_BLD: Tensor, pass: Pass): Tensor {
    const name = `blocks.${i}`;
    const { products } = pass;
    return scope(() => {
      const [first, second] = halves(this.modulation(name, pass.condition, 6));
      const middle_BLD = scope(() => {
        const normal = this.norm(x_BLD, `${name}.norm1`, first);
        const mixed_BLD = this.attend(this.weights.linear(normal, `${name}.attn_qkv`, products), pass);
        return this.gatedAdd(x_BLD, mixed_BLD, { layer: `${name}.attn_out`, gate: first?.gate, products });
      });
      return scope(() => {
        const normal = this.norm(middle_BLD, `${name}.norm2`, second);
        const inner = gelu(this.weights.linear(normal, `${name}.mlp.0`, products), { approximate: "tanh" });
        const layer = `${name}.mlp.2`;
        const result = this.gatedAdd(middle_BLD, inner, { layer, gate: second?.gate, products });
        middle_BLD.dispose();
        return result;
      });
    });
  }

  /** Full attention with rotary positions from the packed projections [B, L, 3·D] -> [B, L, D]. */
  private attend(qkv: Tensor, { bias, positions, end }: Pass): Tensor {
    const [B, L, width] = qkv.shape as [number, number, number];
    const H = this.config.heads;
    const E = width / 3 / H;
    const { cos, sin } =
      positions === undefined ? this.rotary.range(0, L, qkv) : this.rotary.at(positions, end, qkv);
    const qkv_3BHLE = permute(reshape(qkv, [B, L, 3, H, E]), [2, 0, 3, 1, 4]);
    const [q, k, v] = unbind(qkv_3BHLE) as [Tensor, Tensor, Tensor];
    const mixed_BHLE = attention(rotate(q, cos, sin), rotate(k, cos, sin), v, { bias });
    return reshape(permute(mixed_BHLE, [0, 2, 1, 3]), [B, L, H * E]);
  }

  /**
   * base + gate · (W x + b). In training a vector gate scales W and b instead of the output where they are the fewer
   * numbers: less to compute and to keep.
   */
  private gatedAdd(
    base: Tensor,
    x: Tensor,
    { layer, gate: given, products }: { layer: string; gate: Tensor | undefined; products: ProductDtype },
  ): Tensor {
    const gate = given ?? this.weights.get(`${layer}.gate`);
    const weight = this.weights.get(`${layer}.weight`);
    const [, inputs] = weight.shape as [number, number];
    const plain =
      !this.weights.adapters.has(layer) && !this.weights.parameters.has(scaleName(`${layer}.weight`));
    if (plain && weight.requiresGrad && gate.shape.length === 1 && inputs < x.size / inputs) {
      const bias = this.weights.parameters.get(`${layer}.bias`);
      const scaledBias = bias === undefined ? undefined : mul(gate, bias);
      return add(base, mixedLinear(x, mul(unsqueeze(gate, 1), weight), scaledBias, products));
    }
    const out = this.weights.linear(x, layer, products);
    if (out.dtype === base.dtype) return addcmul(base, out, convert(gate, out.dtype, undefined));
    return convert(add(base, mul(out, gate)), base.dtype, undefined);
  }
}

const embeddingName = "vocab_embed.embedding";

function plan(x_BLD: Tensor, options: ForwardOptions): Pick<Pass, "bias" | "positions" | "end"> {
  if (options.cache !== undefined) throw new UnsupportedError(noCache);
  const [, L] = x_BLD.shape as [number, number, number];
  const { positions, visibility = { kind: "full" }, padding } = options;
  const columns = { at: 0, queries: L, keys: L, device: x_BLD.device };
  const bias = scope(() => attentionBias(visibility, columns, padding));
  const hold = (one: Tensor | undefined) => (one === undefined ? one : (options.recompute?.hold(one) ?? one));
  const end = positions === undefined ? L : item(max(positions)) + 1;
  return { bias: hold(bias), positions: hold(positions), end };
}

export const noCache =
  "MDLM keeps no cache of keys and values: every position sees every other, and the published samplers recompute all";

function halves(modulation: Tensor[] | undefined): [Modulation | undefined, Modulation | undefined] {
  if (modulation === undefined) return [undefined, undefined];
  const [shiftA, scaleA, gateA, shiftM, scaleM, gateM] = modulation as [
    ...[Tensor, Tensor, Tensor],
    ...[Tensor, Tensor, Tensor],
  ];
  return [
    { shift: shiftA, scale: scaleA, gate: gateA },
    { shift: shiftM, scale: scaleM, gate: gateM },
  ];
}

/** [cos(sigma f), sin(sigma f)] for 128 frequencies f: [256] for no sigma (that is, 0), else [B, 1, 256]. */
export function sinusoid(sigma_B: Tensor | undefined): Tensor {
  const half = timeFeatures / 2;
  if (sigma_B === undefined) {
    return tensor(Float32Array.from({ length: timeFeatures }, (_, i) => (i < half ? 1 : 0)));
  }
  const frequencies = Float32Array.from({ length: half }, (_, k) =>
    Math.exp((-Math.log(timeBase) * k) / half),
  );
  const angles = mul(
    reshape(sigma_B, [-1, 1, 1]),
    tensor(frequencies, undefined, { device: sigma_B.device }),
  );
  return cat([cosine(angles), sine(angles)], { dim: -1 });
}
