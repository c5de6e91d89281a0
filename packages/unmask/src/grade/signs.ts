// What ± stands for: two values.

import { contains, type Expression } from "./expression.ts";

/** 1 ± 2 becomes the list 1 + 2, 1 − 2; also within lists and sets. */
export function expand(expression: Expression): Expression {
  if (!contains(expression, ["both"])) return expression;
  if (expression.kind === "sequence" && (expression.open === "" || expression.open === "{")) {
    return {
      ...expression,
      items: expression.items.flatMap((item) => (contains(item, ["both"]) ? signs(item) : [item])),
    };
  }
  return { kind: "sequence", open: "", close: "", items: signs(expression), joined: "," };
}

const signs = (expression: Expression): Expression[] => [signed(expression, false), signed(expression, true)];

function signed(expression: Expression, minus: boolean): Expression {
  const of = (part: Expression) => signed(part, minus);
  switch (expression.kind) {
    case "both":
      return minus !== expression.swapped ? { kind: "negative", of: of(expression.of) } : of(expression.of);
    case "sum":
    case "product":
      return { ...expression, of: expression.of.map(of) };
    case "call":
      return { ...expression, of: expression.of.map(of) };
    case "quotient":
      return { ...expression, top: of(expression.top), bottom: of(expression.bottom) };
    case "power":
      return { ...expression, base: of(expression.base), exponent: of(expression.exponent) };
    case "negative":
    case "percent":
    case "degrees":
    case "measured":
      return { ...expression, of: of(expression.of) };
    case "sequence":
      return { ...expression, items: expression.items.map(of) };
    case "relation":
      return { ...expression, sides: expression.sides.map(of) };
    default:
      return expression;
  }
}
