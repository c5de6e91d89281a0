// Reads sums, products, powers and functions. Letters that stand side by side are multiplied; \frac12 and \sqrt2 are
// read as TeX sets them.

import type { Expression } from "./expression.ts";
import type { Token } from "./tokens.ts";
import { spend, Unreadable, type Work } from "./work.ts";

export interface Parser {
  readonly tokens: Token[];
  at: number;
  depth: number;
  readonly work: Work;
  /** Units that were met since the item began. */
  units: string[];
  /** Above zero where | closes something. */
  bars: number;
  /** Reads what stands in brackets; given by the file that knows lists and sets. */
  readonly group: (parser: Parser, opener: string) => Expression;
  readonly relation: (parser: Parser) => Expression;
  readonly number: (parser: Parser) => Expression;
  readonly command: (parser: Parser, name: string) => Expression;
}

const depthLimit = 80;

export const peek = (parser: Parser, ahead = 0): Token | undefined => parser.tokens[parser.at + ahead];

export function isMark(token: Token | undefined, ...values: string[]): boolean {
  return token?.kind === "mark" && values.includes(token.value);
}
export function isCommand(token: Token | undefined, ...values: string[]): boolean {
  return token?.kind === "command" && values.includes(token.value);
}

export function expect(parser: Parser, value: string): void {
  if (!isMark(peek(parser), value)) throw new Unreadable(`${value} is missing`);
  parser.at++;
}

/** Counts the work and the depth of what is read. */
export function deeper<Value>(parser: Parser, read: () => Value): Value {
  spend(parser.work);
  if (++parser.depth > depthLimit) throw new Unreadable("too deep");
  const value = read();
  parser.depth--;
  return value;
}

export function parseSum(parser: Parser): Expression {
  return deeper(parser, () => {
    const terms = [parseTerm(parser)];
    for (;;) {
      const token = peek(parser);
      if (isMark(token, "+")) {
        parser.at++;
        terms.push(parseTerm(parser));
      } else if (isMark(token, "-")) {
        parser.at++;
        terms.push({ kind: "negative", of: parseTerm(parser) });
      } else if (isCommand(token, "pm", "mp")) {
        parser.at++;
        terms.push({ kind: "both", of: parseTerm(parser), swapped: token!.value === "mp" });
      } else return terms.length === 1 ? terms[0]! : { kind: "sum", of: terms };
    }
  });
}

export function parseTerm(parser: Parser): Expression {
  return deeper(parser, () => {
    let term = parseSigned(parser);
    for (;;) {
      const token = peek(parser);
      if (isMark(token, "*") || isCommand(token, "cdot", "times", "ast", "bullet")) {
        parser.at++;
        term = product(term, parseSigned(parser));
      } else if (isMark(token, "/") || isCommand(token, "div")) {
        parser.at++;
        term = { kind: "quotient", top: term, bottom: parseSigned(parser) };
      } else if (isText(token)) takeUnit(parser);
      else if (startsFactor(parser)) term = product(term, parseFactor(parser));
      else return term;
    }
  });
}

export const isText = (token: Token | undefined): boolean =>
  token?.kind === "text" || (token?.kind === "word" && !/^(?:and|or)$/.test(token.value));

/** Words behind a value, with their power: cm^2. A value behind words that followed a value is no one number. */
function takeUnit(parser: Parser): void {
  let unit = "";
  while (isText(peek(parser))) unit += ` ${parser.tokens[parser.at++]!.value}`;
  if (isMark(peek(parser), "^")) {
    parser.at++;
    const power = parseArgument(parser);
    if (power.kind !== "number") throw new Unreadable("a unit's power");
    unit += String(power.value.top);
  }
  if (isMark(peek(parser), "/") && (isText(peek(parser, 1)) || peek(parser, 1)?.kind === "letter")) {
    unit += `/${parser.tokens[parser.at + 1]!.value}`;
    parser.at += 2;
  }
  parser.units.push(unit.trim());
  if (peek(parser)?.kind === "number") throw new Unreadable("two numbers with words between them");
}

function product(left: Expression, right: Expression): Expression {
  return { kind: "product", of: left.kind === "product" ? [...left.of, right] : [left, right] };
}

export function parseSigned(parser: Parser): Expression {
  return deeper(parser, () => {
    const token = peek(parser);
    if (isMark(token, "-")) {
      parser.at++;
      return { kind: "negative", of: parseSigned(parser) };
    }
    if (isMark(token, "+")) {
      parser.at++;
      return parseSigned(parser);
    }
    if (isCommand(token, "pm", "mp")) {
      parser.at++;
      return { kind: "both", of: parseSigned(parser), swapped: token!.value === "mp" };
    }
    return parseFactor(parser);
  });
}

const notFactors: ReadonlySet<string> = new Set(
  "cdot times div ast bullet pm mp cup cap setminus in le leq leqslant ge geq geqslant lt gt ne neq approx equiv to sim simeq cong end rfloor rceil rangle rvert rVert mid colon vee wedge lor land } & \\ bmod mod quad notin backslash subset iff %".split(
    " ",
  ),
);

