// The head without logits: what every family hands to losses that never make them whole.

import { copy_, equal, linear, noGrad, Recompute, scope, type Tensor, tensor } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { gradientsOf, ids, rows_N, trainedFamilies, withTrained } from "../../test/families/trained.ts";
import { UnsupportedError } from "../base/errors.ts";
import { chunkedCrossEntropy } from "../diffusion/chunked-loss.ts";
import { weightedCrossEntropy } from "../diffusion/objective.ts";
import type { Network } from "./family.ts";
import { adapterParameters, disposeAdapters } from "./lora.ts";
import { createAdapters } from "./lora-create.ts";
import type { Architecture } from "./parts/transformer.ts";

const batch = {
  targets_N: tensor([1, 2, 3, 4, 5], undefined, { dtype: "int64" }),
  weights_N: tensor([0.1, 0.2, 0.3, 0.2, 0.2], undefined, { dtype: "float64" }),
};

/** Chunked cross-entropy from headRows() has the loss and the gradients of logits() with the plain one. */
function expectSame(network: Network, leaves: ReadonlyMap<string, Tensor>): void {
  const plain = gradientsOf(leaves, () => weightedCrossEntropy(network.logits(ids, rows_N), batch).loss);
  for (const recompute of [undefined, new Recompute()]) {
    const loss = () => {
      const { hidden_ND, head } = network.headRows!(ids, rows_N, { recompute });
      return chunkedCrossEntropy(hidden_ND, head, batch, { chunk: 50 }).loss;
    };
    gradientsOf(leaves, loss, recompute).forEach(([name, numbers], i) => {
      const expected = plain[i]![1]!;
      const largest = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...numbers!.map((value, at) => Math.abs(value - expected[at]!)));
      expect(worst / largest, name).toBeLessThan(1e-11);
    });
  }
}

describe.each(trainedFamilies)("head rows of %s", (family) => {
  it("are what logits are made of", () => {
    withTrained(family, {}, ({ network }) => {
      scope(() => {
        const { hidden_ND, head } = network.headRows!(ids, rows_N);
        expect(hidden_ND.shape).toEqual([5, 64]);
        const logits = linear(hidden_ND, head.weight_VD, { bias: head.bias_V });
        expect(equal(logits, network.logits(ids, rows_N))).toBe(true);
      });
    });
  });

  it("have the gradients of plain cross-entropy", () => {
    withTrained(family, { dtype: "float64" }, ({ network }, leaves) => expectSame(network, leaves));
  });

  it("want no gradient where the head wants none", () => {
    withTrained(family, { trains: (name) => /\.1\./.test(name) }, ({ network }) => {
      scope(() => {
        const { hidden_ND, head } = network.headRows!(ids, rows_N);
        expect([hidden_ND.requiresGrad, head.weight_VD.requiresGrad]).toEqual([true, false]);
      });
    });
  });

  it("are refused for int8 weights", () => {
    withTrained(family, { dtype: "int8" }, ({ network }) => {
      expect(() => network.headRows!(ids, rows_N)).toThrow(UnsupportedError);
    });
  });
});

describe("head rows", () => {
  it("of a head with an adapter give the adapter its gradient, beside adapters below", () => {
    withTrained("dream", { dtype: "float64", trains: () => false }, ({ network }) => {
      const set = createAdapters(network, { rank: 2, seed: 1, targets: ["lm_head", "q_proj"] });
      for (const { up } of set.layers.values()) {
        const values = Float64Array.from({ length: up.size }, (_, i) => Math.sin(i) / 8);
        scope(() => noGrad(() => copy_(up, tensor(values, up.shape))));
      }
      expectSame(network, adapterParameters(set));
      disposeAdapters(set);
    });
  });

  it("of a tied head add to the embedding's gradient", () => {
    withTrained("dream", { dtype: "float64" }, ({ family, config, network }, leaves) => {
      const { head } = (config as Architecture).names;
      const parameters = new Map([...leaves].filter(([name]) => name !== `${head}.weight`));
      expect(parameters.size).toBe(network.parameters.size - 1);
      expectSame(family.create({ ...(config as Architecture), tied: true }, parameters), parameters);
    });
  });
});
