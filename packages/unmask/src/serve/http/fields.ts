// The fields of a request's body and their types. What OpenAI's interface has and a diffusion model does not is
// accepted where it would change nothing and refused otherwise; whatever has no meaning here is taken for an option
// of the decoder (decoder-fields.ts).

import { z } from "zod";
import type { ChatMessage } from "../../text/chat-template.ts";
import type { JsonObject } from "./body.ts";
import { type ApiError, badField, short } from "./errors.ts";

const text = z.string();
const count = z.int().min(1);
const switched = z.boolean();

const part = z.strictObject({
  type: z.literal("text", { error: "only parts of type text can be read" }),
  text,
});

const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z
    .union([text, z.array(part)], { error: "expected a text, or a list of parts of type text" })
    .optional(),
  name: text.optional(),
  tool_calls: z.array(z.unknown()).optional(),
  tool_call_id: text.optional(),
  reasoning_content: text.optional(),
  // What clients send back of an answer of ours.
  refusal: z.unknown().optional(),
  annotations: z.unknown().optional(),
});

const structures = {
  json_schema: z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: text.optional(),
      description: text.optional(),
      schema: z.union([z.record(text, z.unknown()), switched], { error: "expected a JSON Schema" }),
      strict: switched.optional(),
    }),
  }),
  regex: z.strictObject({ type: z.literal("regex"), pattern: text.min(1) }),
};

/** Both endpoints have these. */
const shared = {
  model: text.optional(),
  stream: switched.optional(),
  stream_options: z
    .strictObject({
      include_usage: switched.optional(),
      include_canvas: switched.optional(),
      // Padding against guesses from the length of a message; there is none.
      include_obfuscation: z.literal(false).optional(),
    })
    .optional(),
  n: count.optional(),
  stop: z
    .union([text.min(1), z.array(text.min(1))], {
      error: "expected a text, or a list of texts, none of them empty",
    })
    .optional(),
  seed: z.int().min(0).optional(),
  max_tokens: count.optional(),
  max_completion_tokens: count.optional(),
  max_new_tokens: count.optional(),
  response_format: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("text") }),
      z.strictObject({ type: z.literal("json_object") }),
      structures.json_schema,
      structures.regex,
    ])
    .optional(),
  decoder: text.optional(),
  fidelity: z.enum(["corrected", "released"]).optional(),
  timeout: z.number().positive().optional(),
};

export const chatFields = z.object({
  ...shared,
  messages: z.array(message).min(1),
  logprobs: switched.optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
});

const ids = z.array(z.int().min(0)).min(1);

export const completionFields = z.object({
  ...shared,
  prompt: z
    .union([text, z.array(text).min(1), ids, z.array(ids).min(1)], {
      error: "expected a text, a list of texts, or token ids",
    })
    .optional(),
  suffix: text.optional(),
  logprobs: z.int().min(0).max(20).optional(),
});

export type ChatBody = z.infer<typeof chatFields>;
export type CompletionBody = z.infer<typeof completionFields>;
export type SharedBody = Omit<ChatBody, "messages" | "logprobs" | "top_logprobs">;

/** Fields of OpenAI's that mean nothing here, with the values that would change nothing. */
const neutral: Readonly<Record<string, readonly string[]>> = {
  presence_penalty: ["0"],
  frequency_penalty: ["0"],
  logit_bias: ["{}"],
  best_of: ["1"],
  echo: ["false"],
  store: ["false"],
  tools: ["[]"],
  functions: ["[]"],
  tool_choice: ['"none"', '"auto"'],
  function_call: ['"none"', '"auto"'],
  parallel_tool_calls: ["true", "false"],
  modalities: ['["text"]'],
  service_tier: ['"auto"', '"default"'],
};

/** Notes of the client to itself. */
const notes: readonly string[] = ["user", "metadata", "safety_identifier", "prompt_cache_key"];

export interface ParsedBody<Body> {
  readonly fields: Body;
  /** Fields with other names. */
  readonly others: JsonObject;
}

/** Checks the fields; null is as good as absent. Throws an ApiError that names the first that is wrong. */
export function parseBody<Schema extends typeof chatFields | typeof completionFields>(
  schema: Schema,
  body: JsonObject,
): ParsedBody<z.infer<Schema>> {
  const known: Record<string, unknown> = {};
  const others: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (value === null || notes.includes(name)) continue;
    if (Object.hasOwn(schema.shape, name)) known[name] = name === "messages" ? withoutNulls(value) : value;
    else if (!isNeutral(name, value)) others[name] = value;
  }
  const { success, data, error } = schema.safeParse(known);
  if (!success) throw refusal(error.issues[0]!);
  return { fields: data as z.infer<Schema>, others };
}

function isNeutral(name: string, value: unknown): boolean {
  if (!Object.hasOwn(neutral, name)) return false;
  const allowed = neutral[name]!;
  if (allowed.includes(JSON.stringify(value))) return true;
  throw badField(name, `is not supported; leave it out or give ${allowed.join(" or ")}`, "unsupported");
}

function withoutNulls(messages: unknown): unknown {
  if (!Array.isArray(messages)) return messages;
  return messages.map((one: unknown) => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) return one;
    return Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null));
  });
}

function refusal(issue: z.core.$ZodIssue): ApiError {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return badField([...path, short(issue.keys[0]!)].join("."), "is not supported", "unsupported");
  }
  return badField(path.join("."), issue.message.replace(/^Invalid input: /, ""));
}

/** Messages as templates take them: the developer is the system, and parts are joined. */
export function messagesOf({ messages }: Pick<ChatBody, "messages">): ChatMessage[] {
  return messages.map(({ role, content, refusal: _, annotations: __, ...rest }) => ({
    ...rest,
    role: role === "developer" ? "system" : role,
    ...(content === undefined
      ? {}
      : { content: typeof content === "string" ? content : content.map((one) => one.text).join("") }),
  }));
}
