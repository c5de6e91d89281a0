// A cache of keys and values changes nothing but the cost.

import { cat, narrow, reshape, scope, setRequiresGrad, type Tensor, toTypedArray } from "@unmask/torch";
import { expect, it } from "vitest";
import { UnsupportedError } from "../../src/base/errors.ts";
import type { ForwardOptions, Network } from "../../src/models/family.ts";
import { loadNetwork } from "../../src/models/load.ts";
import { type Get, ids, L, largestDifference, quietly, rounding, rows } from "./subject.ts";

export function cacheContract(get: Get): void {
  it("is refused with a reason where the family keeps none", (context) => {
    const { network, loaded } = get();
    if (loaded.family.cacheShape !== undefined) return context.skip();
    expect(() => network.createCache({ rows: 1, capacity: 8 })).toThrow(UnsupportedError);
  });

  /** Later pieces are hidden from earlier ones, so that pieces and the whole are the same computation. */
  const causal: ForwardOptions = { visibility: { kind: "causal" } };
  const withCache = (name: string, body: (given: ReturnType<Get>) => void) =>
    it(name, (context) => {
      const given = get();
      if (given.loaded.family.cacheShape === undefined) return context.skip();
      quietly(() => body(given));
    });
  const feed = (network: Network, input: Tensor, options: ForwardOptions) =>
    network.logits(input, undefined, { ...causal, ...options });

  withCache("has the announced shape, and room for what is asked", ({ network, loaded }) => {
    const cache = network.createCache({ rows: 3, capacity: 8 });
    expect(cache.shape).toMatchObject({ ...loaded.family.cacheShape!(loaded.config), rows: 3 });
    expect(cache.length).toBe(0);
    cache.dispose();
  });

  withCache("filled in pieces gives what one forward gives, and grows as it must", ({ network, batch }) => {
    const whole = feed(network, batch, {});
    for (const pieces of [[12], [1, 11], [5, 1, 3, 3], Array(12).fill(1)]) {
      for (const capacity of [1, 5, 64]) {
        const cache = network.createCache({ rows: 3, capacity });
        const parts = pieces.map((count: number) =>
          feed(network, narrow(batch, 1, cache.length, count), { cache: { cache } }),
        );
        expect(cache.length).toBe(L);
        expect(largestDifference(cat(parts, { dim: 1 }), whole)).toBeLessThan(rounding);
        cache.dispose();
      }
    }
  });

  withCache("cut and filled again gives the same", ({ network, batch }) => {
    const whole = feed(network, batch, {});
    const cache = network.createCache({ rows: 3, capacity: 4 });
    feed(network, narrow(batch, 1, 0, 4), { cache: { cache } });
    feed(network, narrow(batch, 1, 0, 8), { cache: { cache } }); // other ids than will stay
    cache.truncate(4);
    const rest = feed(network, narrow(batch, 1, 4, 8), { cache: { cache } });
    expect(largestDifference(rest, narrow(whole, 1, 4, 8))).toBeLessThan(rounding);
    for (const wrong of [-1, 13, 1.5, Number.NaN]) expect(() => cache.truncate(wrong)).toThrow(RangeError);
    cache.dispose();
  });

  withCache("looked at with keep 0 holds no trace; part of what is fed may be kept", ({ network, batch }) => {
    const whole = feed(network, batch, {});
    const cache = network.createCache({ rows: 3, capacity: 4 });
    feed(network, narrow(batch, 1, 0, 4), { cache: { cache } });
    const held = quietKeys(cache);
    feed(network, narrow(batch, 1, 0, 7), { cache: { cache, keep: 0 } });
    expect(cache.length).toBe(4);
    expect(quietKeys(cache)).toEqual(held);
    const ahead = feed(network, narrow(batch, 1, 4, 6), { cache: { cache, keep: 2 } });
    expect(cache.length).toBe(6);
    const rest = feed(network, narrow(batch, 1, 6, 6), { cache: { cache } });
    expect(largestDifference(ahead, narrow(whole, 1, 4, 6))).toBeLessThan(rounding);
    expect(largestDifference(rest, narrow(whole, 1, 6, 6))).toBeLessThan(rounding);
    cache.dispose();
  });

  withCache(
    "fed over its own columns replaces them and sees the others as they are",
    ({ network, batch }) => {
      const full: ForwardOptions = { visibility: { kind: "full" } };
      const all = network.logits(batch, undefined, full);
      const cache = network.createCache({ rows: 3, capacity: L });
      network.logits(batch, undefined, { ...full, cache: { cache } });
      for (const [at, count] of [
        [0, 5],
        [5, 1],
        [6, 6],
        [3, 7],
      ] as const) {
        const again = network.logits(narrow(batch, 1, at, count), undefined, {
          ...full,
          cache: { cache, at },
        });
        expect(cache.length).toBe(L);
        expect(largestDifference(again, narrow(all, 1, at, count))).toBeLessThan(rounding);
      }
      const before = quietKeys(cache);
      network.logits(narrow(batch, 1, 8, 2), undefined, { ...full, cache: { cache, at: 2 } });
      const after = quietKeys(cache);
      const [rowsHeads, width] = [before.length / L / headOf(cache), headOf(cache)];
      for (let r = 0; r < rowsHeads; r++) {
        for (let l = 0; l < L; l++) {
          const part = (values: ArrayLike<number>) =>
            Array.from(values).slice((r * L + l) * width, (r * L + l + 1) * width);
          expect(part(after).join() === part(before).join()).toBe(l < 2 || l >= 4);
        }
      }
      cache.dispose();
    },
  );

  withCache("refuses another number of rows and columns it has not", ({ network, batch }) => {
    const cache = network.createCache({ rows: 2, capacity: 4 });
    expect(() => feed(network, batch, { cache: { cache } })).toThrow(RangeError);
    const two = narrow(batch, 0, 0, 2);
    for (const use of [{ at: 1 }, { at: -1 }, { at: 0.5 }, { keep: 13 }, { keep: -1 }, { keep: 0.5 }]) {
      expect(() => feed(network, two, { cache: { cache, ...use } }), JSON.stringify(use)).toThrow(RangeError);
    }
    expect(cache.length).toBe(0);
    cache.dispose();
  });

  it("records no gradients, whatever the parameters want", (context) => {
    const { loaded, subject } = get();
    if (loaded.family.cacheShape === undefined) return context.skip();
    const own = loadNetwork(subject.folder, { copy: true });
    for (const parameter of own.network.parameters.values()) setRequiresGrad(parameter, true);
    const cache = own.network.createCache({ rows: 3, capacity: L });
    scope(() => void own.network.logits(ids(rows), undefined, { cache: { cache } }));
    scope(() => {
      expect(cache.layer(0).keys.requiresGrad).toBe(false);
      expect(cache.layer(0).values.requiresGrad).toBe(false);
    });
    cache.dispose();
    own.dispose();
  });
}

const quietKeys = (cache: ReturnType<Network["createCache"]>): ArrayLike<number> =>
  scope(() => toTypedArray(reshape(cache.layer(0).keys, [-1])) as Float32Array);
const headOf = (cache: ReturnType<Network["createCache"]>): number => cache.shape.headSize;
