// Answers that are longer than a row: cut, left out, or refused.

import { DataError } from "../base/errors.ts";
import type { TooLong } from "./config.ts";
import type { Answer } from "./example.ts";
import type { Tally } from "./tally.ts";

export interface FitOptions {
  readonly length: number;
  readonly tooLong: TooLong;
  readonly tally: Tally;
}

const longer = "raise model.length, or take longer tokens (tokenizer.kind=bpe for a fresh model)";

/** The answer as it fits; undefined if it is left out, which is counted. */
export function fitted(
  answer: Answer,
  place: string,
  { length, tooLong, tally }: FitOptions,
): Answer | undefined {
  const size = answer.ids.length;
  if (size <= length) return answer;
  if (tooLong === "fail") {
    const message = `${place}: ${size} tokens, and a row has ${length}; lengthen the rows, or set data.too_long to cut_end, cut_start or skip`;
    throw new DataError(message, { place, tokens: size, length });
  }
  if (tooLong === "skip") {
    tally.add(`examples of more than ${length} tokens left out`, place, longer);
    return undefined;
  }
  const from = tooLong === "cut_start" ? Math.min(size - length, answer.promptLength) : 0;
  if (from > 0) tally.add(`prompts cut at their start, to ${length} tokens with the answer`, place);
  const rest = slice(answer, from, size);
  if (rest.ids.length <= length) return rest;
  const cut = slice(rest, 0, length);
  if (cut.promptLength >= length || cut.learnt?.includes(1) === false) {
    tally.add(`examples left out whose prompts alone fill a row of ${length} tokens`, place, longer);
    return undefined;
  }
  tally.add(`examples cut at their end, to ${length} tokens`, place);
  return cut;
}

function slice({ ids, promptLength, learnt }: Answer, from: number, to: number): Answer {
  return {
    ids: Int32Array.from(ids).slice(from, to),
    promptLength: Math.max(0, promptLength - from),
    ...(learnt === undefined ? {} : { learnt: learnt.slice(from, to) }),
  };
}
