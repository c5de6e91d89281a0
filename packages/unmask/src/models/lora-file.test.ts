import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  abs,
  convert,
  createGenerator,
  type Dtype,
  item,
  liveTensors,
  max,
  mul,
  noGrad,
  openSafetensors,
  randn,
  saveSafetensors,
  scope,
  sub,
  type Tensor,
  tensor,
  toNumbers,
  toTypedArray,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError, UsageError } from "../base/errors.ts";
import { type LoadedNetwork, loadNetwork, type WeightDtype } from "./load.ts";
import { attachAdapters, detachAdapters, disposeAdapters, loadAdapter } from "./lora.ts";
import { createAdapters } from "./lora-create.ts";
import { mergeAdapters, unmergeAdapters } from "./lora-merge.ts";
import { saveAdapter } from "./lora-save.ts";
import { saveLike } from "./save.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-lora-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(root, "f-"));

/** Three layers, hidden size 64, vocabulary 320. */
const fixture = (path: string) =>
  fileURLToPath(new URL(`../../test/parity/fixtures/${path}`, import.meta.url));
const folders = {
  llada: fixture("llada/checkpoint"),
  dream: fixture("dream/checkpoint"),
  sdar: fixture("sdar/model"),
} as const;
type Name = keyof typeof folders;

const open = (name: Name, dtype: WeightDtype = "auto") => loadNetwork(folders[name], { dtype });
const ids = tensor([5, 17, 200, 3, 44, 91, 8, 300], [2, 4], { dtype: "int64" });
const logitsOf = ({ network }: Pick<LoadedNetwork, "network">): Tensor =>
  scope(() => noGrad(() => network.logits(ids)));
/** Largest difference, as a part of the largest number. */
const apart = (a: Tensor, b: Tensor): number => scope(() => item(max(abs(sub(a, b)))) / item(max(abs(b))));

function failure(body: () => unknown, kind: new (...parts: never[]) => Error): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).not.toContain("\n");
    return (error as Error).message;
  }
  return expect.fail("no error");
}

const bits = (value: Tensor) => Buffer.from(new Uint8Array(toTypedArray(value).buffer)).toString("hex");

/** As Python's PEFT 0.21 writes it. */
const published = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  base_model_name_or_path: "JetLM/SDAR-1.7B-Chat",
  bias: "none",
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_alpha: 16,
  lora_bias: false,
  lora_dropout: 0.05,
  megatron_config: null,
  megatron_core: "megatron.core",
  modules_to_save: null,
  peft_type: "LORA",
  peft_version: "0.21.0",
  qalora_group_size: 16,
  r: 2,
  rank_pattern: {},
  revision: null,
  target_modules: ["v_proj", "q_proj"],
  target_parameters: null,
  task_type: "CAUSAL_LM",
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
};

// SDAR's fixture: 4 heads and 2 key heads of 24 on a hidden size of 64.
const publishedShapes = {
  "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": [96, 2],
  "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight": [48, 2],
  "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight": [96, 2],
  "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight": [48, 2],
  "base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.2.self_attn.q_proj.lora_B.weight": [96, 2],
  "base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight": [2, 64],
  "base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight": [48, 2],
};

interface Written {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly dtype?: Dtype;
}

function written({ config = {}, shapes = publishedShapes, dtype = "float32" }: Written = {}): string {
  const folder = newFolder();
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...published, ...config }));
  const generator = createGenerator(7);
  scope(() => {
    const tensors = new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        convert(mul(randn(shape, { generator }), 0.1), dtype, undefined),
      ]),
    );
    saveSafetensors(join(folder, "adapter_model.safetensors"), tensors, { metadata: { format: "pt" } });
  });
  return folder;
}

/** The file's tensors by layer, added to the weights by other means than the code's. */
function sumByHand(
  folder: string,
  layer: string,
  { scale, loaded }: { scale: number; loaded: LoadedNetwork },
) {
  const file = openSafetensors(join(folder, "adapter_model.safetensors"));
  const [A, B] = ["A", "B"].map((side) =>
    toNumbers(file.tensor(`base_model.model.${layer}.lora_${side}.weight`)),
  );
  const weight = loaded.network.parameters.get(`${layer}.weight`)!;
  const columns = weight.shape[1]!;
  const rank = A!.length / columns;
  return toNumbers(weight).map((value, at) => {
    const [o, i] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += B![o * rank + r]! * A![r * columns + i]!;
    return value + scale * sum;
  });
}

