import { expect, test } from "vitest";
import { DistributedError } from "../core/errors.ts";
import { placementOf } from "./environment.ts";

const whole = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };

function refusal(environment: Record<string, string>): string {
  try {
    placementOf(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(DistributedError);
    expect((error as DistributedError).wrongUse).toBe(true);
    return (error as Error).message;
  }
  expect.fail("accepted");
}

test("torchrun's variables", () => {
  expect(placementOf(whole)).toEqual({ rank: 3, size: 4, localRank: 1, host: "10.0.0.1", port: 29500 });
});

test("none of them is a process on its own, also where a cluster names a master", () => {
  expect(placementOf({})).toBeUndefined();
  expect(placementOf({ RANK: "", WORLD_SIZE: "" })).toBeUndefined();
  expect(placementOf({ MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" })).toBeUndefined();
});

test("what is missing is named", () => {
  const { MASTER_PORT: _, ...rest } = whole;
  expect(refusal(rest)).toBe(
    'RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR are set but MASTER_PORT is not; start with "unmask launch" or torchrun, or set all of RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT',
  );
  expect(refusal({ RANK: "0" })).toMatch(
    /^RANK is set but WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT are not;/,
  );
});

test("what contradicts is named", () => {
  expect(refusal({ ...whole, RANK: "4" })).toContain("RANK is 4 and WORLD_SIZE 4");
  expect(refusal({ ...whole, RANK: "0" })).toContain("LOCAL_RANK is 1 and RANK 0");
  expect(refusal({ ...whole, WORLD_SIZE: "two" })).toBe(
    'WORLD_SIZE is "two"; it must be a whole number from 1 to 1048576',
  );
  expect(refusal({ ...whole, MASTER_PORT: "70000" })).toContain('MASTER_PORT is "70000"');
  expect(refusal({ ...whole, RANK: "-1" })).toContain('RANK is "-1"');
});
