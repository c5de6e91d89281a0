// Every field of every family's config.json, given wrong values: one sentence with file and field, at once.

import { describe, expect, it } from "vitest";
import { configOf, failure, message, type Name, names, withConfig } from "../../test/families/damaged.ts";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { openModel } from "./open.ts";

/** Fields of config.json that each family computes with: whole numbers, other numbers, ids. */
const fields: Record<Name, { whole: string[]; real: string[]; ids: string[] }> = {
  llada: {
    whole: [
      ...["d_model", "n_heads", "n_kv_heads", "n_layers", "mlp_hidden_size"],
      ...["vocab_size", "embedding_size", "max_sequence_length"],
    ],
    real: ["rms_norm_eps", "rope_theta", "mlp_ratio"],
    ids: ["mask_token_id", "eos_token_id", "pad_token_id"],
  },
  dream: {
    whole: [
      ...["hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers"],
      ...["intermediate_size", "vocab_size", "max_position_embeddings", "head_dim"],
    ],
    real: ["rms_norm_eps", "rope_theta"],
    ids: ["mask_token_id", "eos_token_id", "pad_token_id", "bos_token_id"],
  },
  sdar: {
    whole: [
      ...["hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers", "head_dim"],
      ...["intermediate_size", "vocab_size", "max_position_embeddings", "block_size"],
    ],
    real: ["rms_norm_eps", "rope_theta"],
    ids: ["mask_token_id", "eos_token_id", "bos_token_id"],
  },
  mdlm: {
    whole: ["vocab_size", "hidden_dim", "cond_dim", "n_blocks", "n_heads", "model_length"],
    real: [],
    ids: [],
  },
  gpt2: {
    whole: ["n_embd", "n_head", "n_layer", "n_positions", "n_inner", "vocab_size"],
    real: ["layer_norm_epsilon"],
    ids: ["eos_token_id", "bos_token_id"],
  },
};

/** Fields whose other values change no shape: any number of them is a possible network. */
const free = ["max_sequence_length", "max_position_embeddings", "model_length", "block_size"];

describe.each(names)("config.json of %s", (name) => {
  const { whole, real, ids } = fields[name];
  const never = ["16", 0, -1, 1.5, true, [4], {}, "NaN", Number.MAX_VALUE, -(2 ** 53), 2 ** 53];

  it.each(whole)("refuses every wrong %s, with file and field, at once", (field) => {
    for (const value of never) {
      const said = message(withConfig(name, { [field]: value }));
      expect(said, JSON.stringify(value)).toContain("config.json");
      expect(said, JSON.stringify(value)).toContain(field);
    }
    if (free.includes(field)) return;
    const others = [1_000_000_000, 2 ** 53 - 1, ...(name === "llada" && field === "vocab_size" ? [] : [7])];
    for (const value of others) {
      expect(message(withConfig(name, { [field]: value })), `${value}`).toContain("config.json");
    }
  });

  it.each([...real, ...ids])("refuses every wrong %s, with file and field", (field) => {
    const numbers = ["1e-5", 0, -1, true, [], {}, "NaN", 1e300, 1e-300];
    const tokens = ["3", -1, 1.5, 320, 1e300, true, {}, [1, 320], [1, "2"]];
    for (const value of real.includes(field) ? numbers : tokens) {
      const said = message(withConfig(name, { [field]: value }));
      expect(said, JSON.stringify(value)).toContain("config.json");
      expect(said, JSON.stringify(value)).toContain(field);
    }
  });

  it("takes null and absence alike: a default, or the same refusal", () => {
    const outcome = (change: Record<string, unknown>) => {
      try {
        const opened = openModel(withConfig(name, change));
        opened.checkpoint.close();
        return JSON.stringify(opened.facts);
      } catch (error) {
        expect(error instanceof CheckpointError || error instanceof UnsupportedError).toBe(true);
        return (error as Error).message.replace(/^\S+/, "").replace("null", "undefined");
      }
    };
    for (const field of [...whole, ...real, ...ids])
      expect(outcome({ [field]: null }), field).toBe(outcome({ [field]: undefined }));
  });

  it("numbers too large for JSON are no numbers", () => {
    for (const field of [...whole, ...real]) {
      const text = JSON.stringify({ ...configOf(name), [field]: "HUGE" }).replace('"HUGE"', "1e999");
      expect(message(withConfig(name, text)), field).toContain(field);
    }
  });
});

