import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  abs,
  addmm,
  convert,
  copy_,
  createGenerator,
  grad,
  item,
  liveTensors,
  max,
  mean,
  mul,
  noGrad,
  randn,
  scope,
  square,
  sub,
  type Tensor,
  tensor,
  toNumbers,
  toTypedArray,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { UnsupportedError, UsageError } from "../base/errors.ts";
import { type LoadedNetwork, loadNetwork, type WeightDtype } from "./load.ts";
import {
  type AdapterSet,
  adapterParameters,
  attachAdapters,
  detachAdapters,
  disposeAdapters,
  loadAdapter,
} from "./lora.ts";
import { createAdapters, type NewAdapters } from "./lora-create.ts";
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
const families = Object.keys(folders) as Name[];

const open = (name: Name, dtype: WeightDtype = "auto") => loadNetwork(folders[name], { dtype });
const ids = tensor([5, 17, 200, 3, 44, 91, 8, 300], [2, 4], { dtype: "int64" });
const logitsOf = ({ network }: Pick<LoadedNetwork, "network">): Tensor =>
  scope(() => noGrad(() => network.logits(ids)));
/** Largest difference, as a part of the largest number. */
const apart = (a: Tensor, b: Tensor): number => scope(() => item(max(abs(sub(a, b)))) / item(max(abs(b))));

/** As if trained: B away from zero. */
function train(set: AdapterSet, size = 0.05): void {
  const generator = createGenerator(11);
  for (const { up } of set.layers.values()) {
    scope(() => noGrad(() => void copy_(up, mul(randn(up.shape, { generator }), size))));
  }
}

function adapted(name: Name, change: Partial<NewAdapters> = {}, dtype: WeightDtype = "auto") {
  const loaded = open(name, dtype);
  const set = createAdapters(loaded.network, { rank: 4, alpha: 8, seed: 3, ...change });
  train(set);
  return { loaded, set };
}

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

describe.each(families)("new adapters of %s", (name) => {
  it("adapt all seven projections of every layer, change nothing at first, and want gradients", () => {
    const loaded = open(name);
    const before = logitsOf(loaded);
    const set = createAdapters(loaded.network, { rank: 4, seed: 3 });
    expect(set.layers.size).toBe(21);
    expect([...set.matched.values()].map((layers) => layers.length)).toEqual([3, 3, 3, 3, 3, 3, 3]);
    expect(bits(logitsOf(loaded))).toBe(bits(before));
    for (const [layer, { down, up, scale }] of set.layers) {
      const [rows, columns] = loaded.shapes.get(`${layer}.weight`)!;
      expect(down.shape).toEqual([4, columns]);
      expect(up.shape).toEqual([rows, 4]);
      expect(scale).toBe(1);
      expect(down.requiresGrad && up.requiresGrad).toBe(true);
      const values = toNumbers(down).map((value) => value * Math.sqrt(columns!));
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1);
      // Uniform on ±1: standard deviation 1/√3, seen on at least 256 numbers.
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      expect(Math.abs(deviation - 1 / Math.sqrt(3))).toBeLessThan(0.08);
      expect(toNumbers(up).every((value) => value === 0)).toBe(true);
    }
  });

  it("change the logits when trained; merged and unmerged agree; unmerging is exact", () => {
    const { loaded, set } = adapted(name);
    const beside = logitsOf(loaded);
    detachAdapters(set);
    const bare = logitsOf(loaded);
    expect(apart(beside, bare)).toBeGreaterThan(0.01);
    attachAdapters(set);
    expect(bits(logitsOf(loaded))).toBe(bits(beside));

    const weights = new Map([...loaded.network.parameters].map(([key, value]) => [key, bits(value)]));
    const first = `${[...set.layers.keys()][0]}.weight`;
    mergeAdapters(set);
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(1e-5);
    expect(bits(loaded.network.parameters.get(first)!)).not.toBe(weights.get(first));
    unmergeAdapters(set);
    for (const [key, value] of loaded.network.parameters) expect(bits(value), key).toBe(weights.get(key));
    expect(bits(logitsOf(loaded))).toBe(bits(beside));
  });

  it("are saved and loaded bit for bit", () => {
    const { loaded, set } = adapted(name, { useRslora: true });
    const folder = newFolder();
    saveAdapter(folder, set);
    expect(readdirSync(folder).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
    const beside = logitsOf(loaded);
    disposeAdapters(set);
    const again = loadAdapter(folder, loaded.network);
    expect(bits(logitsOf(loaded))).toBe(bits(beside));
    expect([...again.layers.keys()]).toEqual([...set.layers.keys()]);
    for (const { scale, down } of again.layers.values()) {
      expect(scale).toBe(8 / Math.sqrt(4));
      expect(down.requiresGrad).toBe(false);
    }
    disposeAdapters(again);
    const trained = loadAdapter(folder, loaded.network, { trainable: true });
    expect([...adapterParameters(trained).values()].every((one) => one.requiresGrad && one.isLeaf)).toBe(
      true,
    );
    const second = newFolder();
    saveAdapter(second, trained);
    for (const file of readdirSync(folder)) {
      expect(readFileSync(join(second, file)).equals(readFileSync(join(folder, file))), file).toBe(true);
    }
  });
});

