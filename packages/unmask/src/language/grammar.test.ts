import { expect, test } from "vitest";
import { compile, entries, type GrammarSource } from "./grammar.ts";

const base: GrammarSource = {
  name: "base",
  domains: { letter: entries("x y"), sign: entries("p q", [2, 1]) },
  shapes: [{ slots: { a: "letter", s: "sign" }, sentences: [["{a} {s} ."], ["{a} ."]] }],
  promptSentences: 1,
};
const withShape = (shape: GrammarSource["shapes"][number], more: Partial<GrammarSource> = {}) =>
  compile({ ...base, ...more, shapes: [shape] });

test("a grammar compiles to sorted words, fixed starts and normalised weights", () => {
  const grammar = compile(base);
  expect(grammar.words).toEqual([".", "p", "q", "x", "y"]);
  expect(grammar.shapes[0]!.sentences.map((sentence) => sentence.start)).toEqual([0, 3]);
  expect([...grammar.shapes[0]!.slots[1]!.weights]).toEqual([2 / 3, 1 / 3]);
});

test.each<[string, () => unknown, RegExp]>([
  ["unknown slot", () => withShape({ slots: {}, sentences: [["{a} ."], ["x ."]] }), /unknown slot: \{a\}/],
  ["unknown domain", () => withShape({ slots: { a: "none" }, sentences: [] }), /unknown domain none/],
  [
    "missing feature",
    () => withShape({ slots: { a: "letter" }, sentences: [["{a.he} ."]] }),
    /no feature he/,
  ],
  ["unused slot", () => withShape({ slots: { a: "letter" }, sentences: [["x ."], ["y ."]] }), /slot a/],
  [
    "wordings of unequal length",
    () => withShape({ slots: { a: "letter" }, sentences: [["{a} .", "{a} {a} ."], ["x ."]] }),
    /differ in length/,
  ],
  ["no stop", () => withShape({ slots: { a: "letter" }, sentences: [["{a}"], ["x ."]] }), /one "\."/],
  [
    "wordings that can coincide",
    () =>
      withShape({ slots: { a: "letter", b: "letter" }, sentences: [["{a} {b} .", "{b} {a} ."], ["x ."]] }),
    /ambiguous: shape 1: two wordings of sentence 1/,
  ],
  [
    "shapes that can coincide",
    () => compile({ ...base, shapes: [...base.shapes, ...base.shapes] }),
    /shapes 1 and 2/,
  ],
  [
    "differing from a later slot",
    () =>
      withShape({
        slots: { a: { domain: "letter", differsFrom: ["b"] }, b: "letter" },
        sentences: [["{a} ."]],
      }),
    /"b" is not an earlier slot/,
  ],
  ["a prompt that is the whole story", () => compile({ ...base, promptSentences: 2 }), /promptSentences 2/],
  [
    "a weight of zero",
    () => compile({ ...base, domains: { ...base.domains, sign: entries("p q", [1, 0]) } }),
    /weights must be positive/,
  ],
  [
    "a repeated word",
    () => compile({ ...base, domains: { ...base.domains, sign: entries("p p") } }),
    /repeats/,
  ],
])("refuses: %s", (_, build, message) => {
  expect(build).toThrow(message);
});