describe("PEFT's files", () => {
  it.each([
    ["alpha / rank", {}, 8],
    ["alpha / √rank", { use_rslora: true }, 16 / Math.SQRT2],
    ["an alpha of its own", { alpha_pattern: { "layers.1.self_attn.q_proj": 4 } }, 2],
    ["the first pattern that matches", { alpha_pattern: { "1.*q_proj": 6, q_proj: 4 } }, 3],
  ])("are read, with a scale of %s", (_, config, scale) => {
    const folder = written({ config });
    const loaded = open("sdar");
    const layer = "model.layers.1.self_attn.q_proj";
    const expected = sumByHand(folder, layer, { scale, loaded });
    const set = loadAdapter(folder, loaded.network);
    expect(set.layers.get(layer)!.scale).toBeCloseTo(scale, 12);
    expect(Object.fromEntries(set.matched)).toEqual({
      v_proj: [0, 1, 2].map((i) => `model.layers.${i}.self_attn.v_proj`),
      q_proj: [0, 1, 2].map((i) => `model.layers.${i}.self_attn.q_proj`),
    });
    const beside = logitsOf(loaded);
    mergeAdapters(set);
    const merged = toNumbers(loaded.network.parameters.get(`${layer}.weight`)!);
    expect(Math.max(...merged.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThan(1e-6);
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(1e-5);
  });

  it("may carry an adapter's name, no prefix, and bfloat16 numbers, which stay so", () => {
    const renamed = Object.entries(publishedShapes).map(([name, shape]) => [
      name.replace("base_model.model.", "").replace(".weight", ".default.weight"),
      shape,
    ]);
    const loaded = open("sdar");
    const set = loadAdapter(
      written({ shapes: Object.fromEntries(renamed), dtype: "bfloat16" }),
      loaded.network,
    );
    expect(
      [...set.layers.values()].every(({ down, up }) => [down, up].every((one) => one.dtype === "bfloat16")),
    ).toBe(true);
    const named = logitsOf(loaded);
    disposeAdapters(set);
    loadAdapter(written({ dtype: "bfloat16" }), loaded.network);
    expect(bits(logitsOf(loaded))).toBe(bits(named));
  });

  it("of fewer layers than the names: what PEFT trained on LLaDA with Llama's names loads, and tells", () => {
    const names = ["q_proj", "k_proj", "v_proj", "up_proj"];
    const shapes = [0, 1, 2].flatMap((i) =>
      names.flatMap((name) => {
        const stem = `base_model.model.model.transformer.blocks.${i}.${name}`;
        return [
          [`${stem}.lora_A.weight`, [2, 64]],
          [`${stem}.lora_B.weight`, [name === "up_proj" ? 128 : 64, 2]],
        ] as const;
      }),
    );
    const target_modules = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];
    const folder = written({ config: { target_modules }, shapes: Object.fromEntries(shapes) });
    const set = loadAdapter(folder, open("llada").network);
    expect(set.layers.size).toBe(12);
    expect([...set.matched].filter(([, found]) => found.length === 0).map(([target]) => target)).toEqual([
      ...["down_proj", "gate_proj", "o_proj"],
    ]);
  });

  it.each([
    ["a regex", { target_modules: ".*\\.(1|2)\\.self_attn\\.(?P<which>q|v)_proj" }, [1, 2]],
    ["layers_to_transform", { layers_to_transform: [0, 2] }, [0, 2]],
    ["one layer", { layers_to_transform: 1, layers_pattern: "layers" }, [1]],
    ["exclude_modules", { exclude_modules: "model\\.layers\\.0\\..*" }, [1, 2]],
    [
      "excluded names",
      { exclude_modules: ["0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"] },
      [1, 2],
    ],
  ])("mean the layers of %s", (_, config, numbers) => {
    const kept = Object.entries(publishedShapes).filter(([name]) =>
      numbers.includes(Number(/layers\.(\d)/.exec(name)![1])),
    );
    const set = loadAdapter(written({ config, shapes: Object.fromEntries(kept) }), open("sdar").network);
    expect(set.layers.size).toBe(2 * numbers.length);
  });

  it("have ranks by layer", () => {
    const config = { rank_pattern: { "^model.layers.0.self_attn.q_proj": 3, k_proj: 5 } };
    const shapes = {
      ...publishedShapes,
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": [3, 64],
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": [96, 3],
    };
    const set = loadAdapter(written({ config, shapes }), open("sdar").network);
    expect(set.layers.get("model.layers.0.self_attn.q_proj")!.scale).toBeCloseTo(16 / 3, 12);
    expect(set.layers.get("model.layers.1.self_attn.q_proj")!.scale).toBe(8);
  });

  it("bring whole modules, which give way again", () => {
    const config = { modules_to_save: ["lm_head", "model.norm"] };
    const shapes = {
      ...publishedShapes,
      "base_model.model.lm_head.weight": [320, 64],
      "base_model.model.model.norm.modules_to_save.default.weight": [64],
    };
    const loaded = open("sdar");
    const bare = logitsOf(loaded);
    const head = loaded.network.parameters.get("lm_head.weight")!;
    const folder = written({ config, shapes });
    const set = loadAdapter(folder, loaded.network);
    const file = openSafetensors(join(folder, "adapter_model.safetensors"));
    const brought = bits(file.tensor("base_model.model.lm_head.weight"));
    expect(bits(loaded.network.parameters.get("lm_head.weight")!)).toBe(brought);
    expect([...set.whole.keys()].sort()).toEqual(["lm_head.weight", "model.norm.weight"]);
    detachAdapters(set);
    expect(loaded.network.parameters.get("lm_head.weight")).toBe(head);
    expect(bits(logitsOf(loaded))).toBe(bits(bare));
    attachAdapters(set);
    const beside = logitsOf(loaded);
    const again = newFolder();
    saveAdapter(again, set);
    mergeAdapters(set);
    disposeAdapters(set);
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(1e-5);
    const out = join(newFolder(), "merged");
    saveLike(loaded, loaded.network.parameters, { folder: out });
    expect(bits(loadNetwork(out).network.parameters.get("lm_head.weight")!)).toBe(brought);
    const second = open("sdar");
    loadAdapter(again, second.network);
    expect(bits(logitsOf(second))).toBe(bits(beside));
  });

  it("bring the head's own weight where the head is adapted", () => {
    const shapes = {
      "base_model.model.lm_head.lora_A.weight": [2, 64],
      "base_model.model.lm_head.lora_B.weight": [320, 2],
      "base_model.model.lm_head.base_layer.weight": [320, 64],
    };
    const loaded = open("sdar");
    const set = loadAdapter(written({ config: { target_modules: ["lm_head"] }, shapes }), loaded.network);
    const beside = logitsOf(loaded);
    mergeAdapters(set);
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(1e-4);
    unmergeAdapters(set);
    expect(bits(logitsOf(loaded))).toBe(bits(beside));
    disposeAdapters(set);
    expect(bits(logitsOf(loaded))).toBe(bits(logitsOf(open("sdar"))));
  });

  it("are written in its fields and names", () => {
    const targets = ["q_proj", "v_proj"];
    const made = { targets, rank: 2, alpha: 16, seed: 3, baseModel: "a/b" };
    const set = createAdapters(open("sdar").network, made);
    const folder = newFolder();
    saveAdapter(folder, set);
    const text = readFileSync(join(folder, "adapter_config.json"), "utf8");
    const values = JSON.parse(text) as Record<string, unknown>;
    expect(Object.keys(values)).toEqual(Object.keys(values).sort());
    const known: Record<string, unknown> = {
      ...published,
      ...{ base_model_name_or_path: "a/b", lora_dropout: 0, task_type: null },
      target_modules: ["q_proj", "v_proj"],
    };
    for (const [field, value] of Object.entries(values)) expect(value, field).toEqual(known[field]);
    const file = openSafetensors(join(folder, "adapter_model.safetensors"));
    expect(file.metadata).toEqual({ format: "pt" });
    const shapes = Object.fromEntries(file.names.map((name) => [name, file.info(name).shape]));
    expect(shapes).toEqual(publishedShapes);
    expect(new Set(file.names.map((name) => file.info(name).dtype))).toEqual(new Set(["float32"]));
    expect(failure(() => saveAdapter(folder, set), UsageError)).toContain(
      "already holds adapter_config.json",
    );
  });
});

describe("files that do not fit", () => {
  const load = (folder: string) => () => loadAdapter(folder, open("sdar").network);
  const renamed = (from: string, to: string) =>
    Object.fromEntries(
      Object.entries(publishedShapes).map(([name, shape]) => [name.replace(from, to), shape]),
    );

  it("are refused with the first five problems", () => {
    const { "base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight": _, ...lacking } =
      publishedShapes;
    expect(failure(load(written({ shapes: lacking })), CheckpointError)).toMatch(
      /: the adapter does not fit the model: "model\.layers\.2\.self_attn\.v_proj" has no lora_B$/,
    );
    const other = failure(load(written({ config: { r: 3 } })), CheckpointError);
    expect(other).toContain('lora_A.weight" is [2, 64], rank 3 and the model ask for [3, 64]; ');
    expect(other).toMatch(/; and 7 more$/);
    expect(failure(load(written({ shapes: renamed("q_proj", "o_proj") })), CheckpointError)).toContain(
      '"model.layers.0.self_attn.q_proj" has no lora_A; ',
    );
    const extra = {
      ...publishedShapes,
      ...renamed("layers.0.self_attn.q_proj", "layers.7.self_attn.q_proj"),
    };
    expect(failure(load(written({ shapes: extra })), CheckpointError)).toContain(
      'the file adapts "model.layers.7.self_attn.q_proj", which is no linear layer of the model',
    );
    const unnamed = { config: { target_modules: ["q_proj"] } };
    expect(failure(load(written(unnamed)), CheckpointError)).toContain(
      'the file adapts "model.layers.0.self_attn.v_proj", which target_modules does not name',
    );
    const strange = { shapes: { ...publishedShapes, "base_model.model.model.extra.weight": [2] } };
    expect(failure(load(written(strange)), CheckpointError)).toContain("has no place in the model");
    const norm = { shapes: { ...publishedShapes, "base_model.model.model.norm.weight": [2] } };
    expect(failure(load(written(norm)), CheckpointError)).toContain("is [2], the model's is [64]");
    const absent = { config: { modules_to_save: ["lm_head", "score"] } };
    expect(failure(load(written(absent)), CheckpointError)).toMatch(
      /"lm_head.weight" of modules_to_save is missing; modules_to_save names "score", which the model has not$/,
    );
    expect(failure(load(written({ dtype: "int32" })), CheckpointError)).toContain("is of int32");
    const none = written({ config: { target_modules: ["nothing"] }, shapes: {} });
    expect(failure(load(none), CheckpointError)).toContain("target_modules names no layer of the model");
  });

  it("leave the network as it was", () => {
    const loaded = open("sdar");
    const before = liveTensors();
    const folder = written({ config: { r: 3 } });
    failure(() => loadAdapter(folder, loaded.network), CheckpointError);
    expect(liveTensors()).toEqual(before);
    const set = loadAdapter(written(), loaded.network);
    disposeAdapters(set);
    expect(liveTensors()).toEqual(before);
  });

  it("are refused where they are damaged, pickled or not there", () => {
    const folder = written();
    writeFileSync(join(folder, "adapter_config.json"), "[1]");
    expect(failure(load(folder), CheckpointError)).toContain("not a JSON object");
    expect(failure(load(newFolder()), CheckpointError)).toContain("adapter_config.json: no such file");
    const lone = written();
    rmSync(join(lone, "adapter_model.safetensors"));
    expect(failure(load(lone), CheckpointError)).toContain("adapter_model.safetensors");
    writeFileSync(join(lone, "adapter_model.bin"), "x");
    expect(failure(load(lone), UnsupportedError)).toContain("safe_serialization=True");
    writeFileSync(join(lone, "adapter_model.safetensors"), "x");
    expect(failure(load(lone), CheckpointError)).toContain("adapter_model.safetensors");
  });
});