describe("gradients", () => {
  it("reach A and B and nothing else, and agree with finite differences", () => {
    const { loaded, set } = adapted("sdar", { targets: ["q_proj", "down_proj"], rank: 2 }, "float64");
    const loss = () => mean(square(loaded.network.logits(ids)));
    const named = adapterParameters(set);
    expect([...named.values()].every(({ dtype }) => dtype === "float64")).toBe(true);
    const inputs = [...named.values()];
    const gradients = scope(() => grad(loss(), inputs));
    for (const value of loaded.network.parameters.values()) expect(value.requiresGrad).toBe(false);
    const step = 1e-5;
    inputs.forEach((input, i) => {
      const at = (i * 7) % input.size;
      const shifted = (by: number) =>
        scope(() =>
          noGrad(() => {
            const values = toNumbers(input);
            const kept = tensor(new Float64Array(values), input.shape);
            values[at] = values[at]! + by;
            copy_(input, tensor(new Float64Array(values), input.shape));
            const result = item(loss());
            copy_(input, kept);
            return result;
          }),
        );
      const expected = (shifted(step) - shifted(-step)) / (2 * step);
      expect(Math.abs(toNumbers(gradients[i]!)[at]! - expected)).toBeLessThan(1e-7);
    });
    expect(gradients.every((one) => item(max(abs(one))) > 0)).toBe(true);
  });

  it("flow through bfloat16 weights, beside which A and B are float32", () => {
    const { loaded, set } = adapted("llada", {}, "bfloat16");
    const named = [...adapterParameters(set).values()];
    expect(named.every(({ dtype }) => dtype === "float32")).toBe(true);
    for (const products of ["float32", "bfloat16"] as const) {
      const gradients = scope(() =>
        grad(mean(square(loaded.network.logits(ids, undefined, { products }))), named),
      );
      expect(gradients.every((one) => one.dtype === "float32" && item(max(abs(one))) > 0)).toBe(true);
    }
  });
});

describe("new adapters", () => {
  it("depend on the seed and the layer, not on what else is adapted", () => {
    const all = adapted("dream").set;
    const some = adapted("dream", { targets: ["up_proj"] }).set;
    const other = adapted("dream", { seed: 4 }).set;
    const layer = "model.layers.1.mlp.up_proj";
    expect([...some.layers.keys()]).toEqual([0, 1, 2].map((i) => `model.layers.${i}.mlp.up_proj`));
    expect(bits(some.layers.get(layer)!.down)).toBe(bits(all.layers.get(layer)!.down));
    expect(bits(other.layers.get(layer)!.down)).not.toBe(bits(all.layers.get(layer)!.down));
    const firsts = [...all.layers.values()].map(
      ({ down }) => toNumbers(down)[0]! * Math.sqrt(down.shape[1]!),
    );
    expect(new Set(firsts).size).toBe(21);
  });

  it("refuse names that match nothing, where d3LLM trains four of seven", () => {
    const { network } = open("llada");
    const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    const message = failure(() => createAdapters(network, { rank: 4, seed: 0, targets }), UsageError);
    expect(message).toBe(
      '"o_proj", "gate_proj", "down_proj" match no layer of this network; it has q_proj, k_proj, v_proj, ff_proj, up_proj, ff_out, attn_out',
    );
    const one = { rank: 4, seed: 0, targets: ["attn_output"] };
    expect(failure(() => createAdapters(network, one), UsageError)).toMatch(
      /^"attn_output" matches no layer of this network; it has attn_out, /,
    );
    expect(failure(() => createAdapters(network, { ...one, rank: 0 }), UsageError)).toContain(
      "rank of adapters is 0",
    );
    expect(failure(() => createAdapters(network, { ...one, alpha: -1 }), UsageError)).toContain("is -1");
    expect(failure(() => createAdapters(network, { ...one, targets: [] }), UsageError)).toContain(
      "need targets",
    );
    const bad = { ...one, targets: "(q_proj" };
    expect(failure(() => createAdapters(network, bad), UnsupportedError)).toContain('"(q_proj"');
  });

  it("leave LLaDA's head out, which shares its name with a projection, unless it is meant", () => {
    const head = "model.transformer.ff_out";
    const layersOf = (targets: NewAdapters["targets"]) => {
      const { set } = adapted("llada", { targets });
      return { names: [...set.layers.keys()], values: set.config.raw.values };
    };
    const usual = layersOf(undefined);
    expect(usual.names).not.toContain(head);
    expect(usual.values.exclude_modules).toEqual([head]);
    expect(usual.values.target_modules).toEqual([
      ...["q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out"],
    ]);
    expect(layersOf("all-linear")).toEqual(usual);
    expect(layersOf([head]).names).toEqual([head]);
    expect(layersOf([head]).values.exclude_modules).toBeUndefined();
    expect(layersOf(["transformer.ff_out", "ff_out"]).names).toHaveLength(4);
    expect(layersOf(".*\\.blocks\\.[02]\\.(q|k)_proj").names).toEqual(
      [0, 2].flatMap((i) => ["q", "k"].map((which) => `model.transformer.blocks.${i}.${which}_proj`)),
    );
    const { loaded, set } = adapted("llada", { targets: [head] });
    const beside = logitsOf(loaded);
    mergeAdapters(set);
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(1e-5);
  });

  it("are refused beside others, on int8 weights and on networks that apply none", () => {
    const { loaded, set } = adapted("sdar");
    expect(failure(() => createAdapters(loaded.network, { rank: 1, seed: 0 }), UsageError)).toContain(
      "has adapters already",
    );
    expect(failure(() => attachAdapters(set), UsageError)).toBe(
      "the adapters are attached, only detached ones can be attached",
    );
    expect(failure(() => unmergeAdapters(set), UsageError)).toContain("only merged ones can be unmerged");
    const small = open("sdar", "int8");
    expect(failure(() => createAdapters(small.network, { rank: 1, seed: 0 }), UnsupportedError)).toContain(
      "cannot be trained on int8",
    );
    const judge = loadNetwork(fixture("gpt2/model"));
    expect(failure(() => createAdapters(judge.network, { rank: 1, seed: 0 }), UnsupportedError)).toContain(
      "served for LLaDA, Dream and SDAR",
    );
  });

  it("leave no tensors behind", () => {
    const loaded = open("sdar");
    const before = liveTensors();
    const set = createAdapters(loaded.network, { rank: 2, seed: 0 });
    mergeAdapters(set);
    unmergeAdapters(set);
    disposeAdapters(set);
    expect(liveTensors()).toEqual(before);
    scope(() => mergeAdapters(createAdapters(loaded.network, { rank: 2, seed: 0 }), { reversible: false }));
    expect(liveTensors()).toEqual(before);
    expect(failure(() => saveAdapter(newFolder(), set), UsageError)).toContain("the adapters are spent");
  });
});

