// MDLM's network with weights in other forms than float32: against the same values in float64.

import {
  abs,
  convert,
  createGenerator,
  grad,
  item,
  max,
  mean,
  narrow,
  noGrad,
  rand,
  setRequiresGrad,
  sub,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../base/errors.ts";
import { Mdlm, type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";
import { KeyValueCache } from "./parts/cache.ts";
import { scaleName } from "./parts/weights.ts";
import { quantiseWeight } from "./quantise.ts";

const tiny: MdlmConfig = {
  vocabularySize: 11,
  hiddenSize: 16,
  conditionSize: 4,
  blocks: 2,
  heads: 2,
  length: 6,
};

function randomParameters(): Map<string, Tensor> {
  const generator = createGenerator(5);
  return new Map(
    [...mdlmParameterShapes(tiny)].map(([name, shape]) => [name, sub(rand(shape, { generator }), 0.5)]),
  );
}

const inDtype = (parameters: ReadonlyMap<string, Tensor>, dtype: "float64" | "bfloat16") =>
  new Map([...parameters].map(([name, one]) => [name, convert(one, dtype, undefined)]));

const ids = tensor([[0, 1, 10, 10, 4, 10]], undefined, { dtype: "int64" });
const difference = (a: Tensor, b: Tensor): number =>
  item(max(abs(sub(convert(a, "float64", undefined), convert(b, "float64", undefined)))));

describe("weights that are stored", () => {
  it("in float64 give float64 logits near those of float32", () => {
    const parameters = randomParameters();
    const exact = new Mdlm(tiny, inDtype(parameters, "float64")).logits(ids);
    expect(exact.dtype).toBe("float64");
    expect(difference(exact, new Mdlm(tiny, parameters).logits(ids))).toBeLessThan(2e-6);
  });

  it.each([undefined, tensor([0.7])])(
    "in bfloat16, norms too, give those values' float32 logits (%#)",
    (sigma_B) => {
      const half = inDtype(randomParameters(), "bfloat16");
      const network = new Mdlm(tiny, half);
      const exact = new Mdlm(tiny, inDtype(half, "float64")).logits(ids, undefined, { sigma_B });
      const wide = network.logits(ids, undefined, { sigma_B });
      expect(wide.dtype).toBe("float32");
      expect(difference(exact, wide)).toBeLessThan(2e-6);
      const narrowed = network.logits(ids, undefined, { sigma_B, products: "bfloat16" });
      expect(narrowed.dtype).toBe("float32");
      expect(difference(exact, narrowed)).toBeLessThan(0.1);
    },
  );

  it.each([undefined, tensor([0.7])])("in int8 give the logits of scale times value (%#)", (sigma_B) => {
    const stored = new Map<string, Tensor>();
    const meant = new Map<string, Tensor>();
    for (const [name, one] of randomParameters()) {
      const isMatrix = name.endsWith(".weight") && one.shape.length === 2;
      meant.set(name, one);
      stored.set(name, one);
      if (!isMatrix) continue;
      for (const [part, value] of quantiseWeight(name, one, "cpu")) stored.set(part, value);
      const [values, scale] = [toNumbers(stored.get(name)!), toNumbers(stored.get(scaleName(name))!)];
      const columns = one.shape[1]!;
      meant.set(
        name,
        tensor(
          Float64Array.from(values, (q, i) => q * scale[Math.floor(i / columns)]!),
          one.shape,
        ),
      );
    }
    const exact = new Mdlm(tiny, inDtype(meant, "float64")).logits(ids, undefined, { sigma_B });
    expect(difference(exact, new Mdlm(tiny, stored).logits(ids, undefined, { sigma_B }))).toBeLessThan(5e-6);
  });
});

describe("training", () => {
  it("has the same gradients where the gate scales the weights (long rows) and where it scales the output", () => {
    const parameters = new Map(
      [...randomParameters()].map(([name, one]) => [name, setRequiresGrad(one, true)]),
    );
    const leaves = [...parameters.values()];
    const network = new Mdlm(tiny, parameters);
    // Rows enough that every projection's weights are the fewer numbers; a sigma a row always scales the output.
    const long = tensor([Array.from({ length: 80 }, (_, i) => i % 11)], undefined, { dtype: "int64" });
    const gradients = (sigma_B: Tensor | undefined) =>
      grad(mean(network.logits(long, undefined, { sigma_B })), leaves);
    const [one, other] = [gradients(undefined), gradients(tensor([0]))];
    one.forEach((gradient, i) => {
      expect(difference(gradient, other[i]!), [...parameters.keys()][i]!).toBeLessThan(1e-6);
    });
  });

  it("reaches adapters, and not the weights that they stand beside", () => {
    const network = new Mdlm(tiny, randomParameters());
    const down = setRequiresGrad(tensor([Array.from({ length: 16 }, (_, i) => i / 16)]), true);
    const up = setRequiresGrad(tensor(Array.from({ length: 16 }, () => [0.5])), true);
    const before = noGrad(() => network.logits(ids));
    network.weights.adapters.set("blocks.1.attn_out", { down, up, scale: 1 });
    const after = network.logits(ids);
    expect(difference(before, after)).toBeGreaterThan(1e-4);
    for (const gradient of grad(mean(after), [down, up])) expect(item(max(abs(gradient)))).toBeGreaterThan(0);
  });
});

describe("a forward's other inputs", () => {
  const network = new Mdlm(tiny, randomParameters());

  it("padding is seen by nobody", () => {
    const short = network.logits(narrow(ids, 1, 0, 4));
    const padding = tensor([[1, 1, 1, 1, 0, 0]], undefined, { dtype: "bool" });
    const padded = narrow(network.logits(ids, undefined, { padding }), 1, 0, 4);
    expect(difference(short, padded)).toBeLessThan(1e-6);
    expect(difference(short, narrow(network.logits(ids), 1, 0, 4))).toBeGreaterThan(1e-3);
  });

  it("positions are relative: a shift changes nothing, a gap does", () => {
    const at = (positions: number[]) =>
      network.logits(ids, undefined, { positions: tensor(positions, undefined, { dtype: "int64" }) });
    expect(difference(network.logits(ids), at([0, 1, 2, 3, 4, 5]))).toBe(0);
    expect(difference(network.logits(ids), at([70, 71, 72, 73, 74, 75]))).toBeLessThan(1e-5);
    expect(difference(network.logits(ids), at([0, 1, 2, 30, 31, 32]))).toBeGreaterThan(1e-4);
  });

  it("refuses a cache, which it would not use", () => {
    const shape = { layers: 2, rows: 1, keyHeads: 2, headSize: 8, capacity: 8 };
    const cache = new KeyValueCache({ ...shape, dtype: "float32", device: "cpu" });
    expect(() => network.logits(ids, undefined, { cache: { cache } })).toThrow(UnsupportedError);
    expect(() => network.createCache()).toThrow(/MDLM keeps no cache/);
  });
});
