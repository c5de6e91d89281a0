import { expect, it } from "vitest";
import { piecesOf, textOf } from "./token-texts.ts";

const kite = [...new TextEncoder().encode("🪁")];
const texts = { between: "", texts: { 1: "a", 2: kite.slice(0, 2), 3: kite.slice(2), 4: " b" } };

it("a character of several tokens stands at the last of them", () => {
  expect(piecesOf([1, 2, 3, 4], texts)).toEqual(["a", "", "🪁", " b"]);
});

it("what is broken is U+FFFD, at the token that breaks it or at the end", () => {
  expect(piecesOf([2, 1], texts)).toEqual(["", "\uFFFDa"]);
  expect(piecesOf([1, 2], texts)).toEqual(["a", "\uFFFD"]);
  expect(textOf(2, texts)).toBe("\uFFFD");
});

it("words stand apart, and a token that is not known is its id", () => {
  expect(piecesOf([1, 9, 1], { ...texts, between: " " })).toEqual(["a", " ⟨9⟩", " a"]);
  expect(textOf(9, texts)).toBeUndefined();
});
