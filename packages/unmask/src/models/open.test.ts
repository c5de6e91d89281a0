// Folders that cannot be used: each gives one sentence that names the file and what is wrong in it, at once.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openSafetensors, saveSafetensors, scope, zeros } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import {
  copied,
  failure,
  fixture,
  message,
  names,
  root,
  withConfig,
  withTensors,
} from "../../test/families/damaged.ts";
import { UnsupportedError } from "../base/errors.ts";
import { openModel } from "./open.ts";

describe("tensors that do not fit", () => {
  it.each(names)("of %s are listed by name: missing, extra, misshapen", (name) => {
    const [first] = openModel(fixture(name)).shapes.keys();
    let taken = "";
    const folder = withTensors(name, (tensors) => {
      const all = [...tensors.keys()].filter((one) => one.endsWith(".weight"));
      taken = all.at(-1)!;
      tensors.delete(taken);
      tensors.set("surplus.weight", zeros([2]));
      tensors.set(all[1]!, zeros([3, 1, 2]));
      tensors.set(all[2]!, zeros(tensors.get(all[2]!)!.shape, { dtype: "int32" }));
    });
    const said = message(folder);
    expect(first).toBeDefined();
    expect(said.startsWith(`${folder}: the weights do not fit config.json (${name}): `)).toBe(true);
    expect(said).toContain(`1 tensor is missing: "${taken}"`);
    expect(said).toContain('1 tensor does not belong to it: "surplus.weight"');
    expect(said).toContain("2 tensors cannot be used: ");
    expect(said).toMatch(/is \[3, 1, 2\], config\.json asks for \[[\d, ]+\]/);
    expect(said).toMatch(/is of int32, expected floating-point numbers/);
  });

  it("are counted where they are many: five names and how many more; all are in the error's data", () => {
    const folder = withTensors("llada", (tensors) => {
      for (const name of [...tensors.keys()].slice(0, 9)) tensors.delete(name);
      for (let i = 0; i < 6; i++) tensors.set(`more.${i}`, zeros([1]));
    });
    const error = failure(folder);
    expect(error.message).toMatch(/9 tensors are missing: ("[^"]+", ){4}"[^"]+" and 4 more; /);
    expect(error.message).toMatch(/6 tensors do not belong to it: ("more\.\d", ){4}"more\.\d" and 1 more$/);
    expect(error.data.missing).toHaveLength(9);
    expect(error.data.extra).toHaveLength(6);
  });

  it("another family's weights are refused by names, not run", () => {
    const folder = mkdtempSync(join(root, "mixed-"));
    copyFileSync(join(fixture("dream"), "config.json"), join(folder, "config.json"));
    copyFileSync(join(fixture("llada"), "model.safetensors"), join(folder, "model.safetensors"));
    expect(message(folder)).toMatch(
      /\(dream\): 39 tensors are missing: .* and 34 more; 30 tensors do not belong/,
    );
  });

  it("an untied head beside a tied config, and none beside an untied one, are both told", () => {
    expect(message(withConfig("dream", { tie_word_embeddings: true }))).toContain(
      '1 tensor does not belong to it: "lm_head.weight"',
    );
    const headless = withTensors("dream", (tensors) => tensors.delete("lm_head.weight"));
    expect(message(headless)).toContain('1 tensor is missing: "lm_head.weight"');
  });
});

describe("families", () => {
  it("an unknown model_type lists the known ones, and a near one", () => {
    expect(message(withConfig("llada", { model_type: "qwen3" }))).toMatch(
      /config\.json: model_type is "qwen3"; known are llada, Dream, sdar, mdlm, gpt2$/,
    );
    expect(message(withConfig("llada", { model_type: "lada" }))).toContain('; did you mean "llada"?');
    for (const type of [7, null, ["llada"], {}, ""])
      expect(message(withConfig("llada", { model_type: type }))).toContain("known are llada, Dream, sdar");
  });

  it("no model_type at all is told, with the known ones", () => {
    expect(message(withConfig("sdar", { model_type: undefined }))).toMatch(
      /config\.json: has no model_type, .*; known are llada, Dream, sdar, mdlm, gpt2$/,
    );
  });
});

describe("files", () => {
  it("a folder of pickles is refused, with the way to convert", () => {
    for (const pickle of ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "last.ckpt"]) {
      const folder = mkdtempSync(join(root, "pickled-"));
      copyFileSync(join(fixture("llada"), "config.json"), join(folder, "config.json"));
      writeFileSync(join(folder, pickle), "");
      const error = failure(folder);
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error.message).toContain(`${pickle}: pickled weights are refused`);
      expect(error.message).toContain("safe_serialization=True");
    }
  });

  it("a folder without weights, without config.json, or no folder at all", () => {
    const folder = mkdtempSync(join(root, "empty-"));
    expect(message(folder)).toContain("config.json: no such file; give the folder of a model");
    expect(message(join(folder, "nowhere"))).toContain("no such file");
    copyFileSync(join(fixture("llada"), "config.json"), join(folder, "config.json"));
    expect(message(folder)).toContain("neither model.safetensors nor model.safetensors.index.json");
    writeFileSync(join(folder, "training_args.bin"), "");
    expect(message(folder)).toContain("neither model.safetensors");
    mkdirSync(join(folder, "model.safetensors"));
    expect(message(folder)).toContain("it is no regular file");
  });

  it("truncated and half-written weights, wherever they end", () => {
    const folder = copied("gpt2");
    const path = join(folder, "model.safetensors");
    const whole = readFileSync(path);
    for (const size of [0, 7, 8, 100, 3000, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole);
      truncateSync(path, size);
      expect(message(folder), `${size} bytes`).toContain("model.safetensors");
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(5)]));
    expect(message(folder)).toContain("model.safetensors");
    writeFileSync(path, Buffer.alloc(whole.length));
    expect(message(folder)).toContain("model.safetensors");
  });

  it("a shard that is missing, cut, or placed elsewhere by the index", () => {
    const folder = mkdtempSync(join(root, "shards-"));
    copyFileSync(join(fixture("gpt2"), "config.json"), join(folder, "config.json"));
    const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const index: Record<string, string> = {};
    scope(() => {
      const file = openSafetensors(join(fixture("gpt2"), "model.safetensors"));
      const half = file.names.length >> 1;
      for (const [name, part] of [
        [one, file.names.slice(0, half)],
        [two, file.names.slice(half)],
      ] as const) {
        saveSafetensors(join(folder, name), new Map(part.map((each) => [each, file.tensor(each)])));
        for (const each of part) index[each] = name;
      }
    });
    const write = (map: unknown) =>
      writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
    write(index);
    openModel(folder).checkpoint.close();
    const [first] = Object.keys(index);
    write({ ...index, [first!]: two });
    expect(message(folder)).toContain(first);
    write({ ...index, "ghost.weight": one });
    expect(message(folder)).toContain("ghost.weight");
    write({ ...index, [first!]: "../elsewhere.safetensors" });
    expect(message(folder)).toContain("a shard must be a .safetensors file beside the index");
    write(index);
    truncateSync(join(folder, two), 1000);
    expect(message(folder)).toContain(two);
    rmSync(join(folder, two));
    expect(message(folder)).toContain(two);
    writeFileSync(join(folder, "model.safetensors.index.json"), '{"weight_map": {');
    expect(message(folder)).toContain("model.safetensors.index.json");
  });

  it("a config.json that is no JSON object, or half of one", () => {
    const whole = readFileSync(join(fixture("llada"), "config.json"), "utf8");
    for (const text of ["", "[]", "null", "7", '"llada"', whole.slice(0, whole.length >> 1), "\u0000"]) {
      expect(message(withConfig("llada", text))).toContain("config.json: not a JSON object");
    }
    const folder = copied("sdar");
    writeFileSync(join(folder, "generation_config.json"), '{"eos_token_id": [30');
    expect(message(folder)).toContain("generation_config.json: not a JSON object");
  });
});