describe("sizes that do not divide", () => {
  it.each([
    ["llada", { n_heads: 5 }, "d_model 64 is not a multiple of twice n_heads 10"],
    ["llada", { n_kv_heads: 3 }, "n_heads 4 is not a multiple of n_kv_heads 3"],
    ["dream", { num_attention_heads: 6 }, "hidden_size 64 is not a multiple of num_attention_heads 6"],
    [
      "dream",
      { num_attention_heads: 64, num_key_value_heads: 2 },
      "the head size 1 is not a multiple of two 2",
    ],
    ["sdar", { num_key_value_heads: 3 }, "num_attention_heads 4 is not a multiple of num_key_value_heads 3"],
    ["sdar", { head_dim: 25 }, "the head size 25"],
    ["mdlm", { n_heads: 3 }, "hidden_dim 64 is not a multiple of twice n_heads 6"],
    ["gpt2", { n_head: 5 }, "n_embd 48 is not a multiple of n_head 5"],
  ] as const)("%s %j", (name, change, words) => {
    expect(message(withConfig(name, change))).toContain(words);
  });
});

describe("switches that change the computation", () => {
  it.each([
    ["llada", { alibi: true }, "alibi is true; only false is served"],
    ["llada", { rope: false }, "rope is false; only true is served"],
    ["llada", { activation_type: "swiglu" }, 'activation_type is "swiglu"'],
    ["llada", { layer_norm_type: "default" }, "layer_norm_type"],
    ["llada", { block_type: "sequential" }, "block_type"],
    ["llada", { block_group_size: 2 }, "block_group_size"],
    ["llada", { attention_layer_norm: true }, "attention_layer_norm"],
    ["llada", { include_bias: true }, "include_bias"],
    ["llada", { bias_for_layer_norm: true }, "bias_for_layer_norm"],
    ["llada", { scale_logits: true }, "scale_logits"],
    ["llada", { input_emb_norm: true }, "input_emb_norm"],
    ["dream", { hidden_act: "gelu" }, 'hidden_act is "gelu"; only "silu" is served'],
    ["dream", { use_sliding_window: true }, "use_sliding_window"],
    ["dream", { rope_scaling: { type: "yarn", factor: 4 } }, "rope_scaling is {"],
    ["sdar", { rope_scaling: { rope_type: "linear", factor: 2 } }, "it is not served yet"],
    ["sdar", { rope_parameters: { rope_theta: 5e5 } }, "rope_parameters is {"],
    ["sdar", { attention_bias: true }, "attention_bias"],
    ["sdar", { use_sliding_window: true }, "use_sliding_window"],
    ["mdlm", { time_conditioning: true }, "time_conditioning"],
    ["gpt2", { activation_function: "relu" }, "activation_function"],
    ["gpt2", { scale_attn_weights: false }, "scale_attn_weights"],
    ["gpt2", { scale_attn_by_inverse_layer_idx: true }, "scale_attn_by_inverse_layer_idx"],
    ["gpt2", { tie_word_embeddings: false }, "tie_word_embeddings"],
  ] as const)("%s %j", (name, change, words) => {
    const error = failure(withConfig(name, change));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain("config.json: ");
    expect(error.message).toContain(words);
  });
});

describe("DiDi-Instruct's nested config.json", () => {
  const didi = (model: unknown, algo: unknown = {}) => ({ config: { model, algo }, vocab_size: 320 });
  const sizes = { type: "ddit", hidden_size: 64, cond_dim: 32, length: 16, n_blocks: 2, n_heads: 4 };
  it("is opened, and its fields are checked where they stand", () => {
    const strip = (config: unknown) => JSON.stringify(config);
    const opened = openModel(withConfig("mdlm", strip(didi(sizes))));
    expect(opened.facts).toMatchObject({ family: "mdlm", vocabularySize: 320, contextLength: 16 });
    opened.checkpoint.close();
    for (const field of ["hidden_size", "cond_dim", "n_blocks", "n_heads", "length"]) {
      for (const value of ["64", 0, -1, 1.5, null, Number.MAX_VALUE]) {
        const said = message(withConfig("mdlm", strip(didi({ ...sizes, [field]: value }))));
        expect(said).toContain("config.json (config.model): ");
        expect(said).toContain(field);
      }
    }
    expect(message(withConfig("mdlm", strip(didi({ ...sizes, n_blocks: 1e9 }))))).toContain("n_blocks");
    expect(message(withConfig("mdlm", strip(didi(sizes, { time_conditioning: true }))))).toContain(
      "time_conditioning",
    );
  });

  it("damaged in its shape is refused, not stumbled over", () => {
    for (const config of [
      { model_type: "mdlm", config: { model: null }, vocab_size: 320 },
      { model_type: "mdlm", config: { model: 7 }, vocab_size: 320 },
      { model_type: "mdlm", config: null, vocab_size: 320 },
      { model_type: "mdlm", config: "x", vocab_size: 320 },
      didi(sizes, null),
      didi(sizes, { ignore_bos: "no" }),
    ]) {
      const folder = withConfig("mdlm", JSON.stringify(config));
      try {
        openModel(folder).checkpoint.close();
      } catch (error) {
        const known = error instanceof CheckpointError || error instanceof UnsupportedError;
        expect(known, `${JSON.stringify(config)}: ${(error as Error).stack}`).toBe(true);
      }
    }
  });
});
