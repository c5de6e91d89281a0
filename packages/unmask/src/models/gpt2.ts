// GPT-2 (Radford et al. 2019), the judge of generated text: causal, learned positions, the head tied to the embedding.
//
//   x = W_te[ids] + W_pe[position]
//   x += W_o attention(W_qkv LN(x));  x += W_2 gelu_tanh(W_1 LN(x));  logits = W_te LN(x)
//
// Checkpoints store linear weights as [in, out] (Conv1D); names come with or without "transformer."; `h.N.attn.bias`
// and `masked_bias` are causal masks, not weights.
// Letters: B rows, L positions, D hidden, H heads, E head size.

import {
  add,
  attention,
  chunk,
  convert,
  gelu,
  indexSelect,
  layerNorm,
  mixedLinear,
  narrow,
  permute,
  reshape,
  scope,
  type Tensor,
  t,
} from "@unmask/torch";
import type { CacheOptions, Facts, Family, ForwardOptions, Network, RawConfig } from "./family.ts";
import { KeyValueCache } from "./parts/cache.ts";
import { type PlannedCache, planCache } from "./parts/cache-use.ts";
import {
  expectField,
  expectMultiple,
  layerCount,
  positiveInteger,
  positiveNumber,
  tokenId,
  tokenIds,
} from "./parts/fields.ts";
import { attentionBias } from "./parts/visibility.ts";
import { Weights } from "./parts/weights.ts";

export interface Gpt2Config {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly innerSize: number;
  readonly contextLength: number;
  readonly normEpsilon: number;
  readonly facts: Facts;
}

function readConfig(raw: RawConfig): Gpt2Config {
  expectField(raw, "activation_function", ["gelu_new"]);
  expectField(raw, "scale_attn_weights", [true]);
  expectField(raw, "scale_attn_by_inverse_layer_idx", [false]);
  expectField(raw, "tie_word_embeddings", [true]);
  const vocabularySize = positiveInteger(raw, "vocab_size");
  const hiddenSize = positiveInteger(raw, "n_embd");
  const heads = positiveInteger(raw, "n_head");
  expectMultiple(raw, ["n_embd", hiddenSize], ["n_head", heads]);
  const contextLength = positiveInteger(raw, "n_positions", 1024);
  return {
    vocabularySize,
    hiddenSize,
    layers: layerCount(raw, "n_layer"),
    heads,
    innerSize: positiveInteger(raw, "n_inner", 4 * hiddenSize),
    contextLength,
    normEpsilon: positiveNumber(raw, "layer_norm_epsilon", 1e-5),
    facts: {
      family: "gpt2",
      vocabularySize,
      endIds: tokenIds(raw, "eos_token_id", vocabularySize),
      beginId: tokenId(raw, "bos_token_id", vocabularySize),
      shift: 1,
      contextLength,
      denoises: false,
    },
  };
}

function shapes(config: Gpt2Config): Map<string, number[]> {
  const { vocabularySize: V, hiddenSize: D, innerSize: F } = config;
  const pair = (name: string, weight: number[], bias: number): [string, number[]][] => [
    [`${name}.weight`, weight],
    [`${name}.bias`, [bias]],
  ];
  const layer = (i: number) => [
    ...pair(`h.${i}.ln_1`, [D], D),
    ...pair(`h.${i}.attn.c_attn`, [D, 3 * D], 3 * D),
    ...pair(`h.${i}.attn.c_proj`, [D, D], D),
    ...pair(`h.${i}.ln_2`, [D], D),
    ...pair(`h.${i}.mlp.c_fc`, [D, F], F),
    ...pair(`h.${i}.mlp.c_proj`, [F, D], D),
  ];
  return new Map<string, number[]>([
    ["wte.weight", [V, D]],
    ["wpe.weight", [config.contextLength, D]],
    ...Array.from({ length: config.layers }, (_, i) => layer(i)).flat(),
    ...pair("ln_f", [D], D),
  ]);
}

export class Gpt2 implements Network {
  readonly config: Gpt2Config;
  private readonly weights: Weights;

  constructor(config: Gpt2Config, parameters: ReadonlyMap<string, Tensor>) {
    this.config = config;
    this.weights = new Weights(parameters);
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return this.weights.parameters;
  }

  logits(ids_BL: Tensor, rows_N?: Tensor, options: ForwardOptions = {}): Tensor {
    const hidden_BLD = this.trunk(ids_BL, options);
    const D = this.config.hiddenSize;
    const wanted = rows_N === undefined ? hidden_BLD : indexSelect(reshape(hidden_BLD, [-1, D]), 0, rows_N);
    const normal = this.norm(wanted, "ln_f");
    hidden_BLD.dispose();
    const logits = mixedLinear(
      normal,
      this.weights.get("wte.weight"),
      undefined,
      options.products ?? "float32",
    );
    return logits.dtype === "bfloat16" ? convert(logits, "float32", undefined) : logits;
  }

  hiddenStates(ids_BL: Tensor, options: ForwardOptions = {}): Tensor[] {
    const states: Tensor[] = [];
    const last = this.trunk(ids_BL, options, states);
    return [...states, this.norm(last, "ln_f")];
  }

