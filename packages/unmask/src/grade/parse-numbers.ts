// Reads numbers: whole, decimal, with digits that repeat for ever, and mixed.

import type { Expression } from "./expression.ts";
import { isCommand, isMark, type Parser, peek } from "./parse-terms.ts";
import { fromDecimal, isLess, magnitude, over, plus, rational } from "./rational.ts";
import { Unreadable } from "./work.ts";

export function parseNumber(parser: Parser): Expression {
  const { value, repeats } = parser.tokens[parser.at++]!;
  const exact = repeats === undefined ? fromDecimal(value) : repeating(value, repeats);
  if (exact === undefined) throw new Unreadable("the number is too long");
  if (repeats !== undefined) return { kind: "number", value: exact };
  if (!/[.eE]/.test(value)) return mixed(parser, { kind: "number", value: exact, digits: value });
  const [, places = "", exponent = "0"] = /\.(\d*)(?:[eE](.*))?$/.exec(value) ?? [];
  const decimals = Math.max(0, places.length - Number(exponent));
  return value.includes(".") ? { kind: "number", value: exact, decimals } : { kind: "number", value: exact };
}

/** Digits before the point, perhaps some behind it, and then `repeats` for ever. */
function repeating(value: string, repeats: string) {
  const [whole = "0", start = ""] = value.split(".");
  // Where the dots of 0.333… were written, the digits already contain some periods: they change nothing.
  const lead = fromDecimal(`${whole}.${start}0`)!;
  const nines = 10n ** BigInt(repeats.length) - 1n;
  const tail = rational(BigInt(repeats), nines * 10n ** BigInt(start.length));
  return tail === undefined ? undefined : plus(lead, tail);
}

/** 1\frac12, 2 1/3: a whole number and a fraction below one. */
function mixed(parser: Parser, whole: Expression & { readonly kind: "number" }): Expression {
  const before = parser.tokens[parser.at - 2];
  if (isMark(before, "^", "_", "/")) return whole;
  const [first, second, third, fourth] = [0, 1, 2, 3].map((ahead) => peek(parser, ahead));
  if (isCommand(first, "frac", "dfrac", "tfrac", "cfrac")) return mixedWithFrac(parser, whole);
  const isFraction =
    first?.kind === "number" && first.spaced && isMark(second, "/") && third?.kind === "number";
  if (!isFraction || isMark(fourth, "^", "/")) return whole;
  const part = over(fromDecimal(first!.value)!, fromDecimal(third!.value)!);
  if (part === undefined || /\./.test(first!.value + third!.value) || !isLess(part, { top: 1n, bottom: 1n }))
    return whole;
  parser.at += 3;
  return { kind: "number", value: plus(whole.value, part)! };
}

function mixedWithFrac(parser: Parser, whole: Expression & { readonly kind: "number" }): Expression {
  const start = parser.at;
  const split = parser.tokens.length;
  const found = parser.command(parser, parser.tokens[parser.at++]!.value);
  if (found.kind === "quotient" && found.top.kind === "number" && found.bottom.kind === "number") {
    const part = over(found.top.value, found.bottom.value);
    const plainDigits = found.top.decimals === undefined && found.bottom.decimals === undefined;
    if (
      part !== undefined &&
      plainDigits &&
      isLess(magnitude(part), { top: 1n, bottom: 1n }) &&
      (!isMark(peek(parser), "^") || isCommand(peek(parser, 1), "circ") || isCommand(peek(parser, 2), "circ"))
    ) {
      return { kind: "number", value: plus(whole.value, part)! };
    }
  }
  // A product: it is read again as such. Digits that were split stay split.
  parser.at = start;
  if (parser.tokens.length !== split)
    return { kind: "product", of: [whole, parser.command(parser, parser.tokens[parser.at++]!.value)] };
  return whole;
}
