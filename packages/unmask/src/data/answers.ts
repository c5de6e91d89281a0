// Records as token ids.
//
//   text      padded: a begin (BOS, or the end token where there is none), which is given, the document, its end, and
//             ends up to the length of a row
//   prompt    raw: the prompt, then the response and its end; or a chat of two messages
//   messages  by the chat template (text/chat-turns.ts); a later answer is learnt behind everything before it

import { ConfigError } from "../base/errors.ts";
import { appended, encodeWithBorders } from "../text/borders.ts";
import type { ChatMessage, ChatTemplate } from "../text/chat-template.ts";
import { encodeTurns } from "../text/chat-turns.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { DataConfig } from "./config.ts";
import type { Answer } from "./example.ts";
import { type DataRecord, isLearnable } from "./records.ts";

export interface AnswerContext {
  readonly config: DataConfig;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
}

/** Answers of any length. Throws a UsageError where the template refuses the messages. */
export function answersOf(record: DataRecord, context: AnswerContext): Answer[] {
  if (record.kind === "text") return [begunText(record.text, context.tokenizer)];
  if (record.kind === "messages") return chatAnswers(record.messages, context);
  if (isChat(context)) {
    const messages = [
      { role: "user", content: record.prompt },
      { role: "assistant", content: record.response },
    ] as const;
    return chatAnswers(messages, context);
  }
  return [rawAnswer(record, context.tokenizer)];
}

/** Whether prompts and responses are put into the model's template. */
export const isChat = ({ config, template }: Pick<AnswerContext, "config" | "template">): boolean =>
  config.prompt_format === "auto" ? template?.kind === "jinja" : config.prompt_format === "chat";

export function endToken({ specials: { eos } }: Tokenizer): number {
  if (eos !== undefined) return eos;
  throw new ConfigError(
    "the tokenizer has no end token, so a model could not learn to end; add eos_token to tokenizer_config.json",
  );
}

function begunText(text: string, tokenizer: Tokenizer): Answer {
  const end = endToken(tokenizer);
  const document = tokenizer.encode(text);
  const ids = new Int32Array(document.length + 2).fill(end);
  ids[0] = tokenizer.specials.bos ?? end;
  ids.set(document, 1);
  return { ids, promptLength: 1 };
}

function rawAnswer({ prompt, response }: { prompt: string; response: string }, tokenizer: Tokenizer): Answer {
  const { ids, borders } = encodeWithBorders(tokenizer, prompt + response, { borders: [prompt.length] });
  return { ids: appended(ids, endToken(tokenizer)), promptLength: borders[0]! };
}

function chatAnswers(messages: readonly ChatMessage[], context: AnswerContext): Answer[] {
  const places = messages.flatMap((message, place) => (isLearnable(message, place) ? [place] : []));
  const { turns } = context.config;
  if (turns === "each") return places.map((place) => chatAnswer(messages, [place], context));
  return [chatAnswer(messages, turns === "last" ? places.slice(-1) : places, context)];
}

/** What stands behind the last learnt message is left out: a network that sees both ways must not read on. */
function chatAnswer(
  messages: readonly ChatMessage[],
  learn: readonly number[],
  { tokenizer, template }: AnswerContext,
): Answer {
  const chat = messages.slice(0, learn.at(-1)! + 1);
  const { ids, turns } = encodeTurns(chat, { learn }, { tokenizer, template: template! });
  const promptLength = turns[0]![0];
  if (turns.length === 1) return { ids, promptLength };
  const learnt = new Uint8Array(ids.length);
  for (const [begin, end] of turns) learnt.fill(1, begin, end);
  return { ids, promptLength, learnt };
}