  createCache({ rows, capacity, products = "float32" }: CacheOptions): KeyValueCache {
    const { layers, heads, hiddenSize } = this.config;
    const { device, dtype: stored } = this.weights.get("wte.weight");
    const dtype = stored === "float64" ? stored : products;
    const headSize = hiddenSize / heads;
    return new KeyValueCache({ layers, rows, keyHeads: heads, headSize, capacity, dtype, device });
  }

  private trunk(ids_BL: Tensor, options: ForwardOptions, states?: Tensor[]): Tensor {
    const [B, L] = ids_BL.shape as [number, number];
    const use = planCache(options, [B, L]);
    if (use.at + L > this.config.contextLength) {
      throw new RangeError(
        `${use.at + L} positions are more than the ${this.config.contextLength} that the network has`,
      );
    }
    const products = options.products ?? "float32";
    const dtype = this.weights.streamDtype("wte.weight", products);
    let x_BLD = scope(() =>
      add(this.weights.embed(ids_BL, "wte.weight", dtype), this.places(use.at, L, options)),
    );
    const columns = { at: use.at, queries: L, keys: use.keys, device: x_BLD.device };
    const bias = scope(() =>
      attentionBias(options.visibility ?? { kind: "causal" }, columns, options.padding),
    );
    states?.push(x_BLD);
    for (let i = 0; i < this.config.layers; i++) {
      const before = x_BLD;
      x_BLD = this.layer(i, before, { use, bias, products });
      if (states === undefined) before.dispose();
      else states.push(x_BLD);
    }
    use.finish();
    return x_BLD;
  }

  private places(at: number, length: number, { positions }: ForwardOptions): Tensor {
    const table = this.weights.get("wpe.weight");
    const { dtype } = this.weights.get("wte.weight");
    const wide = dtype === "float64" ? "float64" : "float32";
    if (positions === undefined) return convert(narrow(table, 0, at, length), wide, undefined);
    const picked = indexSelect(table, 0, reshape(positions, [-1]));
    return convert(reshape(picked, [...positions.shape, this.config.hiddenSize]), wide, undefined);
  }

  /** Each half in a scope of its own: what it made is freed at once, as far as autograd does not hold it. */
  private layer(
    i: number,
    x_BLD: Tensor,
    {
      use,
      bias,
      products,
    }: { use: PlannedCache; bias: Tensor | undefined; products: "float32" | "bfloat16" },
  ): Tensor {
    const project = (x: Tensor, name: string) => {
      const layer = `h.${i}.${name}`;
      const weight = t(this.weights.get(`${layer}.weight`));
      return mixedLinear(x, weight, this.weights.get(`${layer}.bias`), products);
    };
    const heads = (x: Tensor) => {
      const [B, L] = x.shape as [number, number, number];
      return permute(reshape(x, [B, L, this.config.heads, -1]), [0, 2, 1, 3]);
    };
    const middle = scope(() => {
      const packed = project(this.norm(x_BLD, `h.${i}.ln_1`), "attn.c_attn");
      const [q, k, v] = chunk(packed, 3, { dim: -1 }).map(heads) as [Tensor, Tensor, Tensor];
      const { keys, values } = use.write(i, { keys: k, values: v });
      const mixed_BHLE = attention(q, keys, values, { bias });
      const mixed_BLD = reshape(permute(mixed_BHLE, [0, 2, 1, 3]), x_BLD.shape);
      return add(x_BLD, project(mixed_BLD, "attn.c_proj"));
    });
    return scope(() => {
      const inner = gelu(project(this.norm(middle, `h.${i}.ln_2`), "mlp.c_fc"), { approximate: "tanh" });
      const result = add(middle, project(inner, "mlp.c_proj"));
      middle.dispose();
      return result;
    });
  }

  private norm(x: Tensor, name: string): Tensor {
    const wide = x.dtype === "float64" ? x : convert(x, "float32", undefined);
    const at = (part: string) => convert(this.weights.get(`${name}.${part}`), wide.dtype, undefined);
    const options = { weight: at("weight"), bias: at("bias"), eps: this.config.normEpsilon };
    return layerNorm(wide, [this.config.hiddenSize], options);
  }
}

export const gpt2: Family<Gpt2Config> = {
  name: "gpt2",
  modelTypes: ["gpt2"],
  prefixes: ["", "transformer."],
  readConfig,
  facts: ({ facts }) => facts,
  shapes,
  isBuffer: (name) => /^h\.\d+\.attn\.(masked_)?bias$/.test(name),
  copies: { "lm_head.weight": "wte.weight" },
  cacheShape: ({ layers, heads, hiddenSize }) => ({ layers, keyHeads: heads, headSize: hiddenSize / heads }),
  sizes: ({ layers, hiddenSize, heads, innerSize }) => ({
    ...{ layers, hiddenSize, heads, innerSize, keyHeads: heads, headSize: hiddenSize / heads },
    ...{ mlp: "plain", packed: true, headNorms: false, norm: "layer", rotary: "none" },
    biased: true,
  }),
  inputs: ["padding", "positions"],
  create: (config, parameters) => new Gpt2(config, parameters),
};
