// What a question looks like to the model: a task's prompt as token ids.

import { type ModelText, tokenizerOf } from "../../generate/load.ts";
import { beginning } from "../../generate/request.ts";
import type { TaskPrompt } from "../tasks/task.ts";

export interface PromptOptions {
  /** With the model's chat template. */
  readonly chat: boolean;
  /** A longer prompt loses its beginning. */
  readonly longest?: number | undefined;
}

export interface EncodedPrompt {
  readonly ids: Int32Array;
  /** Tokens that were cut off in front. */
  readonly cut: number;
}

export function encodeTaskPrompt(
  model: ModelText,
  prompt: TaskPrompt,
  { chat, longest = Number.POSITIVE_INFINITY }: PromptOptions,
): EncodedPrompt {
  const all = chat ? asChat(model, prompt) : asText(model, prompt);
  const cut = Math.max(0, all.length - longest);
  return { ids: all.slice(cut), cut };
}

function asText(model: ModelText, { text }: TaskPrompt): Int32Array {
  return Int32Array.from([...beginning(model), ...tokenizerOf(model).encode(text)]);
}

function asChat(model: ModelText, { messages, answerPrefix }: TaskPrompt): Int32Array {
  const tokenizer = tokenizerOf(model);
  const ids = model.template!.encode(messages);
  return answerPrefix === "" ? ids : Int32Array.from([...ids, ...tokenizer.encode(answerPrefix)]);
}
