// Candidates of a multiple-choice item as tokens, and their likelihoods.
//
// Context and continuation are encoded together, so that tokens merge across their seam as they would in a text; the
// context's own tokens are counted off. White space at the context's end goes to the continuation, where tokenizers put
// it (lm-evaluation-harness's rule).

import { type Model, tokenizerOf } from "../generate/load.ts";
import { beginning } from "../generate/request.ts";
import { pythonTrimEnd } from "../text/python-text.ts";
import { type Pair, type Score, type ScoreOptions, scorePairs } from "./likelihood.ts";
import type { Candidate, ChooseItem } from "./tasks/task.ts";

export function encodeCandidate(model: Model, candidate: Pick<Candidate, "context" | "continuation">): Pair {
  const tokenizer = tokenizerOf(model);
  const context = pythonTrimEnd(candidate.context);
  const continuation = `${candidate.context.slice(context.length)}${candidate.continuation}`;
  const start = beginning(model);
  const before = context === "" ? [] : [...tokenizer.encode(context)];
  const whole = [...tokenizer.encode(`${context}${continuation}`)];
  const behind = whole.slice(before.length);
  // A tokenizer that merges the whole continuation into the context's last token leaves nothing behind it.
  return {
    context: [...start, ...before],
    continuation: behind.length > 0 ? behind : [...tokenizer.encode(continuation)],
  };
}

/** One score a candidate, with the same draws for all of them. */
export function scoreItem(model: Model, item: ChooseItem, options: ScoreOptions): Score[] {
  return scorePairs(
    model,
    item.candidates.map((candidate) => encodeCandidate(model, candidate)),
    options,
  );
}
