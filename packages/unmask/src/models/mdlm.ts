// MDLM: the diffusion transformer (DiT) of Sahoo et al. 2024, also the network of DiDi-Instruct.
// Reference for parity: kuleshov-group/mdlm c112c52 and haoyangzheng-ai/didi-instruct 7825a02, models/dit.py.
//
//   c  = silu(MLP(sinusoid(sigma)))                                    conditioning, [C]
//   h  = LN(x) (1 + scale_a) + shift_a;  x += gate_a · W_o attention(rotary(W_qkv h))
//   h  = LN(x) (1 + scale_m) + shift_m;  x += gate_m · (W_2 gelu_tanh(W_1 h + b_1) + b_2)
//   logits = W (LN(x) (1 + scale) + shift) + b
//
// MDLM gives sigma = 0 for every row (time conditioning off), so c is one vector. Shift, scale and gate are then
// folded into the neighbouring weights before the products: exact, and nothing of size [B, L, D] is spent on them.
// With one sigma a row (the discriminator, guided sampling) the general form is used.
//
// Parameter names are the checkpoint's, without its "backbone." prefix. Dropout is not applied.
// Letters: B batch, L length, D hidden, H heads, E head size, C conditioning, V vocabulary, N picked positions.

import {
  add,
  attention,
  cat,
  chunk,
  convert,
  cos as cosine,
  divideRounding,
  embedding,
  gelu,
  indexSelect,
  layerNorm,
  linear,
  matmul,
  mixedLinear,
  mul,
  type ProductDtype,
  permute,
  reshape,
  rotate,
  silu,
  sin as sine,
  softmax,
  type Tensor,
  tensor,
  unbind,
  unsqueeze,
} from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { ForwardOptions, Network } from "./family.ts";
import { RotaryTables } from "./parts/rotary.ts";

export interface MdlmConfig {
  vocabularySize: number;
  hiddenSize: number;
  conditionSize: number;
  blocks: number;
  heads: number;
  /** Length it was trained at; rotary positions allow others. */
  length: number;
  /**
   * The first token of a row is given and never noised (MDLM's ignore_bos). Rotary positions are relative: where
   * everything else is masked, that token is what tells the positions apart.
   */
  ignoreBos?: boolean | undefined;
}

const timeFeatures = 256;
const rotaryBase = 10_000;
const timeBase = 10_000;
const normEpsilon = 1e-5;

/** Names and shapes of every trained parameter, in the checkpoint's order. */
export function mdlmParameterShapes(config: MdlmConfig): Map<string, number[]> {
  const { vocabularySize: V, hiddenSize: D, conditionSize: C } = config;
  const block = (i: number): [string, number[]][] => [
    [`blocks.${i}.norm1.weight`, [D]],
    [`blocks.${i}.attn_qkv.weight`, [3 * D, D]],
    [`blocks.${i}.attn_out.weight`, [D, D]],
    [`blocks.${i}.norm2.weight`, [D]],
    [`blocks.${i}.mlp.0.weight`, [4 * D, D]],
    [`blocks.${i}.mlp.0.bias`, [4 * D]],
    [`blocks.${i}.mlp.2.weight`, [D, 4 * D]],
    [`blocks.${i}.mlp.2.bias`, [D]],
    [`blocks.${i}.adaLN_modulation.weight`, [6 * D, C]],
    [`blocks.${i}.adaLN_modulation.bias`, [6 * D]],
  ];
  return new Map([
    ["vocab_embed.embedding", [V, D]],
    ["sigma_map.mlp.0.weight", [C, timeFeatures]],
    ["sigma_map.mlp.0.bias", [C]],
    ["sigma_map.mlp.2.weight", [C, C]],
    ["sigma_map.mlp.2.bias", [C]],
    ...Array.from({ length: config.blocks }, (_, i) => block(i)).flat(),
    ["output_layer.norm_final.weight", [D]],
    ["output_layer.linear.weight", [V, D]],
    ["output_layer.linear.bias", [V]],
    ["output_layer.adaLN_modulation.weight", [2 * D, C]],
    ["output_layer.adaLN_modulation.bias", [2 * D]],
  ] as [string, number[]][]);
}

