import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  convert,
  createGenerator,
  liveTensors,
  rand,
  scope,
  sub,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../base/errors.ts";
import { type LoadOptions, loadNetwork } from "./load.ts";
import { Mdlm, type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";
import { foldConditioning } from "./mdlm-fold.ts";
import { saveModel } from "./mdlm-save.ts";
import { quantiseWeight } from "./quantise.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-fold-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const tiny: MdlmConfig = {
  ...{ vocabularySize: 7, hiddenSize: 8, conditionSize: 4 },
  ...{ blocks: 2, heads: 2, length: 5, ignoreBos: false },
};

type Stored = "float32" | "float64" | "bfloat16";

/** Every parameter random, so that no gate or output is zero. */
function randomParameters(dtype: Stored = "float32"): Map<string, Tensor> {
  const generator = createGenerator(3);
  return new Map(
    [...mdlmParameterShapes(tiny)].map(([name, shape]) => {
      const value = sub(rand(shape, { generator, dtype: "float64" }), 0.5);
      return [name, convert(value, dtype, undefined)];
    }),
  );
}

function quantised(): Map<string, Tensor> {
  const parameters = new Map<string, Tensor>();
  for (const [name, value] of randomParameters()) {
    const isMatrix = name.endsWith(".weight") && value.shape.length === 2;
    const parts = isMatrix ? quantiseWeight(name, value, "cpu") : ([[name, value]] as [string, Tensor][]);
    for (const [part, one] of parts) parameters.set(part, one);
  }
  return parameters;
}

const ids = tensor(
  [
    [0, 1, 2, 3, 4],
    [6, 6, 5, 6, 0],
  ],
  undefined,
  { dtype: "int64" },
);
const rows = tensor([0, 7, 3], undefined, { dtype: "int64" });

const count = (parameters: ReadonlyMap<string, Tensor>): number =>
  [...parameters.values()].reduce((total, { size }) => total + size, 0);

describe("the conditioning folded away", () => {
  const sources: [string, () => Map<string, Tensor>][] = [
    ["float32", () => randomParameters()],
    ["float64", () => randomParameters("float64")],
    ["bfloat16", () => randomParameters("bfloat16")],
    ["int8", quantised],
  ];
  it.each(sources)("gives the same logits, bit for bit, with weights in %s", (_, source) => {
    const parameters = source();
    const plain = new Mdlm(tiny, parameters);
    const folded = foldConditioning(tiny, parameters);
    for (const products of ["float32", "bfloat16"] as const) {
      expect(toNumbers(folded.logits(ids, undefined, { products }))).toEqual(
        toNumbers(plain.logits(ids, undefined, { products })),
      );
    }
    expect(toNumbers(folded.logits(ids, rows))).toEqual(toNumbers(plain.logits(ids, rows)));
    expect(folded.hiddenStates(ids).map(toNumbers)).toEqual(plain.hiddenStates(ids).map(toNumbers));
  });

  it("applies adapters as the whole network does", () => {
    const parameters = randomParameters();
    const networks = [new Mdlm(tiny, parameters), foldConditioning(tiny, parameters)] as const;
    const before = toNumbers(networks[0].logits(ids));
    for (const { weights } of networks) {
      for (const [layer, width] of [
        ["blocks.1.attn_out", 8],
        ["blocks.0.mlp.2", 32],
      ] as const) {
        const [down, up] = [
          tensor([Array.from({ length: width }, (_, i) => i / 9 - 1)]),
          tensor(Array(8).fill([0.5])),
        ];
        weights.adapters.set(layer, { down, up, scale: 2 });
      }
    }
    const [whole, folded] = networks.map((network) => toNumbers(network.logits(ids)));
    expect(folded).toEqual(whole);
    expect(whole).not.toEqual(before);
  });

  it("has fewer parameters: per norm and gate a vector instead of adaLN and the time path", () => {
    const { hiddenSize: D, conditionSize: C, blocks } = tiny;
    const whole = randomParameters();
    const folded = foldConditioning(tiny, whole).parameters;
    const timePath = C * 256 + C + C * C + C;
    const modulation = blocks * (6 * D * C + 6 * D) + 2 * D * C + 2 * D;
    const vectors = blocks * 4 * D + D; // two shifts and two gates a block, one shift at the end
    expect(count(folded)).toBe(count(whole) - timePath - modulation + vectors);
    expect([...folded.keys()].some((name) => /adaLN|sigma_map/.test(name))).toBe(false);
    // The matrices are the same tensors, not copies.
    expect(folded.get("blocks.1.attn_out.weight")).toBe(whole.get("blocks.1.attn_out.weight"));
  });

  it("refuses a sigma, and says what to do", () => {
    const folded = foldConditioning(tiny, randomParameters());
    const options = { sigma_B: tensor([0, 1]) };
    for (const call of [() => folded.logits(ids, undefined, options), () => folded.hidden(ids, options)]) {
      expect(call).toThrow(UnsupportedError);
      expect(call).toThrow(/folded away at sigma 0; load the model without fold/);
    }
  });

  it("is an option of loading, which frees what the network does not use", () => {
    saveModel(root, tiny, randomParameters());
    const numbers = (options: LoadOptions) => {
      const { network, dispose } = loadNetwork(root, options);
      const values = scope(() => toNumbers(network.logits(ids)));
      dispose();
      return { values, size: network.parameters.size };
    };
    const plain = numbers({});
    const before = liveTensors().count;
    const folded = numbers({ fold: true });
    expect(folded.values).toEqual(plain.values);
    expect(folded.size).toBeLessThan(plain.size);
    expect(liveTensors().count - before).toBe(2); // the rotary tables
  });
});
