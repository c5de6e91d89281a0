// The string rules by which lm-evaluation-harness compares answers of mathematics, for comparison with published scores.
// grade/compare.ts is ours.
//
//   Minerva     appendix D of Lewkowycz et al. 2022: unit words, spacing and markup go, \frac12 gets its braces
//   Hendrycks   Hendrycks et al. 2021: fewer words, equality of what is left as texts
//
// Tables: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/{minerva_math,hendrycks_math}/utils.py.
// The harness compares Minerva-normalised answers with sympy and calls everything that sympy cannot read (intervals,
// lists, words) different, even from itself; here equal texts are equal, and grade/compare.ts stands for sympy.

import { compareAnswers } from "../../grade/compare.ts";

type Pairs = readonly (readonly [from: string, to: string])[];

const minervaChanges: Pairs = [
  ["an ", ""],
  ["a ", ""],
  [".$", "$"],
  ["\\$", ""],
  ["\\ ", ""],
  [" ", ""],
  ["mbox", "text"],
  [",\\text{and}", ","],
  ["\\text{and}", ","],
  ["\\text{m}", "\\text{}"],
];

const minervaWords = [
  ..."square ways integers dollars mph inches ft hours km units \\ldots sue points feet minutes digits cents".split(
    " ",
  ),
  ..."degrees cm gm pounds meters meals edges students childrentickets multiples \\text{s} \\text{.}".split(
    " ",
  ),
  "\\text{\ns}",
  ..."\\text{}^2 \\text{}^3".split(" "),
  "\\text{\n}",
  ...'\\text{} \\mathrm{th} ^\\circ ^{\\circ} \\; ,\\! {,} " \\dots'.split(" "),
];

const replaced = (text: string, pairs: Pairs): string =>
  pairs.reduce((rest, [from, to]) => rest.replaceAll(from, () => to), text);

const without = (text: string, words: readonly string[]): string =>
  replaced(
    text,
    words.map((word) => [word, ""] as const),
  );

/** `.` stops at line feeds, as Python's does. */
export function minervaNormal(answer: string): string {
  const side = answer.split("=").at(-1)!;
  const text = without(replaced(side, minervaChanges), minervaWords)
    .replace(/([^\n]*?)(\$)([^\n]*?)(\$)([^\n]*)/g, "$$$3$$")
    .replace(/(\\text\{)([^\n]*?)(\})/g, "$2")
    .replace(/(\\textbf\{)([^\n]*?)(\})/g, "$2")
    .replace(/(\\overline\{)([^\n]*?)(\})/g, "$2")
    .replace(/(\\boxed\{)([^\n]*)(\})/g, "$2")
    .replace(/(frac)([^{])([^\n])/g, "frac{$2}{$3}")
    .replace(/(sqrt)([^{])/g, "sqrt{$2}")
    .replaceAll("$", "");
  return /^\d+$/.test(text.replaceAll(",", "")) ? text.replaceAll(",", "") : text;
}

/** What a response in Minerva's form concludes; undefined for one that has no such sentence. */
export function minervaAnswer(response: string): string | undefined {
  const found = /Final Answer: The final answer is([^\n]*?)[^\n] I hope it is correct[^\n]/.exec(
    `${response}I hope it is correct.`,
  );
  return found === null ? undefined : found[1]!.trim();
}

/** Both sides normalised already. */
export const sameByMinerva = (gold: string, answer: string): boolean =>
  gold === answer || compareAnswers(gold, answer) === "equal";

/** What stands between the first and the last dollar sign, or everything. */
export function hendrycksAnswer(response: string): string {
  const [first, last] = [response.indexOf("$"), response.lastIndexOf("$")];
  return first === last ? response : response.slice(first + 1, last);
}

export function sameByHendrycks(gold: string, answer: string): boolean {
  const [wanted, found] = [hendrycksNormal(gold), hendrycksNormal(answer)];
  // What the rules trip over is compared as it stands.
  return wanted === undefined || found === undefined ? gold === answer : wanted === found;
}

/** Undefined where the rules fail. */
function hendrycksNormal(answer: string): string | undefined {
  let text = without(answer, ["\n", "\\!"]).replaceAll("\\\\", "\\");
  text = text.replaceAll("tfrac", "frac").replaceAll("dfrac", "frac");
  text = without(text, ["\\left", "\\right", "^{\\circ}", "^\\circ", "\\$"]);
  const units = text.split("\\text{ ");
  if (units.length > 2) return undefined;
  text = units[0]!.replaceAll("\\%", "").replaceAll(" .", " 0.").replaceAll("{.", "{0.");
  if (text === "") return text;
  if (text.startsWith(".")) text = `0${text}`;
  const sides = text.split("=");
  if (sides.length === 2 && sides[0]!.length <= 2) text = sides[1]!;
  if (/\\sqrt$/.test(text) || /\\sqrt\\sqrt/.test(text)) return undefined;
  text = text.replace(/\\sqrt([^{])/g, "\\sqrt{$1}").replaceAll(" ", "");
  const fractions = bracedFractions(text);
  if (fractions === undefined) return undefined;
  text = fractions === "0.5" ? "\\frac{1}{2}" : fractions;
  return slashFraction(text);
}

/** \frac12 and \frac1{72} with braces; unchanged as a whole where one has too little behind it. */
function bracedFractions(text: string): string | undefined {
  const [start, ...parts] = text.split("\\frac");
  if (parts.some((part) => part === "")) return undefined;
  if (parts.some((part) => !part.startsWith("{") && part.length < 2)) return text;
  const braced = parts.map((part) => {
    const [a, b] = [part[0]!, part[1]!];
    if (a === "{") return part;
    return b === "{" ? `{${a}}${part.slice(1)}` : `{${a}}{${b}}${part.slice(2)}`;
  });
  return [start, ...braced].join("\\frac");
}

/** 3/4 of two whole numbers; two other sides are what the rules trip over. */
function slashFraction(text: string): string | undefined {
  const sides = text.split("/");
  if (sides.length !== 2) return text;
  const [a, b] = sides as [string, string];
  if (![a, b].every((side) => /^\s*[-+]?\d+\s*$/.test(side))) return undefined;
  return /^(?:0|-?[1-9]\d*)\/(?:0|-?[1-9]\d*)$/.test(text) ? `\\frac{${a}}{${b}}` : text;
}
