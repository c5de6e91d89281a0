// One page that holds several models beside each other: curves of quality over tokens per forward, AUP, how varied the
// texts are, tables with intervals, and replays side by side.

import type { ComparedExample, Comparison } from "../run/comparison.ts";
import { Replays, replayHtml } from "./answers.ts";
import { colourOf, curveChart } from "./charts.ts";
import { type Html, html, jsonData, page } from "./html.ts";
import { replayScript } from "./replay-script.ts";
import { curvesSection } from "./report.ts";
import { style } from "./style.ts";
import { factList, scoreText, table } from "./tables.ts";

export interface ComparisonPage {
  readonly title: string;
  readonly about: string;
  readonly comparisons: readonly Comparison[];
  /** How it was made. */
  readonly facts: readonly (readonly [string, string])[];
}

export function comparisonHtml({ title, about, comparisons, facts }: ComparisonPage): string {
  const replays = new Replays(comparisons[0]!.tokenizer);
  const sections = [
    ...comparisons.map(
      (one, at) => [`comparison-${at + 1}`, one.name, comparisonSection(one, replays)] as const,
    ),
    ["made", "How it was made", factList(facts)] as const,
  ];
  const body = html`<header>
<h1>${title}</h1>
<p class="soft">${about}</p>
<nav aria-label="sections">${sections.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
</header>
<main>
${sections.map(
  ([id, name, content]) => html`<section id="${id}"><h2>${name}</h2>
${content}
</section>
`,
)}</main>
${jsonData("replays", replays.all)}`;
  return page({ title, style, script: replayScript, body });
}

function comparisonSection(comparison: Comparison, replays: Replays): Html {
  const { about, aup, name, points, metric, is_share, examples, tokenizer } = comparison;
  const methods = [...new Set(points.map(({ method }) => method))];
  const tasks = { [aup?.tasks[0]?.name ?? name]: { metric, is_share, points } };
  return html`<p>${about}</p>
${curvesSection({ tasks, aup })}
${aup === undefined ? "" : html`<p class="soft small">AUP counts a curve up to its last point within ${aup.offset} points of its first.</p>`}
<h3>How varied the texts are</h3>
<figure>${entropyChart(comparison, methods)}</figure>
<p class="soft small">A model that repeats itself may score well: entropy of the tokens of a text, mean over texts, and the share of different pairs of neighbouring tokens.</p>
<h3>All points</h3>
${pointTable(comparison)}
<p class="soft small">Intervals: Wilson's for shares, a bootstrap over texts for means.</p>
<h3>Side by side</h3>
${examples.map((example, at) => exampleHtml(example, { replays, tokenizer, isOpen: at === 0 }))}`;
}

function entropyChart({ name, points }: Comparison, methods: readonly string[]): Html {
  const shown = points.map(({ method, value, tokens_per_forward, entropy }) => ({
    ...{ method, label: String(value), parallelism: tokens_per_forward },
    ...{ score: entropy.mean, low: entropy.low, high: entropy.high },
  }));
  return curveChart(shown, {
    title: `${name}: entropy over tokens a forward`,
    axis: "entropy, nats",
    methods,
  });
}

function pointTable({ points, metric, is_share }: Comparison): Html {
  const methods = [...new Set(points.map(({ method }) => method))];
  const beside = Object.keys(points[0]?.beside ?? {});
  const heads = [
    ...["<model", "<setting", "forwards", "tokens/forward", metric.split(",")[0]!.replaceAll("_", " ")],
    ...["95 % interval", ...beside, "entropy", "distinct pairs"],
  ];
  const rows = points.map((point) => [
    html`<span style="color: ${colourOf(methods.indexOf(point.method))}">${point.method}</span>`,
    `${point.option} ${point.value}`,
    point.forwards_per_answer.toFixed(1),
    point.tokens_per_forward.toFixed(2),
    scoreText(point.score, is_share),
    `${scoreText(point.low, is_share)} – ${scoreText(point.high, is_share)}`,
    ...beside.map((name) => point.beside[name] ?? ""),
    point.entropy.mean.toFixed(3),
    `${(100 * point.distinctPairs).toFixed(1)} %`,
  ]);
  return table(heads, rows);
}

interface Shown {
  readonly replays: Replays;
  readonly tokenizer: Comparison["tokenizer"];
  readonly isOpen: boolean;
}

function exampleHtml({ prompt, answers }: ComparedExample, { replays, tokenizer, isOpen }: Shown): Html {
  const asked = prompt === "" ? "(nothing: the model writes freely)" : prompt;
  return html`<details data-answer${isOpen ? html` open` : ""}>
<summary>${asked}</summary>
<div><div class="beside">${answers.map(
    ({ label, trajectory, text, verdict }) => html`<div>
<p class="soft small">${label}: ${trajectory.forwards} forwards</p>
${replayHtml(text, replays.add(trajectory, tokenizer))}
${verdict === "" ? "" : html`<p class="small ${verdict === "right" ? "good" : "bad"}">${verdict}</p>`}
</div>`,
  )}</div></div>
</details>`;
}
