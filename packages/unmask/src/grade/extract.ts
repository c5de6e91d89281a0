// Finds the answer in a response: what is boxed, what is said to be the final answer, the last formula; or the whole
// response, if it is nothing but the answer.

import { closing } from "./tokens.ts";

/** What a model writes once it goes on with a question of its own, or stops. */
const afterwards =
  /<\|(?:im_end|im_start|endoftext|eot_id|end)[^>]*\|>|<\/s>|<end_of_turn>|\n\s*(?:Question|Problem|Q):/;

export function withoutContinuation(response: string): string {
  // Long runs of white space or dollar signs say nothing, and would only cost time.
  const text = response
    .replace(/[^\S\n]{9,}/g, " ")
    .replace(/\s{99,}/g, "\n\n")
    .replace(/\${3,}/g, "$$$$");
  const end = afterwards.exec(text);
  const before = end === null ? text : text.slice(0, end.index);
  // A word such as "Question:" within a solution ends nothing: what is cut must already have its answer.
  const isOver =
    end !== null && (/^<|^\n?<\/s>/.test(end[0]) ? before.trim() !== "" : /####|boxed|answer/i.test(before));
  const cut = isOver ? before : text;
  // Thoughts of models that mark them come before the answer.
  const thought = cut.lastIndexOf("</think>");
  return thought === -1 || cut.slice(thought + 8).trim() === "" ? cut : cut.slice(thought + 8);
}

interface Found {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const boxes = /\\{1,2}(?:boxed|fbox)\s*(\{|(?=[^\s{]))|\\{1,2}(?:boxed|fbox)\s+(?=\S)/g;

/** Every \boxed{…} and \fbox{…} with its braces matched; \boxed 5 without braces too. One that never closes ends with its line. */
export function boxed(response: string): readonly Found[] {
  const found: Found[] = [];
  for (const match of response.matchAll(boxes)) {
    const start = match.index + match[0].length;
    if (found.at(-1) !== undefined && start < found.at(-1)!.end) continue;
    if (match[1] === "{") {
      const close = closing(response, start);
      const line = response.indexOf("\n", start);
      const end = close < response.length || line === -1 ? close : line;
      const text =
        close < response.length
          ? response.slice(start, end)
          : response.slice(start, end).replace(/\$.*$/s, "");
      found.push({ text: text.trim(), start: match.index, end });
    } else {
      const [text] = /^[^\s$]*/.exec(response.slice(start))!;
      found.push({ text, start: match.index, end: start + text.length });
    }
  }
  return found.filter(({ text }) => text !== "");
}

/** Whether what stands between two boxes makes them one answer: commas, "and", a name and its sign of equality. */
function joins(gap: string): boolean {
  if (gap.length > 60 || /\n\s*\n/.test(gap) || !/,|;|and|or/.test(gap)) return false;
  const rest = gap
    .replace(/\\text\s*\{[^{}]{0,20}\}|\\q?quad/g, "")
    .replace(/\b(?:and|or|papers|for part \(\w\))/g, "")
    .replace(/[A-Za-z](?:_\{?\w\}?)?\s*=/g, "");
  return /^[\s$.,;\\()[\]]*$/.test(rest);
}

/** The last box, or the last boxes where they are written as one list. */
function lastBoxes(response: string): Found | undefined {
  const all = boxed(response);
  const last = all.at(-1);
  if (last === undefined) return undefined;
  const list = [last];
  for (let index = all.length - 2; index >= 0; index--) {
    const gap = response.slice(all[index]!.end + 1, list[0]!.start);
    const isList = joins(gap);
    if (!isList && gap.replace(/[\s$]/g, "") !== "") break;
    if (!isList && gap.length > 4) break;
    list.unshift(all[index]!);
  }
  const different = [...new Set(list.map(({ text }) => text))];
  // What stands behind the box within its formula or word, such as a unit, belongs to no answer but per cent does.
  const after = /^\}?\s*\$?\s*(?:\\?%|percent|pct)/.test(response.slice(last.end)) ? "\\%" : "";
  return {
    text: different.join(", ") + (different.length === 1 ? after : ""),
    start: list[0]!.start,
    end: last.end,
  };
}

const statements = [
  /(?:final answer|final result)(?:\s+is|\s*[:=])+\s*/gi,
  /(?:^|\n)\s*#{2,}\s*(?=[-$\d\\(])/g,
  /(?:the\s+)?(?:correct\s+)?answer(?:\s+is|\s*[:=])+\s*/gi,
];

/** What a sentence says the answer is. */
function stated(response: string): Found | undefined {
  for (const statement of statements) {
    const all = [...response.matchAll(statement)];
    const last = all.at(-1);
    if (last === undefined) continue;
    const start = last.index + last[0].length;
    const rest = response.slice(start).replace(/^[\s*_:"]+/, "");
    const text = answerIn(rest);
    if (text !== "") return { text, start: last.index, end: start };
  }
  return undefined;
}

/** The answer at the start of what follows "the answer is", or at the end of its sentence. */
function answerIn(rest: string): string {
  const formula =
    /^(?:\\\[|\\\(|\$\$?)((?:\\\$|[\s\S])*?)(?:\\\]|\\\)|(?<!\\)\$\$?)(\s*(?:\\?%|percent|degrees?))?/.exec(
      rest,
    );
  const isMoney = /^\$\s*-?[\d,]+(?:\.\d+)?(?![\d\s]*[\\^+*/=$])/.test(rest);
  if (formula !== null && !isMoney && formula[1]!.trim() !== "")
    return `${formula[1]}${formula[2] ?? ""}`.trim();
  const sentence = sentenceOf(rest);
  return words(sentence) > 2 ? (lastValue(sentence) ?? sentence) : sentence;
}

/** Up to a full stop that ends it, or the end of the line. */
function sentenceOf(text: string): string {
  const [sentence] = /^(?:[^.\n]|\.(?=\d)|\.(?=\.)|(?<=\d)\.(?=\S))*/.exec(text)!;
  return sentence
    .replace(/\*+$/, "")
    .replace(/["*_\s]+$/, "")
    .trim();
}

/** Words of prose, those of formulas and frames aside. */
function words(text: string): number {
  const prose = text.replace(/\\[a-zA-Z]+(?:\s*\{[^{}]*\})?/g, " ").replace(/\$[^$]*\$/g, " ");
  return prose.match(/\b(?!and\b|or\b)[A-Za-z]{2,}\b/g)?.length ?? 0;
}

const formulas =
  /\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|(?<!\\)\$((?:\\\$|[^$])+?)(?<!\\)\$(?:\s*(?:\\?%|percent\b))?/g;
const numbers =
  /-?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:,\d{1,2}(?!\d))?)(?:\.\d+)?|\.\d+)(?:\/\d+)?(?:\s*\\?%)?/g;

/** The last formula, or the last number of the prose if it stands behind that. */
function lastValue(text: string): string | undefined {
  const formula = [...text.matchAll(formulas)].filter(([all]) => /\w/.test(all)).at(-1);
  const end = formula === undefined ? 0 : formula.index + formula[0].length;
  const number = text.slice(end).match(numbers)?.at(-1);
  return number ?? formula?.[0].replace(/^(?:\$\$?|\\\[|\\\()|(?:\$\$?|\\\]|\\\))(?=[^$\]]*$)/g, "").trim();
}

/** Undefined where there is nothing that could be an answer. */
export function extractMath(response: string): string | undefined {
  const text = withoutContinuation(response);
  if (text.trim() === "") return undefined;
  const [box, said] = [lastBoxes(text), stated(text)];
  // The rule of Minerva: a final answer that is stated behind the last box is what counts.
  const later =
    said !== undefined &&
    box !== undefined &&
    said.start > box.end &&
    /final answer/i.test(text.slice(said.start, said.end));
  if (box !== undefined && !later) return box.text;
  if (said !== undefined) return said.text;
  if (isBare(text)) return text.trim();
  return lastValue(text) ?? text.trim();
}

/** Only the answer: no sentence around it. */
function isBare(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed.includes("\n\n") || trimmed.length > 400) return false;
  const before = /^[^$]*?(?=\$|\\[[(])/.exec(trimmed)?.[0] ?? "";
  return words(before) === 0 && words(trimmed.replace(/\\begin[\s\S]*?\\end\{\w+\}/g, "")) <= 3;
}
