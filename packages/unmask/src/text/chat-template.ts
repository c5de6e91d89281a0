// Chat templates, as checkpoints ship them: messages to text, and to ids.
//
//   chat_template.jinja      the template itself
//   chat_template.json       { "chat_template": ... }
//   tokenizer_config.json    "chat_template": text, or a list of { name, template } with one named `default`;
//                            the one named `tool_use` is taken when tools are given
//
// The first that exists counts. A folder without any has `plainTemplate`: a document, so exactly one message, as it
// stands; more than one is refused, because any way of joining them would be a format that the model never saw.
//
// `encode` is exact. The rendered text is encoded as a whole, so that byte pairs merge across the seams of template
// and message just as in transformers; only which special tokens count is decided place by place: those that the
// template wrote do, those whose text a user typed stay text (content-trace.ts says how the two are told apart).
// Where no message holds a special token's text, the ids are those of `tokenizer.encode(text, { specials: true })`.
// Added tokens that are not special (`<think>`, `<tool_call>`) are vocabulary like any other, wherever they stand.
//
// Everything in messages, tools and variables counts as written by users. `hash` is SHA-256 of the template's text
// (of all of them, joined by NUL, if there are several).
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, UsageError } from "../base/errors.ts";
import { type ChatMessage, checkJson, checkMessages } from "./chat-messages.ts";
import { type Trace, traceContent } from "./content-trace.ts";
import { compileTemplate, type Render } from "./jinja.ts";
import { textOf } from "./special-tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { isRecord } from "./tokenizer-json.ts";

export type { ChatMessage, Role } from "./chat-messages.ts";

export interface ChatOptions {
  /** End with the head of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Tools in OpenAI's JSON format. */
  readonly tools?: readonly unknown[];
  /** The clock of `strftime_now`. Default: the machine's. */
  readonly now?: Date;
  /** Whatever else the template reads, such as `enable_thinking`. */
  readonly [variable: string]: unknown;
}

export interface ChatTemplate {
  /** `plain`: the checkpoint has no template. */
  readonly kind: "jinja" | "plain";
  /** Where it was read, for messages. */
  readonly source: string;
  readonly hash: string;
  render(messages: readonly ChatMessage[], options?: ChatOptions): string;
  encode(messages: readonly ChatMessage[], options?: ChatOptions): Int32Array;
  /** The rendered text, and which of its special tokens the template wrote. */
  trace(messages: readonly ChatMessage[], options?: ChatOptions): Trace;
}

export interface NamedTemplates {
  readonly default: string;
  readonly [name: string]: string;
}

/** The template of a model's folder, or the plain one if the folder has none. */
export async function loadChatTemplate(folder: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
  const jinja = join(folder, "chat_template.jinja");
  const text = await readText(jinja);
  if (text !== undefined) return createChatTemplate({ default: text }, tokenizer, jinja);
  for (const name of ["chat_template.json", "tokenizer_config.json"]) {
    const file = join(folder, name);
    const templates = namedTemplates(await readText(file), file);
    if (templates !== undefined) return createChatTemplate(templates, tokenizer, file);
  }
  return plainTemplate(tokenizer, folder);
}

/** `source` names the file in messages. */
export function createChatTemplate(
  templates: NamedTemplates,
  tokenizer: Tokenizer,
  source = "chat template",
): ChatTemplate {
  const names = Object.keys(templates).sort();
  const renders = new Map(names.map((name) => [name, compileTemplate(templates[name]!, source)]));
  const fixed = tokenTexts(tokenizer);
  const specials = [...tokenizer.specialTokens.keys()];
  const prepare = (messages: readonly ChatMessage[], options: ChatOptions) => {
    checkMessages(messages);
    const { addGenerationPrompt = true, tools, ...variables } = options;
    checkJson([tools, variables], { at: "An option of the chat template", depth: 0 });
    const given = (tools?.length ?? 0) > 0;
    const named = (given ? renders.get("tool_use") : undefined) ?? renders.get("default")!;
    const render: Render = (content) =>
      named({ ...content, ...fixed, add_generation_prompt: addGenerationPrompt });
    return { render, variables: { ...variables, messages, ...(given ? { tools } : { tools: null }) } };
  };
  const trace = (messages: readonly ChatMessage[], options: ChatOptions = {}) => {
    const { render, variables } = prepare(messages, options);
    return traceContent(render, { variables, specials, source });
  };
  return {
    kind: "jinja",
    source,
    hash: sha256(names.map((name) => templates[name]).join("\0")),
    render: (messages, options = {}) => {
      const { render, variables } = prepare(messages, options);
      return render(variables);
    },
    encode: (messages, options) => {
      const { text, isTemplate } = trace(messages, options);
      return tokenizer.encode(text, { specials: isTemplate });
    },
    trace,
  };
}

/** For models without a template: the only message, as it stands. */
export function plainTemplate(tokenizer: Tokenizer, source = "the model"): ChatTemplate {
  const render = (messages: readonly ChatMessage[]): string => {
    checkMessages(messages);
    const [only] = messages;
    if (messages.length === 1 && typeof only?.content === "string") return only.content;
    const message = `${source} has no chat template, so it takes one message, a text to go on with, and ${messages.length} were given; join them yourself, or put a chat_template.jinja into the folder`;
    throw new UsageError(message, { source, messages: messages.length });
  };
  return {
    kind: "plain",
    source,
    hash: sha256(""),
    render,
    encode: (messages) => tokenizer.encode(render(messages)),
    trace: (messages) => ({ text: render(messages), isTemplate: () => false }),
  };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** bos_token, eos_token, ... as texts; what the tokenizer lacks is left undefined, and prints as nothing. */
function tokenTexts({ files: { config, specialTokens = {} } }: Tokenizer): Record<string, unknown> {
  const names = ["bos", "eos", "pad", "unk", "mask", "cls", "sep"].map((name) => `${name}_token`);
  const texts = names.map((name) => [name, textOf(config[name] ?? specialTokens[name])] as const);
  return Object.fromEntries(texts.map(([name, text]) => [name, typeof text === "string" ? text : undefined]));
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const message = `${file} cannot be read (${code}); check its type and permissions`;
    throw new CheckpointError(message, { file }, { cause });
  }
}

function namedTemplates(text: string | undefined, file: string): NamedTemplates | undefined {
  if (text === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const message = `${file} is not valid JSON (${(cause as Error).message}); it may be cut off: fetch or save it again`;
    throw new CheckpointError(message, { file }, { cause });
  }
  const entry = isRecord(parsed) ? parsed.chat_template : undefined;
  if (entry === undefined || entry === null) return undefined;
  if (typeof entry === "string") return { default: entry };
  const list: unknown[] = Array.isArray(entry) ? entry : [];
  const pairs = list.map((item) => (isRecord(item) ? [item.name, item.template] : []));
  const named = Object.fromEntries(pairs.filter(([name]) => typeof name === "string")) as NamedTemplates;
  const whole = pairs.every((pair) => pair.length === 2 && pair.every((part) => typeof part === "string"));
  if (whole && typeof named.default === "string") return named;
  const message = `${file}: "chat_template" is neither a text nor a list of { name, template } with one named "default"; fetch the tokenizer again`;
  throw new CheckpointError(message, { file });
}
