// Reads what TeX commands stand for: fractions, roots, functions, Greek letters, styles.

import type { Expression } from "./expression.ts";
import {
  expect,
  isCommand,
  isMark,
  type Parser,
  parseArgument,
  parseBars,
  parseFactor,
  parseSigned,
  parseSum,
  parseTerm,
  peek,
  startsFactor,
} from "./parse-terms.ts";
import { isFunction } from "./tokens.ts";
import { Unreadable } from "./work.ts";

export function parseCommand(parser: Parser, name: string): Expression {
  const read = commands[name];
  if (read !== undefined) return read(parser, name);
  if (isFunction(name)) return parseFunction(parser, name);
  if (symbols[name] !== undefined) return { kind: "symbol", name: symbols[name] };
  if (
    /^(?:alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|vartheta|iota|kappa|lambda|mu|nu|xi|rho|sigma|tau|upsilon|phi|varphi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Sigma|Phi|Psi|Omega|ell|hbar|angle|triangle|zzz)$/.test(
      name,
    )
  ) {
    return { kind: "symbol", name };
  }
  throw new Unreadable(`\\${name}`);
}

const symbols: Readonly<Record<string, string>> = {
  pi: "π",
  infty: "∞",
  emptyset: "∅",
  varnothing: "∅",
  imath: "i",
};

/** sin x, sin^2 2x, log_2(8): the argument reaches to the next sign, or is what stands in brackets. */
function parseFunction(parser: Parser, name: string): Expression {
  let exponent: Expression | undefined;
  let base: Expression | undefined;
  for (;;) {
    if (isMark(peek(parser), "^")) {
      parser.at++;
      exponent = parseArgument(parser);
    } else if (isMark(peek(parser), "_")) {
      parser.at++;
      base = parseArgument(parser);
    } else break;
  }
  const argument = parseFunctionArgument(parser);
  const list = argument.kind === "sequence" ? argument.items : [argument];
  const inverse = exponent?.kind === "negative" && ["sin", "cos", "tan"].includes(name);
  const call: Expression = {
    kind: "call",
    name: inverse ? `arc${name}` : name,
    of: base === undefined ? list : [...list, base],
  };
  return exponent === undefined || inverse ? call : { kind: "power", base: call, exponent };
}

function parseFunctionArgument(parser: Parser): Expression {
  if (isMark(peek(parser), "(", "{", "[") || isMark(peek(parser), "|")) return parseFactor(parser);
  const factors = [isMark(peek(parser), "-") ? parseSigned(parser) : parseFactor(parser)];
  while (startsFactor(parser) && !isMark(peek(parser), "(", "[") && !isFunction(peek(parser)!.value)) {
    factors.push(parseFactor(parser));
  }
  return factors.length === 1 ? factors[0]! : { kind: "product", of: factors };
}

type Read = (parser: Parser, name: string) => Expression;

const readQuotient: Read = (parser) => {
  const top = parseArgument(parser, true);
  return { kind: "quotient", top, bottom: parseArgument(parser, true) };
};
const readBinomial: Read = (parser) => {
  const top = parseArgument(parser, true);
  return { kind: "call", name: "binomial", of: [top, parseArgument(parser, true)] };
};
const readStyled: Read = (parser) => parseArgument(parser);
const readBrackets =
  (name: string, end: string): Read =>
  (parser) => {
    const inner = parseSum(parser);
    if (!isCommand(peek(parser), end)) throw new Unreadable(`\\${end} is missing`);
    parser.at++;
    return { kind: "call", name, of: [inner] };
  };

const readRoot: Read = (parser) => {
  let index: Expression | undefined;
  if (isMark(peek(parser), "[")) {
    parser.at++;
    index = parseSum(parser);
    expect(parser, "]");
  }
  const inner = parseArgument(parser);
  return { kind: "call", name: "root", of: index === undefined ? [inner] : [inner, index] };
};

const readBlackboard: Read = (parser) => {
  const letter = parseArgument(parser);
  if (letter.kind !== "symbol") throw new Unreadable("a blackboard letter");
  const names: Readonly<Record<string, string>> = { R: "ℝ", Z: "ℤ", Q: "ℚ", C: "ℂ", N: "ℕ" };
  return { kind: "symbol", name: names[letter.name] ?? letter.name };
};

/** Sums, products and integrals are not worked out: two are equal where their parts are. */
const readOperator: Read = (parser, name) => {
  const of: Expression[] = [];
  while (isMark(peek(parser), "_", "^")) {
    parser.at++;
    const braced = isMark(peek(parser), "{");
    if (braced) parser.at++;
    of.push(braced ? parser.relation(parser) : parseArgument(parser));
    if (braced) expect(parser, "}");
  }
  return { kind: "call", name: `\\${name}`, of: [...of, parseTerm(parser)] };
};

const readSet: Read = (parser) => {
  const bars = parser.bars;
  parser.bars = 0;
  const found = parser.group(parser, "\\{");
  parser.bars = bars;
  return found;
};

const commands: Readonly<Record<string, Read>> = {
  frac: readQuotient,
  dfrac: readQuotient,
  tfrac: readQuotient,
  cfrac: readQuotient,
  binom: readBinomial,
  dbinom: readBinomial,
  tbinom: readBinomial,
  sqrt: readRoot,
  lfloor: readBrackets("floor", "rfloor"),
  lceil: readBrackets("ceil", "rceil"),
  langle: (parser) => parser.group(parser, "\\langle"),
  "{": readSet,
  "|": (parser) => {
    parser.at--;
    return parseBars(parser);
  },
  lvert: (parser) => {
    parser.at--;
    return parseBars(parser);
  },
  sum: readOperator,
  prod: readOperator,
  int: readOperator,
  lim: readOperator,
  mathbb: readBlackboard,
  Bbb: readBlackboard,
  begin: (parser) => parser.group(parser, "\\begin"),
  ...Object.fromEntries(
    "mathbf mathit mathcal boldsymbol bm vec overrightarrow overline bar hat widehat tilde boxed fbox underline mathfrak pmb"
      .split(" ")
      .map((name) => [name, readStyled]),
  ),
};
