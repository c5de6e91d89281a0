import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  backward,
  createGenerator,
  grad,
  gradientOf,
  liveTensors,
  openSafetensors,
  rand,
  saveSafetensors,
  scope,
  setRequiresGrad,
  sub,
  sum,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { checkGradients } from "../../../torch/test/gradient-check.ts";
import { CheckpointError } from "../base/errors.ts";
import {
  Discriminator,
  discriminatorShapes,
  discriminatorTrainable,
  isSpectralState,
} from "./discriminator.ts";
import { loadDiscriminator, saveDiscriminator } from "./discriminator-files.ts";
import { initialiseDiscriminator, initialiseMdlm } from "./initialise.ts";
import type { MdlmConfig } from "./mdlm.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-discriminator-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fixture = new URL("../../test/parity/fixtures/didi/model", import.meta.url).pathname;
const tiny: MdlmConfig = {
  vocabularySize: 5,
  hiddenSize: 4,
  conditionSize: 2,
  blocks: 2,
  heads: 1,
  length: 3,
};

function randomParameters(
  dtype: "float32" | "float64" = "float32",
  config: MdlmConfig = tiny,
): Map<string, Tensor> {
  const generator = createGenerator(3);
  return new Map(
    [...discriminatorShapes(config)].map(([name, shape]) => [
      name,
      sub(rand(shape, { generator, dtype }), 0.5),
    ]),
  );
}

const ids = tensor([[0, 4, 1]], undefined, { dtype: "int64" });
const total = (config: MdlmConfig, wanted: (name: string) => boolean): number =>
  [...discriminatorShapes(config)].reduce(
    (sum, [name, shape]) => sum + (wanted(name) ? shape.reduce((a, b) => a * b, 1) : 0),
    0,
  );

describe("the discriminator's parameters", () => {
  it.each([
    ["small", 768, 12, 131_371_265, 31_302_145],
    ["medium", 1024, 24, 373_747_969, 54_581_249],
    ["large", 1280, 36, 809_797_889, 84_282_881],
  ])("has the published numbers: %s", (_, hiddenSize, blocks, all, trained) => {
    const config = {
      vocabularySize: 50_258,
      hiddenSize,
      conditionSize: 128,
      blocks,
      heads: hiddenSize / 64,
      length: 1024,
    };
    expect(total(config, (name) => !isSpectralState(name))).toBe(all);
    const trainable = new Set(discriminatorTrainable(config, { blocks: 4 }));
    expect(total(config, (name) => trainable.has(name))).toBe(trained);
  });

  it("trains the last blocks and the head, u and v never; the time path where asked", () => {
    const one = discriminatorTrainable(tiny, { blocks: 1 });
    expect(one.filter((name) => !name.startsWith("blocks.1."))).toEqual([
      ...["output_layer.main.0.bias", "output_layer.main.0.weight_orig"],
      ...["output_layer.main.2.bias", "output_layer.main.2.weight_orig"],
    ]);
    expect(one).toHaveLength(14);
    expect(discriminatorTrainable(tiny, { blocks: 0 })).toHaveLength(4);
    expect(discriminatorTrainable(tiny, { blocks: 9 })).toHaveLength(24);
    expect(discriminatorTrainable(tiny, { blocks: 0, timePath: true })).toContain("sigma_map.mlp.0.weight");
    for (const blocks of [-1, 0.5, Number.NaN]) {
      expect(() => discriminatorTrainable(tiny, { blocks })).toThrow(RangeError);
    }
  });

  it("unfreezes exactly those, and gradients reach no other", () => {
    const discriminator = new Discriminator(tiny, randomParameters());
    const trained = scope(() => {
      const found = discriminator.unfreeze({ blocks: 1 });
      backward(sum(discriminator.logits(ids, { sigma_B: tensor([0.5]), iterate: true })));
      return [...found.keys()];
    });
    expect(trained).toEqual(discriminatorTrainable(tiny, { blocks: 1 }));
    for (const [name, parameter] of discriminator.parameters) {
      expect(gradientOf(parameter) !== null, name).toBe(trained.includes(name));
    }
    expect([...discriminator.unfreeze({ blocks: 0 }).keys()]).toHaveLength(4);
    expect(discriminator.parameters.get("blocks.1.norm1.weight")!.requiresGrad).toBe(false);
  });
});

