import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert, equal, scope, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, UnsupportedError } from "../base/errors.ts";
import type { FreshSizes } from "./family.ts";
import { freshFamilies, freshModel, initialiseFresh, saveFresh } from "./fresh.ts";
import { initialiseMdlm } from "./initialise.ts";
import { loadNetwork } from "./load.ts";
import type { MdlmConfig } from "./mdlm.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-fresh-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sizes: FreshSizes = {
  ...{ vocabularySize: 300, hiddenSize: 64, layers: 3, heads: 4, length: 32 },
  ...{ maskId: 299, endIds: [298, 297] },
};
/** Every size that a family takes besides. */
const more: Record<string, Partial<FreshSizes>> = {
  llada: { keyHeads: 2, innerSize: 100, tied: true },
  dream: { keyHeads: 2, innerSize: 100, tied: true },
  sdar: { keyHeads: 2, headSize: 24, innerSize: 100, tied: true, blockLength: 8 },
  mdlm: { conditionSize: 12, givenBegin: true },
};

function saved(family: string, some: Partial<FreshSizes> = {}, dtype?: "bfloat16") {
  const folder = mkdtempSync(join(root, `${family}-`));
  const model = freshModel(family, { ...sizes, ...some });
  const parameters = initialiseFresh(model, { seed: 1, dtype });
  saveFresh(folder, model, parameters);
  return { folder, model, parameters };
}

describe.each(freshFamilies)("a fresh %s", (family) => {
  it("is read back from its folder: sizes, facts, weights", () => {
    for (const some of [{}, more[family]!]) {
      const { folder, model, parameters } = saved(family, some);
      const loaded = loadNetwork(folder);
      expect(JSON.stringify(loaded.config)).toBe(JSON.stringify(model.config));
      expect(loaded.facts).toEqual(model.facts);
      expect(loaded.facts).toMatchObject({ family, vocabularySize: 300, maskId: 299, contextLength: 32 });
      if (family !== "mdlm") expect(loaded.facts).toMatchObject({ endIds: [298, 297], padId: 298 });
      expect([...loaded.network.parameters.keys()]).toEqual([...parameters.keys()]);
      for (const [name, value] of loaded.network.parameters)
        expect(equal(value, parameters.get(name)!)).toBe(true);
      const logits = scope(() =>
        toNumbers(loaded.network.logits(tensor([[1, 299, 3]], undefined, { dtype: "int64" }))),
      );
      expect(logits.every(Number.isFinite)).toBe(true);
      loaded.dispose();
    }
  });

  it("has leaves that want gradients, the same numbers for a seed, others for another, rounded in bfloat16", () => {
    const model = freshModel(family, sizes);
    const [one, again, other] = [1, 1, 2].map((seed) => initialiseFresh(model, { seed })) as [
      ...[Map<string, Tensor>, Map<string, Tensor>, Map<string, Tensor>],
    ];
    const half = initialiseFresh(model, { seed: 1, dtype: "bfloat16" });
    let different = 0;
    scope(() => {
      for (const [name, value] of one) {
        expect([value.requiresGrad, value.isLeaf, value.dtype]).toEqual([true, true, "float32"]);
        expect(equal(value, again.get(name)!)).toBe(true);
        expect(equal(convert(value, "bfloat16", undefined), half.get(name)!)).toBe(true);
        if (!equal(value, other.get(name)!)) different++;
      }
    });
    expect(different).toBeGreaterThan(10);
  });

  it("is written in the dtype it has, and says so", () => {
    const { folder } = saved(family, {}, "bfloat16");
    expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).torch_dtype).toBe("bfloat16");
    const loaded = loadNetwork(folder);
    for (const { dtype } of loaded.network.parameters.values()) expect(dtype).toBe("bfloat16");
    loaded.dispose();
  });
});

/** Standard deviation, and the largest of |x|. */
function spread(one: Tensor): [number, number] {
  const values = toNumbers(one);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.05);
  const square = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return [Math.sqrt(square), Math.max(...values.map(Math.abs))];
}

describe("numbers of fresh networks", () => {
  it.each(["dream", "sdar"])("are normal with 0.02 in %s, norms 1, biases 0", (family) => {
    for (const [name, value] of initialiseFresh(freshModel(family, sizes), { seed: 3 })) {
      const values = new Set(value.shape.length === 1 ? toNumbers(value) : []);
      if (value.shape.length === 1) expect([...values]).toEqual([name.endsWith("bias") ? 0 : 1]);
      else expect(spread(value)[0], name).toBeCloseTo(0.02, 2);
    }
  });

  it("follow Mitchell's rule in llada, cut at three deviations", () => {
    const parameters = initialiseFresh(freshModel("llada", { ...sizes, innerSize: 160 }), { seed: 3 });
    // A normal cut at 3 deviations has 0.9866 of them.
    const expected = (deviation: number) => [0.9866 * deviation, 3 * deviation];
    const check = (name: string, deviation: number) => {
      const [found, largest] = spread(parameters.get(`model.transformer.${name}.weight`)!);
      const [exact, limit] = expected(deviation) as [number, number];
      expect(found / exact, name).toBeGreaterThan(0.96);
      expect(found / exact, name).toBeLessThan(1.04);
      expect(largest).toBeLessThanOrEqual(limit * 1.0001);
      expect(largest).toBeGreaterThan(0.8 * limit);
    };
    for (const name of ["wte", "ff_out", "blocks.2.q_proj", "blocks.0.v_proj", "blocks.1.up_proj"]) {
      check(name, 1 / 8);
    }
    for (const i of [0, 1, 2]) {
      check(`blocks.${i}.attn_out`, 1 / Math.sqrt(2 * 64 * (i + 1)));
      check(`blocks.${i}.ff_out`, 1 / Math.sqrt(2 * 160 * (i + 1)));
    }
  });

  it("are in mdlm those of initialiseMdlm()", () => {
    const model = freshModel("mdlm", sizes);
    const expected = initialiseMdlm(model.config as MdlmConfig, 7);
    for (const [name, value] of initialiseFresh(model, { seed: 7 })) {
      expect(equal(value, expected.get(name)!), name).toBe(true);
    }
  });
});

describe("a fresh network is refused", () => {
  it.each([
    ["gpt2", {}, UnsupportedError, /no fresh networks of "gpt2".*llada, dream, sdar, mdlm/],
    ["mdlm", { keyHeads: 2 }, ConfigError, /mdlm has no key_heads.*condition_size, given_begin/],
    ["dream", { blockLength: 4 }, ConfigError, /dream has no block_length/],
    ["sdar", { hiddenSize: 66 }, ConfigError, /hidden_size 66 and 4 heads.*multiple of 8/],
    ["sdar", { keyHeads: 3 }, ConfigError, /4 heads and 3 key_heads/],
    ["llada", { maskId: 300 }, ConfigError, /mask_id 300 in a vocabulary of 300/],
    ["llada", { endIds: [1, 299] }, ConfigError, /the mask, 299, among its end_ids/],
    ["mdlm", { maskId: 5 }, ConfigError, /last token of the vocabulary, 299; mask_id is 5/],
  ] as const)("%s with %o", (family, some, kind, message) => {
    const run = () => freshModel(family, { ...sizes, ...some });
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
  });
});
