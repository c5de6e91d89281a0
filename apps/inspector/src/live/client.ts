// A text asked of `unmask serve`, with its drafts.

import { EventReader } from "./events.ts";

export interface Asked {
  readonly prompt: string;
  /** Put into the chat template, or gone on with as it is. */
  readonly chat: boolean;
  readonly suffix: string;
  readonly maxTokens: number;
  readonly seed: number | undefined;
  readonly decoder: string | undefined;
  /** Options of the decoder by name. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The canvas after a step: a letter a token, given, written, fresh (in this step) or open. */
export interface Draft {
  readonly step: number;
  readonly steps: number;
  readonly tokens: readonly string[];
  readonly states: string;
}

export interface WrittenToken {
  readonly token: string;
  readonly logprob: number;
}

export interface Listener {
  onDraft(draft: Draft): void;
  onText(text: string): void;
  /** Tokens from left to right as they become certain. */
  onTokens(tokens: readonly WrittenToken[]): void;
  onTold(told: { readonly seed?: number; readonly decoder?: string }): void;
}

export interface ServedModel {
  readonly id: string;
  readonly decoders: readonly string[];
  readonly usual_decoder: string;
  readonly has_chat_template: boolean;
}

const headersOf = (key: string): Record<string, string> =>
  key === "" ? {} : { authorization: `Bearer ${key}` };

/** Throws an error with the server's own sentence. */
export async function servedModel(key: string): Promise<ServedModel> {
  const answer = await fetch("v1/models", { headers: headersOf(key) });
  if (!answer.ok) throw await refusal(answer);
  const { data } = (await answer.json()) as { data: ServedModel[] };
  return data[0]!;
}

/** Ends with the text; throws an error with the server's own sentence. Aborting the signal ends it quietly. */
export async function ask(asked: Asked, key: string, listener: Listener, signal: AbortSignal): Promise<void> {
  const answer = await fetch(asked.chat ? "v1/chat/completions" : "v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headersOf(key) },
    body: JSON.stringify(bodyOf(asked)),
    signal,
  });
  if (!answer.ok || answer.body === null) throw await refusal(answer);
  const reader = new EventReader();
  const decoder = new TextDecoder();
  const stream = answer.body.getReader();
  for (;;) {
    const { done, value } = await stream.read();
    if (done) return;
    for (const { name, data } of reader.push(decoder.decode(value, { stream: true }))) {
      if (data !== "[DONE]") tell(name, JSON.parse(data) as Chunk, listener);
    }
  }
}

export function bodyOf({ prompt, chat, suffix, maxTokens, seed, decoder, options }: Asked): object {
  return {
    ...options,
    ...(chat
      ? { messages: [{ role: "user", content: prompt }], logprobs: true }
      : { prompt, logprobs: 0, ...(suffix === "" ? {} : { suffix }) }),
    ...(seed === undefined ? {} : { seed }),
    ...(decoder === undefined ? {} : { decoder }),
    max_tokens: maxTokens,
    stream: true,
    stream_options: { include_canvas: true },
  };
}

interface Chunk {
  readonly error?: { readonly message: string };
  readonly canvas?: Draft & { readonly index: number };
  readonly unmask?: { readonly seed?: number; readonly decoder?: string };
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string };
    readonly logprobs?: ChatLogprobs | CompletionLogprobs | null;
  }[];
}

interface ChatLogprobs {
  readonly content: readonly WrittenToken[] | null;
}

interface CompletionLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
}

function tell(name: string, { error, canvas, unmask, choices = [] }: Chunk, listener: Listener): void {
  if (error !== undefined) throw new Error(error.message);
  if (unmask?.seed !== undefined || unmask?.decoder !== undefined) listener.onTold(unmask);
  if (name === "canvas" && canvas !== undefined) listener.onDraft(canvas);
  for (const { text, delta, logprobs } of choices) {
    const fresh = text ?? delta?.content ?? "";
    if (fresh !== "") listener.onText(fresh);
    if (logprobs !== null && logprobs !== undefined) listener.onTokens(tokensOf(logprobs));
  }
}

function tokensOf(logprobs: ChatLogprobs | CompletionLogprobs): readonly WrittenToken[] {
  if ("content" in logprobs) return logprobs.content ?? [];
  return logprobs.tokens.map((token, at) => ({ token, logprob: logprobs.token_logprobs[at]! }));
}

async function refusal(answer: Response): Promise<Error> {
  const body = (await answer.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
  return new Error(body?.error?.message ?? `the server answered ${answer.status}`);
}

/** "steps=8 threshold=0.5 cache=none" as values. Throws an error that names what cannot be read. */
export function optionsOf(text: string): Record<string, unknown> {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  return Object.fromEntries(
    parts.map((part) => {
      const [, name, value] = /^([a-z_]+)=(.+)$/.exec(part) ?? [];
      if (name === undefined || value === undefined) throw new Error(`"${part}" is no option; write steps=8`);
      if (value === "true" || value === "false") return [name, value === "true"];
      return [name, Number.isNaN(Number(value)) ? value : Number(value)];
    }),
  );
}