describe("merging", () => {
  it("writes mapped weights in memory only, and what is saved then is an ordinary model", () => {
    const { loaded, set } = adapted("llada");
    const beside = logitsOf(loaded);
    const file = join(folders.llada, "model.safetensors");
    const digest = () => createHash("sha256").update(readFileSync(file)).digest("hex");
    const before = digest();
    mergeAdapters(set, { reversible: false });
    const folder = join(newFolder(), "merged");
    saveLike(loaded, loaded.network.parameters, { folder });
    expect(digest()).toBe(before);
    const merged = loadNetwork(folder);
    expect(apart(logitsOf(merged), beside)).toBeLessThan(1e-5);
    expect(bits(logitsOf(merged))).toBe(bits(logitsOf(loaded)));
    expect(bits(logitsOf(open("llada")))).not.toBe(bits(logitsOf(merged)));
  });

  it("rounds once: W + scale · B A of float32 numbers, in the weight's dtype", () => {
    const { loaded, set } = adapted("dream", { useRslora: true }, "bfloat16");
    const layer = "model.layers.0.mlp.gate_proj";
    const { down, up, scale } = set.layers.get(layer)!;
    const weight = loaded.network.parameters.get(`${layer}.weight`)!;
    const expected = scope(() =>
      noGrad(() =>
        convert(
          addmm(convert(weight, "float32", undefined), up, down, { alpha: scale }),
          "bfloat16",
          undefined,
        ),
      ),
    );
    const beside = logitsOf(loaded);
    mergeAdapters(set);
    expect(bits(weight)).toBe(bits(expected));
    // Each weight is off by at most 2⁻⁹ of itself.
    expect(apart(logitsOf(loaded), beside)).toBeLessThan(0.05);
  });

  it("refuses int8 weights, which can have adapters beside them", () => {
    const { loaded, set } = adapted("dream");
    const folder = newFolder();
    saveAdapter(folder, set);
    const beside = logitsOf(loaded);
    const small = open("dream", "int8");
    const attached = loadAdapter(folder, small.network);
    expect(apart(logitsOf(small), beside)).toBeLessThan(0.05);
    expect(failure(() => mergeAdapters(attached), UnsupportedError)).toContain(
      "load the model without dtype int8",
    );
    expect(attached.state).toBe("attached");
    disposeAdapters(attached);
    expect(
      failure(() => loadAdapter(folder, small.network, { trainable: true }), UnsupportedError),
    ).toContain("cannot be trained on int8");
  });
});
