// Which answers of a rollout are kept, and why the others are not.

import type { GeneratedSequence } from "../generate/events.ts";
import { gradeGsm8k, gradeMath } from "../grade/mathematics.ts";
import { checkAnswer, verifyReasoning } from "../language/arithmetic-check.ts";
import type { RolloutConfig, Verifier } from "./config.ts";
import type { RolloutPrompt } from "./prompts.ts";

export const rejections = ["unended", "short", "long", "wrong", "no_gold"] as const;
export type Rejection = (typeof rejections)[number];

export type Answered = Pick<GeneratedSequence, "text" | "tokens" | "finish_reason">;

/** Undefined for an answer that is kept. */
export function rejection(
  answer: Answered,
  { prompt, gold }: Pick<RolloutPrompt, "prompt" | "gold">,
  keep: RolloutConfig["keep"],
): Rejection | undefined {
  if (keep.ended && answer.finish_reason !== "stop") return "unended";
  if (answer.tokens < keep.min_tokens) return "short";
  if (answer.tokens > (keep.max_tokens ?? Number.POSITIVE_INFINITY)) return "long";
  if (keep.verified === undefined) return undefined;
  const why = judges[keep.verified](answer.text, { prompt, gold });
  return why === "no_gold" && keep.no_gold === "keep" ? undefined : why;
}

type Judge = (
  text: string,
  asked: Pick<RolloutPrompt, "prompt" | "gold">,
) => Extract<Rejection, "wrong" | "no_gold"> | undefined;

const verdict = (isRight: boolean | undefined) =>
  isRight === undefined ? "no_gold" : isRight ? undefined : "wrong";

const byGold =
  (grade: ReturnType<typeof gradeMath>): Judge =>
  (response, { gold }) =>
    verdict(gold === undefined ? undefined : grade({ gold, response })?.correct);

const judges: Readonly<Record<Verifier, Judge>> = {
  gsm8k: byGold(gradeGsm8k()),
  math: byGold(gradeMath()),
  // The synthetic word problems: the answer right, and every step of the reasoning the one that the question tells.
  problems: (text, { prompt }) => {
    const question = typeof prompt === "string" ? prompt : (prompt.at(-1)?.content ?? "");
    return verdict(checkAnswer(question, text).correct && verifyReasoning(question, text).faithful);
  },
};
