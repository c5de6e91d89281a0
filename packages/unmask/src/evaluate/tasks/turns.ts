// From a document and its shots to a prompt, as text and as chat, with lm-evaluation-harness's rules of delimiters.
// Reference: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/api/task.py (fewshot_context, build_qa_turn) and
// lm_eval/api/utils.py:
//
//   text   preamble, then question + delimiter + answer + separator of every shot, then the question (and the answer's
//          beginning, where the task gives one)
//   chat   preamble as system message, every shot as two turns, the question; or, not as turns, one user message that
//          holds shots and question

import type { ChatMessage } from "../../text/chat-messages.ts";
import { beginsWithSpace, endsWithSpace } from "../../text/python-text.ts";
import type { TaskPrompt } from "./task.ts";

export interface Delimiters {
  /** Between question and answer. */
  readonly target: string;
  /** Behind a shot. */
  readonly shot: string;
}

export const usualDelimiters: Delimiters = { target: " ", shot: "\n\n" };

export interface QuestionTurn {
  readonly question: string;
  /** How the answer begins; empty for none. */
  readonly prefix: string;
}

export interface ShotTurn extends QuestionTurn {
  readonly answer: string;
}

export interface PromptParts {
  /** System instruction and the task's description. */
  readonly preamble: string;
  readonly shots: readonly ShotTurn[];
  readonly last: QuestionTurn;
  readonly delimiters: Delimiters;
  /** Where shots have their own. */
  readonly shotDelimiters?: Delimiters | undefined;
}

/** A part of the prompt; the delimiter stands behind it in plain text. */
interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly delimiter: string;
}

export function buildPrompt(parts: PromptParts, { multiturn = true } = {}): TaskPrompt {
  const { preamble, shots, last, delimiters, shotDelimiters = delimiters } = parts;
  const before = shots.flatMap((shot) => shotTurns(shot, shotDelimiters));
  const open = delimited(last.question, last.prefix) ? delimiters.target : "";
  const question: Turn = { role: "user", content: last.question, delimiter: open };
  const asked = [...before, question];
  const message = ({ role, content }: Turn): ChatMessage => ({ role, content });
  const merged: ChatMessage = { role: "user", content: `${plain(before)}${last.question}` };
  return {
    text: `${preamble}${plain(asked)}${last.prefix}`,
    messages: [
      ...(preamble === "" ? [] : [{ role: "system", content: preamble } as const]),
      ...(multiturn ? asked.map(message) : [merged]),
    ],
    answerPrefix: last.prefix,
  };
}

const plain = (turns: readonly Turn[]): string =>
  turns.map(({ content, delimiter }) => `${content}${delimiter}`).join("");

function shotTurns({ question, prefix, answer }: ShotTurn, { target, shot }: Delimiters): Turn[] {
  const between = prefix === "" || delimited(question, prefix) ? target : "";
  return [
    { role: "user", content: question, delimiter: between },
    { role: "assistant", content: joined(prefix, answer, " "), delimiter: shot },
  ];
}

/** Whether a delimiter belongs between two texts: neither has white space there. */
function delimited(first: string, second: string): boolean {
  return first !== "" && second !== "" && !endsWithSpace(first) && !beginsWithSpace(second);
}

/** Two texts with a delimiter where one is needed. */
export function joined(first: string, second: string, delimiter: string): string {
  return delimited(first, second) ? `${first}${delimiter}${second}` : `${first}${second}`;
}
