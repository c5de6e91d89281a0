// The tables of the report.

import type { Identity } from "../run/identity.ts";
import type { TaskOutcome } from "../run/outcome.ts";
import type { TaskText } from "../run/quality.ts";
import type { Machine, TaskTiming } from "../run/timing.ts";
import { type Html, html } from "./html.ts";

/** One task under one setting. */
export interface Line {
  readonly label: string;
  readonly outcome: TaskOutcome;
  readonly timing: TaskTiming | undefined;
  readonly text: TaskText | undefined;
}

/** Column heads; those that begin with "<" stand to the left. */
export function table(heads: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html {
  const isName = heads.map((head) => head.startsWith("<"));
  const cell = (tag: "td" | "th", content: string | Html, at: number) =>
    isName[at]
      ? tag === "th"
        ? html`<th class="name" scope="col">${content}</th>`
        : html`<td class="name">${content}</td>`
      : tag === "th"
        ? html`<th scope="col">${content}</th>`
        : html`<td>${content}</td>`;
  return html`<div class="wide"><table>
<thead><tr>${heads.map((head, at) => cell("th", head.replace(/^</, ""), at))}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map((content, at) => cell("td", content, at))}</tr>
`,
  )}</tbody></table></div>`;
}

export const scoreText = (value: number, isShare: boolean): string =>
  isShare ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);

const haveLabels = (lines: readonly Line[]): boolean => lines.some(({ label }) => label !== "");

/** Every metric with its interval; under several settings the main one. */
export function scoreTable(lines: readonly Line[]): Html {
  const several = haveLabels(lines);
  const heads = [
    "<task",
    ...(several ? ["<setting"] : []),
    "<metric",
    "score",
    "95 % interval",
    "questions",
    "unparsed",
  ];
  const rows = lines.flatMap(({ label, outcome }) =>
    outcome.metrics
      .slice(0, several ? 1 : undefined)
      .map(({ name, mean, low, high, isShare }, at) => [
        at === 0 ? outcome.name : "",
        ...(several ? [label] : []),
        name,
        scoreText(mean, isShare),
        `${scoreText(low, isShare)} – ${scoreText(high, isShare)}`,
        ...(at === 0 ? [String(outcome.rows.length), String(outcome.unparsed)] : ["", ""]),
      ]),
  );
  return table(heads, rows);
}

/** What the decoding cost, beside what it was worth. */
export function costTable(lines: readonly Line[]): Html {
  const several = haveLabels(lines);
  const heads = [
    ...[
      "<task",
      ...(several ? ["<setting"] : []),
      "score",
      "tokens/forward",
      "forwards/answer",
      "positions/token",
    ],
    ...["empty forwards", "tokens behind an end", "cut by length"],
  ];
  const rows = lines.flatMap(({ label, outcome }) => {
    const { decoding, metrics, name } = outcome;
    if (decoding === undefined) return [];
    const [main] = metrics;
    return [
      [
        ...[
          name,
          ...(several ? [label] : []),
          scoreText(main!.mean, main!.isShare),
          decoding.tokens_per_forward.toFixed(2),
        ],
        ...[decoding.forwards_per_answer.toFixed(1), decoding.positions_per_token.toFixed(1)],
        ...[share(decoding.empty_forwards, decoding.forwards), String(decoding.tokens_behind_end)],
        share(decoding.ended_by_length, decoding.answers),
      ],
    ];
  });
  return table(heads, rows);
}

const share = (part: number, whole: number): string =>
  `${part} of ${whole}${whole === 0 ? "" : ` (${((100 * part) / whole).toFixed(0)} %)`}`;

/** Clock times, beside what they were worth. */
export function speedTable(lines: readonly Line[]): Html {
  const several = haveLabels(lines);
  const heads = [
    ...["<task", ...(several ? ["<setting"] : []), "score", "tokens/forward", "tokens/s", "forwards/s"],
    ...["first text, median", "batch", "answers timed", "warm-up apart"],
  ];
  const rows = lines.flatMap(({ label, outcome: { name, metrics }, timing }) => {
    if (timing === undefined) return [];
    const [main] = metrics;
    const { median } = timing.first_text_seconds;
    return [
      [
        ...[
          name,
          ...(several ? [label] : []),
          scoreText(main!.mean, main!.isShare),
          timing.tokens_per_forward.toFixed(2),
        ],
        ...[timing.tokens_per_second.toFixed(1), timing.forwards_per_second.toFixed(1)],
        ...[median === null ? "–" : `${median.toFixed(2)} s`, String(timing.batch), String(timing.answers)],
        timing.is_warm_up ? "no: there was one batch" : warmUpText(timing.warm_up.answers),
      ],
    ];
  });
  return rows.length === 0 ? html`<p class="soft">No times were kept.</p>` : table(heads, rows);
}

const warmUpText = (answers: number): string => (answers === 0 ? "done before" : `${answers} answers`);

/** Perplexity of the answers, never without their entropy. */
export function textTable(lines: readonly Line[]): Html | undefined {
  const judged = lines.flatMap(({ label, outcome, text }) =>
    text === undefined ? [] : [{ label, outcome, text }],
  );
  if (judged.length === 0) return undefined;
  const several = haveLabels(lines);
  return table(
    [
      "<task",
      ...(several ? ["<setting"] : []),
      "generative perplexity",
      "entropy, nats",
      "distinct 1-, 2-, 3-grams",
      "texts",
    ],
    judged.map(({ label, outcome, text }) => [
      ...[
        outcome.name,
        ...(several ? [label] : []),
        text.generative_perplexity.toFixed(2),
        text.entropy.toFixed(3),
      ],
      [text.distinct_1, text.distinct_2, text.distinct_3].map((one) => one.toFixed(2)).join(", "),
      `${text.texts}${text.too_short > 0 ? ` (${text.too_short} too short)` : ""}`,
    ]),
  );
}

/** Why answers were wrong, the most frequent first. */
export function reasonsTable({ rows }: TaskOutcome): Html | undefined {
  const counts = new Map<string, number>();
  for (const { correct, reason } of rows.flatMap(({ graded }) => graded.verdicts)) {
    if (!correct) counts.set(shortReason(reason), (counts.get(shortReason(reason)) ?? 0) + 1);
  }
  if (counts.size === 0) return undefined;
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8);
  return table(
    ["<why", "answers"],
    sorted.map(([reason, count]) => [reason, String(count)]),
  );
}

/** Numbers and quoted parts differ from answer to answer. */
const shortReason = (reason: string): string =>
  reason.replace(/^not equal to .*/s, "not equal to the target").slice(0, 90) || "wrong";

export function factList(facts: readonly (readonly [string, string])[]): Html {
  return html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** All that the results depend on. */
export function identityFacts(identity: Identity, where: Machine): [string, string][] {
  const { unmask, model, run, settings, tasks } = identity;
  const commit =
    unmask.commit === null
      ? ""
      : `, commit ${unmask.commit.slice(0, 12)}${unmask.modified ? " with changes" : ""}`;
  return [
    ["program", `unmask ${unmask.version}${commit}, code ${unmask.code_hash.slice(0, 12)}`],
    ["model", `${model.source} (${model.family})`],
    ["weights", model.weights_hash],
    ["tokenizer", model.tokenizer_hash],
    ["chat template", model.template_hash],
    ...(model.adapter_hash === null ? [] : [["adapter", model.adapter_hash] as [string, string]]),
    ...settings.map(({ label, decoder, options }): [string, string] => {
      const given = Object.entries(options).filter(([, value]) => value !== undefined);
      return [
        `decoder${label === "" ? "" : `, ${label}`}`,
        `${decoder} ${given.map(([name, value]) => `${name}=${value}`).join(" ")}`,
      ];
    }),
    ...tasks.map((task): [string, string] => [
      `task ${task.name}`,
      `${task.task} version ${task.version}, ${task.questions} questions of ${task.provenance.data.source}${task.provenance.data.sha256 === undefined ? "" : ` (${task.provenance.data.sha256.slice(0, 12)})`}, ${task.provenance.fewshot.count} shots, chat template ${task.chat_template ? "applied" : "not applied"}`,
    ]),
    ["graders", unmask.graders_hash],
    [
      "run",
      `seed ${run.seed}, ${run.fidelity} fidelity, batches of ${run.batch_size}, dtype ${run.dtype}, ${run.device}, ${run.threads} threads`,
    ],
    [
      "machine",
      `${where.cpu}, ${where.cpus} processors, ${where.platform}, Node ${where.node}, libtorch ${where.torch}`,
    ],
  ];
}
