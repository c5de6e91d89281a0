import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  convert,
  noGrad,
  openSafetensors,
  saveSafetensors,
  type Tensor,
  tensor,
  toTypedArray,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { initialiseMdlm } from "./initialise.ts";
import { loadNetwork, readParameters } from "./load.ts";
import type { MdlmConfig } from "./mdlm.ts";
import { saveModel } from "./mdlm-save.ts";
import { describeModel, openModel } from "./open.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-model-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const config: MdlmConfig = {
  vocabularySize: 11,
  hiddenSize: 16,
  conditionSize: 4,
  blocks: 2,
  heads: 2,
  length: 8,
  ignoreBos: false,
};

function saved(change: Partial<MdlmConfig> = {}): string {
  const folder = mkdtempSync(join(root, "m-"));
  saveModel(folder, { ...config, ...change }, initialiseMdlm(config, 3));
  return folder;
}

function failure(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).not.toContain("\n");
    return (error as Error).message;
  }
  return expect.fail("no error");
}

/** config.json as published with kuleshov-group/mdlm-owt, what concerns the network. */
const published = {
  architectures: ["MDLM"],
  model_type: "mdlm",
  cond_dim: 128,
  dropout: 0.1,
  hidden_dim: 768,
  model_length: 1024,
  n_blocks: 12,
  n_heads: 12,
  return_dict: false,
  time_conditioning: false,
  torch_dtype: "float32",
  vocab_size: 50258,
};
const folderWithConfig = (text: string): string => {
  const folder = mkdtempSync(join(root, "c-"));
  writeFileSync(join(folder, "config.json"), text);
  return folder;
};

describe("saving and loading a model", () => {
  it("gives the same configuration and the same tensors, bit for bit", () => {
    for (const ignoreBos of [false, true]) {
      const folder = saved({ ignoreBos });
      const opened = openModel(folder);
      expect(opened.config).toEqual({ ...config, ignoreBos });
      expect(opened.facts.givenBegin).toBe(ignoreBos);
      const loaded = readParameters(opened, { copy: true });
      const original = initialiseMdlm(config, 3);
      expect([...loaded.keys()]).toEqual([...original.keys()]);
      for (const [name, one] of loaded) {
        expect(one.shape).toEqual(original.get(name)!.shape);
        expect(one.requiresGrad).toBe(false);
        expect(toTypedArray(one), name).toEqual(toTypedArray(original.get(name)!));
      }
    }
  });

  it("uses the names of the published checkpoint, and leaves no other files", () => {
    const folder = saved();
    const names = openSafetensors(join(folder, "model.safetensors")).names;
    expect(names.every((name) => name.startsWith("backbone."))).toBe(true);
    expect(names).toContain("backbone.blocks.1.adaLN_modulation.weight");
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
    expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))).toMatchObject({
      model_type: "mdlm",
      vocab_size: 11,
      hidden_dim: 16,
      time_conditioning: false,
    });
  });

  it("holds copies where asked: the file may go", () => {
    const folder = saved();
    const loaded = readParameters(openModel(folder), { copy: true });
    const path = join(folder, "model.safetensors");
    writeFileSync(path, new Uint8Array(readFileSync(path).length));
    expect(toTypedArray(loaded.get("vocab_embed.embedding")!)).toEqual(
      toTypedArray(initialiseMdlm(config, 3).get("vocab_embed.embedding")!),
    );
  });

  it("reads the published configuration", () => {
    expect(describeModel(folderWithConfig(JSON.stringify(published))).config).toEqual({
      vocabularySize: 50_258,
      hiddenSize: 768,
      conditionSize: 128,
      blocks: 12,
      heads: 12,
      length: 1024,
      ignoreBos: false,
    });
  });

  it("loads weights of half precision as they are, or as float32 where asked", () => {
    const folder = saved();
    const half = new Map(
      [...initialiseMdlm(config, 3)].map(([name, one]) => [
        `backbone.${name}`,
        noGrad(() => convert(one, "bfloat16", undefined)),
      ]),
    );
    saveSafetensors(join(folder, "model.safetensors"), half);
    const opened = openModel(folder);
    for (const one of readParameters(opened).values()) expect(one.dtype).toBe("bfloat16");
    for (const [name, one] of readParameters(opened, { dtype: "float32" })) {
      expect(one.dtype).toBe("float32");
      const expected = convert(half.get(`backbone.${name}`)!, "float32", undefined);
      expect(toTypedArray(one)).toEqual(toTypedArray(expected));
    }
  });
});

