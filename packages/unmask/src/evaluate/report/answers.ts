// The answers that a report shows: question, answer with its replay, verdict.

import type { Tokenizer } from "../../text/tokenizer.ts";
import type { Trajectory } from "../../trajectory/record.ts";
import type { Row, TaskOutcome } from "../run/outcome.ts";
import type { ChooseItem, GenerateItem } from "../tasks/task.ts";
import { type Html, html, visible } from "./html.ts";

/** What the page's script replays. */
export interface Replay {
  /** Texts of the tokens, joined they are the answer's. */
  readonly pieces: readonly string[];
  readonly steps: readonly number[];
  readonly sure: readonly (number | null)[];
  readonly forwards: number;
}

/** Replays of a page, each known by its place. */
export class Replays {
  readonly all: Replay[] = [];
  private readonly tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  add({ token_ids, reveal_step, confidence, forwards }: Trajectory, tokenizer = this.tokenizer): number {
    this.all.push({
      pieces: piecesOf(token_ids, tokenizer),
      steps: reveal_step,
      sure: confidence.map((value) => (Number.isNaN(value) ? null : Math.round(value * 1000) / 1000)),
      forwards,
    });
    return this.all.length - 1;
  }
}

/** A character of several tokens stands at the last of them. */
export function piecesOf(ids: readonly number[], tokenizer: Tokenizer): string[] {
  const stream = tokenizer.stream({ skipSpecials: false });
  const pieces = ids.map((id) => visible(stream.push([id])));
  const rest = visible(stream.end());
  if (pieces.length > 0) pieces[pieces.length - 1] += rest;
  return pieces;
}

const shownOfKind = 10;

/** Questions to show of one setting: the first that are right and the first that are wrong, in order. */
export function chosenRows({ rows }: TaskOutcome): Row[] {
  const right = rows.filter(isRight).slice(0, shownOfKind);
  const wrong = rows.filter((row) => !isRight(row)).slice(0, shownOfKind);
  return [...right, ...wrong].sort((a, b) => a.item - b.item);
}

const isRight = ({ graded }: Row): boolean => graded.verdicts.every(({ correct }) => correct);

/** One answer of a question, and under which setting it was given. */
export interface ShownAnswer {
  readonly label: string;
  readonly row: Row;
}

/** A question with its answers under one or several settings. */
export function questionHtml(outcome: TaskOutcome, answers: readonly ShownAnswer[], replays: Replays): Html {
  const { row } = answers[0]!;
  const item = outcome.planned.task.items[row.item] as GenerateItem;
  const verdicts = answers.map((one) => verdictWord(one.row));
  const one = verdicts.every((word) => word === verdicts[0]) ? verdicts[0]! : "mixed";
  const badge =
    answers.length === 1
      ? one
      : `${verdicts.filter((word) => word === "right").length} of ${answers.length} right`;
  return html`<details data-answer data-verdict="${one}">
<summary><span class="badge ${one === "right" ? "good" : one === "mixed" ? "" : "bad"}">${badge}</span> ${item.id} <span class="soft">${firstWords(item.prompt.text)}</span></summary>
<div>
<p class="soft small">Asked</p>
<div class="prompt" tabindex="0" role="region" aria-label="prompt">${shortened(promptText(outcome, item))}</div>
${answers.map((answer) => answerHtml(answer, replays))}
<dl><dt>target</dt><dd>${shortened(item.target, 600)}</dd></dl>
</div>
</details>`;
}

/** A question that was answered by the likelihood of its choices. */
export function choiceHtml({ planned }: TaskOutcome, row: Row): Html {
  const item = planned.task.items[row.item] as ChooseItem;
  const word = verdictWord(row);
  const [verdict] = row.graded.verdicts;
  const context = item.candidates[0]?.context ?? "";
  const choices = item.candidates.map(({ choice }, at) => {
    const nll = row.scored?.nlls[at];
    const gold = item.gold.includes(at) ? " (right)" : "";
    return html`<dt>${nll === undefined ? "" : nll.toFixed(2)}</dt><dd>${choice}${gold}</dd>`;
  });
  return html`<details data-answer data-verdict="${word}">
<summary><span class="badge ${word === "right" ? "good" : "bad"}">${word}</span> ${item.id} <span class="soft">${firstWords(context)}</span></summary>
<div>
<p class="soft small">Asked</p>
<div class="prompt" tabindex="0" role="region" aria-label="prompt">${shortened(context)}</div>
<p class="soft small">−log likelihood of each choice, nats; taken: ${verdict?.extracted ?? "none"}</p>
<dl>${choices}</dl>
</div>
</details>`;
}

function answerHtml({ label, row }: ShownAnswer, replays: Replays): Html {
  return html`${row.written.map((written, at) => {
    const verdict = row.graded.verdicts[at];
    const { trajectory, tokens } = written;
    return html`<p class="soft small">${label === "" ? "Answered" : label}: ${tokens} tokens in ${trajectory.forwards} forwards</p>
${replayHtml(written.text, replays.add(trajectory))}
${verdict === undefined ? "" : html`<dl><dt>read as</dt><dd>${verdict.extracted ?? "nothing"}</dd>${verdict.correct ? "" : html`<dt>wrong</dt><dd>${verdict.reason}</dd>`}</dl>`}`;
  })}`;
}

/** A text that the page's script plays, by its replay's place. */
export const replayHtml = (text: string, place: number): Html =>
  html`<div data-replay="${place}"><div class="answer" tabindex="0" role="region" aria-label="answer">${text}</div></div>`;

export function verdictWord(row: Row): "right" | "wrong" | "unparsed" {
  if (isRight(row)) return "right";
  return row.graded.verdicts.some(({ unparsed }) => unparsed) ? "unparsed" : "wrong";
}

function promptText({ planned }: TaskOutcome, { prompt }: GenerateItem): string {
  if (!planned.chat) return prompt.text === "" ? "(nothing: the model writes freely)" : prompt.text;
  const turns = prompt.messages.map(({ role, content }) => `[${role}]\n${String(content)}`);
  return [...turns, ...(prompt.answerPrefix === "" ? [] : [prompt.answerPrefix])].join("\n\n");
}

/** The end of a prompt is the question; what is cut is said. */
function shortened(text: string, most = 2400): string {
  return text.length <= most ? text : `[… ${text.length - most} characters]\n${text.slice(-most)}`;
}

function firstWords(text: string): string {
  const line = text.slice(-400).replace(/\s+/g, " ").trim();
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
}
