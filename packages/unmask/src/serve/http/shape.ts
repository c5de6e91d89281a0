// The two forms in which a text is handed out: a chat's message, and a completion.

import type { TokenLogprob } from "../engine.ts";

export type FinishReason = "stop" | "length";

export interface WholeText {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Absent unless asked for. */
  readonly logprobs: readonly TokenLogprob[] | undefined;
}

/** Choices of an endpoint's answers. */
export interface Shape {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  choice(index: number, whole: WholeText): object;
  /** What every choice of a stream begins with. */
  first(index: number): object | undefined;
  /** `offset`: characters of the choice's text before this one. */
  delta(index: number, text: string, logprobs: readonly TokenLogprob[] | undefined, offset: number): object;
  last(index: number, finishReason: FinishReason): object;
}

const chatLogprobs = (logprobs: readonly TokenLogprob[] | undefined) =>
  logprobs === undefined
    ? null
    : {
        content: logprobs.map(({ token, logprob, bytes, top }) => ({
          token,
          logprob,
          bytes,
          top_logprobs: top,
        })),
        refusal: null,
      };

export const chatShape: Shape = {
  idPrefix: "chatcmpl-",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  choice: (index, { text, finishReason, logprobs }) => ({
    index,
    message: { role: "assistant", content: text, refusal: null },
    logprobs: chatLogprobs(logprobs),
    finish_reason: finishReason,
  }),
  first: (index) => ({
    index,
    delta: { role: "assistant", content: "" },
    logprobs: null,
    finish_reason: null,
  }),
  delta: (index, content, logprobs) => ({
    index,
    delta: { content },
    logprobs: chatLogprobs(logprobs),
    finish_reason: null,
  }),
  last: (index, finishReason) => ({ index, delta: {}, logprobs: null, finish_reason: finishReason }),
};

/** Offsets count characters (UTF-16) of the completion. Tokens of equal text keep the likelier. */
function completionLogprobs(logprobs: readonly TokenLogprob[] | undefined, offset: number) {
  if (logprobs === undefined) return null;
  let at = offset;
  const offsets = logprobs.map(({ token }) => {
    const here = at;
    at += token.length;
    return here;
  });
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries([...top].reverse().map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: offsets,
  };
}

export const completionShape: Shape = {
  idPrefix: "cmpl-",
  object: "text_completion",
  chunkObject: "text_completion",
  choice: (index, { text, finishReason, logprobs }) => ({
    index,
    text,
    logprobs: completionLogprobs(logprobs, 0),
    finish_reason: finishReason,
  }),
  first: () => undefined,
  delta: (index, text, logprobs, offset) => ({
    index,
    text,
    logprobs: completionLogprobs(logprobs, offset),
    finish_reason: null,
  }),
  last: (index, finishReason) => ({ index, text: "", logprobs: null, finish_reason: finishReason }),
};
