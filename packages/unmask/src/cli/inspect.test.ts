import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { builtModule } from "../../test/built.ts";
import { run } from "../../test/cli/run.ts";
import { randomModel, tinyDream, tinyGpt2, tinyMdlm } from "../../test/random-model.ts";
import { loadNetwork, readParameters } from "../models/load.ts";
import { availableMemory, memoryLimit } from "../models/memory.ts";
import { openModel } from "../models/open.ts";
import { groupTensors, renderGroups } from "./tensor-groups.ts";
import { displayWidth, styles } from "./terminal.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-inspect-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const dream = randomModel(join(root, "dream"), tinyDream);
const bare = join(root, "bare");
mkdirSync(bare);
writeFileSync(join(bare, "config.json"), JSON.stringify({ ...tinyDream, torch_dtype: "bfloat16" }));

describe("inspect model", () => {
  it("says what the model is, a line for equal layers", async () => {
    const { exitCode, stdout } = await run("inspect", "model", dream);
    expect(exitCode).toBe(0);
    for (const text of [
      ...["family      dream", "2 of 16, inner 24", "2 of 8 on 1 key heads", "mask        12"],
      ...["1: logits of row p predict position p + 1", "model.layers.{0…1}\n  input_layernorm.weight"],
    ]) {
      expect(stdout).toContain(text);
    }
  });

  it("lists every tensor with --json", async () => {
    const facts = JSON.parse((await run("inspect", "model", dream, "--json")).stdout);
    expect(facts).toMatchObject({
      ...{ model: dream, folder: dream, family: "dream", weights: true },
      facts: {
        mask_id: 12,
        pad_id: 11,
        shift: 1,
        block_length: null,
        context_length: 8,
        vocabulary_size: 13,
      },
      tokens: { mask: null },
      sizes: { layers: 2, hidden_size: 16, heads: 2, key_heads: 1, head_size: 8, inner_size: 24 },
    });
    const { shapes } = openModel(dream);
    expect(facts.tensors).toHaveLength(shapes.size);
    expect(facts.tensors[0]).toEqual({
      ...{ name: "model.embed_tokens.weight", dtype: "float32", shape: [13, 16], bytes: 832 },
      parameter: true,
    });
    expect(facts.bytes).toBe(4 * facts.parameters);
    expect(facts.dtypes).toEqual({
      float32: { tensors: shapes.size, values: facts.parameters, bytes: facts.bytes },
    });
  });

  it("does with config.json alone, and says that weights are missing", async () => {
    expect((await run("inspect", "model", bare)).stdout).toMatch(
      /weights +missing; they would be 1 MiB bfloat16/,
    );
    const facts = JSON.parse((await run("inspect", "model", bare, "--json")).stdout);
    expect(facts).toMatchObject({ weights: false, bytes: 2 * facts.parameters });
  });
});

describe("groupTensors", () => {
  const tensorsOf = (names: string[]) =>
    names.map((name) => ({ name, dtype: "float32", shape: [4, 2], bytes: 32, parameter: true }));

  it("joins layers that are equal, and only these", () => {
    const names = ["x", "h.0.a", "h.0.b.1.w", "h.1.a", "h.2.a", "mlp.0.w", "mlp.2.w"];
    const tensors = tensorsOf(names);
    expect(groupTensors(tensors).map(({ layers, name, count }) => [layers, name, count])).toEqual([
      ["", "x", 1],
      ["h.{0…2}", "a", 3],
      ["h.0", "b.1.w", 1],
      ["", "mlp.0.w", 1],
      ["", "mlp.2.w", 1],
    ]);
    const odd = tensors.map((tensor) => (tensor.name === "h.1.a" ? { ...tensor, shape: [8] } : tensor));
    expect(groupTensors(odd).map(({ layers }) => layers)).toContain("h.{0,2}");
  });

  it("stays inside the terminal", () => {
    const groups = groupTensors(
      tensorsOf(["h.0.a_very_long_name_of_a_layer.weight", "h.1.b", "\x1b[31mred"]),
    );
    for (const width of [40, 60, 80, 120]) {
      for (const line of renderGroups(groups, width, styles(false))) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(line).not.toContain("\x1b");
      }
    }
  });
});

