// What every line of the families table keeps, shown on a small checkpoint of the family. Used by families.test.ts.

import {
  abs,
  add,
  convert,
  type Dtype,
  indexSelect,
  item,
  liveTensors,
  matmul,
  max,
  narrow,
  reshape,
  type Tensor,
  t,
  tensor,
} from "@unmask/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheContract } from "../../test/families/cache-contract.ts";
import { savingContract } from "../../test/families/saving-contract.ts";
import { segmentsContract } from "../../test/families/segments-contract.ts";
import {
  type ContractSubject,
  type Get,
  ids,
  L,
  largestDifference,
  quietly,
  rounding,
  rows,
} from "../../test/families/subject.ts";
import { UnsupportedError } from "../base/errors.ts";
import type { ForwardOptions, Network } from "./family.ts";
import { type LoadedNetwork, loadNetwork } from "./load.ts";

export function familyContract(subject: ContractSubject): void {
  describe(`family ${subject.family}`, () => {
    let loaded: LoadedNetwork;
    let network: Network;
    let batch: Tensor;
    beforeAll(() => {
      loaded = loadNetwork(subject.folder);
      network = loaded.network;
      batch = ids(rows);
    });
    afterAll(() => {
      loaded.dispose();
      batch.dispose();
    });
    const get = () => ({ subject, loaded, network, batch });
    describe("a forward", () => forwardContract(get));
    describe("precision", () => precisionContract(get));
    describe("saving", () => savingContract(subject));
    describe("a cache", () => cacheContract(get));
    describe("segments", () => segmentsContract(get));
    describe("memory", () => memoryContract(get));
  });
}

function forwardContract(get: Get): void {
  it("knows its facts, and they fit the shapes", () => {
    const { subject, loaded, network, batch } = get();
    expect(loaded.family.name).toBe(subject.family);
    expect(loaded.facts).toEqual(subject.facts);
    const { vocabularySize, maskId, endIds } = loaded.facts;
    const logits = quietly(() => network.logits(batch).shape);
    expect(logits).toEqual([3, L, vocabularySize]);
    for (const id of [...endIds, maskId ?? 0]) expect(id).toBeLessThan(vocabularySize);
    const shapes = [...network.parameters].map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual([...loaded.shapes]);
  });

  it("does not mix the rows of a batch", () => {
    const { network, batch } = get();
    quietly(() => {
      const together = network.logits(batch);
      for (let row = 0; row < 3; row++) {
        const alone = network.logits(narrow(batch, 0, row, 1));
        expect(largestDifference(narrow(together, 0, row, 1), alone)).toBeLessThan(rounding);
      }
    });
  });

  it("gives the same for picked rows as for all, in any order, twice or none", () => {
    const { network, batch, loaded } = get();
    quietly(() => {
      const { vocabularySize } = loaded.facts;
      const all = reshape(network.logits(batch), [3 * L, vocabularySize]);
      for (const picked of [[0, 35, 14, 14, 3], [20], Array.from({ length: 36 }, (_, i) => 35 - i)]) {
        const rows_N = tensor(picked, undefined, { dtype: "int64" });
        const some = network.logits(batch, rows_N);
        expect(some.shape).toEqual([picked.length, vocabularySize]);
        expect(largestDifference(some, indexSelect(all, 0, rows_N))).toBeLessThan(rounding);
      }
      const none = tensor(new BigInt64Array(0), [0]);
      expect(network.logits(batch, none).shape).toEqual([0, vocabularySize]);
    });
  });

  it("has hidden states that end in the logits: embedding, every layer, final norm", () => {
    const { network, batch, loaded, subject } = get();
    quietly(() => {
      const states = network.hiddenStates(batch);
      const { layers, hiddenSize } = loaded.family.sizes(loaded.config);
      expect(states.map(({ shape }) => shape)).toEqual(Array(layers + 2).fill([3, L, hiddenSize]));
      const { weight, bias } = subject.head;
      const product = matmul(states.at(-1)!, t(network.parameters.get(weight)!));
      const logits = bias === undefined ? product : add(product, network.parameters.get(bias)!);
      expect(largestDifference(logits, network.logits(batch))).toBeLessThan(rounding);
      const first = narrow(narrow(states[0]!, 0, 0, 1), 1, 3, 1);
      const again = narrow(narrow(states[0]!, 0, 2, 1), 1, 8, 1);
      // The same token; places are added only where they are learned.
      const learned = network.parameters.has("wpe.weight");
      expect(largestDifference(first, again) > 0).toBe(learned);
    });
  });

  it("sees what its kind of attention lets it see, and nothing else", () => {
    const { network, batch, loaded } = get();
    quietly(() => {
      const before = network.logits(batch);
      const { denoises, blockLength } = loaded.facts;
      for (const changed of [0, 5, L - 1]) {
        const other = rows.map((row) => row.map((id, l) => (l === changed ? (id + 1) % 300 : id)));
        const after = network.logits(ids(other));
        for (let l = 0; l < L; l++) {
          const block = blockLength ?? 1;
          const sees =
            denoises && blockLength === undefined
              ? true
              : Math.floor(changed / block) <= Math.floor(l / block);
          const moved = largestDifference(narrow(before, 1, l, 1), narrow(after, 1, l, 1));
          if (sees) expect(moved, `position ${l} sees ${changed}`).toBeGreaterThan(1e-4);
          else expect(moved, `position ${l} does not see ${changed}`).toBe(0);
        }
      }
    });
  });

  it("computes a padded row as it would alone, wherever the padding stands and whatever it says", (context) => {
    const { network, batch, loaded } = get();
    if (!loaded.family.inputs.includes("padding")) return context.skip();
    quietly(() => {
      // Whole blocks of padding: blocks are counted from the first column.
      const count = 2 * (loaded.facts.blockLength ?? 3);
      const alone = narrow(network.logits(batch), 0, 1, 1);
      for (const filler of [0, 77]) {
        for (const side of ["left", "right"] as const) {
          const fill = Array<number>(count).fill(filler);
          const spread = (row: number[], rest: number[]) =>
            side === "left" ? [...rest, ...row] : [...row, ...rest];
          const longer = rows.map((row, b) =>
            b === 1 ? spread(row, fill) : [...row, ...row.slice(0, count)],
          );
          const real = rows.map((row, b) =>
            b === 1 ? spread(Array(L).fill(1), Array(count).fill(0)) : Array(row.length + count).fill(1),
          );
          const places = rows.map((_, b) =>
            Array.from({ length: L + count }, (_, l) =>
              b === 1 && side === "left" ? Math.max(0, l - count) : l,
            ),
          );
          const options: ForwardOptions = {
            padding: tensor(real, undefined, { dtype: "bool" }),
            positions: ids(places),
          };
          const logits = network.logits(ids(longer), undefined, options);
          const own = narrow(narrow(logits, 0, 1, 1), 1, side === "left" ? count : 0, L);
          expect(largestDifference(own, alone), `${side}, ${filler}`).toBeLessThan(rounding);
          const finite = item(max(abs(logits)));
          expect(Number.isFinite(finite)).toBe(true);
        }
      }
    });
  });
}

