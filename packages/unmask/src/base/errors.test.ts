import { describe, expect, it } from "vitest";
import {
  CheckpointError,
  ConfigError,
  DataError,
  invariant,
  isUnmaskError,
  UnmaskError,
  UnsupportedError,
  UsageError,
} from "./errors.ts";
import { didYouMean, distance, nearest } from "./nearest.ts";

describe("errors", () => {
  it.each([
    [UnmaskError, "UnmaskError", 1],
    [UsageError, "UsageError", 2],
    [ConfigError, "ConfigError", 2],
    [DataError, "DataError", 2],
    [CheckpointError, "CheckpointError", 2],
    [UnsupportedError, "UnsupportedError", 2],
  ] as const)("%o carries name, exit code, data and cause", (Kind, name, exitCode) => {
    const cause = new Error("below");
    const error = new Kind("a.txt is empty; give text", { file: "a.txt" }, { cause });
    expect(error).toMatchObject({
      name,
      exitCode,
      message: "a.txt is empty; give text",
      data: { file: "a.txt" },
    });
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe(`${name}: a.txt is empty; give text`);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name,
      message: "a.txt is empty; give text",
      exitCode,
      data: { file: "a.txt" },
    });
    expect(isUnmaskError(error)).toBe(true);
  });

  it("is known across two copies of the module, and nothing else is taken for one", async () => {
    const path = "./errors.ts?second-copy";
    const other = (await import(path)) as typeof import("./errors.ts");
    const error = new other.DataError("x");
    expect(error instanceof DataError).toBe(false);
    expect(isUnmaskError(error)).toBe(true);
    const strangers = [new Error("x"), { exitCode: 2, message: "x" }, null, undefined, "x"];
    expect(strangers.map(isUnmaskError)).toEqual([false, false, false, false, false]);
  });

  it("invariant passes truth and reports our own bug", () => {
    expect(() => invariant(1 < 2, "order")).not.toThrow();
    const broken = () => invariant(2 < 1, "one before two");
    expect(broken).toThrow("one before two");
    try {
      broken();
    } catch (error) {
      expect(isUnmaskError(error)).toBe(false);
    }
  });
});

describe("nearest", () => {
  it.each([
    ["ab", "ba", 1],
    ["ca", "abc", 3],
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["same", "same", 0],
    ["🙂a", "a🙂", 1],
  ])("distance(%j, %j) = %d", (first, second, expected) => {
    expect(distance(first, second)).toBe(expected);
    expect(distance(second, first)).toBe(expected);
  });

  it("finds the nearest within a third of the length, ignoring case and hyphens", () => {
    const names = ["max_new_tokens", "block_length", "steps", "seed"];
    expect(nearest("Max-New-Tokens", names)).toBe("max_new_tokens");
    expect(nearest("blok_lenght", names)).toBe("block_length");
    expect(nearest("stesp", names)).toBe("steps");
    expect(nearest("temperature", names)).toBeUndefined();
    expect(nearest("", names)).toBeUndefined();
    expect(nearest("x", [])).toBeUndefined();
    expect(nearest("seen", ["seed", "seek"])).toBe("seed");
    expect(didYouMean("stesp", names)).toBe(' (did you mean "steps"?)');
    expect(didYouMean("temperature", names)).toBe("");
  });
});