describe("inspect estimate", () => {
  it("prints parts and their sum", async () => {
    const args = ["inspect", "estimate", dream, "--batch", "2", "--length", "4"];
    const { bytes, ...rest } = JSON.parse((await run(...args, "--cache", "--json")).stdout);
    expect(rest).toEqual({
      ...{ model: dream, batch: 2, length: 4, device: "cpu", dtype: "auto", products: "float32" },
    });
    expect(bytes).toMatchObject({ logits: 4 * 2 * 4 * 13, cache: 2 * 2 * 2 * 4 * 8 * 4 });
    expect(bytes.peak).toBeGreaterThan(bytes.base + bytes.weights + bytes.logits + bytes.cache);
    expect((await run(...args)).stdout).toMatch(
      /^2 × 4 positions.*\nweights .*\n(.*\n)*peak .* available\n$/,
    );
    expect((await run("inspect", "estimate", bare)).stdout).toContain("1 × 8 positions");
  });

  it("refuses what the family does not serve", async () => {
    const mdlm = randomModel(join(root, "mdlm"), tinyMdlm);
    const { stderr, exitCode } = await run("inspect", "estimate", mdlm, "--cache");
    expect(stderr).toContain("mdlm keeps no cache of keys and values; leave --cache out");
    expect(exitCode).toBe(2);
    const gpt2 = randomModel(join(root, "gpt2"), tinyGpt2);
    expect((await run("inspect", "estimate", gpt2, "--dtype", "int8")).stderr).toContain("int8 weights");
  });

  const large = {
    ...{
      model_type: "llada",
      d_model: 256,
      n_layers: 4,
      n_heads: 4,
      mlp_hidden_size: 768,
      vocab_size: 20_000,
    },
    ...{ max_sequence_length: 1024, mask_token_id: 19_999 },
  };

  it.runIf(process.platform === "linux").each([
    ["float32", "auto", 4, 192],
    ["bfloat16", "auto", 1, 512],
    // Products of few rows skip buffers that a process holds otherwise, on processors with AVX-512.
    ["bfloat16", "int8", 4, 128],
  ] as const)(
    "%s as %s, %i × %i: within a tenth of what a run uses",
    (stored, dtype, batch, length) => {
      const folder = randomModel(mkdtempSync(join(root, "large-")), large, stored);
      const input = join(folder, "input.json");
      const row = Array.from({ length }, (_, i) => i);
      writeFileSync(input, JSON.stringify({ ids: Array.from({ length: batch }, () => row) }));
      const sizes = ["--batch", String(batch), "--length", String(length), "--dtype", dtype];
      const { bytes } = JSON.parse(child(["inspect", "estimate", folder, ...sizes, "--json"]).stdout);
      const paths = ["--model", folder, "--input", input, "--output", join(folder, "output.safetensors")];
      const { peak } = child(["forward", ...paths, "--dtype", dtype]);
      expect(bytes.peak / peak).toBeGreaterThan(0.9);
      expect(bytes.peak / peak).toBeLessThan(1.1);
    },
    60_000,
  );
});

/** The program in a process of its own, and the most memory that it held. */
function child(args: readonly string[]): { stdout: string; peak: number } {
  const script = `
    import { readFileSync } from "node:fs";
    import { main } from ${JSON.stringify(builtModule("cli/command-line.js"))};
    process.exitCode = await main(${JSON.stringify(args)});
    const [, peak] = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
    process.stdout.write("\\n" + peak);`;
  const text = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  const end = text.lastIndexOf("\n");
  return { stdout: text.slice(0, end), peak: 1024 * Number(text.slice(end)) };
}

describe("a model larger than memory", () => {
  it("is refused with both figures and what would fit, before it is read", () => {
    const mebibytes = (count: number) => count * 2 ** 20;
    const folder = randomModel(join(root, "refused"), { ...tinyDream, vocab_size: 100_000 });
    const reading = vi.spyOn(openModel(folder).checkpoint, "readAhead");
    const load = (available: number) => () => loadNetwork(folder, { available });
    expect(load(mebibytes(8))).toThrow(
      /: the weights take 12 MiB of memory, 8 MiB are available; use dtype bfloat16 \(6 MiB\) or dtype int8 \(4 MiB\), or a smaller model$/,
    );
    expect(load(mebibytes(1))).toThrow("use a smaller model, as no smaller dtype would fit either");
    expect(reading).not.toHaveBeenCalled();
    loadNetwork(folder, { available: mebibytes(5), dtype: "int8" }).dispose();
    loadNetwork(folder, { available: mebibytes(13) }).dispose();
  });

  it("knows what is available", () => {
    expect(availableMemory()).toBeGreaterThan(0);
    expect(availableMemory()).toBeLessThanOrEqual(memoryLimit());
  });
});

describe("weights that are converted", () => {
  it("leave the file: nothing of it stays mapped", () => {
    const opened = openModel(randomModel(join(root, "converted"), { ...tinyDream, vocab_size: 5000 }));
    const mapped = () => readFileSync("/proc/self/maps", "utf8").includes(join(root, "converted"));
    const parameters = readParameters(opened, { dtype: "bfloat16" });
    expect(mapped()).toBe(false);
    for (const parameter of parameters.values()) parameter.dispose();
    const same = readParameters(opened, { dtype: "float32" });
    expect(mapped()).toBe(true);
    for (const parameter of same.values()) parameter.dispose();
    opened.checkpoint.close();
  });
});