describe("gradients against finite differences in float64", () => {
  const float64 = (values: number[]) => tensor(values, undefined, { dtype: "float64" });

  it("of every parameter, through the spectral norm", () => {
    const config = { ...tiny, blocks: 1, conditionSize: 1 };
    const parameters = randomParameters("float64", config);
    const names = [...parameters.keys()].filter((name) => !isSpectralState(name));
    const run = (...values: Tensor[]) => {
      const moved = new Map([...parameters, ...names.map((name, i) => [name, values[i]!] as const)]);
      return new Discriminator(config, moved).logits(ids, { sigma_B: float64([0.7]) });
    };
    const inputs = names.map((name) => parameters.get(name)!);
    checkGradients(run, inputs, { tolerance: 1e-6 });
  }, 120_000);

  it("of a soft input", () => {
    const discriminator = new Discriminator(tiny, randomParameters("float64"));
    const soft = sub(rand([2, 3, 5], { generator: createGenerator(8), dtype: "float64" }), 0.5);
    checkGradients((input) => discriminator.logits(input, { sigma_B: float64([0.4, 2]) }), [soft]);
  });

  it("of two forwards in training, whose u and v moved in between", () => {
    const discriminator = new Discriminator(tiny, randomParameters("float64"));
    const weight = discriminator.parameters.get("output_layer.main.0.weight_orig")!;
    const state = [...discriminator.parameters].filter(([name]) => isSpectralState(name));
    const start = state.map(([, one]) => toNumbers(one));
    setRequiresGrad(weight, true);
    const first = sum(discriminator.logits(ids, { iterate: true }));
    const middle = state.map(([, one]) => toNumbers(one));
    expect(middle).not.toEqual(start);
    const alone = grad(first, [weight], { retainGraph: true }).map(toNumbers);
    void discriminator.logits(ids, { iterate: true });
    expect(state.map(([, one]) => toNumbers(one))).not.toEqual(middle);
    // The stored vectors have moved on; the first forward's gradient is of its own.
    expect(grad(first, [weight]).map(toNumbers)).toEqual(alone);
  });
});

describe("the head", () => {
  it("has spectral norm 1 after enough iterations", () => {
    const discriminator = new Discriminator(tiny, randomParameters("float64"));
    for (let i = 0; i < 200; i++) scope(() => void discriminator.headWeight("output_layer.main.0", true));
    const W = toNumbers(discriminator.headWeight("output_layer.main.0"));
    // The largest eigenvalue of WᵀW by many steps of its own power method.
    let x = [1, 0.3, -0.2, 0.7];
    let norm = 0;
    for (let k = 0; k < 500; k++) {
      const y = [0, 1, 2, 3].map((r) => x.reduce((total, value, c) => total + W[4 * r + c]! * value, 0));
      x = [0, 1, 2, 3].map((c) => y.reduce((total, value, r) => total + W[4 * r + c]! * value, 0));
      norm = Math.hypot(...x);
      x = x.map((value) => value / norm);
    }
    expect(Math.sqrt(norm)).toBeCloseTo(1, 9);
  });

  it("leaves u and v alone without iterate, and leaks no tensors", () => {
    const discriminator = new Discriminator(tiny, randomParameters());
    const state = () =>
      [...discriminator.parameters]
        .filter(([name]) => isSpectralState(name))
        .map(([, one]) => toNumbers(one));
    const before = state();
    scope(() => void discriminator.logits(ids)); // makes the rotary tables
    expect(state()).toEqual(before);
    const live = liveTensors().count;
    scope(() => void discriminator.logits(ids, { iterate: true, sigma_B: tensor([1]) }));
    expect(liveTensors().count).toBe(live);
  });
});

