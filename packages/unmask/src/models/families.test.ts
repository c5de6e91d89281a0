// Every line of the families table keeps the contract; facts of the small checkpoints; sizes of the published models.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { ContractSubject } from "../../test/families/subject.ts";
import { familyContract } from "./contract.ts";
import { families, familyOf } from "./families.ts";
import type { RawConfig } from "./family.ts";
import { parameterCount } from "./open.ts";

const fixture = (path: string) =>
  fileURLToPath(new URL(`../../test/parity/fixtures/${path}`, import.meta.url));

const subjects: readonly ContractSubject[] = [
  {
    family: "llada",
    folder: fixture("llada/checkpoint"),
    facts: {
      ...{ family: "llada", vocabularySize: 320, maskId: 316, endIds: [311], padId: 311, shift: 0 },
      ...{ contextLength: 512, denoises: true },
    },
    head: { weight: "model.transformer.ff_out.weight" },
  },
  {
    family: "dream",
    folder: fixture("dream/checkpoint"),
    facts: {
      ...{ family: "dream", vocabularySize: 320, maskId: 317, endIds: [312], padId: 312, beginId: 312 },
      ...{ shift: 1, contextLength: 1024, denoises: true },
    },
    head: { weight: "lm_head.weight" },
  },
  {
    family: "sdar",
    folder: fixture("sdar/model"),
    facts: {
      ...{ family: "sdar", vocabularySize: 320, maskId: 317, endIds: [300], padId: 300, beginId: 300 },
      ...{ shift: 0, blockLength: 4, contextLength: 2048, denoises: true },
    },
    head: { weight: "lm_head.weight" },
  },
  {
    family: "mdlm",
    folder: fixture("mdlm/model"),
    facts: {
      ...{ family: "mdlm", vocabularySize: 320, maskId: 319, endIds: [], shift: 0, contextLength: 16 },
      ...{ givenBegin: false, recomputes: true, fillsContext: true, denoises: true },
    },
    head: { weight: "output_layer.linear.weight", bias: "output_layer.linear.bias" },
  },
  {
    family: "gpt2",
    folder: fixture("gpt2/model"),
    facts: {
      ...{ family: "gpt2", vocabularySize: 320, endIds: [319], beginId: 319, shift: 1 },
      ...{ contextLength: 64, denoises: false },
    },
    head: { weight: "wte.weight" },
  },
];

describe("the table", () => {
  it("has a small checkpoint for every line", () => {
    expect(subjects.map(({ family }) => family).sort()).toEqual(families.map(({ name }) => name).sort());
  });
});

for (const subject of subjects) familyContract(subject);

const raw = (values: Record<string, unknown>): RawConfig => ({ path: "config.json", values });
const count = (values: Record<string, unknown>): number => {
  const family = familyOf(raw(values));
  return parameterCount(family.shapes(family.readConfig(raw(values))));
};

const llada8b = {
  ...{ model_type: "llada", d_model: 4096, n_heads: 32, n_kv_heads: 32, n_layers: 32, mlp_ratio: 4 },
  ...{ mlp_hidden_size: 12_288, vocab_size: 126_464, embedding_size: 126_464, weight_tying: false },
  ...{ include_bias: false, include_qkv_bias: false, block_type: "llama", layer_norm_type: "rms" },
  ...{ activation_type: "silu", rope: true, rope_theta: 500_000, rms_norm_eps: 1e-5, alibi: false },
  ...{ max_sequence_length: 4096, mask_token_id: 126_336, eos_token_id: 126_081, pad_token_id: 126_081 },
};
const dream7b = {
  ...{ model_type: "Dream", hidden_size: 3584, num_hidden_layers: 28, num_attention_heads: 28 },
  ...{ num_key_value_heads: 4, intermediate_size: 18_944, vocab_size: 152_064, hidden_act: "silu" },
  ...{ rms_norm_eps: 1e-6, rope_theta: 1_000_000, rope_scaling: null, max_position_embeddings: 131_072 },
  ...{ tie_word_embeddings: false, mask_token_id: 151_666, pad_token_id: 151_643, eos_token_id: 151_643 },
};
const sdar = (layers: number, [hidden, inner, heads]: readonly [number, number, number]) => ({
  ...{ model_type: "sdar", num_hidden_layers: layers, hidden_size: hidden, intermediate_size: inner },
  ...{ num_attention_heads: heads, num_key_value_heads: 8, head_dim: 128, vocab_size: 151_936 },
  ...{ rope_theta: 1_000_000, rms_norm_eps: 1e-6, tie_word_embeddings: false, attention_bias: false },
});
const gpt2 = (layers: number, hidden: number, heads: number) => ({
  ...{ model_type: "gpt2", n_layer: layers, n_embd: hidden, n_head: heads, n_positions: 1024 },
  ...{ vocab_size: 50_257, activation_function: "gelu_new" },
});

