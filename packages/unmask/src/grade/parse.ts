// Reads an answer: lists, pairs, intervals, sets, matrices, equations and inequalities of terms.

import type { Expression, Relator } from "./expression.ts";
import { parseCommand } from "./parse-commands.ts";
import { parseNumber } from "./parse-numbers.ts";
import { expect, isCommand, isMark, type Parser, parseSum, peek } from "./parse-terms.ts";
import { type Token, tokenize } from "./tokens.ts";
import { spend, Unreadable, type Work } from "./work.ts";

/** Throws `Unreadable` for what is no mathematics, `LimitReached` for what is too much of it. */
export function parseAnswer(answer: string, work: Work): Expression {
  const tokens = [...tokenize(answer)];
  spend(work, tokens.length);
  const parser: Parser = {
    ...{ tokens, at: 0, depth: 0, work, units: [], bars: 0 },
    ...{ group: parseGroup, relation: parseItem, number: parseNumber, command: parseCommand },
  };
  const found = parseList(parser);
  if (parser.at < tokens.length) throw new Unreadable(`${peek(parser)!.value} is out of place`);
  return found;
}

const isComma = (token: Token | undefined) => isMark(token, ",");

function connective(token: Token | undefined): "and" | "or" | undefined {
  if (token?.kind === "word" && (token.value === "and" || token.value === "or")) return token.value;
  if (isCommand(token, "vee", "lor")) return "or";
  return isCommand(token, "wedge", "land") ? "and" : undefined;
}

/** Items between commas, semicolons, "and" and "or". One item stands for itself. Semicolons part lists of commas. */
function parseList(parser: Parser): Expression {
  const groups: Expression[][] = [[parseItem(parser)]];
  let joined: "," | "and" | "or" = ",";
  let semicolons = 0;
  for (;;) {
    spend(parser.work);
    const before = parser.at;
    while (isComma(peek(parser))) parser.at++;
    if (isMark(peek(parser), ";")) {
      parser.at++;
      semicolons++;
      groups.push([]);
    }
    const word = connective(peek(parser));
    if (word !== undefined) {
      joined = word;
      parser.at++;
      if (isComma(peek(parser))) parser.at++;
    }
    if (parser.at === before) break;
    if (isEnd(peek(parser))) break;
    groups.at(-1)!.push(parseItem(parser));
  }
  const lists = groups.filter((group) => group.length > 0).map((items) => bare(items, joined));
  const isFlat = semicolons === 0 || lists.every((list) => list.kind !== "sequence" || list.open !== "");
  return isFlat && lists.length === 1 ? lists[0]! : bare(lists, ",");
}

const isEnd = (token: Token | undefined): boolean =>
  token === undefined || isMark(token, ")", "]", "}") || isCommand(token, "}", "rangle", "end");

function bare(items: readonly Expression[], joined: "," | "and" | "or"): Expression {
  return items.length === 1 ? items[0]! : { kind: "sequence", open: "", close: "", items, joined };
}

/** A relation or a value, with the units that were met in it. */
function parseItem(parser: Parser): Expression {
  const outer = parser.units;
  parser.units = [];
  const found = parseRelation(parser);
  const unit = parser.units.join(" ");
  parser.units = outer;
  return unit === "" ? found : { kind: "measured", of: found, unit };
}

const relators: Readonly<Record<string, Relator>> = {
  "=": "=",
  "==": "=",
  "<": "<",
  ">": ">",
  "<=": "<=",
  ">=": ">=",
  "!=": "!=",
};
const relatorCommands: Readonly<Record<string, Relator>> = {
  ...{ lt: "<", gt: ">", le: "<=", leq: "<=", leqslant: "<=", ge: ">=", geq: ">=", geqslant: ">=" },
  ...{ ne: "!=", neq: "!=", approx: "≈", sim: "≈", simeq: "≈", cong: "≈", to: "=", in: "in", equiv: "≡" },
};

function takeRelator(parser: Parser): Relator | undefined {
  const token = peek(parser);
  if (isCommand(token, "not") && isMark(peek(parser, 1), "=")) {
    parser.at += 2;
    return "!=";
  }
  const table = token?.kind === "mark" ? relators : token?.kind === "command" ? relatorCommands : {};
  const found = token !== undefined && Object.hasOwn(table, token.value) ? table[token.value] : undefined;
  if (found !== undefined) parser.at++;
  return found;
}