describe("a new discriminator", () => {
  it("copies the network below the head and draws the head from the seed", () => {
    const source = initialiseMdlm(tiny, 1);
    const parameters = initialiseDiscriminator(tiny, source, 7);
    expect([...parameters.keys()]).toEqual([...discriminatorShapes(tiny).keys()]);
    for (const [name, one] of parameters) {
      expect(one.shape).toEqual(discriminatorShapes(tiny).get(name));
      expect(one.requiresGrad).toBe(false);
      if (name.startsWith("output_layer.")) continue;
      expect(one).not.toBe(source.get(name));
      expect(toNumbers(one), name).toEqual(toNumbers(source.get(name)!));
    }
    const values = (name: string, seed = 7) =>
      toNumbers(initialiseDiscriminator(tiny, source, seed).get(name)!);
    for (const name of ["output_layer.main.0.weight_orig", "output_layer.main.2.bias"]) {
      expect(values(name)).toEqual(values(name));
      expect(values(name)).not.toEqual(values(name, 8));
      expect(Math.max(...values(name).map(Math.abs))).toBeLessThanOrEqual(0.5); // 1 / √4
    }
    for (const name of ["output_layer.main.0.weight_u", "output_layer.main.2.weight_v"]) {
      expect(Math.hypot(...values(name))).toBeCloseTo(1, 6);
    }
  });

  it("says what a source lacks", () => {
    expect(() => initialiseDiscriminator(tiny, new Map(), 1)).toThrow(/no parameter "vocab_embed/);
  });
});

describe("a discriminator's file", () => {
  it("is saved back with the same names, shapes and values", () => {
    const { discriminator, dispose } = loadDiscriminator(fixture);
    saveDiscriminator(root, discriminator);
    const [written, original] = [root, fixture].map((folder) =>
      openSafetensors(join(folder, "discriminator.safetensors")),
    );
    expect([...written!.names].sort()).toEqual([...original!.names].sort());
    for (const name of original!.names) {
      const [found, expected] = [written!, original!].map((file) => file.tensor(name));
      expect(found!.shape, name).toEqual(expected!.shape);
      if (name !== "rotary_emb.inv_freq") expect(toNumbers(found!), name).toEqual(toNumbers(expected!));
      else
        toNumbers(found!).forEach((value, i) => void expect(value).toBeCloseTo(toNumbers(expected!)[i]!, 6));
    }
    dispose();
  });

  it("stays as it is while u and v of a loaded one move; prefixed names and other dtypes load", () => {
    const folder = mkdtempSync(join(root, "f-"));
    writeFileSync(join(folder, "config.json"), readFileSync(join(fixture, "config.json")));
    const source = openSafetensors(join(fixture, "discriminator.safetensors"));
    const path = join(folder, "discriminator.safetensors");
    saveSafetensors(
      path,
      new Map(source.names.map((name) => [`discriminator.${name}`, source.tensor(name)])),
    );
    const bytes = readFileSync(path);
    const { discriminator, dispose } = loadDiscriminator(folder);
    const given = tensor([[3, 319, 7]], undefined, { dtype: "int64" });
    scope(() => void discriminator.logits(given, { iterate: true }));
    dispose();
    expect(readFileSync(path).equals(bytes)).toBe(true);
    const wide = loadDiscriminator(folder, { dtype: "float64" });
    expect(wide.discriminator.logits(given).dtype).toBe("float64");
    const half = loadDiscriminator(folder, { dtype: "bfloat16" });
    expect(half.discriminator.logits(given, { products: "bfloat16" }).dtype).toBe("float32");
    wide.dispose();
    half.dispose();
  });

  it("that is missing or does not fit is a CheckpointError that names it", () => {
    const folder = mkdtempSync(join(root, "b-"));
    writeFileSync(join(folder, "config.json"), readFileSync(join(fixture, "config.json")));
    const path = join(folder, "discriminator.safetensors");
    const failure = (): string => {
      try {
        loadDiscriminator(folder);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
        return (error as Error).message;
      }
      return expect.fail("no error");
    };
    expect(failure()).toContain("discriminator.safetensors");
    const source = openSafetensors(join(fixture, "discriminator.safetensors"));
    const kept = source.names.filter((name) => name !== "output_layer.main.2.weight_u");
    saveSafetensors(path, new Map(kept.map((name) => [name, source.tensor(name)])));
    expect(failure()).toMatch(
      /discriminator\.safetensors: .*1 tensor is missing: "output_layer\.main\.2\.weight_u"/,
    );
    writeFileSync(path, readFileSync(path).subarray(0, 900));
    expect(failure()).toContain("discriminator.safetensors");
  });
});
