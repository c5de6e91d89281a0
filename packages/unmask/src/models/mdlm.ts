// MDLM: the diffusion transformer (DiT) of Sahoo et al. 2024, also the network of DiDi-Instruct.
// Reference for parity: kuleshov-group/mdlm c112c52 and haoyangzheng-ai/didi-instruct 7825a02, models/dit.py.
//
//   logits = W (LN(x) (1 + scale) + shift) + b        of the last block's x (mdlm-trunk.ts)
//
// MDLM gives sigma = 0 for every row (time conditioning off). With one sigma a row (the discriminator, guided
// sampling) the general form of the conditioning is used.
//
// Parameter names are the checkpoint's, without its "backbone." prefix. Dropout is not applied.
// Letters: B batch, L length, D hidden, C conditioning, V vocabulary, N picked positions.

import { convert, divideRounding, indexSelect, reshape, type Tensor } from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { ForwardOptions, Network } from "./family.ts";
import { MdlmTrunk, noCache, timeFeatures } from "./mdlm-trunk.ts";
import type { Weights } from "./parts/weights.ts";

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

type Shapes = [string, number[]][];

/** Names and shapes of everything below the head, in the checkpoint's order. */
export function mdlmTrunkShapes(config: MdlmConfig): Map<string, number[]> {
  const { vocabularySize: V, hiddenSize: D, conditionSize: C } = config;
  const block = (i: number): Shapes => [
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
  ] as Shapes);
}

/** Names and shapes of every trained parameter, in the checkpoint's order. */
export function mdlmParameterShapes(config: MdlmConfig): Map<string, number[]> {
  const { vocabularySize: V, hiddenSize: D, conditionSize: C } = config;
  return new Map([
    ...mdlmTrunkShapes(config),
    ["output_layer.norm_final.weight", [D]],
    ["output_layer.linear.weight", [V, D]],
    ["output_layer.linear.bias", [V]],
    ["output_layer.adaLN_modulation.weight", [2 * D, C]],
    ["output_layer.adaLN_modulation.bias", [2 * D]],
  ] as Shapes);
}

const headLayer = "output_layer.linear";

export class Mdlm implements Network {
  readonly trunk: MdlmTrunk;

  /** `parameters` as mdlmParameterShapes() lists them, or folded (mdlm-fold.ts). */
  constructor(config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>) {
    this.trunk = new MdlmTrunk(config, parameters);
  }

  get config(): MdlmConfig {
    return this.trunk.config;
  }

  get weights(): Weights {
    return this.trunk.weights;
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return this.weights.parameters;
  }

  /**
   * Output of the last block, [B, L, D], for ids int64 [B, L]. A soft input, logits [B, L, V], stands for the mixture
   * of embeddings softmax(logits) E (guided sampling differentiates through it).
   */
  hidden(ids_BL: Tensor, options: ForwardOptions = {}): Tensor {
    return this.trunk.forward(ids_BL, { ...options, condition: this.trunk.condition(options) });
  }

  /**
   * Raw float32 logits (float64 for float64 weights), the mask's column included: [B, L, V], or [N, V] for
   * `positions_N` alone (int64 indices into the flattened B·L). Ids or soft input as in hidden().
   */
  logits(ids_BL: Tensor, positions_N?: Tensor, options: ForwardOptions = {}): Tensor {
    const rows = this.normalRows(ids_BL, positions_N, options);
    const logits = this.weights.linear(rows, headLayer, options.products ?? "float32");
    return logits.dtype === "bfloat16" ? convert(logits, "float32", undefined) : logits;
  }

  headRows(ids_BL: Tensor, positions_N: Tensor, options: ForwardOptions = {}): HeadRows {
    const head = { weight_VD: this.weights.whole(headLayer), bias_V: this.weights.get(`${headLayer}.bias`) };
    return { hidden_ND: this.normalRows(ids_BL, positions_N, options), head };
  }

  hiddenStates(ids_BL: Tensor, options: ForwardOptions = {}): Tensor[] {
    const condition = this.trunk.condition({ sigma_B: options.sigma_B });
    const states: Tensor[] = [];
    const last = (hidden: Tensor) => this.finalNorm(hidden, condition);
    const normal = this.trunk.forward(ids_BL, { ...options, condition }, { states, last });
    return [...states, normal];
  }

  createCache(): never {
    throw new UnsupportedError(noCache);
  }

  /** What the head gets: [B, L, D], or [N, D] of picked positions. */
  private normalRows(ids_BL: Tensor, positions_N: Tensor | undefined, options: ForwardOptions): Tensor {
    const condition = this.trunk.condition(options);
    const places_N =
      positions_N === undefined ? undefined : (options.recompute?.hold(positions_N) ?? positions_N);
    const last = (hidden_BLD: Tensor): Tensor => {
      if (places_N === undefined) return this.finalNorm(hidden_BLD, condition);
      const [B, L, D] = hidden_BLD.shape as [number, number, number];
      const rows_ND = indexSelect(reshape(hidden_BLD, [B * L, D]), 0, places_N);
      if (options.sigma_B === undefined) return this.finalNorm(rows_ND, condition);
      const row_N = divideRounding(places_N, L, { roundingMode: "floor" });
      return this.finalNorm(rows_ND, indexSelect(reshape(condition!, [B, -1]), 0, row_N));
    };
    return this.trunk.forward(ids_BL, { ...options, condition }, { last });
  }

  private finalNorm(rows: Tensor, condition: Tensor | undefined): Tensor {
    const modulation = this.trunk.modulation("output_layer", condition, 2);
    const [shift, scale] = modulation ?? [];
    const given = shift === undefined || scale === undefined ? undefined : { shift, scale };
    return this.trunk.norm(rows, "output_layer.norm_final", given);
  }
}
