// What was said in a chat so far, and what a line of input means.

import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import type { ChatMessage } from "../text/chat-template.ts";

export const commands = { reset: "forgets what was said", quit: "ends" } as const;

export type Entry =
  | { readonly kind: "nothing" }
  | { readonly kind: keyof typeof commands }
  | { readonly kind: "message"; readonly text: string };

/** Throws a UsageError for a command that there is not. A message may begin with a slash if it has a second word. */
export function readEntry(line: string): Entry {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  const [, word] = /^\/([a-z]+)$/i.exec(text) ?? [];
  if (word === undefined) return { kind: "message", text: line };
  const names = Object.keys(commands) as (keyof typeof commands)[];
  const name = names.find((one) => one === word.toLowerCase());
  if (name !== undefined) return { kind: name };
  const near = didYouMean(
    text,
    names.map((one) => `/${one}`),
  );
  throw new UsageError(
    `there is no ${text}${near}; there are ${names.map((one) => `/${one}`).join(" and ")}`,
  );
}

export class Conversation {
  private readonly head: readonly ChatMessage[];
  private turns: readonly ChatMessage[] = [];

  constructor(system: string | undefined) {
    this.head = system === undefined ? [] : [{ role: "system", content: system }];
  }

  get isEmpty(): boolean {
    return this.turns.length === 0;
  }

  /** What the model is given to answer a question. */
  asked(question: string): ChatMessage[] {
    return [...this.head, ...this.turns, { role: "user", content: question }];
  }

  /** Keeps a question with its answer. */
  add(question: string, answer: string): void {
    this.turns = [...this.asked(question).slice(this.head.length), { role: "assistant", content: answer }];
  }

  /** The system message stays. */
  reset(): void {
    this.turns = [];
  }
}