export class Mdlm implements Network {
  readonly config: MdlmConfig;
  readonly parameters: ReadonlyMap<string, Tensor>;
  private readonly rotary: RotaryTables;

  constructor(config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>) {
    this.config = config;
    this.parameters = parameters;
    this.rotary = new RotaryTables(config.hiddenSize / config.heads, rotaryBase);
  }

  /**
   * Output of the last block, float32 [B, L, D], for ids int64 [B, L]. A soft input, logits float32 [B, L, V], stands
   * for the mixture of embeddings softmax(logits) E (guided sampling differentiates through it).
   */
  hidden(ids_BL: Tensor, options: ForwardOptions = {}): Tensor {
    return this.trunk(ids_BL, this.condition(options.sigma_B), options.products);
  }

  /**
   * Raw float32 logits, the mask's column included: [B, L, V], or [N, V] for `positions_N` alone (int64 indices
   * into the flattened B·L).
   */
  logits(ids_BL: Tensor, positions_N?: Tensor, options: ForwardOptions = {}): Tensor {
    const condition = this.condition(options.sigma_B);
    const hidden_BLD = this.trunk(ids_BL, condition, options.products);
    if (positions_N === undefined) return this.head(hidden_BLD, condition, options.products);
    const [B, L, D] = hidden_BLD.shape as [number, number, number];
    const rows_ND = indexSelect(reshape(hidden_BLD, [B * L, D]), 0, positions_N);
    if (options.sigma_B === undefined) return this.head(rows_ND, condition, options.products);
    const row_N = divideRounding(positions_N, L, { roundingMode: "floor" });
    const condition_NC = indexSelect(reshape(condition, [B, -1]), 0, row_N);
    return this.head(rows_ND, condition_NC, options.products);
  }

  hiddenStates(ids_BL: Tensor, options: ForwardOptions = {}): Tensor[] {
    const condition = this.condition(options.sigma_B);
    const states: Tensor[] = [];
    const last = this.trunk(ids_BL, condition, options.products, states);
    return [...states, this.finalNorm(last, condition)];
  }

  createCache(): never {
    throw new UnsupportedError(
      "MDLM keeps no cache of keys and values: every position sees every other, and the published samplers recompute all",
    );
  }

  private trunk(
    ids_BL: Tensor,
    condition: Tensor,
    products: ProductDtype | undefined,
    states?: Tensor[],
  ): Tensor {
    let hidden_BLD = this.embed(ids_BL);
    states?.push(hidden_BLD);
    for (let i = 0; i < this.config.blocks; i++) {
      hidden_BLD = this.block(i, hidden_BLD, condition, products);
      states?.push(hidden_BLD);
    }
    return hidden_BLD;
  }

  private embed(ids_BL: Tensor): Tensor {
    const embedding_VD = this.get("vocab_embed.embedding");
    if (ids_BL.shape.length === 3) return matmul(softmax(ids_BL, -1), embedding_VD);
    return embedding(embedding_VD, ids_BL);
  }

  private get(name: string): Tensor {
    const parameter = this.parameters.get(name);
    if (parameter === undefined) throw new Error(`the network has no parameter "${name}"`);
    return parameter;
  }

  /** Conditioning vector c: [C] for sigma 0, else [B, 1, C]. */
  condition(sigma_B: Tensor | undefined): Tensor {
    const layer = (input: Tensor, i: number) =>
      linear(input, this.get(`sigma_map.mlp.${i}.weight`), { bias: this.get(`sigma_map.mlp.${i}.bias`) });
    const { device, dtype } = this.get("vocab_embed.embedding");
    return silu(layer(silu(layer(convert(sinusoid(sigma_B), dtype, device), 0)), 2));
  }

