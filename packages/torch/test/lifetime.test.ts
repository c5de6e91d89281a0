// Who frees tensors: scopes, dispose and `using`; the collector as the net is in memory.test.ts.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as t from "../src/index.ts";
import { f, torchErrorOf } from "./helpers.ts";

let start = t.liveTensors();
const grown = () => {
  const { count, bytes } = t.liveTensors();
  return [count - start.count, bytes - start.bytes];
};
beforeEach(() => {
  start = t.liveTensors();
});
afterEach(() => {
  expect(grown()).toEqual([0, 0]);
});

describe("scope", () => {
  test("frees all but its result", () => {
    const result = t.scope(() => t.mul(t.add(f([1, 2]), 1), 2));
    expect(t.toNumbers(result)).toEqual([4, 6]);
    expect(grown()).toEqual([1, 8]);
    result.dispose();
  });

  test("keeps tensors inside arrays, objects and maps", () => {
    const result = t.scope(() => ({
      list: [f([1])],
      map: new Map([["a", { deep: f([2]) }]]),
      none: null,
      n: 1,
    }));
    expect(grown()[0]).toBe(2);
    expect(t.toNumbers(result.map.get("a")!.deep)).toEqual([2]);
    result.list[0]!.dispose();
    result.map.get("a")!.deep.dispose();
  });

  test("hands results to the scope around it", () => {
    t.scope(() => {
      const inner = t.scope(() => t.neg(f([1])));
      expect(inner.isDisposed).toBe(false);
      expect(grown()[0]).toBe(1);
    });
  });

  test("leaves tensors from outside alone, even as its result", () => {
    using outside = t.keep(f([1]));
    const same = t.scope(() => outside);
    expect(same).toBe(outside);
    t.scope(() => t.scope(() => outside));
    expect(outside.isDisposed).toBe(false);
  });

  test("frees everything when it is left by an exception", () => {
    expect(() =>
      t.scope(() => {
        f([1]);
        t.scope(() => {
          f([2]);
          throw new Error("inside");
        });
      }),
    ).toThrow("inside");
    expect(t.insideScope()).toBe(false);
  });

  test("refuses a promise and frees what was made", () => {
    expect(() => t.scope(() => Promise.resolve(f([1])))).toThrow(/needs a synchronous function/);
    expect(t.insideScope()).toBe(false);
  });

  test("says whether one is open", () => {
    expect([t.insideScope(), t.scope(() => t.insideScope())]).toEqual([false, true]);
  });
});

test("keep takes a tensor out of every scope", () => {
  let kept: t.Tensor | undefined;
  t.scope(() => {
    t.scope(() => {
      kept = t.keep(f([1]));
    });
  });
  expect(kept!.isDisposed).toBe(false);
  kept!.dispose();
});

test("using frees at the end of the block", () => {
  {
    using inside = t.keep(f([1]));
    expect(grown()[0]).toBe(1);
    expect(inside.isDisposed).toBe(false);
  }
  expect(grown()[0]).toBe(0);
});

test("freeing twice is harmless, using a freed tensor is not, and a new one may take its place", () => {
  const first = f([1]);
  first.dispose();
  const second = f([2]);
  first.dispose();
  expect(t.toNumbers(second)).toEqual([2]);
  torchErrorOf(() => t.add(second, first));
  second.dispose();
});

test("views count the memory they share once", () => {
  t.scope(() => {
    const whole = t.zeros([100]);
    const half = t.narrow(whole, 0, 0, 50);
    expect(grown()).toEqual([2, 400]);
    whole.dispose();
    expect(grown()).toEqual([1, 400]);
    expect(half.size).toBe(50);
  });
});

test("setData_ moves the count to the new memory, and shape and dtype follow", () => {
  t.scope(() => {
    const self = t.zeros([100]);
    const other = t.zeros([2, 3], { dtype: "float64" });
    expect(self.describe()).toBe("float32[100]");
    t.setData_(self, other);
    expect(self.describe()).toBe("float64[2, 3]");
    expect(grown()).toEqual([2, 48]);
  });
});

test("in-place operators make no new tensors", () => {
  t.scope(() => {
    const self = f([1, 2]);
    const [count] = grown();
    expect(t.add_(self, 1)).toBe(self);
    t.foreachMul_([self], 2);
    expect(t.toNumbers(self)).toEqual([4, 6]);
    expect(grown()[0]).toBe(count);
  });
});
