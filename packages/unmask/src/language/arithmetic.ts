/**
 * Goods changing hands, told in words: grade-school problems with the reasoning written out and a final answer.
 *
 *   question   "ben has 3 apples . anna gives him 4 more . he gives 2 to eva . how many apples does ben have ?"
 *   reasoning  "3 + 4 = 7 . 7 - 2 = 5 ."
 *   answer     5;  text = question + reasoning + "answer 5"
 *
 * Owner, item and first value (2..max, so that the plural is right) are uniform. Each event is uniform over those
 * that are possible from the value in hand, which stays in 0..max; then its amount is uniform over the possible
 * ones in 1..maxAmount and the other name over the names that are not the owner's. (Not uniform over questions:
 * events that involve another name would crowd out the rest.)
 * Reasoning is plain, or of varied wording (reasoning.ts): there each step takes one of its forms, uniformly.
 * Numbers are one token each, except where a size says `digits: true`: there 12 is written "1 2", so that lengths
 * vary; elsewhere every text of a size has the same length. Checking lives in `arithmetic-check.ts`.
 */
import { formsOf, sayStep, type Wording } from "./reasoning.ts";

export const problemSizes = ["tiny", "small", "medium", "large"] as const;
export type ProblemSize = (typeof problemSizes)[number];

export type Operator = "+" | "-" | "*";

/** {he} and {him} are pronouns of the owner, {c} another name, {n} the amount. Every event has six words. */
export const events = {
  gives: { operator: "+", template: "{c} gives {him} {n} more ." },
  buys: { operator: "+", template: "then {he} buys {n} more ." },
  finds: { operator: "+", template: "{he} finds {n} more outside ." },
  shares: { operator: "-", template: "{he} gives {n} to {c} ." },
  takes: { operator: "-", template: "{c} takes {n} from {him} ." },
  loses: { operator: "-", template: "then {he} loses {n} outside ." },
  doubles: { operator: "*", template: "then {he} doubles the pile ." },
} as const satisfies Record<string, { operator: Operator; template: string }>;
export type EventName = keyof typeof events;

export const pronouns: Readonly<Record<string, { readonly he: string; readonly him: string }>> =
  Object.fromEntries([
    ...["anna", "mia", "eva", "zoe"].map((name) => [name, { he: "she", him: "her" }]),
    ...["ben", "tom", "max", "leo"].map((name) => [name, { he: "he", him: "him" }]),
  ]);
export const items: readonly string[] = ["apples", "books", "coins", "stamps", "marbles", "cards"];

interface ProblemShape {
  readonly names: readonly string[];
  readonly items: readonly string[];
  readonly events: readonly EventName[];
  readonly steps: number;
  readonly max: number;
  readonly maxAmount: number;
  readonly digits: boolean;
}

const everyone = Object.keys(pronouns);
const plain = ["gives", "buys", "finds", "shares", "takes", "loses"] as const;
const shapes = {
  tiny: { names: ["anna", "ben"], items: ["apples"], events: ["gives", "shares"], steps: 1, max: 4 },
  small: { names: everyone, items: items.slice(0, 3), events: ["gives", "buys", "shares"], steps: 2, max: 9 },
  medium: { names: everyone, items, events: plain, steps: 3, max: 20 },
  large: { names: everyone, items, events: [...plain, "doubles"], steps: 5, max: 99, digits: true },
} as const satisfies Record<ProblemSize, Partial<ProblemShape>>;

function shapeOf(size: ProblemSize): ProblemShape {
  return { maxAmount: Math.min(9, shapes[size].max), digits: false, ...shapes[size] };
}

interface Move {
  readonly event: EventName;
  readonly other: string;
  readonly amount: number;
  /** The value in hand afterwards. */
  readonly value: number;
  /** How its step of reasoning is said. */
  readonly form: string;
}

export interface Problem {
  readonly question: string;
  readonly reasoning: string;
  readonly answer: number;
  /** Question, reasoning and "answer N", joined by single spaces. */
  readonly text: string;
}

/**
 * Takes 3 calls of `uniform`, then 3 per event (event, amount, other name) whether the event needs them or not, and one
 * more per event where the wording is varied.
 */
export function sampleProblem(uniform: () => number, size: ProblemSize, wording: Wording = "plain"): Problem {
  const shape = shapeOf(size);
  const pick = <T>(options: readonly T[]) => options[Math.floor(uniform() * options.length)]!;
  const owner = pick(shape.names);
  const others = shape.names.filter((name) => name !== owner);
  const item = pick(shape.items);
  const first = pick(startValues(shape));
  const moves: Move[] = [];
  let value = first;
  for (let step = 0; step < shape.steps; step++) {
    const event = pick(shape.events.filter((name) => amountsOf(shape, name, value).length > 0));
    const amount = pick(amountsOf(shape, event, value));
    value = apply(events[event].operator, value, amount);
    const other = pick(others);
    const forms = formsOf(wording);
    moves.push({ event, amount, other, value, form: forms.length === 1 ? forms[0]! : pick(forms) });
  }
  return writeProblem(shape, owner, item, first, moves);
}