function parseRelation(parser: Parser): Expression {
  const sides: Expression[] = [];
  const found: Relator[] = [];
  // An answer may begin with its sign of equality: "= 5".
  if (isMark(peek(parser), "=")) parser.at++;
  sides.push(parseSets(parser));
  for (;;) {
    const relator = takeRelator(parser);
    if (relator === undefined) break;
    found.push(relator);
    sides.push(parseSets(parser));
  }
  return found.length === 0 ? sides[0]! : { kind: "relation", sides, relators: found };
}

const setOperators = {
  cup: "union",
  cap: "intersection",
  setminus: "difference",
  backslash: "difference",
} as const;

function parseSets(parser: Parser): Expression {
  let left = parseRatio(parser);
  for (;;) {
    const token = peek(parser);
    if (!isCommand(token, ...Object.keys(setOperators), "\\")) return left;
    // A row of a matrix ends with the same sign that some write for a difference of sets.
    if (token!.value === "\\") return left;
    parser.at++;
    const operator = setOperators[token!.value as keyof typeof setOperators];
    left = { kind: "sets", operator, of: [left, parseRatio(parser)] };
  }
}

function parseRatio(parser: Parser): Expression {
  const of = [parseSum(parser)];
  while (parser.bars === 0 && (isMark(peek(parser), ":") || isCommand(peek(parser), "colon"))) {
    parser.at++;
    of.push(parseSum(parser));
  }
  return of.length === 1 ? of[0]! : { kind: "ratio", of };
}

function parseGroup(parser: Parser, opener: string): Expression {
  if (opener === "\\{") return parseSet(parser);
  if (opener === "\\begin") return parseEnvironment(parser);
  if (opener === "{") {
    if (isMark(peek(parser), "}")) throw new Unreadable("empty braces");
    const found = parseList(parser);
    expect(parser, "}");
    return found;
  }
  const isAngle = opener === "\\langle";
  const list = parseList(parser);
  const items = list.kind === "sequence" && list.open === "" ? list.items : [list];
  const end = peek(parser);
  const ends = isAngle ? isCommand(end, "rangle") : isMark(end, ")", "]");
  if (!ends) throw new Unreadable("a bracket does not close");
  parser.at++;
  const open = opener === "[" ? "[" : "(";
  const close = end!.value === "]" ? "]" : ")";
  if (items.length === 1) {
    if (open === "(" && close === "]") throw new Unreadable("brackets do not match");
    return items[0]!;
  }
  return { kind: "sequence", open, close, items };
}

/** {1, 2}, or {x : x > 1}, which stands for what is said behind the bar. */
function parseSet(parser: Parser): Expression {
  if (isCommand(peek(parser), "}")) {
    parser.at++;
    return { kind: "symbol", name: "∅" };
  }
  parser.bars++;
  let found = parseList(parser);
  parser.bars--;
  const bar = peek(parser);
  let described = false;
  if (isMark(bar, "|", ":") || isCommand(bar, "mid", "|", "vert", "colon")) {
    parser.at++;
    found = parseList(parser);
    described = true;
  }
  if (!isCommand(peek(parser), "}")) throw new Unreadable("a set does not close");
  parser.at++;
  if (described) return found;
  const items = found.kind === "sequence" && found.open === "" ? found.items : [found];
  return { kind: "sequence", open: "{", close: "}", items };
}

function environmentName(parser: Parser): string {
  expect(parser, "{");
  let name = "";
  while (peek(parser) !== undefined && !isMark(peek(parser), "}")) name += parser.tokens[parser.at++]!.value;
  expect(parser, "}");
  return name;
}

function parseEnvironment(parser: Parser): Expression {
  const name = environmentName(parser);
  if (name === "array") environmentName(parser);
  const rows: Expression[][] = [[]];
  for (;;) {
    spend(parser.work);
    const token = peek(parser);
    if (token === undefined) throw new Unreadable(`\\end{${name}} is missing`);
    if (isCommand(token, "end")) break;
    if (isMark(token, "&")) parser.at++;
    else if (isCommand(token, "\\")) {
      while (isCommand(peek(parser), "\\")) parser.at++;
      rows.push([]);
    } else rows.at(-1)!.push(parseList(parser));
  }
  parser.at++;
  environmentName(parser);
  const full = rows.filter((row) => row.length > 0);
  if (full.length === 0) throw new Unreadable("an empty matrix");
  if (/matrix|array/.test(name)) return { kind: "matrix", rows: full };
  return bare(
    full.map((row) => row[0]!),
    "and",
  );
}
