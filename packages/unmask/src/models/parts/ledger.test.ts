// The ledger against the allocator that it stands for: the same requests, the same bytes asked of the system.

import { cpuMemory, empty, emptyCache, type Tensor } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { generator, streams } from "../../base/rng.ts";
import { type Block, Ledger } from "./ledger.ts";

describe("the ledger", () => {
  it.each([1, 2, 3, 4])("asks the system for what the allocator asks it for (program %i)", (seed) => {
    const uniform = generator({ seed, stream: streams.shuffle, sequence: 0, step: 0 });
    const ledger = new Ledger();
    emptyCache();
    const before = cpuMemory();
    const inUse = before.totalBytes - before.cachedBytes;
    const living: { tensor: Tensor; block: Block }[] = [];
    for (let i = 0; i < 300; i++) {
      if (living.length > 0 && (living.length > 8 || uniform() < 0.4)) {
        const [{ tensor, block }] = living.splice(Math.floor(uniform() * living.length), 1) as [
          (typeof living)[number],
        ];
        tensor.dispose();
        ledger.drop(block);
      } else {
        // From 1 KB to 64 MB, so that both kinds of blocks are met.
        const bytes = Math.floor(2 ** (10 + 16 * uniform()));
        living.push({ tensor: empty([bytes], { dtype: "uint8" }), block: ledger.take(bytes) });
      }
      expect(cpuMemory().totalBytes - inUse).toBe(ledger.reserved);
    }
    for (const { tensor } of living) tensor.dispose();
    emptyCache();
  });

  it("tells the most of a part, and what scopes free", () => {
    const ledger = new Ledger();
    const most = ledger.mostOf(() => {
      ledger.discard(() => void ledger.take(8 * 2 ** 20));
      // The kept block is too small, and goes.
      ledger.take(32 * 2 ** 20);
    });
    expect(most).toBe(32 * 2 ** 20);
    expect(ledger.mostOf(() => {})).toBe(most);
    ledger.discard(() => void ledger.take(2 ** 20));
    ledger.empty();
    expect(ledger.resident).toBe(most);
  });
});
