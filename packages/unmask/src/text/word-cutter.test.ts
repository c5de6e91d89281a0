import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../base/errors.ts";
import { qwen2Pattern, wordCutter } from "./word-cutter.ts";

// Oniguruma 6.9 (jq 1.6), which Hugging Face's tokenizers use for these patterns.
const qwen2Words: [string, string[]][] = [
  [
    "I'm sure we'LL don'T 'tis it's",
    ["I", "'m", " sure", " we", "'LL", " don", "'T", " '", "tis", " it", "'s"],
  ],
  ["x'\u017fy", ["x", "'\u017f", "y"]],
  ["1234 5", ["1", "2", "3", "4", " ", "5"]],
  ["12.5% of ٣٤ \u00bd", ["1", "2", ".", "5", "%", " of", " ", "٣", "٤", " ", "\u00bd"]],
  ["a\n\nb\r\n  c", ["a", "\n\n", "b", "\r\n", " ", " c"]],
  ["  two  spaces ", [" ", " two", " ", " spaces", " "]],
  ["\t\tif (x):\n\t\t\treturn", ["\t", "\tif", " (", "x", "):\n", "\t\t", "\treturn"]],
  ["end   \n\n  ", ["end", "   \n\n", "  "]],
  ["猫は猫。中文字符!", ["猫は猫", "。中文字符", "!"]],
  ["café naïve", ["café", " naïve"]],
  ["🙂🙂 ok🙂\n", ["🙂🙂", " ok", "🙂\n"]],
  ["#$%\n\n\nnext", ["#$%\n\n\n", "next"]],
  ["foo_bar-baz", ["foo", "_bar", "-baz"]],
  ["\u0085x\ufeffy", ["\u0085x", "\ufeffy"]],
  [" \u00a0 z", [" \u00a0", " z"]],
  ["e\u0302x", ["e", "\u0302x"]],
  ["-5 +3=x", ["-", "5", " +", "3", "=x"]],
  ["'''doc'''", ["'''", "doc", "'''"]],
  ["   ", ["   "]],
  ["\n", ["\n"]],
  [" \n", [" \n"]],
  ["a ", ["a", " "]],
  ["don't've", ["don", "'t", "'ve"]],
  ["...\r\n\r\nA", ["...\r\n\r\n", "A"]],
  ["ॐ नमस\u094dत\u0947 3४", ["ॐ", " नमस", "\u094dत", "\u0947", " ", "3", "४"]],
  ["x\u200dy", ["x", "\u200dy"]],
];
const gpt2Words: [string, string[]][] = [
  [
    "I'm sure we'LL don'T 'tis it's",
    ["I", "'m", " sure", " we", "'", "LL", " don", "'", "T", " '", "tis", " it", "'s"],
  ],
  ["1234 5", ["1234", " 5"]],
  ["12.5% of ٣٤ \u00bd", ["12", ".", "5", "%", " of", " ٣٤", " \u00bd"]],
  ["a\n\nb\r\n  c", ["a", "\n", "\n", "b", "\r\n ", " c"]],
  ["\t\tif (x):\n\t\t\treturn", ["\t", "\t", "if", " (", "x", "):", "\n\t\t", "\t", "return"]],
  ["\u0085x\ufeffy", ["\u0085", "x", "\ufeff", "y"]],
  ["ॐ नमस\u094dत\u0947 3४", ["ॐ", " नमस", "\u094d", "त", "\u0947", " 3४"]],
];

const splitter = (Regex: string) => ({
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, use_regex: false },
  ],
});

describe("cutting into words", () => {
  it.each(qwen2Words)("Qwen2: %j", (text, words) => {
    expect(wordCutter(splitter(qwen2Pattern), "test")!(text)).toEqual(words);
  });

  it.each(gpt2Words)("GPT-2: %j", (text, words) => {
    expect(wordCutter({ type: "ByteLevel", add_prefix_space: false }, "test")!(text)).toEqual(words);
  });

  it("knows isolated and removed splits, digits, and nothing it would cut wrongly", () => {
    const end = { type: "ByteLevel", use_regex: false };
    const cut = (...parts: object[]) =>
      wordCutter({ type: "Sequence", pretokenizers: [...parts, end] }, "test");
    const split = (behavior: string, invert: boolean) => ({
      type: "Split",
      pattern: { Regex: "(b)+" },
      behavior,
      invert,
    });
    expect(cut(split("Isolated", false))?.("abbabc")).toEqual(["a", "bb", "a", "b", "c"]);
    expect(cut(split("Removed", false))?.("abbabc")).toEqual(["a", "a", "c"]);
    expect(cut(split("Removed", true))?.("abbabc")).toEqual(["bb", "b"]);
    expect(cut({ type: "Digits", individual_digits: true })?.("a12")).toEqual(["a", "1", "2"]);
    expect(cut({ type: "Digits", individual_digits: false })?.("a12")).toEqual(["a", "12"]);
    expect(cut({ type: "Split", pattern: { String: "." }, behavior: "Isolated" })?.("a.b")).toEqual([
      "a",
      ".",
      "b",
    ]);
    expect(() => cut(split("MergedWithNext", false))).toThrow(UnsupportedError);
    expect(cut({ type: "Metaspace" })).toBeUndefined();
    expect(wordCutter({ type: "ByteLevel", add_prefix_space: true }, "test")).toBeUndefined();
  });
});
