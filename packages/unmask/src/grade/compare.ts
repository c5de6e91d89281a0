// Whether a response's answer is the gold answer, as mathematics.

import { clean, plain } from "./clean.ts";
import { assigned, derived, sameName, sameRelation } from "./compare-relations.ts";
import { sameFormula, sameValue } from "./compare-values.ts";
import { contains, type Expression, parts, type Relation, type Sequence, variables } from "./expression.ts";
import { parseAnswer } from "./parse.ts";
import { zero } from "./rational.ts";
import { realSet, sameSet } from "./real-sets.ts";
import { expand } from "./signs.ts";
import { LimitReached, lengthLimit, newWork, spend, Unreadable, type Work } from "./work.ts";

/** `unparsed`: the response is no mathematics that we read, nor the gold answer's words. `limit`: too much work. */
export type Verdict = "equal" | "different" | "unparsed" | "limit";

/** Never throws, and ends after a fixed number of steps. */
export function compareAnswers(gold: string, response: string): Verdict {
  if (response.trim() === "") return gold.trim() === "" ? "equal" : "unparsed";
  if (response.length > lengthLimit || gold.length > lengthLimit) return "limit";
  if (sameWords(gold, response)) return "equal";
  const work = newWork();
  const wanted = read(gold, work);
  const found = read(response, work);
  if (found === "limit" || wanted === "limit") return "limit";
  if (found === undefined) return "unparsed";
  if (wanted === undefined) return "different";
  try {
    if (same(wanted, found, work)) return "equal";
    return sameComma(gold, wanted, response, found, work) ? "equal" : "different";
  } catch (error) {
    if (error instanceof LimitReached) return "limit";
    throw error;
  }
}

function read(answer: string, work: Work): Expression | "limit" | undefined {
  try {
    return parseAnswer(answer, work);
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    if (error instanceof LimitReached) return "limit";
    throw error;
  }
}

