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
import { loadConfig, loadParameters, saveModel, wantGradients } from "./checkpoint.ts";
import { initialiseMdlm } from "./initialise.ts";
import type { MdlmConfig } from "./mdlm.ts";

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
      expect(loadConfig(folder)).toEqual({ ...config, ignoreBos });
      const loaded = loadParameters(folder, config);
      const original = initialiseMdlm(config, 3);
      expect([...loaded.keys()]).toEqual([...original.keys()]);
      for (const [name, one] of loaded) {
        expect(one.shape).toEqual(original.get(name)!.shape);
        expect(one.requiresGrad).toBe(false);
        expect(toTypedArray(one), name).toEqual(toTypedArray(original.get(name)!));
      }
      wantGradients(loaded);
      expect([...loaded.values()].every((one) => one.requiresGrad && one.isLeaf)).toBe(true);
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

  it("holds copies: the file may go", () => {
    const folder = saved();
    const loaded = loadParameters(folder, config);
    const path = join(folder, "model.safetensors");
    writeFileSync(path, new Uint8Array(readFileSync(path).length));
    expect(toTypedArray(loaded.get("vocab_embed.embedding")!)).toEqual(
      toTypedArray(initialiseMdlm(config, 3).get("vocab_embed.embedding")!),
    );
  });

  it("reads the published configuration", () => {
    expect(loadConfig(folderWithConfig(JSON.stringify(published)))).toEqual({
      vocabularySize: 50_258,
      hiddenSize: 768,
      conditionSize: 128,
      blocks: 12,
      heads: 12,
      length: 1024,
      ignoreBos: false,
    });
  });

  it("loads weights of half precision as float32", () => {
    const folder = saved();
    const half = new Map(
      [...initialiseMdlm(config, 3)].map(([name, one]) => [
        `backbone.${name}`,
        noGrad(() => convert(one, "bfloat16", undefined)),
      ]),
    );
    saveSafetensors(join(folder, "model.safetensors"), half);
    for (const [name, one] of loadParameters(folder, config)) {
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
    ["a list", "[]", /model_type is undefined|not a JSON object/],
    [
      "another model",
      JSON.stringify({ ...published, model_type: "llama" }),
      /model_type is "llama", expected "mdlm"/,
    ],
    ["no model type", JSON.stringify({ vocab_size: 5 }), /model_type is undefined/],
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
    ["no whole heads", JSON.stringify({ ...published, n_heads: 7 }), /hidden_dim 768 .* n_heads 7/],
    ["heads of odd size", JSON.stringify({ ...published, hidden_dim: 36 }), /hidden_dim 36 .* n_heads 12/],
  ];

  it.each(cases)("%s: an error names file and field", (_, text, message) => {
    const folder = folderWithConfig(text);
    const said = failure(() => loadConfig(folder));
    expect(said).toContain(join(folder, "config.json"));
    expect(said).toMatch(message);
  });

  it("of a network that is told the time, which would silently be told 0", () => {
    const folder = folderWithConfig(JSON.stringify({ ...published, time_conditioning: true }));
    expect(() => loadConfig(folder)).toThrow(UnsupportedError);
    expect(() => loadConfig(folder)).toThrow(/config\.json: time_conditioning is true/);
  });

  it("missing", () => {
    expect(failure(() => loadConfig(join(root, "none")))).toMatch(
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
      /no tensor "backbone\.output_layer\.linear\.bias"/,
    ],
    [
      "with a tensor of another shape",
      (path) => change(path, "backbone.vocab_embed.embedding", tensor([[1, 2]])),
      /"backbone\.vocab_embed\.embedding" has shape \[1, 2\], config\.json asks for \[11, 16\]/,
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
    const said = failure(() => loadParameters(folder, config));
    expect(said).toContain(folder);
    expect(said).toMatch(message);
  });

  it("of another configuration", () => {
    const said = failure(() => loadParameters(saved(), { ...config, blocks: 3 }));
    expect(said).toMatch(/no tensor "backbone\.blocks\.2\.norm1\.weight"/);
  });
});
