import { describe, expect, it } from "vitest";
import { globFolder, globMatcher, isGlob } from "./glob.ts";

const matches = (pattern: string, name: string) => globMatcher(pattern)(name);

describe("globMatcher", () => {
  it.each([
    ["data/*.jsonl", "data/a.jsonl", true],
    ["data/*.jsonl", "data/deep/a.jsonl", false],
    ["data/*.jsonl", "data/axjsonl", false],
    ["data/**/*.jsonl", "data/a.jsonl", true],
    ["data/**/*.jsonl", "data/deep/er/a.jsonl", true],
    ["data/**/x.jsonl", "data/deepx.jsonl", false],
    ["**/train/**", "train/a", true],
    ["**/train/**", "x/train/a", true],
    ["**/train/**", "xtrain/a", false],
    ["data/**", "data/deep/a", true],
    ["**.parquet", "deep/a.parquet", true],
    ["data/train-?????-of-00002.parquet", "data/train-00001-of-00002.parquet", true],
    ["data/train-?.txt", "data/train-/.txt", false],
    ["part-[0-9].txt", "part-7.txt", true],
    ["part-[!0-9].txt", "part-7.txt", false],
    ["part-[!0-9].txt", "part-x.txt", true],
    ["{train,dev}.{json,jsonl}", "dev.json", true],
    ["{train,dev}.json", "test.json", false],
    ["a.b", "axb", false],
    ["a(b)|c$", "a(b)|c$", true],
    ["plain/ümläut 😀.txt", "plain/ümläut 😀.txt", true],
    ["?.txt", "😀.txt", true],
    ["[z-a].txt", "z.txt", false],
    ["[a-].txt", "-.txt", true],
    ["[]x].txt", "].txt", true],
    ["a[^]b", "a^b", true],
    ["{a,b}{c,d}", "bc", true],
    ["{,x}y", "y", true],
    ["[", "[", true],
    ["{", "{", true],
    ["a[]b", "a[]b", true],
  ])("%j on %j: %s", (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it("follows a stranger's pattern in no time", () => {
    expect(matches("*a".repeat(200), `${"a".repeat(5000)}b`)).toBe(false);
    expect(matches("**/".repeat(100), "a/".repeat(1000))).toBe(true);
    expect(() => globMatcher("{a,b}".repeat(40))).toThrow(/stands for more than 1000/);
  });

  it("takes any text without failing", () => {
    for (const text of ["[^]", "[\\]", "{,}", "***", "[a-\\d]", "\\", "]", "}{", "[[]", "[!]"]) {
      expect(() => matches(text, text)).not.toThrow();
    }
  });
});

it("globFolder is what stands in front of the wildcard", () => {
  expect(globFolder("data/deep/*.jsonl")).toBe("data/deep");
  expect(globFolder("data/de*p/x.jsonl")).toBe("data");
  expect(globFolder("*.jsonl")).toBe("");
  expect(globFolder("/*.jsonl")).toBe("/");
  expect(globFolder("/data/{a,b}")).toBe("/data");
  expect(globFolder("./x/[0-9]")).toBe("./x");
  expect(isGlob("a/b.txt")).toBe(false);
  expect(isGlob("a/{b,c}.txt")).toBe(true);
});
