import { expect, test } from "vitest";
import { assignOwners } from "./sharding.ts";

test("each item goes to the rank with least so far, the largest first", () => {
  expect(assignOwners([1, 5, 3, 3], 2)).toEqual([0, 0, 1, 1]);
  expect(assignOwners([4, 4, 4], 1)).toEqual([0, 0, 0]);
  expect(assignOwners([], 3)).toEqual([]);
});

test("no load exceeds the mean by more than the largest item", () => {
  const sizes = Array.from({ length: 57 }, (_, i) => 1 + ((i * 7919) % 1000));
  for (const ranks of [2, 3, 8]) {
    const loads = new Array<number>(ranks).fill(0);
    assignOwners(sizes, ranks).forEach((owner, i) => {
      loads[owner]! += sizes[i]!;
    });
    const mean = sizes.reduce((a, b) => a + b, 0) / ranks;
    expect(Math.max(...loads)).toBeLessThanOrEqual(mean + Math.max(...sizes));
  }
});
