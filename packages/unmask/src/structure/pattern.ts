// ECMA-262 patterns (flag u, else without) to expressions. `@eslint-community/regexpp` parses them.
//
// Each node is built with what follows it, so that a lookahead is the intersection of what it asks for with the rest
// of the pattern: (?=X)R is X·(any text) ∩ R. Back references and lookbehind describe no regular language of this kind
// and are refused, and so are word boundaries, and anchors or lookaheads inside an unlimited repetition.

import { type AST, RegExpParser } from "@eslint-community/regexpp";
import { ConfigError, UnsupportedError } from "../base/errors.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { type CodePoints, complementOf, lastCodePoint, rangesOf, unionOf } from "./pieces.ts";

/** Where in the text a node stands: at its start, behind some character, or either. */
type Place = "start" | "inside" | "unknown";

/** Most copies of an element with an assertion in it. */
const mostCopies = 16;

/** Texts that the pattern matches from their first to their last character. */
export function wholePattern(all: Expressions, source: string): Expression {
  return new PatternBuilder(all, source).whole();
}

/** Texts in which the pattern matches somewhere, as JSON Schema means it. */
export function searchPattern(all: Expressions, source: string): Expression {
  return new PatternBuilder(all, source).search();
}

function parse(source: string): AST.Pattern {
  const parser = new RegExpParser({ ecmaVersion: 2025 });
  const read = (unicode: boolean) => parser.parsePattern(source, 0, source.length, { unicode });
  try {
    return read(true);
  } catch (cause) {
    try {
      return read(false);
    } catch {
      const reason = cause instanceof Error ? cause.message.replace(/^Invalid regular expression: /, "") : "";
      throw new ConfigError(`the pattern is no regular expression of JavaScript: ${reason}`, {
        pattern: source,
      });
    }
  }
}

class PatternBuilder {
  private readonly all: Expressions;
  private readonly source: string;
  private readonly pattern: AST.Pattern;

  constructor(all: Expressions, source: string) {
    this.all = all;
    this.source = source;
    this.pattern = parse(source);
  }

  whole(): Expression {
    return this.choice(this.pattern.alternatives, this.all.empty, "start");
  }

  search(): Expression {
    const { all, pattern } = this;
    const something = all.cat(all.set(anything), all.all);
    const later = this.choice(pattern.alternatives, all.all, "inside");
    return all.alt([this.choice(pattern.alternatives, all.all, "start"), all.cat(something, later)]);
  }

  private refuse(what: string): never {
    throw new UnsupportedError(
      `the pattern ${this.source} has ${what}, which is not supported; write it without`,
      {
        pattern: this.source,
      },
    );
  }

  private choice(alternatives: readonly AST.Alternative[], rest: Expression, place: Place): Expression {
    return this.all.alt(alternatives.map(({ elements }) => this.sequence(elements, rest, place)));
  }

  private sequence(elements: readonly AST.Element[], rest: Expression, place: Place): Expression {
    const [first, ...others] = elements;
    if (first === undefined) return rest;
    const behind = this.sequence(others, rest, this.after(first, place));
    return this.element(first, behind, place);
  }

  private after(element: AST.Element, place: Place): Place {
    if (element.type === "Assertion" || place === "inside") return place;
    return this.mayBeEmpty(element) ? "unknown" : "inside";
  }

  private mayBeEmpty(element: AST.Element): boolean {
    switch (element.type) {
      case "Assertion":
        return true;
      case "Quantifier":
        return element.min === 0 || this.mayBeEmpty(element.element);
      case "Group":
      case "CapturingGroup":
        return element.alternatives.some(({ elements }) => elements.every((one) => this.mayBeEmpty(one)));
      default:
        return false;
    }
  }