describe("a configuration that cannot be used", () => {
  const { vocab_size: _, ...withoutVocabulary } = published;
  const cases: [string, string, RegExp][] = [
    ["no JSON", '{"model_type": "mdlm",', /not a JSON object; the file is damaged/],
    ["empty", "", /not a JSON object/],
    ["null", "null", /not a JSON object/],
    ["a list", "[]", /not a JSON object/],
    ["no model type", JSON.stringify({ vocab_size: 5 }), /has no model_type/],
    [
      "a missing field",
      JSON.stringify(withoutVocabulary),
      /vocab_size is undefined, expected a positive integer/,
    ],
    [
      "text",
      JSON.stringify({ ...published, n_blocks: "12" }),
      /n_blocks is "12", expected a positive integer/,
    ],
    ["zero", JSON.stringify({ ...published, n_heads: 0 }), /n_heads is 0, expected/],
    ["a negative", JSON.stringify({ ...published, model_length: -1 }), /model_length is -1/],
    ["a fraction", JSON.stringify({ ...published, cond_dim: 1.5 }), /cond_dim is 1\.5/],
    ["null in a field", JSON.stringify({ ...published, hidden_dim: null }), /hidden_dim is null/],
    ["no whole heads", JSON.stringify({ ...published, n_heads: 7 }), /hidden_dim 768 .* n_heads 14/],
    ["heads of odd size", JSON.stringify({ ...published, hidden_dim: 36 }), /hidden_dim 36 .* n_heads 24/],
  ];

  it.each(cases)("%s: an error names file and field", (_, text, message) => {
    const folder = folderWithConfig(text);
    const said = failure(() => describeModel(folder));
    expect(said).toContain(join(folder, "config.json"));
    expect(said).toMatch(message);
  });

  it("of a model that nobody here serves", () => {
    const folder = folderWithConfig(JSON.stringify({ ...published, model_type: "llama" }));
    expect(() => describeModel(folder)).toThrow(UnsupportedError);
    expect(() => describeModel(folder)).toThrow(/config\.json: model_type is "llama"; known are .*mdlm/);
  });

  it("of a network that is told the time, which would silently be told 0", () => {
    const folder = folderWithConfig(JSON.stringify({ ...published, time_conditioning: true }));
    expect(() => describeModel(folder)).toThrow(UnsupportedError);
    expect(() => describeModel(folder)).toThrow(/config\.json: time_conditioning is true/);
  });

  it("missing", () => {
    expect(failure(() => describeModel(join(root, "none")))).toMatch(
      /none\/config\.json: no such file; give the folder/,
    );
  });
});

describe("weights that cannot be used", () => {
  const cases: [string, (path: string) => void, RegExp][] = [
    ["missing", (path) => rmSync(path), /model\.safetensors|no .*safetensors/],
    ["cut off", (path) => truncateSync(path, 2000), /model\.safetensors/],
    ["cut off in the header", (path) => truncateSync(path, 20), /model\.safetensors/],
    ["empty", (path) => truncateSync(path, 0), /model\.safetensors/],
    [
      "a folder",
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
      /model\.safetensors/,
    ],
    [
      "without a tensor",
      (path) => change(path, "backbone.output_layer.linear.bias"),
      /1 tensor is missing: "backbone\.output_layer\.linear\.bias"/,
    ],
    [
      "with a tensor of another shape",
      (path) => change(path, "backbone.vocab_embed.embedding", tensor([[1, 2]])),
      /"backbone\.vocab_embed\.embedding" is \[1, 2\], config\.json asks for \[11, 16\]/,
    ],
    [
      "with a tensor of integers",
      (path) => change(path, "backbone.output_layer.linear.bias", tensor(new Int32Array(11))),
      /"backbone\.output_layer\.linear\.bias" .*int32/,
    ],
  ];

  function change(path: string, name: string, instead?: Tensor): void {
    const file = openSafetensors(path);
    const kept = new Map(file.names.filter((one) => one !== name).map((one) => [one, file.tensor(one)]));
    if (instead !== undefined) kept.set(name, instead);
    saveSafetensors(path, kept);
  }

  it.each(cases)("%s: a CheckpointError names the folder", (_, damage, message) => {
    const folder = saved();
    damage(join(folder, "model.safetensors"));
    const said = failure(() => loadNetwork(folder));
    expect(said).toContain(folder);
    expect(said).toMatch(message);
  });

  it("of another configuration", () => {
    const folder = saved({ blocks: 3 });
    expect(failure(() => loadNetwork(folder))).toMatch(
      /10 tensors are missing: "backbone\.blocks\.2\.norm1\.weight"/,
    );
  });
});

describe("a folder of DiDi-Instruct", () => {
  const { vocabularySize, hiddenSize, conditionSize, blocks, heads, length } = config;
  const nested = {
    config: {
      algo: { name: "didi_instruct", time_conditioning: false, ignore_bos: false },
      model: {
        ...{ name: "tiny", type: "ddit", hidden_size: hiddenSize, cond_dim: conditionSize, length },
        ...{ n_blocks: blocks, n_heads: heads },
      },
    },
    vocab_size: vocabularySize,
  };

  it.each(["", "backbone."])("loads with nested sizes and names that begin with %j", (prefix) => {
    const folder = mkdtempSync(join(root, "d-"));
    writeFileSync(join(folder, "config.json"), JSON.stringify(nested));
    const source = initialiseMdlm(config, 3);
    const named = new Map([...source].map(([name, one]) => [prefix + name, one]));
    const buffer: [string, Tensor] = [`${prefix}rotary_emb.inv_freq`, tensor([1, 0.1])];
    saveSafetensors(join(folder, "model.safetensors"), new Map([...named, buffer]));
    saveSafetensors(join(folder, "discriminator.safetensors"), new Map([buffer]));
    const { family, facts, network, dispose } = loadNetwork(folder);
    expect(family.name).toBe("mdlm");
    expect(facts).toMatchObject({ maskId: 10, contextLength: 8, givenBegin: false });
    expect([...network.parameters.keys()]).toEqual([...source.keys()]);
    for (const [name, one] of network.parameters)
      expect(toTypedArray(one), name).toEqual(toTypedArray(source.get(name)!));
    dispose();
  });
});
