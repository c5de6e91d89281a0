import { expect, test } from "vitest";
import { literalEval, pythonRepr, pythonString } from "./python-literal.ts";

test.each([
  ["['no', \"yes\"]", ["no", "yes"]],
  ["[]", []],
  ["(1, 2.5, -3, 1e3, .5,)", [1, 2.5, -3, 1000, 0.5]],
  ["{'a': [True, None], 3: 'x'}", { a: [true, null], 3: "x" }],
  ['["a", true, null]', ["a", true, null]],
  ["'it\\'s \\x41\\u00e9\\n'", "it's A\u00e9\n"],
  ["'a' \"b\"", "ab"],
  ["'''a\n'b'''", "a\n'b"],
  [" 5 ", 5],
  ["'\\d'", "\\d"],
])("literal_eval of %s", (text, value) => {
  expect(literalEval(text)).toEqual(value);
});

test.each(["[1, 2", "foo", "[a]", "1 2", "'a", "__import__('os')", "[1]]", "1.2.3", "[".repeat(200)])(
  "%s is no literal",
  (text) => {
    expect(() => literalEval(text)).toThrow(/no Python literal|nested/);
  },
);

// Computed by CPython 3.11.
test.each([
  [["a", "it's", 'say "hi"', "both ' and \""], `['a', "it's", 'say "hi"', 'both \\' and "']`],
  [{ a: [1, 2.5, true, null] }, "{'a': [1, 2.5, True, None]}"],
  ["a\\b\n\u00e9\x00", "'a\\\\b\\n\u00e9\\x00'"],
])("repr of %j", (value, repr) => {
  expect(pythonRepr(value)).toBe(repr);
  expect(literalEval(repr)).toEqual(value);
});

test("str leaves texts as they are", () => {
  expect([pythonString("it's"), pythonString(true), pythonString([1, "a"])]).toEqual([
    "it's",
    "True",
    "[1, 'a']",
  ]);
});
