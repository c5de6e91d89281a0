import { expect, it } from "vitest";
import { publishedSchedule } from "./published-schedules.ts";

it("warms up from 0 and falls from the first update behind the warm-up", () => {
  for (const name of ["linear", "cosine", "polynomial"] as const) {
    const rate = publishedSchedule(name, { warmup: 4, total: 12 });
    expect([0, 1, 4].map(rate)).toEqual([0, 0.25, 1]);
    expect(rate(8)).toBeCloseTo(0.5, 6);
    expect(rate(12)).toBeCloseTo(0, 6);
  }
  expect(publishedSchedule("constant", { warmup: 4, total: 12 })(0)).toBe(1);
  expect(publishedSchedule("constant_with_warmup", { warmup: 4, total: 12 })(20)).toBe(1);
});

it("rises again behind the end of cosine, as published", () => {
  const rate = publishedSchedule("cosine", { total: 10 });
  expect([10, 15, 20].map((update) => Number(rate(update).toFixed(9)))).toEqual([0, 0.5, 1]);
});