/** The number of distinct questions, exact: sums over the value in hand, one event after the other. */
export function countProblems(size: ProblemSize): bigint {
  const shape = shapeOf(size);
  const others = BigInt(shape.names.length - 1);
  const values = Array.from({ length: shape.max + 1 }, (_, value) => value);
  let ways = values.map(() => 1n);
  for (let step = 0; step < shape.steps; step++) {
    const after = ways;
    ways = values.map((value) => {
      let sum = 0n;
      for (const event of shape.events) {
        const { operator, template } = events[event];
        const tellers = template.includes("{c}") ? others : 1n;
        for (const amount of amountsOf(shape, event, value))
          sum += tellers * after[apply(operator, value, amount)]!;
      }
      return sum;
    });
  }
  const stories = startValues(shape).reduce((sum, value) => sum + ways[value]!, 0n);
  return stories * BigInt(shape.names.length * shape.items.length);
}

/** The words that problems of a size can hold, sorted. */
export function problemVocabulary(size: ProblemSize, wording: Wording = "plain"): string[] {
  const shape = shapeOf(size);
  const largest = shape.digits ? 9 : shape.max;
  const numbers = Array.from({ length: largest + 1 }, (_, number) => `${number}`);
  const said = formsOf(wording).flatMap((form) => form.split(" "));
  const fixed = [..."has . how many does have ? answer".split(" "), ...said];
  const told = shape.events.flatMap((event) => [
    events[event].operator,
    ...events[event].template.split(" "),
  ]);
  const forms = shape.names.flatMap((name) => Object.values(pronouns[name]!));
  const words = [...numbers, ...fixed, ...told, ...forms, ...shape.names, ...shape.items];
  return [...new Set(words)].filter((word) => !/^\{[a-z]+\}$/.test(word)).sort();
}

export interface ProblemFigures {
  /** No text has more words; every text of plain wording and a size without digits has as many. */
  readonly maxWords: number;
  readonly vocabularySize: number;
  readonly supportSize: bigint;
}

export function describeProblems(size: ProblemSize, wording: Wording = "plain"): ProblemFigures {
  const { steps, digits } = shapeOf(size);
  const numberWords = digits ? 2 : 1;
  const amountWords = 1;
  // Opening 4 + N, event 5 + amount, closing 7, step 2 N + amount and the words between, "answer" 1 + N.
  const between = Math.max(...formsOf(wording).map((form) => form.split(" ").length)) - 3;
  const perStep = 5 + amountWords + (between + 2 * numberWords + amountWords);
  return {
    maxWords: 4 + numberWords + steps * perStep + 7 + 1 + numberWords,
    vocabularySize: problemVocabulary(size, wording).length,
    supportSize: countProblems(size),
  };
}

function startValues(shape: ProblemShape): number[] {
  return Array.from({ length: shape.max - 1 }, (_, index) => index + 2);
}

/** The amounts with which an event is possible: the value stays in 0..max; doubling needs something to double. */
function amountsOf(shape: ProblemShape, event: EventName, value: number): number[] {
  const { operator } = events[event];
  if (operator === "*") return value > 0 && value * 2 <= shape.max ? [2] : [];
  const room = operator === "+" ? shape.max - value : value;
  return Array.from({ length: Math.min(shape.maxAmount, room) }, (_, index) => index + 1);
}

export function apply(operator: Operator, left: number, right: number): number {
  if (operator === "+") return left + right;
  return operator === "-" ? left - right : left * right;
}

function writeProblem(
  shape: ProblemShape,
  owner: string,
  item: string,
  first: number,
  moves: readonly Move[],
): Problem {
  const number = (value: number) => (shape.digits ? [...`${value}`].join(" ") : `${value}`);
  const { he, him } = pronouns[owner]!;
  const told = moves.map((move) => {
    const words: Record<string, string> = {
      "{he}": he,
      "{him}": him,
      "{c}": move.other,
      "{n}": number(move.amount),
    };
    const { template } = events[move.event];
    return template
      .split(" ")
      .map((word) => words[word] ?? word)
      .join(" ");
  });
  let value = first;
  const steps = moves.map((move) => {
    const before = value;
    value = move.value;
    return sayStep(move.form, {
      a: number(before),
      o: events[move.event].operator,
      b: number(move.amount),
      c: number(value),
    });
  });
  const opening = `${owner} has ${number(first)} ${item} .`;
  const question = [opening, ...told, `how many ${item} does ${owner} have ?`].join(" ");
  const reasoning = steps.join(" ");
  return { question, reasoning, answer: value, text: `${question} ${reasoning} answer ${number(value)}` };
}