/** The same signs, spaces and frames aside; words in any case; a choice also by its letter. */
function sameWords(gold: string, response: string): boolean {
  const [a, b] = [plain(gold), plain(response)];
  if (a === b) return a !== "";
  const isText = (text: string) => /^[A-Za-z\s,.'()-]{2,}$/.test(text) && /[A-Za-z]{2}/.test(text);
  const bareWords = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  if (isText(a) && isText(b) && (/[A-Za-z]{3}/.test(a) || /\\text|\\mbox|\\mathrm/.test(gold))) {
    return bareWords(a) === bareWords(b) && /^[^()]*$/.test(a + b);
  }
  const [, choice] = /^\(?([A-Z])\)?$/.exec(a) ?? [];
  return (
    choice !== undefined &&
    new RegExp(`^\\(?${choice}(?:\\)|[.:])(?!\\()\\s*[^,]*$`).test(
      clean(response).replace(/\\(?:text|textbf|mathrm)\{([^{}]*)\}/g, "$1"),
    )
  );
}

/** 1000,99 beside 1000.99: a comma that is a decimal point. */
function sameComma(
  gold: string,
  wanted: Expression,
  response: string,
  found: Expression,
  work: Work,
): boolean {
  const isDecimal = (one: Expression) => one.kind === "number" && one.decimals !== undefined;
  const pointed = (text: string) =>
    /^\d+,\d{1,3}$/.test(clean(text)) ? read(clean(text).replace(",", "."), work) : undefined;
  const [a, b] = [
    isDecimal(found) ? pointed(gold) : undefined,
    isDecimal(wanted) ? pointed(response) : undefined,
  ];
  if (a !== undefined && a !== "limit") return same(a, found, work);
  return b !== undefined && b !== "limit" && same(wanted, b, work);
}

/** Of lists: how many items there may be. */
const itemLimit = 60;

function same(gold: Expression, response: Expression, work: Work): boolean {
  spend(work);
  const [a, b] = [unwrap(expand(gold)), unwrap(expand(response))];
  if (a.kind === "relation" || b.kind === "relation") return sameWithRelation(a, b, work);
  if (a.kind === "text" || b.kind === "text") return sameText(a, b);
  if (a.kind === "matrix" || b.kind === "matrix") return sameMatrix(a, b, work);
  if (a.kind === "ratio" && b.kind === "ratio") return sameRatio(a.of, b.of, work);
  if (a.kind === "sequence" && b.kind === "sequence") return sameSequence(a, b, work);
  if (isSetLike(a) || isSetLike(b)) return sameSets(a, b, work);
  const isWhole = (one: Expression) => one.kind === "measured" && ["sequence", "ratio"].includes(one.of.kind);
  if (isWhole(a)) return same(parts(a)[0]!, b, work);
  if (isWhole(b)) return same(a, parts(b)[0]!, work);
  return sameValue(a, b, work);
}

const isSetLike = (one: Expression): boolean =>
  one.kind === "sets" ||
  one.kind === "sequence" ||
  (one.kind === "symbol" && (one.name === "ℝ" || one.name === "∅"));

/** A set or list of one item is that item. */
function unwrap(expression: Expression): Expression {
  if (expression.kind === "sequence" && expression.items.length === 1) return expand(expression.items[0]!);
  if (expression.kind === "measured" && expression.of.kind === "relation") return expression.of;
  return expression;
}

function sameText(a: Expression, b: Expression): boolean {
  const words = (one: Expression) =>
    one.kind === "text" ? one.words : one.kind === "symbol" ? one.name : undefined;
  const [x, y] = [words(a), words(b)].map((text) => text?.toLowerCase().replace(/[^a-z0-9]/g, ""));
  return x !== undefined && x !== "" && x === y;
}

function sameAll(a: readonly Expression[], b: readonly Expression[], work: Work): boolean {
  return a.length === b.length && a.every((item, index) => same(item, b[index]!, work));
}

/** Every item of each is in the other, in any order. */
function sameItems(a: readonly Expression[], b: readonly Expression[], work: Work): boolean {
  if (a.length > itemLimit || b.length > itemLimit) return sameAll(a, b, work);
  return (
    a.every((item) => b.some((other) => same(item, other, work))) &&
    b.every((item) => a.some((other) => same(other, item, work)))
  );
}

function sameSequence(a: Sequence, b: Sequence, work: Work): boolean {
  const isLoose = ({ open }: Sequence) => open === "" || open === "{";
  if (isLoose(a) && isLoose(b)) return sameItems(a.items, b.items, work) || sameSets(a, b, work);
  if (isLoose(a) !== isLoose(b)) {
    const [loose, bound] = isLoose(a) ? [a, b] : [b, a];
    // The list 1, 2 may be the pair (1, 2) without its brackets; the set {1, 2} is no pair.
    return loose.open === "" && bound.open === "(" && bound.close === ")" && sameAll(a.items, b.items, work);
  }
  const brackets = a.items.length === 2 ? a.open === b.open && a.close === b.close : true;
  return brackets && sameAll(a.items, b.items, work);
}

function sameSets(a: Expression, b: Expression, work: Work): boolean {
  // A list of numbers and one number are never the same, whatever sets they would be.
  const [left, right] = [realSet(a, work), realSet(b, work)];
  if (left !== undefined && right !== undefined) return sameSet(left, right);
  if (a.kind !== "sets" || b.kind !== "sets" || a.operator !== b.operator) return false;
  const straight = same(a.of[0], b.of[0], work) && same(a.of[1], b.of[1], work);
  const turned = a.operator !== "difference" && same(a.of[0], b.of[1], work) && same(a.of[1], b.of[0], work);
  return straight || turned;
}

function sameRatio(a: readonly Expression[], b: readonly Expression[], work: Work): boolean {
  if (a.length !== b.length) return false;
  // A part that is zero, as in the time 12:00, has no proportion.
  const isZero = (part: Expression) => sameFormula(part, { kind: "number", value: zero }, work);
  if ([...a, ...b].some(isZero)) return a.every((part, index) => sameFormula(part, b[index]!, work));
  // a : b : c = p : q : r where every product a·q equals b·p.
  return a.every((part, index) =>
    sameFormula({ kind: "product", of: [a[0]!, b[index]!] }, { kind: "product", of: [b[0]!, part] }, work),
  );
}

function sameMatrix(a: Expression, b: Expression, work: Work): boolean {
  const [x, y] = [entries(a), entries(b)];
  if (x === undefined || y === undefined) return false;
  const isVector = (one: Expression, rows: Rows) =>
    one.kind !== "matrix" && (rows.length === 1 || rows[0]!.length === 1);
  const flat = isVector(a, x) || isVector(b, y);
  if (flat)
    return (
      (x.length === 1 || x[0]!.length === 1) &&
      (y.length === 1 || y[0]!.length === 1) &&
      sameAll(x.flat(), y.flat(), work)
    );
  return x.length === y.length && x.every((row, index) => sameAll(row, y[index]!, work));
}

type Rows = readonly (readonly Expression[])[];

/** Rows of a matrix, of a vector in round or square brackets, of a sum of matrices or a number times one. */
function entries(expression: Expression): Rows | undefined {
  if (expression.kind === "matrix") return expression.rows;
  if (expression.kind === "sequence") return expression.open === "{" ? undefined : [expression.items];
  if (expression.kind === "negative") {
    return entries(expression.of)?.map((row) => row.map((of): Expression => ({ kind: "negative", of })));
  }
  if (expression.kind === "sum") {
    const all = expression.of.map(entries);
    const [first] = all;
    if (first === undefined || all.some((one) => one?.length !== first.length)) return undefined;
    return first.map((row, i) =>
      row.map((_, j): Expression => ({ kind: "sum", of: all.flatMap((one) => one![i]![j] ?? []) })),
    );
  }
  if (expression.kind === "quotient") {
    const bottom = expression.bottom;
    return entries(expression.top)?.map((row) =>
      row.map((top): Expression => ({ kind: "quotient", top, bottom })),
    );
  }
  return expression.kind === "product" ? multiplied(expression.of) : undefined;
}

function multiplied(factors: readonly Expression[]): Rows | undefined {
  const product = (of: readonly Expression[]): Expression => ({ kind: "product", of });
  const numbers = factors.filter((factor) => !contains(factor, ["matrix", "sequence"]));
  const [first, ...rest] = factors.filter((factor) => !numbers.includes(factor)).map(entries);
  if (first === undefined || rest.some((rows) => rows === undefined)) return undefined;
  const all = rest.reduce<Rows>(
    (left, right) =>
      left.map((row) =>
        (right![0] ?? []).map(
          (_, j): Expression => ({
            kind: "sum",
            of: row.map((value, k) => product([value, right![k]?.[j] ?? value])),
          }),
        ),
      ),
    first,
  );
  return numbers.length === 0 ? all : all.map((row) => row.map((value) => product([...numbers, value])));
}

function sameWithRelation(a: Expression, b: Expression, work: Work): boolean {
  if (a.kind === "relation" && b.kind === "relation") return sameRelations(a, b, work);
  const [relation, other] = a.kind === "relation" ? [a, b] : [b as Relation, a];
  const value = assigned(relation)?.value ?? derived(relation, work);
  if (value !== undefined) return a.kind === "relation" ? same(value, other, work) : same(other, value, work);
  const isSet = isSetLike(other) || contains(other, ["relation"]);
  return isInequality(relation) && isSet && sameSets(a, b, work);
}

function sameRelations(a: Relation, b: Relation, work: Work): boolean {
  if (isInequality(a) || isInequality(b)) return sameSets(a, b, work) || sameRelation(a, b, work);
  const [x, y] = [assigned(a), assigned(b)];
  if (x !== undefined && y !== undefined) {
    // Formulas may be called y and f(x); numbers of two names are two things.
    const isFormula = variables(x.value).size > 0;
    if ((isFormula || sameName(x.name, y.name)) && same(x.value, y.value, work)) return true;
  }
  return sameRelation(a, b, work);
}

const isInequality = ({ relators }: Relation): boolean =>
  relators.some((relator) => !["=", "≈", "≡"].includes(relator));
