/**
 * Checks of what a model wrote below a question of `arithmetic.ts`. The truth is computed from the question alone.
 *
 * Numbers: one token ("12") or a run of digit tokens ("1 2"), without leading zeros; both spellings are read.
 * Answer: the number after the last "answer"; it must end the text or stand before ".". A text may hold the question
 * again (it is cut off when the text begins with it); text after the answer's "." is ignored.
 * Reasoning: every sentence before the first "answer" must be a step "a op b = c", or its like in other words
 * (reasoning.ts). `correct` means that each is
 * arithmetically right (no step at all is not correct); `faithful` that they are also the steps the question tells.
 */
import { apply, type EventName, events, items, type Operator, pronouns } from "./arithmetic.ts";
import { hearStep } from "./reasoning.ts";

export interface Step {
  readonly left: number;
  readonly operator: Operator;
  readonly right: number;
  readonly result: number;
}

export interface AnswerVerdict {
  readonly correct: boolean;
  readonly extracted: number | undefined;
  /** What is wrong; empty when correct. */
  readonly reason: string;
}

export interface ReasoningVerdict {
  readonly correct: boolean;
  readonly faithful: boolean;
  readonly steps: readonly Step[];
  /** What is wrong first; empty when faithful. */
  readonly reason: string;
}

export function checkAnswer(question: string, text: string): AnswerVerdict {
  const truth = solve(question);
  const words = mergeNumbers(stripQuestion(question, text));
  const place = words.lastIndexOf("answer");
  const after = words[place + 2];
  const extracted =
    place < 0 || (after !== undefined && after !== ".") ? undefined : readNumber(words[place + 1]);
  const verdict = (reason: string) => ({ correct: reason === "", extracted, reason });
  if (truth === undefined) return verdict("the question is not a problem of this language");
  if (place < 0) return verdict('the text has no "answer"');
  if (extracted === undefined) return verdict('no single number follows "answer"');
  return verdict(extracted === truth.answer ? "" : `the answer is ${truth.answer}, not ${extracted}`);
}

export function verifyReasoning(question: string, text: string): ReasoningVerdict {
  const words = mergeNumbers(stripQuestion(question, text));
  const end = words.indexOf("answer");
  const sentences = splitSentences(end < 0 ? words : words.slice(0, end));
  const steps: Step[] = [];
  const fail = (reason: string, correct = false) => ({ correct, faithful: false, steps, reason });
  for (const sentence of sentences) {
    const step = readStep(sentence);
    if (step === undefined) return fail(`"${sentence.join(" ")}" is not a step of the form a + b = c .`);
    steps.push(step);
    const truth = apply(step.operator, step.left, step.right);
    if (truth !== step.result)
      return fail(`${step.left} ${step.operator} ${step.right} is ${truth}, not ${step.result}`);
  }
  if (steps.length === 0) return fail("the text has no reasoning");
  const expected = solve(question)?.steps;
  if (expected === undefined) return fail("the question is not a problem of this language", true);
  for (let index = 0; index < Math.max(expected.length, steps.length); index++) {
    const [told, written] = [expected[index], steps[index]];
    if (told === undefined || written === undefined) {
      return fail(`the question tells ${expected.length} steps, the text ${steps.length}`, true);
    }
    if (spell(told) !== spell(written)) return fail(`step ${index + 1} should be ${spell(told)}`, true);
  }
  return { correct: true, faithful: true, steps, reason: "" };
}

/** The steps and the answer of a question, or undefined when it is not one of this language (of any size). */
export function solve(question: string): { steps: Step[]; answer: number } | undefined {
  const words = mergeNumbers(question.split(" "));
  const [owner = "", has, first, item = "", stop] = words;
  const start = readNumber(first);
  if (pronouns[owner] === undefined || has !== "has" || start === undefined || stop !== ".") return undefined;
  if (!items.includes(item)) return undefined;
  const closing = `how many ${item} does ${owner} have ?`;
  if (words.slice(-7).join(" ") !== closing || words.length <= 12) return undefined;
  const steps: Step[] = [];
  let value = start;
  for (const sentence of splitSentences(words.slice(5, -7))) {
    const event = readEvent(sentence, owner);
    if (event === undefined) return undefined;
    const result = apply(event.operator, value, event.amount);
    if (result < 0) return undefined;
    steps.push({ left: value, operator: event.operator, right: event.amount, result });
    value = result;
  }
  return { steps, answer: value };
}

function readEvent(
  sentence: readonly string[],
  owner: string,
): { operator: Operator; amount: number } | undefined {
  const { he, him } = pronouns[owner]!;
  for (const name of Object.keys(events) as EventName[]) {
    const { operator, template } = events[name];
    const pattern = template.split(" ");
    let amount: number | undefined = operator === "*" ? 2 : undefined;
    const fits = pattern.every((expected, position) => {
      const word = sentence[position];
      if (expected === "{n}") {
        amount = readNumber(word);
        return amount !== undefined && amount > 0;
      }
      if (expected === "{c}") return word !== undefined && word !== owner && pronouns[word] !== undefined;
      return word === (expected === "{he}" ? he : expected === "{him}" ? him : expected);
    });
    if (fits && sentence.length === pattern.length && amount !== undefined) return { operator, amount };
  }
  return undefined;
}

function readStep(sentence: readonly string[]): Step | undefined {
  const { a, o: operator, b, c } = hearStep(sentence) ?? { a: "", o: "", b: "", c: "" };
  const [left, right, result] = [readNumber(a), readNumber(b), readNumber(c)];
  if (left === undefined || right === undefined || result === undefined) return undefined;
  if (operator !== "+" && operator !== "-" && operator !== "*") return undefined;
  return { left, operator, right, result };
}

const spell = (step: Step) => `${step.left} ${step.operator} ${step.right} = ${step.result}`;

/** Pieces that end with "."; what follows the last "." is a piece of its own. */
function splitSentences(words: readonly string[]): string[][] {
  const sentences: string[][] = [];
  let current: string[] = [];
  for (const word of words) {
    current.push(word);
    if (word !== ".") continue;
    sentences.push(current);
    current = [];
  }
  return current.length > 0 ? [...sentences, current] : sentences;
}

/** Runs of digit tokens become one number; a run with a leading zero stays as it is and is no number. */
function mergeNumbers(words: readonly string[]): string[] {
  const merged: string[] = [];
  let previousDigit = false;
  for (const word of words) {
    const digit = /^\d$/.test(word);
    if (digit && previousDigit) merged[merged.length - 1] += word;
    else merged.push(word);
    previousDigit = digit;
  }
  return merged;
}

function readNumber(word: string | undefined): number | undefined {
  return word !== undefined && /^(?:0|[1-9]\d{0,8})$/.test(word) ? Number(word) : undefined;
}

function stripQuestion(question: string, text: string): string[] {
  const rest = text.startsWith(question) ? text.slice(question.length) : text;
  return rest.split(" ").filter((word) => word !== "");
}
