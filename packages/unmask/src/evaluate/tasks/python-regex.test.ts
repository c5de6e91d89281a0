import { expect, test } from "vitest";
import { ConfigError } from "../../base/errors.ts";
import { findAll, pythonRegex, pythonReplacement } from "./python-regex.ts";

// Expected values: CPython 3.11, re.findall(pattern, text).
const cases: readonly (readonly [pattern: string, text: string, found: readonly (string | string[])[]])[] = [
  ["#### (\\-?[0-9\\.\\,]+)", "x #### -1,234.5 y", ["-1,234.5"]],
  [
    "(-?[$0-9.,]{2,})|(-?[0-9]+)",
    "a $5.00, b 7",
    [
      ["$5.00,", ""],
      ["", "7"],
    ],
  ],
  ["The answer is (\\-?[0-9\\.\\,]+).", "The answer is 18. The answer is 9\n", ["18."]],
  ["(?s).*#### ", "a\nb #### 5", ["a\nb #### "]],
  ["\\.$", "5.\n", ["."]],
  ["\\.\\Z", "5.\n", []],
  ["\\A\\w+", "été!", ["été"]],
  ["\\w+", "cafe\u0301 b", ["cafe", "b"]],
  ["\\d+", "12 ٣٤", ["12", "٣٤"]],
  ["(?a)\\d+", "12 ٣٤", ["12"]],
  ["(?m)^a$", "a\nb\na", ["a", "a"]],
  ["^a$", "a\n", ["a"]],
  ["^a$", "a\nb", []],
  [".", "a\r\n", ["a", "\r"]],
  ["(?i)answer: (?P<letter>[a-d])", "ANSWER: B", ["B"]],
  ["(?P<q>['\"]).*?(?P=q)", "'a' \"b'\"", ["'", '"']],
  ["\\bé\\b", "é né", ["é"]],
  ["a{,2}b", "aaab", ["aab"]],
  ["a{x}", "a{x}", ["a{x}"]],
  ["{}", "{}", ["{}"]],
  ["[]a]+", "]a]", ["]a]"]],
  ["[^]a]+", "bc]", ["bc"]],
  ["[a\\-z]+", "a-zb", ["a-z"]],
  ["[\\w.]+", "é.1 x", ["é.1", "x"]],
  ["(?<=\\$)\\d+", "$45 6", ["45"]],
  ["(?x) a  # one\n b", "ab a b", ["ab"]],
  ["\\s", "a\u00a0\u001c\ufeff", ["\u00a0", "\u001c"]],
  ["(a)\\1", "aa", ["a"]],
  ["(?=a)*a(?!b)+", "ab aa", ["a", "a"]],
  ["\\x41\\u00e9\\n", "Aé\n", ["Aé\n"]],
  ["(?#note)a", "a", ["a"]],
  ["😀|é", "😀é", ["😀", "é"]],
];

test.each(cases)("%s on %j", (pattern, text, found) => {
  expect(findAll(pythonRegex(pattern), text)).toEqual(found);
});

test.each([
  ["(?>a)", "atomic groups"],
  ["a++", "possessive repeats"],
  ["(a)?(?(1)b|c)", "groups on a condition"],
  ["a(?i:b)", "flags of a part"],
  ["\\N{DASH}", "the escape \\N"],
  ["[\\W]", "\\W within a set"],
  ["[a", "a set is not closed"],
  ["(", "Unterminated group"],
])("%s is refused by name", (pattern, reason) => {
  expect(() => pythonRegex(pattern, "t.yaml, filter f")).toThrow(ConfigError);
  expect(() => pythonRegex(pattern, "t.yaml, filter f")).toThrow(`t.yaml, filter f: `);
  expect(() => pythonRegex(pattern, "t.yaml, filter f")).toThrow(reason);
});

test("replacement texts", () => {
  const swapped = "a=1".replace(pythonRegex("(?P<k>\\w)=(\\w)"), pythonReplacement("\\2:\\g<k>$1\\n\\g<0>"));
  expect(swapped).toBe("1:a$1\na=1");
});
