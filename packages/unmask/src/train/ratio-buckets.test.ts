import { expect, it } from "vitest";
import { RatioBuckets, ratioBuckets } from "./ratio-buckets.ts";

it("holds mean losses by time, adds up over processes, and begins anew", () => {
  const [here, there] = [new RatioBuckets(), new RatioBuckets()];
  here.add([1, 3, 5], [0.05, 0.09, 1]);
  there.add([5, 2], [0.01, 0.31]);
  const sums = here.numbers().map((value, i) => value + there.numbers()[i]!);
  const buckets = ratioBuckets(sums);
  expect(buckets).toHaveLength(10);
  expect(buckets[0]).toEqual({ from: 0, to: 0.1, loss: 3, count: 3 });
  expect(buckets[3]).toEqual({ from: 0.3, to: 0.4, loss: 2, count: 1 });
  expect(buckets[9]).toMatchObject({ loss: 5, count: 1 });
  expect(buckets[5]).toMatchObject({ loss: null, count: 0 });
  expect(new RatioBuckets(sums).numbers()).toEqual(sums);
  here.reset();
  expect(ratioBuckets(here.numbers()).every(({ count }) => count === 0)).toBe(true);
});
