// CPU memory that is kept for reuse: shapes that change from step to step must not leave a block of every size behind.

import { describe, expect, it } from "vitest";
import { cpuMemory, empty, emptyCache, scope } from "../src/index.ts";

const megabyte = 2 ** 20;
/** Takes a tensor of so many megabytes and lets it go. */
const use = (megabytes: number) => scope(() => void empty([megabytes * (megabyte / 4)]));

describe("large blocks", () => {
  it("of a growing and shrinking shape take little more than the largest", () => {
    emptyCache();
    const before = cpuMemory().totalBytes;
    const sizes = Array.from({ length: 200 }, (_, i) => 5 + ((i * 37) % 60));
    for (const size of sizes) use(size);
    const { totalBytes } = cpuMemory();
    expect(totalBytes - before).toBeGreaterThanOrEqual(64 * megabyte);
    expect(totalBytes - before).toBeLessThan(2 * 73 * megabyte);
  });

  it("serve a request of half their size, and are whole again behind it", () => {
    emptyCache();
    const before = cpuMemory().totalBytes;
    use(64);
    const after = cpuMemory().totalBytes;
    for (const size of [40, 64, 36, 64]) use(size);
    expect(cpuMemory().totalBytes).toBe(after);
    // Much smaller ones do not hold a block that a large request will want.
    scope(() => {
      empty([6 * (megabyte / 4)]);
      use(64);
      expect(cpuMemory().totalBytes - after).toBeLessThan(8 * megabyte);
    });
    emptyCache();
    expect(cpuMemory().totalBytes).toBe(before);
  });
});