describe("published sizes, counted by hand and by shapes", () => {
  // V: vocabulary, D: hidden, F: inner, L: layers; norms have D numbers each.
  it("LLaDA-8B: 2 V·D + L (4 D² + 3 D·F + 2 D) + D", () => {
    const [V, D, F, L] = [126_464, 4096, 12_288, 32];
    // 1,035,993,088 + 32 · (67,108,864 + 150,994,944 + 8,192) + 4,096
    expect(2 * V * D + L * (4 * D * D + 3 * D * F + 2 * D) + D).toBe(8_015_581_184);
    expect(count(llada8b)).toBe(8_015_581_184);
  });

  it("Dream-7B: 2 V·D + L (2 D² + 2 K·D + (D + 2 K) + 3 D·F + 2 D) + D, K = 4 · 128", () => {
    const [V, D, F, K, L] = [152_064, 3584, 18_944, 512, 28];
    expect(2 * V * D + L * (2 * D * D + 2 * K * D + D + 2 * K + 3 * D * F + 2 * D) + D).toBe(7_615_616_512);
    expect(count(dream7b)).toBe(7_615_616_512);
  });

  it.each([
    ["1.7B", 28, [2048, 6144, 16], 2_031_739_904],
    ["4B", 36, [2560, 9728, 32], 4_411_424_256],
    ["8B", 36, [4096, 12_288, 32], 8_190_735_360],
  ] as const)("SDAR-%s: 2 V·D + L (2 Q·D + 2 K·D + 2 E + 3 D·F + 2 D) + D", (_, layers, sizes, expected) => {
    const [D, F, heads] = sizes;
    const [V, E, Q, K] = [151_936, 128, heads * 128, 8 * 128];
    expect(2 * V * D + layers * (2 * Q * D + 2 * K * D + 2 * E + 3 * D * F + 2 * D) + D).toBe(expected);
    expect(count(sdar(layers, sizes))).toBe(expected);
  });

  it.each([
    ["small", 12, 768, 12, 124_439_808],
    ["medium", 24, 1024, 16, 354_823_168],
    ["large", 36, 1280, 20, 774_030_080],
    ["xl", 48, 1600, 25, 1_557_611_200],
  ] as const)("GPT-2 %s: (V + 1024) D + L (12 D² + 13 D) + 2 D", (_, layers, D, heads, expected) => {
    expect((50_257 + 1024) * D + layers * (12 * D * D + 13 * D) + 2 * D).toBe(expected);
    expect(count(gpt2(layers, D, heads))).toBe(expected);
  });

  it("the published configs say what decoding must know", () => {
    const facts = (values: Record<string, unknown>) => {
      const family = familyOf(raw(values));
      return family.facts(family.readConfig(raw(values)), raw({}));
    };
    expect(facts(llada8b)).toMatchObject({ maskId: 126_336, endIds: [126_081], shift: 0 });
    expect(facts(dream7b)).toMatchObject({ maskId: 151_666, endIds: [151_643], shift: 1 });
    const four = facts(sdar(36, [2560, 9728, 32]));
    expect(four).toMatchObject({ blockLength: 4, shift: 0, denoises: true });
    expect(four.maskId).toBeUndefined();
    expect(facts(gpt2(12, 768, 12))).toMatchObject({ denoises: false, contextLength: 1024 });
  });
});
