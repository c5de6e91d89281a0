// report.html: one file that shows a whole evaluation, without anything fetched from anywhere.

import type { Tokenizer } from "../../text/tokenizer.ts";
import type { AupReport } from "../aup-report.ts";
import type { Identity } from "../run/identity.ts";
import { verdictsOf } from "../run/outcome.ts";
import type { SweepTask } from "../run/sweep.ts";
import type { Machine } from "../run/timing.ts";
import { choiceHtml, chosenRows, questionHtml, Replays, verdictWord } from "./answers.ts";
import { barChart, colourOf, curveChart, forwardsGrid, histogram } from "./charts.ts";
import { type Html, html, jsonData, page } from "./html.ts";
import { replayScript } from "./replay-script.ts";
import { style } from "./style.ts";
import {
  costTable,
  factList,
  identityFacts,
  type Line,
  reasonsTable,
  scoreTable,
  scoreText,
  speedTable,
  textTable,
} from "./tables.ts";

export interface ReportInput {
  readonly identity: Identity;
  readonly machine: Machine;
  /** Every task under every setting: settings in order, tasks in order within each. */
  readonly lines: readonly Line[];
  readonly tokenizer: Tokenizer;
  readonly sweep?:
    | { readonly tasks: Readonly<Record<string, SweepTask>>; readonly aup: AupReport | undefined }
    | undefined;
}