  private block(i: number, x_BLD: Tensor, condition: Tensor, products: ProductDtype = "float32"): Tensor {
    const name = `blocks.${i}`;
    const modulation = linear(condition, this.get(`${name}.adaLN_modulation.weight`), {
      bias: this.get(`${name}.adaLN_modulation.bias`),
    });
    const [shiftA, scaleA, gateA, shiftM, scaleM, gateM] = chunk(modulation, 6, { dim: -1 }) as Six;
    const attentionIn = modulatedNorm(x_BLD, this.get(`${name}.norm1.weight`), shiftA, scaleA);
    const mixed_BLD = this.attend(
      mixedLinear(attentionIn, this.get(`${name}.attn_qkv.weight`), undefined, products),
    );
    const out = { weight: this.get(`${name}.attn_out.weight`), bias: undefined, gate: gateA };
    const middle_BLD = add(x_BLD, gatedLinear(mixed_BLD, out, products));
    const mlpIn = modulatedNorm(middle_BLD, this.get(`${name}.norm2.weight`), shiftM, scaleM);
    const inner = mixedLinear(
      mlpIn,
      this.get(`${name}.mlp.0.weight`),
      this.get(`${name}.mlp.0.bias`),
      products,
    );
    const mlpOut = {
      weight: this.get(`${name}.mlp.2.weight`),
      bias: this.get(`${name}.mlp.2.bias`),
      gate: gateM,
    };
    return add(middle_BLD, gatedLinear(gelu(inner, { approximate: "tanh" }), mlpOut, products));
  }

  /** Full attention with rotary positions from the packed projections [B, L, 3·D] -> [B, L, D]. */
  private attend(qkv: Tensor): Tensor {
    const [B, L, width] = qkv.shape as [number, number, number];
    const H = this.config.heads;
    const E = width / 3 / H;
    const { cos, sin } = this.rotary.range(0, L, qkv);
    const qkv_3BHLE = permute(reshape(qkv, [B, L, 3, H, E]), [2, 0, 3, 1, 4]);
    const [q, k, v] = unbind(qkv_3BHLE) as [Tensor, Tensor, Tensor];
    const mixed_BHLE = attention(rotate(q, cos, sin), rotate(k, cos, sin), v);
    return reshape(permute(mixed_BHLE, [0, 2, 1, 3]), [B, L, H * E]);
  }

  private head(rows: Tensor, condition: Tensor, products: ProductDtype = "float32"): Tensor {
    const normal = this.finalNorm(rows, condition);
    const bias = this.get("output_layer.linear.bias");
    const logits = mixedLinear(normal, this.get("output_layer.linear.weight"), bias, products);
    return logits.dtype === "bfloat16" ? convert(logits, "float32", undefined) : logits;
  }

  private finalNorm(rows: Tensor, condition: Tensor): Tensor {
    const modulation = linear(condition, this.get("output_layer.adaLN_modulation.weight"), {
      bias: this.get("output_layer.adaLN_modulation.bias"),
    });
    const [shift, scale] = chunk(modulation, 2, { dim: -1 }) as [Tensor, Tensor];
    return modulatedNorm(rows, this.get("output_layer.norm_final.weight"), shift, scale);
  }
}

type Six = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** LN(x) · weight · (1 + scale) + shift; for vectors scale and shift one fused layer norm. */
function modulatedNorm(x: Tensor, weight: Tensor, shift: Tensor, scale: Tensor): Tensor {
  const width = [weight.shape[0]!];
  const factor = add(scale, 1);
  if (shift.shape.length === 1) {
    return layerNorm(x, width, { weight: mul(weight, factor), bias: shift, eps: normEpsilon });
  }
  return add(mul(layerNorm(x, width, { weight, eps: normEpsilon }), factor), shift);
}

/** gate · (x Wᵀ + b); a vector gate scales the rows of W and b instead of the output. */
function gatedLinear(
  x: Tensor,
  { weight, bias, gate }: { weight: Tensor; bias: Tensor | undefined; gate: Tensor },
  products: ProductDtype,
): Tensor {
  if (gate.shape.length > 1) return mul(gate, mixedLinear(x, weight, bias, products));
  const scaledBias = bias === undefined ? undefined : mul(gate, bias);
  return mixedLinear(x, mul(unsqueeze(gate, 1), weight), scaledBias, products);
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