  private element(element: AST.Element, rest: Expression, place: Place): Expression {
    const { all } = this;
    switch (element.type) {
      case "Assertion":
        return this.assertion(element, rest, place);
      case "Quantifier":
        return this.quantifier(element, rest, place);
      case "Group":
      case "CapturingGroup":
        if (element.type === "Group" && element.modifiers) return this.refuse("modifiers");
        return this.choice(element.alternatives, rest, place);
      case "Character":
      case "CharacterSet":
      case "CharacterClass":
        return all.cat(all.set(this.characters(element)), rest);
      case "Backreference":
        return this.refuse("a back reference");
      default:
        return this.refuse(`${element.raw}`);
    }
  }

  private assertion(assertion: AST.Assertion, rest: Expression, place: Place): Expression {
    const { all } = this;
    if (assertion.kind === "end") return all.and([rest, all.empty]);
    if (assertion.kind === "start") {
      if (place === "unknown") return this.refuse("a ^ behind something that may be empty");
      return place === "start" ? rest : all.none;
    }
    if (assertion.kind === "word") return this.refuse(`a word boundary (${assertion.raw})`);
    if (assertion.kind !== "lookahead") return this.refuse("a lookbehind");
    const asked = this.choice(assertion.alternatives, all.all, place);
    return all.and([assertion.negate ? all.not(asked) : asked, rest]);
  }

  private quantifier({ element, min, max }: AST.Quantifier, rest: Expression, place: Place): Expression {
    const { all } = this;
    if (!hasAssertion(element)) {
      return all.cat(all.repeat(this.element(element, all.empty, place), min, max), rest);
    }
    if (max > mostCopies) return this.refuse("an anchor or a lookahead inside a repetition");
    let behind = rest;
    for (let copy = max; copy > 0; copy--) {
      const at = copy === 1 ? place : this.after(element, place);
      const one = this.element(element, behind, at);
      behind = copy > min ? all.alt([one, rest]) : one;
    }
    return behind;
  }

  private characters(one: AST.Character | AST.CharacterSet | AST.CharacterClass): CodePoints {
    if (one.type === "Character") return rangesOf([[one.value, one.value]]);
    if (one.type === "CharacterSet") return this.namedSet(one);
    const sets = one.elements.map((element): CodePoints => {
      if (element.type === "CharacterClassRange") {
        return rangesOf([[element.min.value, element.max.value]]);
      }
      if (element.type === "Character" || element.type === "CharacterSet") return this.characters(element);
      return this.refuse(element.raw);
    });
    const union = unionOf(sets);
    return one.negate ? complementOf(union) : union;
  }

  private namedSet(set: AST.CharacterSet): CodePoints {
    if (set.kind === "any") return complementOf(lineEnds);
    if (set.kind === "property") return propertySet(set.raw);
    const named = { digit: digits, space: spaces, word: words }[set.kind];
    return set.negate ? complementOf(named) : named;
  }
}

const anything = rangesOf([[0, lastCodePoint]]);
const lineEnds = rangesOf([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);
const digits = rangesOf([[0x30, 0x39]]);
const words = rangesOf([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
const spaces = rangesOf([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);

const properties = new Map<string, CodePoints>();

/** Of a Unicode property, as this Node's own regular expressions know it. */
function propertySet(raw: string): CodePoints {
  const known = properties.get(raw);
  if (known !== undefined) return known;
  const one = new RegExp(`^${raw}$`, "u");
  const ranges: [number, number][] = [];
  for (let point = 0; point <= lastCodePoint; point++) {
    if (!one.test(String.fromCodePoint(point))) continue;
    const last = ranges.at(-1);
    if (last?.[1] === point - 1) last[1] = point;
    else ranges.push([point, point]);
  }
  const set = rangesOf(ranges);
  properties.set(raw, set);
  return set;
}

function hasAssertion(element: AST.Element): boolean {
  switch (element.type) {
    case "Assertion":
      return true;
    case "Quantifier":
      return hasAssertion(element.element);
    case "Group":
    case "CapturingGroup":
      return element.alternatives.some(({ elements }) => elements.some(hasAssertion));
    default:
      return false;
  }
}