export function reportHtml(input: ReportInput): string {
  const { identity, machine, lines, sweep } = input;
  const { source } = identity.model;
  const replays = new Replays(input.tokenizer);
  const sections: (readonly [string, string, Html] | undefined)[] = [
    ["scores", "Scores", scoresSection(lines, sweep === undefined)],
    sweep === undefined ? undefined : ["curves", "Accuracy over parallelism", curvesSection(sweep)],
    ["cost", "What it cost", costSection(lines)],
    ["answers", "Answers", answersSection(lines, replays)],
    ["made", "How it was made", factList(identityFacts(identity, machine))],
  ];
  const told = sections.filter((one) => one !== undefined);
  const questions = identity.tasks.reduce((sum, task) => sum + task.questions, 0);
  const body = html`<header>
<h1>${source}</h1>
<p class="soft">${questions} questions, ${plural(identity.tasks.length, "task")}, ${plural(identity.settings.length, "decoder setting")}</p>
<nav aria-label="sections">${told.map(([id, title]) => html`<a href="#${id}">${title}</a>`)}</nav>
</header>
<main>
${told.map(
  ([id, title, content]) => html`<section id="${id}"><h2>${title}</h2>
${content}
</section>
`,
)}</main>
${jsonData("replays", replays.all)}`;
  return page({ title: `${source}: evaluation`, style, script: replayScript, body });
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

function scoresSection(lines: readonly Line[], withChart: boolean): Html {
  // Every metric of a task, or the main ones of several.
  const bars = lines.flatMap(({ outcome }) =>
    outcome.metrics
      .slice(0, lines.length > 1 ? 1 : undefined)
      .filter(({ isShare }) => isShare)
      .map(({ name, mean, low, high }) => ({
        name: lines.length > 1 ? outcome.name : name,
        ...{ value: 100 * mean, low: 100 * low, high: 100 * high, text: scoreText(mean, true) },
        colour: colourOf(0),
      })),
  );
  const chart =
    withChart && bars.length > 0
      ? html`<figure>${barChart(bars, { title: "scores with intervals", axis: "per cent", most: 100 })}</figure>`
      : "";
  const notes = lines.flatMap(({ label, outcome }) => {
    const name = label === "" ? outcome.name : `${outcome.name}, ${label}`;
    return [
      ...(outcome.cut > 0
        ? [`${name}: ${outcome.cut} graders did not end and were cut; their answers count as wrong.`]
        : []),
      ...(outcome.promptsCut > 0
        ? [`${name}: ${outcome.promptsCut} prompts were longer than allowed and lost their beginning.`]
        : []),
    ];
  });
  const texts = textTable(lines);
  return html`${chart}${scoreTable(lines)}
<p class="soft small">Intervals: Wilson's for shares of right answers, a bootstrap over questions for other means. Answers that cannot be read are wrong and counted as unparsed.</p>
${notes.map((note) => html`<p>${note}</p>`)}
${texts === undefined ? "" : html`<h3>Fluency</h3>${texts}<p class="soft small">Perplexity under a judge falls with repetition, and so does entropy: neither is read without the other.</p>`}`;
}

/** Curves, AUP and a grid of scores for each task. */
export function curvesSection({ tasks, aup }: NonNullable<ReportInput["sweep"]>): Html {
  const methods = [
    ...new Set(Object.values(tasks).flatMap(({ points }) => points.map(({ method }) => method))),
  ];
  const keys = html`<ul class="keys">${methods.map((method, at) => html`<li style="--key: ${colourOf(at)}">${method}</li>`)}</ul>`;
  return html`${methods.length > 1 ? keys : ""}${Object.entries(tasks).map(([name, task]) => {
    const scale = task.is_share ? 100 : 1;
    const points = task.points.map(({ method, value, tokens_per_forward, score, low, high }) => ({
      ...{ method, label: String(value), parallelism: tokens_per_forward },
      ...{ score: scale * score, low: scale * low, high: scale * high },
    }));
    const axis = task.is_share ? `${task.metric}, per cent` : task.metric;
    return html`<h3>${name}</h3>
<figure>${curveChart(points, { title: `${name}: ${axis} over tokens a forward`, axis, methods })}</figure>
${aupFigure(name, aup, methods)}
<figure>${forwardsGrid(gridCells(task), { title: `${name}: score by forwards an answer`, methods })}</figure>`;
  })}`;
}

function aupFigure(task: string, report: AupReport | undefined, methods: readonly string[]): Html | string {
  const found = report?.tasks.find(({ name }) => name === task);
  if (report === undefined || found === undefined) return "";
  const bars = found.methods.flatMap(({ name, aup, intervals }) =>
    aup === undefined
      ? []
      : [
          {
            ...{ name, value: aup, low: intervals?.aup?.low, high: intervals?.aup?.high },
            ...{ text: aup.toFixed(1), colour: colourOf(methods.indexOf(name)) },
          },
        ],
  );
  const remarks = found.methods.flatMap(({ name, problem, warnings }) =>
    [...(problem === undefined ? [] : [`no score: ${problem}`]), ...warnings].map(
      (text) => `${name}: ${text}`,
    ),
  );
  return html`${bars.length === 0 ? "" : html`<figure>${barChart(bars, { title: `${task}: accuracy under parallelism`, axis: `AUP (alpha ${report.alpha}, offset ${report.offset}; best accuracy ${found.best.toFixed(1)} %)` })}</figure>`}
${remarks.map((remark) => html`<p class="soft small">${remark}</p>`)}`;
}

function gridCells({ points, is_share: isShare }: SweepTask) {
  const scores = points.map(({ score }) => score);
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  return points.map(({ method, value, forwards_per_answer, score }) => ({
    method,
    forwards: Math.round(forwards_per_answer * 10) / 10,
    strength: most === least ? 0.5 : (score - least) / (most - least),
    text: isShare ? (100 * score).toFixed(1) : score.toFixed(2),
    label: String(value),
  }));
}

function costSection(lines: readonly Line[]): Html {
  const [first] = lines;
  const values =
    lines.length === 1 && first !== undefined
      ? first.outcome.rows.flatMap(({ written }) =>
          written.map(({ tokens, trajectory }) => tokens / Math.max(1, trajectory.forwards)),
        )
      : [];
  const spread =
    new Set(values).size < 2
      ? ""
      : html`<figure>${histogram(values, { title: "tokens a forward, by answer", axis: "tokens a forward of an answer" })}</figure>`;
  return html`<h3>Work</h3>${costTable(lines)}
<p class="soft small">Tokens count up to the end of an answer. Positions are what the network computed, over all forwards. Wasted are forwards that wrote nothing, and tokens behind an end.</p>
${spread}
<h3>Time</h3>${speedTable(lines)}
<p class="soft small">End to end: prompts in, text out, on the machine below. First text: from the start of its batch.</p>`;
}

/** Questions shown of a sweep, under all its settings. */
const shownOfSweep = 4;

function answersSection(lines: readonly Line[], replays: Replays): Html {
  const names = [...new Set(lines.map(({ outcome }) => outcome.name))];
  return html`${names.map((name) => {
    const own = lines.filter(({ outcome }) => outcome.name === name);
    const [{ outcome }] = own as [Line];
    const isChoice = outcome.planned.task.kind === "choose";
    const chosen = own.length === 1 ? chosenRows(outcome) : outcome.rows.slice(0, shownOfSweep);
    const reasons = own.length === 1 && !isChoice ? reasonsTable(outcome) : undefined;
    return html`<h3>${name}</h3>
${own.length === 1 ? rightWords(outcome) : ""}${reasons ?? ""}
<p class="soft small">${chosen.length} of ${outcome.rows.length} questions; all are in the samples file.</p>
${own.length === 1 ? filters(chosen.map(verdictWord)) : ""}<div>${chosen.map((row) =>
      isChoice
        ? choiceHtml(outcome, row)
        : questionHtml(
            outcome,
            own.map((line) => ({ label: line.label, row: line.outcome.rows[row.item]! })),
            replays,
          ),
    )}</div>`;
  })}`;
}

function rightWords(outcome: Line["outcome"]): Html | string {
  const verdicts = verdictsOf(outcome);
  return verdicts === undefined
    ? ""
    : html`<p>${verdicts.filter(Boolean).length} of ${verdicts.length} right, ${outcome.unparsed} unparsed.</p>`;
}

function filters(words: readonly string[]): Html | string {
  const kinds = ["right", "wrong", "unparsed"].filter((kind) => words.includes(kind));
  if (kinds.length < 2) return "";
  return html`<div class="filters" role="group" aria-label="which answers">${["all", ...kinds].map(
    (kind) =>
      html`<button type="button" value="${kind}" aria-pressed="${kind === "all" ? "true" : "false"}">${kind}</button>`,
  )}</div>`;
}
