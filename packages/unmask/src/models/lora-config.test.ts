import { describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { newConfigValues, parseAdapterConfig, sizesOf } from "./lora-config.ts";

const fresh = newConfigValues({
  ...{ rank: 2, alpha: 16, useRslora: false, targets: ["q_proj"], excluded: [] },
  ...{ baseModel: undefined, taskType: undefined },
});
const parse = (change: Readonly<Record<string, unknown>> = {}) =>
  parseAdapterConfig({ path: "adapter_config.json", values: { ...fresh, ...change } });

function failure(change: Readonly<Record<string, unknown>>, kind: new (...parts: never[]) => Error): string {
  try {
    parse(change);
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).not.toContain("\n");
    return (error as Error).message;
  }
  return expect.fail("no error");
}

describe("adapter_config.json", () => {
  it("gives rank and scale a layer, with PEFT's defaults", () => {
    expect(sizesOf(parse(), "a.q_proj")).toEqual({ rank: 2, scale: 8 });
    const bare = parseAdapterConfig({ path: "x", values: { peft_type: "LORA", target_modules: ["q_proj"] } });
    expect(sizesOf(bare, "a.q_proj")).toEqual({ rank: 8, scale: 1 });
    const own = parse({ use_rslora: true, rank_pattern: { q_proj: 4 }, alpha_pattern: { "1\\.q_proj": 6 } });
    expect(sizesOf(own, "layers.1.q_proj")).toEqual({ rank: 4, scale: 3 });
    expect(sizesOf(own, "layers.2.q_proj")).toEqual({ rank: 4, scale: 8 });
    expect(sizesOf(own, "layers.2.seq_proj")).toEqual({ rank: 2, scale: 16 / Math.SQRT2 });
  });

  it.each([
    [{ use_dora: true }, "use_dora is true, and what it changes is not served"],
    [{ lora_bias: true }, "lora_bias is true"],
    [{ layer_replication: [[0, 2]] }, "layer_replication is [[0,2]]"],
    [{ target_parameters: ["experts"] }, 'target_parameters is ["experts"]'],
    [{ trainable_token_indices: [1] }, "trainable_token_indices is [1]"],
    [{ alora_invocation_tokens: [1] }, "alora_invocation_tokens is [1]"],
    [{ some_new_field: { a: 1 } }, 'some_new_field is {"a":1}'],
    [{ bias: "all" }, 'bias is "all"; only "none" is served'],
    [{ peft_type: "LOHA" }, 'peft_type is "LOHA"; only "LORA" is served'],
    [{ init_lora_weights: "pissa_niter_4" }, 'init_lora_weights is "pissa_niter_4", which changed'],
  ])("that means something else than LoRA is refused: %j", (change, part) => {
    expect(failure(change, UnsupportedError)).toContain(`adapter_config.json: ${part}`);
  });

  it.each([
    [{ peft_type: undefined }, 'peft_type is undefined, expected "LORA"'],
    [{ r: 0 }, "r is 0, expected a positive integer"],
    [{ lora_alpha: "16" }, 'lora_alpha is "16", expected a positive number'],
    [{ target_modules: null }, "target_modules is null, expected names of modules"],
    [{ target_modules: [3] }, "target_modules is [3], expected names of modules"],
    [
      { rank_pattern: { q_proj: 1.5 } },
      'rank_pattern is {"q_proj":1.5}, expected positive numbers by pattern',
    ],
    [{ layers_to_transform: ["1"] }, 'layers_to_transform is ["1"], expected numbers of layers'],
    [
      { target_modules: "all-linear", layers_to_transform: [1] },
      'target_modules is "all-linear", expected a list',
    ],
  ])("that is damaged is refused: %j", (change, part) => {
    expect(failure(change, CheckpointError)).toContain(`adapter_config.json: ${part}`);
  });

  it.each([
    [{ eva_config: { rho: 2 }, init_lora_weights: "eva" }],
    [{ fan_in_fan_out: true, lora_dropout: 0.1, qalora_group_size: 16, megatron_core: "megatron.core" }],
    [{ use_dora: false, lora_bias: null, layer_replication: [], loftq_config: {}, unknown: "" }],
  ])("may say what changes nothing: %j", (change) => {
    expect(sizesOf(parse(change), "a.q_proj")).toEqual({ rank: 2, scale: 8 });
  });
});
