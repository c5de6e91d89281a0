// Expected values: lm-evaluation-harness 4e7e0d4's own filters and exact_match on the same texts.

import { describe, expect, test } from "vitest";
import { exactMatch } from "./exact-match.ts";
import type { Filter } from "./filters.ts";
import { harnessFilters } from "./harness-filters.ts";
import type { HarnessSettings } from "./harness-settings.ts";

const make = (...filter: { function: string; [field: string]: unknown }[]): Filter =>
  harnessFilters(
    { filter_list: [{ name: "f", filter }] } as Partial<HarnessSettings> as HarnessSettings,
    "t.yaml",
  )[0]!.filter;
const on = (filter: Filter, texts: readonly string[], fields = {}) => filter([...texts], fields);

const first = { function: "take_first" };

describe("regex", () => {
  const strict = make({ function: "regex", regex_pattern: "The answer is (\\-?[0-9\\.\\,]+)." }, first);
  const flexible = make(
    { function: "regex", group_select: -1, regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)" },
    first,
  );

  test.each([
    ["The answer is 18.", "18", "18."],
    ["The answer is 18", "1", "18"],
    ["The answer is 18 apples. The answer is 19.", "18", "19."],
    ["so $5.00.", "[invalid]", "$5.00."],
    ["9-5=4", "[invalid]", "4"],
    ["1 2 3", "[invalid]", "3"],
    ["", "[invalid]", "[invalid]"],
    ["\u0663", "[invalid]", "[invalid]"],
  ])("%j", (text, strictly, flexibly) => {
    expect(on(strict, [text])).toEqual([strictly]);
    expect(on(flexible, [text])).toEqual([flexibly]);
  });

  test("a fallback of one's own, and a choice beyond the matches", () => {
    expect(on(make({ function: "regex", regex_pattern: "a", fallback: "none" }), ["b"])).toEqual(["none"]);
    expect(on(make({ function: "regex", regex_pattern: "a", group_select: 2 }), ["aa"])).toEqual([
      "[invalid]",
    ]);
  });
});

test("several responses: the first, the first k, the most frequent", () => {
  expect(on(make(first), ["a", "b"])).toEqual(["a"]);
  expect(
    on(make({ function: "take_first_k", k: 2 }, { function: "majority_vote" }), ["a", "b", "b"]),
  ).toEqual(["a"]);
  expect(on(make({ function: "majority_vote" }, first), ["a", "b", "b"])).toEqual(["b"]);
});

test("white space, case, tables", () => {
  expect(on(make({ function: "remove_whitespace" }, { function: "uppercase" }), [" a\u00a0b\n"])).toEqual([
    "A\u00a0B",
  ]);
  const table = { function: "map", mapping_dict: { yes: 1 }, default_value: 0 };
  expect(on(make({ function: "lowercase" }, table), ["YES", "no"])).toEqual(["1", "0"]);
});

describe("multi_choice_regex", () => {
  const filter = make({
    ...{ function: "multi_choice_regex", group_select: -1, ignore_case: true, ignore_punctuation: true },
    regex_pattern: "(\\([A-Z]\\))",
  });
  const fields = { choices: ["red apple", "green (pear)", "blue plum"] };

  test.each([
    ["I think (B) is right", "(B)"],
    ["It is a Blue Plum.", "(C)"],
    ["a green pear", "(B)"],
    ["Answer: C", "(C)"],
    ["none", "[invalid]"],
  ])("%s", (text, letter) => {
    expect(on(filter, [text], fields)).toEqual([letter]);
  });

  test("needs the choices", () => {
    expect(() => on(filter, ["a"])).toThrow("needs a list of texts in the field choices");
  });
});

test("filters that are not served are named", () => {
  expect(() => make({ function: "regx" })).toThrow(
    't.yaml, filter f: the function regx is not served (did you mean "regex"?)',
  );
  expect(() => make({ function: "take_first_k" })).toThrow("k is undefined");
});

describe("exact_match", () => {
  const options = { ignoreCase: true, regexesToIgnore: [",", "\\$", "(?s).*#### ", "\\.$"] };

  test.each([
    ["$1,000.", "x\n#### 1000", options, true],
    ["5.00", "5", options, false],
    ["A", "a", options, true],
    ["A", "a", {}, false],
    ["it's", "its", { ignorePunctuation: true }, true],
    ["it\u2019s", "its", { ignorePunctuation: true }, false],
    ["a1", "a2", { ignoreNumbers: true }, true],
    ["", "", {}, true],
  ])("%j and %j", (prediction, gold, given, same) => {
    expect(exactMatch(given)(prediction, gold)).toBe(same);
  });
});
