// Several sequences in one row are computed as each would be alone.

import { narrow, type Tensor } from "@unmask/torch";
import { expect, it } from "vitest";
import type { Segment } from "../../src/models/family.ts";
import type { KeyValueCache } from "../../src/models/parts/cache.ts";
import { type Get, ids, largestDifference, quietly, rounding, rows } from "./subject.ts";

/** What is fed of each sequence, behind what its cache holds. */
const fed = [
  { cached: 0, from: 0, to: 8, keep: 8 },
  { cached: 4, from: 4, to: 8, keep: 0 },
  { cached: 8, from: 8, to: 12, keep: 4 },
] as const;

export function segmentsContract(get: Get): void {
  it("sequences in one row are what each is alone, caches and all", (context) => {
    const { network, loaded } = get();
    if (!loaded.family.inputs.includes("segments")) return context.skip();
    quietly(() => {
      const piece = (row: number, from: number, to: number): Tensor => ids([rows[row]!.slice(from, to)]);
      const primed = (): KeyValueCache[] =>
        fed.map(({ cached }, row) => {
          const cache = network.createCache({ rows: 1, capacity: 2 });
          if (cached > 0) network.logits(piece(row, 0, cached), undefined, { cache: { cache } });
          return cache;
        });
      const [own, shared] = [primed(), primed()];
      const alone = fed.map(({ from, to, keep }, row) =>
        network.logits(piece(row, from, to), undefined, { cache: { cache: own[row]!, keep } }),
      );
      const segments = fed.map(
        ({ from, to, keep }, row): Segment => ({
          length: to - from,
          cache: { cache: shared[row]!, keep },
        }),
      );
      // A last one without a cache.
      segments.push({ length: 12 });
      const flat = [...fed.flatMap(({ from, to }, row) => rows[row]!.slice(from, to)), ...rows[2]!];
      const together = network.logits(ids([flat]), undefined, { segments });
      let start = 0;
      for (const [row, logits] of [...alone, network.logits(ids([rows[2]!]))].entries()) {
        const length = logits.shape[1]!;
        const difference = largestDifference(narrow(together, 1, start, length), logits);
        expect(difference, `sequence ${row}`).toBeLessThan(rounding);
        start += length;
      }
      for (const [row, cache] of shared.entries()) {
        expect(cache.length).toBe(own[row]!.length);
        for (const name of ["keys", "values"] as const) {
          expect(largestDifference(cache.layer(1)[name], own[row]!.layer(1)[name])).toBeLessThan(rounding);
        }
      }
      for (const cache of [...own, ...shared]) cache.dispose();
    });
  });

  it("segments that do not fill the row, or stand beside what they replace, are refused", (context) => {
    const { network, batch, loaded } = get();
    if (!loaded.family.inputs.includes("segments")) return context.skip();
    quietly(() => {
      const one = narrow(batch, 0, 0, 1);
      const feed = (input: Tensor, lengths: number[], more = {}) =>
        network.logits(input, undefined, { segments: lengths.map((length) => ({ length })), ...more });
      expect(() => feed(one, [4, 4])).toThrow(/segments of 8 positions in all do not fill a forward of/);
      expect(() => feed(batch, [12])).toThrow(RangeError);
      expect(() => feed(one, [12], { visibility: { kind: "causal" } })).toThrow(
        /visibility is said segment by segment/,
      );
    });
  });
}
