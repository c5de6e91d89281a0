// Cuts a cleaned answer into tokens: numbers, letters, commands, framed text, marks.

import { clean } from "./clean.ts";
import { isShortUnit, isSmallWord } from "./units.ts";
import { lengthLimit, Unreadable } from "./work.ts";

export interface Token {
  readonly kind: "number" | "letter" | "command" | "mark" | "text" | "word";
  /** A command without its backslash; a number without separators. */
  readonly value: string;
  /** White space stands before it. */
  readonly spaced: boolean;
  /** For numbers with digits that repeat for ever: those digits. */
  readonly repeats?: string;
}

const functions: ReadonlySet<string> = new Set(
  "sin cos tan sec csc cot arcsin arccos arctan sinh cosh tanh ln log exp sqrt max min gcd lcm".split(" "),
);
export const isFunction = (name: string): boolean => functions.has(name);

const frames =
  /^\\(?:text|textbf|textit|textrm|textnormal|textsf|texttt|mbox|hbox|mathrm|operatorname|mathsf)\*?\s*\{/;

interface Reader {
  readonly source: string;
  at: number;
  /** Brackets that are open, for commas of thousands. */
  depth: number;
  readonly tokens: Token[];
}

export function tokenize(answer: string): readonly Token[] {
  const source = clean(answer);
  if (source.length > lengthLimit) throw new Unreadable("too long");
  const reader: Reader = { source, at: 0, depth: 0, tokens: [] };
  while (reader.at < source.length) {
    const spaced = takeSpace(reader);
    if (reader.at >= source.length) break;
    takeToken(reader, spaced);
  }
  return reader.tokens;
}

function takeSpace(reader: Reader): boolean {
  const [space] = /^[\s\u2063]*/.exec(reader.source.slice(reader.at))!;
  reader.at += space.length;
  return space.length > 0;
}

function takeToken(reader: Reader, spaced: boolean): void {
  const rest = reader.source.slice(reader.at);
  if (/^(?:\d|\.\d)/.test(rest)) takeNumber(reader, rest, spaced);
  else if (frames.test(rest)) takeFrame(reader, rest, spaced);
  else if (/^[A-Za-z]/.test(rest)) takeLetters(reader, rest, spaced);
  else takeSign(reader, rest, spaced);
}

function takeSign(reader: Reader, rest: string, spaced: boolean): void {
  if (/^\\(?:ldots|dots|cdots)(?![a-z])|^\.\.\.?|^…/.test(rest)) throw new Unreadable("dots");
  const [, command] = /^\\([A-Za-z]+|[{}|%\\&_#])/.exec(rest) ?? [];
  if (command !== undefined) {
    reader.at += command.length + 1;
    reader.tokens.push({ kind: "command", value: command, spaced });
    if (command === "{") reader.depth++;
    if (command === "}") reader.depth--;
    return;
  }
  if (/^\p{L}/u.test(rest)) {
    const [word] = /^\p{L}+/u.exec(rest)!;
    reader.at += word.length;
    reader.tokens.push({ kind: "word", value: word, spaced });
    return;
  }
  const [mark] = /^(?:<=|>=|!=|==|[-+*/^_()[\]{}|=<>!,;:'%&.])/.exec(rest) ?? [];
  if (mark === undefined) throw new Unreadable(`the sign ${rest[0]}`);
  if ("([{".includes(mark)) reader.depth++;
  if (")]}".includes(mark)) reader.depth--;
  reader.at += mark.length;
  // A full stop that ends a sentence or an item says nothing.
  if (mark !== ".") reader.tokens.push({ kind: "mark", value: mark, spaced });
}

const grouped = /^\d{1,3}(?:(?:,|\u2063)\d{3})+(?!\d)(?:\.\d+)?/;
const marked = /^\d+(?:\u2063\s*\d+)+(?:\.\d+)?/;
const spacedOut = /^[1-9]\d{0,2}(?: \d{3})+(?![\d/])(?:\.\d+)?/;
const simple = /^(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+(?![\d.]))?/;

function takeNumber(reader: Reader, rest: string, spaced: boolean): void {
  const outside = reader.depth === 0;
  const [found] =
    marked.exec(rest) ??
    (outside ? (grouped.exec(rest) ?? spacedOut.exec(rest)) : null) ??
    simple.exec(rest)!;
  reader.at += found.length;
  const value = found.replace(/[,\u2063\s]/g, "").replace(/\.$/, "");
  const repeats = takeRepeats(reader, value);
  reader.tokens.push({ kind: "number", value, spaced, ...(repeats === undefined ? {} : { repeats }) });
}

/** 0.\overline{3}, 0.\dot{3}, 0.333…: the digits that repeat. In the last form they are part of `value` too. */
function takeRepeats(reader: Reader, value: string): string | undefined {
  const rest = reader.source.slice(reader.at);
  const over = /^\s*\\(?:overline|bar|dot)\s*\{?(\d+)\}?/.exec(rest);
  const isDecimal = value.includes(".") || reader.source[reader.at - 1] === ".";
  if (over !== null && isDecimal) {
    reader.at += over[0].length;
    return over[1];
  }
  const dots = /^\s*(?:\.\.\.?|…|\\ldots|\\dots|\\cdots)/.exec(rest);
  const period = /\.\d*?(\d{1,6}?)\1{2,}$/.exec(value) ?? /\.\d*?(\d{2,6}?)\1$/.exec(value);
  if (dots === null || period === null) return undefined;
  reader.at += dots[0].length;
  return period[1];
}

function takeFrame(reader: Reader, rest: string, spaced: boolean): void {
  const start = frames.exec(rest)![0].length;
  const end = closing(rest, start);
  const content = rest.slice(start, end).trim();
  reader.at += end + 1;
  const [, choice] = /^\(?([A-Za-z])\)?$/.exec(content) ?? [];
  if (isFunction(content)) reader.tokens.push({ kind: "command", value: content, spaced });
  else if (choice !== undefined) reader.tokens.push({ kind: "letter", value: choice, spaced });
  else if (/^[-+\d(]/.test(content)) reader.tokens.push(...again(content));
  else if (/^(?:,\s*)?(?:and|or)(?:\s*,)?$/.test(content)) {
    reader.tokens.push({ kind: "word", value: content.replace(/[,\s]/g, ""), spaced });
  } else reader.tokens.push({ kind: "text", value: content, spaced: true });
}

/** Numbers that stand in a frame of text. */
function again(content: string): readonly Token[] {
  return content.length < 200 ? tokenize(content) : [];
}

/** Where the brace closes that was opened before `start`. */
export function closing(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return text.length;
}

/** Words of plain text, names of functions without a backslash, and letters that stand side by side. */
function takeLetters(reader: Reader, rest: string, spaced: boolean): void {
  const [run] = /^[A-Za-z]+/.exec(rest)!;
  const { kind, value, length } = kindOf(run, reader.tokens.at(-1));
  reader.at += length ?? value.length;
  reader.tokens.push({ kind, value, spaced });
}

function kindOf(
  run: string,
  before: Token | undefined,
): {
  readonly kind: Token["kind"];
  readonly value: string;
  readonly length?: number;
} {
  const lower = run.toLowerCase();
  if (lower === "and" || lower === "or") return { kind: "word", value: lower };
  if (lower === "pi") return { kind: "command", value: "pi" };
  if (/^(?:inf|infty|infinity)$/.test(lower)) return { kind: "command", value: "infty", length: run.length };
  if ((run === "min" || run === "sec") && before?.kind === "number") return { kind: "text", value: run };
  const name = [...functions].filter((one) => run.startsWith(one)).sort((a, b) => b.length - a.length)[0];
  if (name !== undefined && run.length - name.length <= 1) return { kind: "command", value: name };
  if (/^(?:or|and)[A-Za-z]$/.test(run)) return { kind: "word", value: run.slice(0, -1) };
  if (run.length === 1) return { kind: "letter", value: run };
  // A short word with a capital stands at the start of a sentence, such as Yes.
  const isUnit = isShortUnit(run) && before !== undefined && before.kind !== "letter";
  const isName = run.length >= 4 && run !== run.toUpperCase();
  const isWord = isUnit || isName || isSmallWord(run) || /^[A-Z][a-z]{2}$/.test(run);
  return isWord ? { kind: "text", value: run } : { kind: "letter", value: run[0]! };
}