function precisionContract(get: Get): void {
  /** Stored as `dtype`, products in `products`: dtype of the logits and how far they may be from float32's. */
  const kinds: [Dtype, "float32" | "bfloat16", Dtype, number][] = [
    ["float32", "float32", "float32", 0],
    ["float64", "float32", "float64", 1e-3],
    ["bfloat16", "float32", "float32", 0.1],
    ["bfloat16", "bfloat16", "float32", 0.15],
    ["float32", "bfloat16", "float32", 0.1],
  ];
  it.for(kinds)("weights in %s, products in %s: logits in %s", ([dtype, products, expected, share]) => {
    const { network, batch, subject } = get();
    const other = loadNetwork(subject.folder, { dtype: dtype as "float32" });
    quietly(() => {
      for (const { dtype: held } of other.network.parameters.values()) expect(held).toBe(dtype);
      const exact = network.logits(batch);
      const logits = other.network.logits(batch, undefined, { products });
      expect(logits.dtype).toBe(expected);
      const distance = largestDifference(convert(logits, "float32", undefined), exact);
      expect(distance).toBeLessThanOrEqual(share * item(max(abs(exact))));
      const states = other.network.hiddenStates(batch, { products });
      expect(Number.isFinite(item(max(abs(convert(states.at(-1)!, "float64", undefined)))))).toBe(true);
    });
    other.dispose();
  });

  it("int8 weights are computed with or refused, never misread", () => {
    const { network, batch, subject, loaded } = get();
    if (loaded.family.servesInt8 !== true) {
      expect(() => loadNetwork(subject.folder, { dtype: "int8" })).toThrow(UnsupportedError);
      return;
    }
    const small = loadNetwork(subject.folder, { dtype: "int8" });
    quietly(() => {
      const exact = network.logits(batch);
      const logits = small.network.logits(batch);
      expect(logits.dtype).toBe("float32");
      expect(largestDifference(logits, exact)).toBeLessThan(0.15 * item(max(abs(exact))));
    });
    small.dispose();
  });
}

function memoryContract(get: Get): void {
  it("stays the same over 200 forwards, of every kind", () => {
    const { network, batch, loaded } = get();
    const options: ForwardOptions = loaded.family.inputs.includes("padding")
      ? { padding: tensor(Array(3).fill(Array(L).fill(1)), undefined, { dtype: "bool" }) }
      : {};
    const picked = tensor([1, 2], undefined, { dtype: "int64" });
    const throughCache = () => {
      if (loaded.family.cacheShape === undefined) return;
      const cache = network.createCache({ rows: 3, capacity: 2 });
      for (const at of [0, 5]) network.logits(narrow(batch, 1, at, 5), undefined, { cache: { cache } });
      cache.dispose();
    };
    const kinds = [
      () => network.hiddenStates(batch),
      () => network.logits(batch, picked, options),
      () => network.logits(batch),
      throughCache,
    ];
    const forwards = (count: number) => {
      for (let i = 0; i < count; i++) quietly(() => void kinds[i % kinds.length]!());
    };
    forwards(8); // makes the rotary tables
    const before = liveTensors();
    forwards(200);
    expect(liveTensors()).toEqual(before);
    options.padding?.dispose();
    picked.dispose();
  });

  it("a forward that fails leaves nothing behind", () => {
    const { network, loaded } = get();
    const outside = loaded.facts.vocabularySize;
    const before = liveTensors();
    for (let i = 0; i < 3; i++) expect(() => quietly(() => network.logits(ids([[0, outside, 1]])))).toThrow();
    expect(liveTensors()).toEqual(before);
  });
}
