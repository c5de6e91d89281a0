// What a row means: a text, a chat, or a prompt with its response. A row that is none of them is corrupt, and the message
// says which fields it has.

import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { type ChatMessage, checkMessages } from "../text/chat-messages.ts";
import type { DataConfig, RowKind } from "./config.ts";
import { NoText } from "./parquet-values.ts";
import type { Fields } from "./row.ts";

export type DataRecord =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "messages"; readonly messages: readonly ChatMessage[] }
  | { readonly kind: "prompt"; readonly prompt: string; readonly response: string };

type Names = Pick<DataConfig, "field" | "messages_field" | "prompt_field" | "response_field">;

/** The fields that may be read. */
export const wantedFields = (names: Names): string[] => [
  names.field,
  names.messages_field,
  names.prompt_field,
  names.response_field,
];

const has = (fields: Fields, name: string) => Object.hasOwn(fields, name);

/** By the fields of the first row: messages before prompt and response before text. */
export function kindOfRow(fields: Fields, config: DataConfig, place: string): RowKind {
  if (config.rows !== "auto") return config.rows;
  if (has(fields, config.messages_field)) return "messages";
  if (has(fields, config.prompt_field) && has(fields, config.response_field)) return "prompt";
  if (has(fields, config.field)) return "text";
  const names = Object.keys(fields);
  const hint = wantedFields(config)
    .filter((name) => !has(fields, name))
    .map((name) => didYouMean(name, names))
    .find((found) => found !== "");
  const message = `${place}: neither "${config.field}" nor "${config.messages_field}" nor "${config.prompt_field}" and "${config.response_field}"; the fields are: ${listed(names)}${hint ?? ""}; set data.field, data.messages_field, or data.prompt_field and data.response_field`;
  throw new DataError(message, { fields: names });
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.slice(0, 8).join(", ").slice(0, 200);
}

/** The record, or what is wrong with the row; undefined for one with nothing to learn in it. */
export function recordOf(
  fields: Fields,
  kind: RowKind,
  names: Names,
): DataRecord | { readonly problem: string } | undefined {
  if (kind === "messages") return chatOf(fields, names.messages_field);
  if (kind === "text") {
    const text = textOf(fields, names.field, "field");
    if (typeof text !== "string") return text;
    return /\S/.test(text) ? { kind, text } : undefined;
  }
  const prompt = textOf(fields, names.prompt_field, "prompt_field");
  if (typeof prompt !== "string") return prompt;
  const response = textOf(fields, names.response_field, "response_field");
  if (typeof response !== "string") return response;
  return /\S/.test(response) ? { kind, prompt, response } : undefined;
}

function textOf(fields: Fields, name: string, option: string): string | { readonly problem: string } {
  const value = has(fields, name) ? fields[name] : undefined;
  if (typeof value === "string") return value;
  if (value instanceof NoText) return { problem: `the field "${name}" holds ${value.what}` };
  if (value !== undefined && value !== null) {
    return { problem: `the field "${name}" is ${shown(value)}, not a text; give a string` };
  }
  if (value === null || has(fields, name)) return { problem: `the field "${name}" is empty; give a string` };
  const known = Object.keys(fields);
  const hint = didYouMean(name, known);
  return {
    problem: `no field "${name}"; the fields are: ${listed(known)}${hint}; rename one or set data.${option}`,
  };
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? typeof value).slice(0, 40);

function chatOf(fields: Fields, name: string): DataRecord | { readonly problem: string } | undefined {
  const value = has(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) {
    const text = textOf(fields, name, "messages_field");
    return typeof text === "string" ? undefined : text;
  }
  const strange = hasNoText(value);
  if (strange !== undefined) return { problem: `the field "${name}" holds ${strange.what}` };
  const messages = Array.isArray(value) ? value.map(asMessage) : value;
  try {
    checkMessages(messages);
  } catch (error) {
    return { problem: `the field "${name}": ${(error as Error).message}` };
  }
  return messages.some(isLearnable) ? { kind: "messages", messages } : undefined;
}

const speakers: Readonly<Record<string, string>> = { human: "user", gpt: "assistant" };

/** ShareGPT's { from, value } is taken too. */
function asMessage(message: unknown): unknown {
  if (typeof message !== "object" || message === null || "role" in message) return message;
  const { from, value } = message as Record<string, unknown>;
  if (typeof from !== "string" || typeof value !== "string") return message;
  return { role: Object.hasOwn(speakers, from) ? speakers[from] : from, content: value };
}

/** An answer of the assistant that stands behind something. */
export const isLearnable = ({ role, content, tool_calls: calls }: ChatMessage, place: number): boolean =>
  place > 0 && role === "assistant" && (/\S/.test(content ?? "") || calls !== undefined);

function hasNoText(value: unknown, depth = 0): NoText | undefined {
  if (value instanceof NoText) return value;
  if (typeof value !== "object" || value === null || depth > 8) return undefined;
  for (const inside of Object.values(value)) {
    const found = hasNoText(inside, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
