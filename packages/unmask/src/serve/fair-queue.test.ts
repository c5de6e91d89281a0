import { describe, expect, it } from "vitest";
import { nextEntry } from "./fair-queue.ts";
import { retryAfter } from "./retry-after.ts";

/** Who begins, in order, when nobody ends. */
function turns(entries: { client: string; running: number; left: number; name: string }[], count: number) {
  const order: string[] = [];
  for (let i = 0; i < count; i++) {
    const one = nextEntry(entries);
    if (one === undefined) break;
    one.running++;
    one.left--;
    order.push(one.name);
  }
  return order.join(" ");
}
const entry = (name: string, client: string, left: number, running = 0) => ({ name, client, left, running });

describe("nextEntry", () => {
  it("takes requests of equal standing in order of arrival", () => {
    expect(turns([entry("a", "", 1), entry("b", "", 1), entry("c", "", 1)], 9)).toBe("a b c");
  });

  it("lets a request for many sequences share with the others", () => {
    expect(turns([entry("many", "", 100), entry("b", "", 1), entry("c", "", 2)], 6)).toBe(
      "many b c many c many",
    );
    // It had the batch to itself; who comes then is served before its next sequence.
    expect(turns([entry("many", "", 50, 50), entry("late", "", 2)], 3)).toBe("late late many");
  });

  it("lets a client with many requests share with the other clients", () => {
    const flood = Array.from({ length: 5 }, (_, i) => entry(`x${i}`, "x", 1));
    expect(turns([...flood, entry("y", "y", 1), entry("z", "z", 2)], 7)).toBe("x0 y z x1 z x2 x3");
  });

  it("has nobody where nothing is left to begin", () => {
    expect(nextEntry([entry("a", "", 0, 3)])).toBeUndefined();
  });
});

describe("retryAfter", () => {
  it("is the time of half the queue at the pace of late, from 1 to 60 seconds", () => {
    expect(retryAfter([], 40)).toBe(1);
    expect(retryAfter([500], 40)).toBe(1);
    expect(retryAfter([0, 1000, 2000], 40)).toBe(20);
    expect(retryAfter([0, 10], 40)).toBe(1);
    expect(retryAfter([0, 60_000], 40)).toBe(60);
  });
});
