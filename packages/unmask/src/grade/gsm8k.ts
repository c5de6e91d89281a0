// GSM8K: answers that are one number. `strict` reads only "#### 18" and "The answer is 18", as lm-evaluation-harness
// does; `flexible` also takes boxes, bold type and at last the last number.

import { exactly } from "./evaluate.ts";
import { boxed, withoutContinuation } from "./extract.ts";
import { parseAnswer } from "./parse.ts";
import type * as q from "./rational.ts";
import { LimitReached, newWork, Unreadable } from "./work.ts";

export type Filter = "strict" | "flexible";

const number = String.raw`-?\s*(?:(?:\d{1,3}(?:,\s?\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?`;
const value = String.raw`(?:${number}\s+\d+\s*/\s*\d+|${number}(?:\s*/\s*\d+(?:\.\d+)?)?|-?\s*\\[dt]?frac\s*\{[^{}]*\}\s*\{[^{}]*\})`;
const values = new RegExp(value, "g");

/** Calculator annotations, money, marks of Markdown and TeX go; the numbers stay. */
function tidy(text: string): string {
  return text
    .replace(/<<[^<>]*>>/g, "")
    .replace(/[−–—]/g, "-")
    .replace(/\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}/g, " $1 ")
    .replace(/\{,\}|,\\!/g, ",")
    .replace(/(\d)(?:\\,|\u202f|\u00a0)(?=\d{3}(?!\d))/g, "$1,")
    .replace(/\\[,;!: ]/g, " ")
    .replace(/-\s*(?:\\?\$|USD|US\$|[€£¥₹])\s*(?=[\d.])/g, "-")
    .replace(/\\?\$|[€£¥₹]|\\[()[\]]/g, " ")
    .replace(/\\(?:left|right|displaystyle)/g, "");
}

/** The last thing said to be the answer, best kind of saying first. */
export function extractNumber(response: string, filter: Filter = "flexible"): string | undefined {
  const text = withoutContinuation(response);
  const marks = [...text.matchAll(/####[^\S\n]*([^\n]*)/g)]
    .map((match) => match[1]!)
    .filter((rest) => /\d/.test(rest));
  if (marks.length > 0) return leading(tidy(marks.at(-1)!).replace(/^[\s:]+/, ""));
  const said = statedNumber(text, filter);
  if (filter === "strict") return said;
  const boxes = boxed(text);
  const box = boxes.at(-1);
  const boxedValue = box === undefined ? undefined : conclusion(tidy(box.text));
  // Whichever comes last: "the answer is" before the box introduces it.
  if (boxedValue !== undefined) return boxedValue;
  return said ?? boldNumber(text) ?? lastValue(tidy(text)) ?? spelled(text) ?? onlyBox(box?.text);
}

const onlyBox = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : spelled(text);

const sayings = [
  /\bfinal answer\b\**(?:\s*(?:is|of)\b|\s*[:=])*/gi,
  /\banswer\b\**(?:\s*(?:is|would be|will be|should be|comes out to|equals)\b|\s*[:=])+/gi,
];

function statedNumber(text: string, filter: Filter): string | undefined {
  for (const saying of sayings) {
    for (const match of [...text.matchAll(saying)].reverse()) {
      const rest = tidy(text.slice(match.index + match[0].length)).replace(/^[\s*_:=`"'~]+/, "");
      const found = sayingValue(rest, filter);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The number that follows at once; else the last of the sentence. */
function sayingValue(rest: string, filter: Filter): string | undefined {
  const line = sentence(rest);
  if (new RegExp(`^(?:approximately |about |around |exactly |only |just |simply )?${value}`, "i").test(line))
    return conclusion(line);
  if (filter === "strict") return undefined;
  return lastValue(line) ?? spelled(line);
}

/** Up to the full stop, or the end of the line if something stands on it. */
function sentence(text: string): string {
  const [found] = /^\s*(?:[^.\n]|\.(?=\d))*/.exec(text)!;
  return found.trim();
}

/** Of 2 * 9 = 18 eggs the 18; otherwise the first number. */
function conclusion(text: string): string | undefined {
  const part = text.includes("=") ? text.slice(text.lastIndexOf("=") + 1) : text;
  return leading(part) ?? leading(text);
}

const scales: Readonly<Record<string, string>> = { thousand: "000", million: "000000", billion: "000000000" };

function leading(text: string): string | undefined {
  const match = new RegExp(value).exec(text);
  if (match === null) return undefined;
  const first = match[0].replace(/\s+(?=\d{3}\b)|^-\s+/g, (gap) => (gap.startsWith("-") ? "-" : ""));
  const rest = text.slice(match.index + match[0].length);
  const [, scale] = /^\s+(thousand|million|billion)\b/.exec(rest) ?? [];
  if (scale !== undefined) return `${first} \\times 1${scales[scale]}`;
  const [, cents] = /^\s+dollars?\s+and\s+(\d{1,2})\s+cents?\b/.exec(rest) ?? [];
  if (cents !== undefined && !first.includes(".")) return `${first}.${cents.padStart(2, "0")}`;
  const [, power] = /^\s*(?:\\times|\\cdot|[×x*])\s*(10\s*\^\s*\{?-?\d+\}?)/.exec(rest) ?? [];
  return power === undefined ? first.trim() : `${first} \\times ${power}`;
}

function boldNumber(text: string): string | undefined {
  const last = [...text.matchAll(/\*\*([^*\n]+)\*\*/g)].at(-1);
  if (last === undefined) return undefined;
  const isLate = !/\d/.test(tidy(text.slice(last.index + last[0].length)).replace(/\([^)]*\)/g, ""));
  return isLate ? conclusion(tidy(last[1]!)) : undefined;
}

function lastValue(text: string): string | undefined {
  const all = [...text.matchAll(values)];
  const last = all.at(-1);
  if (last === undefined) return undefined;
  // A hyphen between two words or numbers is no sign: 10-15, day-3.
  const glued = last[0].startsWith("-") && /[\w)]$/.test(text.slice(0, last.index));
  return leading(text.slice(last.index + (glued ? 1 : 0)));
}

const units =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** Numbers in words, up to 99. */
function spelled(text: string): string | undefined {
  const pattern = new RegExp(
    `\\b(?:(${tens.join("|")})(?:[- ](${units.slice(1, 10).join("|")}))?|(${units.join("|")}))\\b`,
    "gi",
  );
  const last = [...text.matchAll(pattern)].at(-1);
  if (last === undefined) return undefined;
  const [, ten, digit, unit] = last.map((part) => part?.toLowerCase());
  if (unit !== undefined) return String(units.indexOf(unit));
  return String(20 + 10 * tens.indexOf(ten!) + (digit === undefined ? 0 : units.indexOf(digit)));
}

/** Undefined for what is no number. */
export function numberOf(answer: string): q.Rational | undefined {
  const work = newWork();
  try {
    const found = parseAnswer(tidy(answer), work);
    return exactly(found.kind === "percent" ? found.of : found, work);
  } catch (error) {
    if (error instanceof Unreadable || error instanceof LimitReached) return undefined;
    throw error;
  }
}
