// Training with less memory against the plain graph: every family, the same numbers.

import {
  backward,
  convert,
  copy_,
  cpuMemory,
  emptyCache,
  equal,
  liveTensors,
  noGrad,
  Recompute,
  scope,
  setGradient,
  setRequiresGrad,
  sin,
  square,
  sum,
  type Tensor,
  tensor,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import {
  gradientsOf,
  ids,
  rows_N,
  trainedFamilies,
  trainedFolders,
  withTrained,
} from "../../test/families/trained.ts";
import { UnsupportedError } from "../base/errors.ts";
import { doubledStructure } from "../diffusion/doubled.ts";
import { Discriminator } from "./discriminator.ts";
import type { ForwardOptions } from "./family.ts";
import { initialiseDiscriminator, initialiseMdlm } from "./initialise.ts";
import { loadNetwork } from "./load.ts";
import { adapterParameters, disposeAdapters } from "./lora.ts";
import { createAdapters } from "./lora-create.ts";

const bools = (values: ArrayLike<number>, shape: number[]) =>
  tensor(Uint8Array.from(values), shape, { dtype: "bool" });
const doubled = doubledStructure({ promptColumns: 2, responseColumns: 2, blockLength: 2 });

const scenes: readonly { rows?: Tensor; options?: ForwardOptions }[] = [
  {},
  { rows: rows_N },
  { rows: rows_N, options: { padding: bools([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], [2, 6]) } },
  {
    rows: rows_N,
    options: {
      visibility: { kind: "explicit", allowed: bools(doubled, [6, 6]) },
      positions: tensor([0, 1, 2, 3, 2, 3, 0, 1, 2, 3, 2, 3], [2, 6], { dtype: "int64" }),
    },
  },
];

type Forward = (how: { recompute?: Recompute }) => Tensor;

/** The same numbers with as without, and nothing left over. */
function expectSame(leaves: ReadonlyMap<string, Tensor>, forward: Forward): void {
  const loss = (how: Parameters<Forward>[0]) => sum(square(sin(forward(how))));
  const plain = gradientsOf(leaves, () => loss({}));
  for (const [, gradient] of plain.slice(1)) expect(gradient?.some((value) => value !== 0)).toBe(true);
  const before = liveTensors().count;
  const recompute = new Recompute();
  gradientsOf(leaves, () => loss({ recompute }), recompute).forEach(([name, numbers], i) => {
    expect(
      numbers?.every((value, at) => value === plain[i]![1]![at]),
      name,
    ).toBe(true);
  });
  expect(liveTensors().count).toBe(before);
}

describe.each(trainedFamilies)("recomputing %s", (family) => {
  it.each([
    ["float32", "float32"],
    ["float64", "float32"],
    ["bfloat16", "bfloat16"],
    ["float32", "bfloat16"],
  ] as const)("has the plain graph's gradients bit for bit: %s weights, %s products", (dtype, products) => {
    withTrained(family, { dtype }, ({ network }, leaves) => {
      for (const { rows, options } of scenes) {
        expectSame(leaves, (how) => network.logits(ids, rows, { ...options, ...how, products }));
      }
    });
  });

  it("trains what stands above frozen layers", () => {
    const trains = (name: string) => /(layers|blocks)\.1\./.test(name);
    withTrained(family, { trains }, ({ network }, leaves) => {
      expect(leaves.size).toBeGreaterThan(5);
      expectSame(leaves, (how) => network.logits(ids, rows_N, how));
    });
  });

  it("leaves a forward without gradients as it is", () => {
    withTrained(family, {}, ({ network }) => {
      const recompute = new Recompute();
      scope(() =>
        noGrad(() => {
          const plain = network.logits(ids, rows_N);
          expect(equal(network.logits(ids, rows_N, { recompute }), plain)).toBe(true);
        }),
      );
      recompute.finish();
    });
  });
});

describe("recomputing adapters", () => {
  it.each(["llada", "dream", "sdar"] as const)("is exact on a frozen %s, in whichever layers", (family) => {
    for (const targets of [undefined, ".*\\.1\\..*(q_proj|up_proj)"]) {
      withTrained(family, { dtype: "bfloat16", trains: () => false }, ({ network }) => {
        const set = createAdapters(network, { rank: 3, seed: 1, targets });
        for (const { up } of set.layers.values()) {
          const values = Float32Array.from({ length: up.size }, (_, i) => Math.sin(i) / 8);
          scope(() => noGrad(() => copy_(up, tensor(values, up.shape))));
        }
        for (const products of ["float32", "bfloat16"] as const) {
          expectSame(adapterParameters(set), (how) => network.logits(ids, rows_N, { ...how, products }));
        }
        disposeAdapters(set);
      });
    }
  });
});

describe("recomputing MDLM's trunk", () => {
  it("carries the gradient of a noise level a row into the time path", () => {
    withTrained("mdlm", {}, ({ network }, leaves) => {
      const sigma_B = tensor([0.3, 2]);
      for (const rows of [undefined, rows_N]) {
        expectSame(leaves, (how) => network.logits(ids, rows, { ...how, sigma_B }));
      }
    });
  });

  it("is exact in a discriminator, for ids and for a soft input with a graph of its own", () => {
    const config = { vocabularySize: 61, hiddenSize: 8, conditionSize: 4, blocks: 3, heads: 2, length: 6 };
    const scale = (one: Tensor) => {
      const values = Float32Array.from({ length: one.size }, (_, i) => Math.sin(i + one.size));
      noGrad(() => scope(() => copy_(one, tensor(values, one.shape))));
    };
    const base = initialiseMdlm(config, 1);
    for (const one of base.values()) scale(one);
    const network = new Discriminator(config, initialiseDiscriminator(config, base, 2));
    const leaves = network.unfreeze({ blocks: 2, timePath: true });
    const sigma_B = tensor([0.3, 2]);
    const few = tensor([5, 17, 20, 3, 44, 9, 8, 30, 1, 2, 60, 7], [2, 6], { dtype: "int64" });
    expectSame(leaves, (how) => network.logits(few, { ...how, sigma_B }));
    const soft = setRequiresGrad(
      tensor(
        Float32Array.from({ length: 12 * 61 }, (_, i) => Math.cos(i)),
        [2, 6, 61],
      ),
      true,
    );
    const both = new Map([...leaves, ["soft", soft]]);
    expectSame(both, (how) => network.logits(square(soft), { ...how, sigma_B }));
  });
});

describe("recomputing", () => {
  it("is refused beside a cache", () => {
    const loaded = loadNetwork(trainedFolders.sdar);
    const cache = loaded.network.createCache({ rows: 2, capacity: 6 });
    const recompute = new Recompute();
    scope(() => {
      expect(() => loaded.network.logits(ids, undefined, { recompute, cache: { cache } })).toThrow(
        UnsupportedError,
      );
    });
    recompute.dispose();
    cache.dispose();
    loaded.dispose();
  });

  it("of 12 layers takes less than a quarter of the memory of activations", () => {
    const config = {
      vocabularySize: 50,
      hiddenSize: 64,
      conditionSize: 8,
      blocks: 12,
      heads: 4,
      length: 128,
    };
    const parameters = initialiseMdlm(config, 1);
    const network = new Discriminator(config, initialiseDiscriminator(config, parameters, 2));
    const leaves = network.unfreeze({ blocks: 12 });
    const values = Int32Array.from({ length: 8 * 128 }, (_, i) => i % 50);
    const peak = (recompute: Recompute | undefined): number => {
      for (const one of leaves.values()) setGradient(one, null);
      emptyCache();
      const before = cpuMemory().totalBytes;
      scope(() => {
        const input = convert(tensor(values, [8, 128]), "int64", undefined);
        backward(sum(network.logits(input, { recompute })));
        recompute?.finish();
      });
      return cpuMemory().totalBytes - before;
    };
    const plain = peak(undefined);
    expect(peak(new Recompute())).toBeLessThan(plain / 4);
  });
});