export function startsFactor(parser: Parser): boolean {
  const token = peek(parser);
  if (token === undefined) return false;
  if (token.kind === "number" || token.kind === "letter") return true;
  if (token.kind === "command") return token.value === "|" ? parser.bars === 0 : !notFactors.has(token.value);
  if (isMark(token, "|")) return parser.bars === 0;
  return isMark(token, "(", "[", "{");
}

/** A primary with what hangs on it: powers, subscripts, factorials, percent, degrees. */
export function parseFactor(parser: Parser): Expression {
  return deeper(parser, () => {
    let found = parsePrimary(parser);
    for (;;) {
      spend(parser.work);
      const token = peek(parser);
      if (isMark(token, "^")) found = parsePower(parser, found);
      else if (isMark(token, "_")) found = parseSubscript(parser, found);
      else if (isMark(token, "'")) {
        parser.at++;
        found = renamed(found, "'");
      } else if (isMark(token, "!")) {
        parser.at++;
        found = { kind: "call", name: "factorial", of: [found] };
      } else if (isMark(token, "%") || isCommand(token, "%")) {
        parser.at++;
        found = { kind: "percent", of: found };
      } else return found;
    }
  });
}

function parsePower(parser: Parser, base: Expression): Expression {
  parser.at++;
  const next = peek(parser);
  if (isCommand(next, "circ") || (isMark(next, "{") && isCommand(peek(parser, 1), "circ"))) {
    parser.at += isMark(next, "{") ? 3 : 1;
    return { kind: "degrees", of: base };
  }
  if (isMark(next, "'") || isCommand(next, "prime")) {
    parser.at++;
    return renamed(base, "'");
  }
  return { kind: "power", base, exponent: parseArgument(parser) };
}

function renamed(found: Expression, suffix: string): Expression {
  if (found.kind !== "symbol") throw new Unreadable("a prime or subscript on no letter");
  return { kind: "symbol", name: found.name + suffix };
}

function parseSubscript(parser: Parser, found: Expression): Expression {
  parser.at++;
  const from = parser.at;
  const units = parser.units.length;
  const index = parseArgument(parser);
  parser.units.length = units;
  if (found.kind === "number" && index.kind === "number" && found.digits !== undefined) {
    return { kind: "based", digits: found.digits, base: Number(index.value.top) };
  }
  const name = parser.tokens
    .slice(from, parser.at)
    .map(({ value }) => value)
    .filter((value) => !/^[{}]$/.test(value));
  return renamed(found, `_${name.join("")}`);
}

/** What a command or ^ takes: a group, or one token. */
export function parseArgument(parser: Parser, oneDigit = false): Expression {
  const token = peek(parser);
  if (token === undefined) throw new Unreadable("an argument is missing");
  if (isMark(token, "{")) return parseBraces(parser);
  if (token.kind === "number" && oneDigit && /^\d\d+$/.test(token.value)) {
    parser.tokens.splice(
      parser.at,
      1,
      { ...token, value: token.value[0]! },
      { ...token, value: token.value.slice(1), spaced: false },
    );
  }
  if (isMark(token, "-", "+")) return parseSigned(parser);
  return parsePrimary(parser);
}

export function parseBraces(parser: Parser): Expression {
  expect(parser, "{");
  const bars = parser.bars;
  parser.bars = 0;
  const found = parser.group(parser, "{");
  parser.bars = bars;
  return found;
}

function parsePrimary(parser: Parser): Expression {
  return deeper(parser, () => {
    const token = peek(parser);
    if (token === undefined) throw new Unreadable("it ends too soon");
    if (token.kind === "number") return parser.number(parser);
    if (token.kind === "letter") {
      parser.at++;
      return { kind: "symbol", name: token.value };
    }
    if (isText(token)) return parseWords(parser);
    if (token.kind === "command") {
      parser.at++;
      return parser.command(parser, token.value);
    }
    if (isMark(token, "{")) return parseBraces(parser);
    if (isMark(token, "(", "[")) {
      parser.at++;
      const bars = parser.bars;
      parser.bars = 0;
      const found = parser.group(parser, token.value);
      parser.bars = bars;
      return found;
    }
    if (isMark(token, "|")) return parseBars(parser);
    throw new Unreadable(`${token.value} is out of place`);
  });
}

/** Words before a value name it and are left out; alone they are the answer. */
function parseWords(parser: Parser): Expression {
  const words: string[] = [];
  while (isText(peek(parser))) words.push(parser.tokens[parser.at++]!.value);
  if (isMark(peek(parser), ":")) parser.at++;
  if (startsFactor(parser) || isMark(peek(parser), "-")) return parseSigned(parser);
  return { kind: "text", words: words.join(" ") };
}

export function parseBars(parser: Parser): Expression {
  const isClosing = (token: Token | undefined) =>
    isMark(token, "|") || isCommand(token, "|", "rvert", "vert", "rVert", "Vert");
  parser.at++;
  parser.bars++;
  const inner = parseSum(parser);
  parser.bars--;
  if (!isClosing(peek(parser))) throw new Unreadable("| is missing");
  parser.at++;
  return { kind: "call", name: "abs", of: [inner] };
}
