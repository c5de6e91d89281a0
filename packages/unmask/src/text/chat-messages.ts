// The messages of a chat, as OpenAI's and Hugging Face's interfaces write them, checked before a template sees them.
import { UsageError } from "../base/errors.ts";

export const roles = ["system", "user", "assistant", "tool"] as const;
export type Role = (typeof roles)[number];

export interface ChatMessage {
  readonly role: Role;
  /** May be null or absent only for an assistant's message that has `tool_calls`. */
  readonly content?: string | null;
  /** Whatever else the template reads: `name`, `tool_calls`, `reasoning_content`, ... */
  readonly [field: string]: unknown;
}

/** Throws a UsageError that names the first message that is wrong. */
export function checkMessages(messages: unknown): asserts messages is readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new UsageError("A chat needs a list of at least one message; give { role, content } objects", {});
  }
  for (const [index, message] of messages.entries()) {
    const at = `Message ${index + 1} of ${messages.length}`;
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
      throw new UsageError(`${at} is no object; give { role, content }`, { message });
    }
    const { role, content, tool_calls: calls } = message as Record<string, unknown>;
    if (!roles.includes(role as Role)) {
      throw new UsageError(`${at} has the role ${JSON.stringify(role)}; give one of ${roles.join(", ")}`, {
        role,
      });
    }
    const onlyCalls = role === "assistant" && Array.isArray(calls) && calls.length > 0;
    if (typeof content !== "string" && !(onlyCalls && (content === null || content === undefined))) {
      const told = content === undefined ? "has no content" : "has a content that is no text";
      throw new UsageError(`${at} (${role}) ${told}; give its text`, { role });
    }
    checkJson(message, { at, depth: 0 });
  }
}

/** Refuses what JSON cannot hold: functions, symbols, cycles. A template would call or trip over them. */
export function checkJson(value: unknown, { at, depth }: { at: string; depth: number }): void {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    throw new UsageError(`${at} holds a ${typeof value}; give what JSON can hold`, {});
  }
  if (typeof value !== "object" || value === null || value instanceof Date) return;
  if (depth > 100) throw new UsageError(`${at} is nested more than 100 deep; give a flatter value`, {});
  for (const item of Object.values(value)) checkJson(item, { at, depth: depth + 1 });
}
