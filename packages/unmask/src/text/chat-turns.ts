// A chat as something to learn: its ids, and which of them are what the assistant wrote.
//
// A turn begins where the template's head of the assistant's turn ends (what `addGenerationPrompt` writes), because that
// is where a model begins to write, and ends behind the token that ends it: what the template puts behind that ("\n"
// of many) is never written by a model and is given, or cut off at the end of the chat. A template without such a token
// leaves the turn as it is, and the last one gets the end of text. Special tokens that users typed stay text.
//
// So the template must write a chat that begins with each prompt. Some rewrite earlier turns (they take the reasoning out):
// that is what the model sees later, and what is learnt here of those turns. One whose head of a turn is not how the turn
// begins (a "<think>" that finished turns lack) cannot be learnt from, and is refused.

import { UsageError } from "../base/errors.ts";
import { appended, encodeWithBorders } from "./borders.ts";
import type { ChatMessage, ChatTemplate } from "./chat-template.ts";
import type { Trace } from "./content-trace.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface LearntTurns {
  readonly ids: Int32Array;
  /** Begin and end of each learnt turn among the ids. */
  readonly turns: readonly (readonly [begin: number, end: number])[];
}

export interface TurnOptions {
  /** Which assistant's messages are learnt: places in the list, ascending; the last message is one of them. */
  readonly learn: readonly number[];
}

/** A template that prints the date prints this one: an example must be the same on any day. */
const now = new Date(Date.UTC(2024, 6, 26, 12));

export function encodeTurns(
  messages: readonly ChatMessage[],
  { learn }: TurnOptions,
  { template, tokenizer }: { template: ChatTemplate; tokenizer: Tokenizer },
): LearntTurns {
  const trace = template.trace(messages, { addGenerationPrompt: false, now });
  const turns = learn.map((place) => findTurn(messages, place, { trace, template, tokenizer }));
  for (const [index, turn] of turns.entries()) {
    if (turn.begin < (turns[index - 1]?.end ?? 0))
      throw unlearnable(template, "writes turns in another order");
  }
  const last = turns.at(-1)!;
  const text = trace.text.slice(0, last.end);
  const found = encodeWithBorders(tokenizer, text, {
    borders: turns.flatMap(({ begin, end }) => [begin, end]).slice(0, -1),
    specials: trace.isTemplate,
  });
  const { eos } = tokenizer.specials;
  const ids = last.hasEnd || eos === undefined ? found.ids : appended(found.ids, eos);
  const places = [...found.borders, ids.length];
  return { ids, turns: turns.map((_, index) => [places[2 * index]!, places[2 * index + 1]!]) };
}

interface Turn {
  readonly begin: number;
  readonly end: number;
  /** Whether it ends with a token that ends a turn or a text. */
  readonly hasEnd: boolean;
}

interface TurnContext {
  readonly trace: Trace;
  readonly template: ChatTemplate;
  readonly tokenizer: Tokenizer;
}

function findTurn(messages: readonly ChatMessage[], place: number, context: TurnContext): Turn {
  const { trace, template } = context;
  const { text } = trace;
  const head = template.render(messages.slice(0, place), { addGenerationPrompt: true, now });
  if (!text.startsWith(head))
    throw unlearnable(template, "begins an answer in another way than it asks for one");
  const begin = head.length;
  const isLast = place === messages.length - 1;
  const whole = isLast
    ? text
    : template.render(messages.slice(0, place + 1), { addGenerationPrompt: false, now });
  // Of a turn that is written otherwise once others follow, the first end is its own.
  const isKept = text.startsWith(whole);
  const ends = endsIn(context, begin, isKept ? whole.length : text.length);
  const end = isKept ? ends.at(-1) : ends[0];
  if (end !== undefined) return { begin, end, hasEnd: true };
  if (isKept) return { begin, end: whole.length, hasEnd: false };
  throw unlearnable(template, "rewrites earlier turns and ends them with no token");
}

/** Places behind the template's own end tokens. */
function endsIn({ trace, tokenizer }: TurnContext, from: number, to: number): number[] {
  const { eos, endOfTurn = [] } = tokenizer.specials;
  const ids = new Set([...endOfTurn, ...(eos === undefined ? [] : [eos])]);
  const places: number[] = [];
  for (const [token, id] of tokenizer.specialTokens) {
    if (!ids.has(id)) continue;
    for (let at = trace.text.indexOf(token, from); at !== -1; at = trace.text.indexOf(token, at + 1)) {
      const end = at + token.length;
      if (end > to) break;
      if (trace.isTemplate(at, end)) places.push(end);
    }
  }
  return places.sort((a, b) => a - b);
}

function unlearnable({ source }: ChatTemplate, what: string): UsageError {
  const message = `${source}: the chat template ${what}, so it cannot be told what the model would write; give another template, or prompts and responses`;
  return new UsageError(message, { source });
}
