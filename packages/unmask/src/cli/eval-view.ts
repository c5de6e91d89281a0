// What an evaluation shows: its plan, its progress, its results. Speed is never shown without what it was worth.

import type { Plan } from "../evaluate/run/plan.ts";
import type { TaskText } from "../evaluate/run/quality.ts";
import type { ResultsJson, TaskSummary } from "../evaluate/run/results.ts";
import type { EvalEvent } from "../evaluate/run/run.ts";
import type { TaskTiming } from "../evaluate/run/timing.ts";
import { duration } from "./numbers.ts";
import { displayWidth, isLive, LiveArea, type Output, printable } from "./terminal.ts";

export function renderPlan({ settings, tasks, units }: Plan) {
  const told = tasks.map(({ name, task, prompts, options, chat }) => {
    const lengths = prompts.map(({ ids }) => ids.length);
    return {
      task: name,
      questions: task.items.length,
      num_fewshot: task.provenance.fewshot.count,
      chat_template: chat,
      longest_prompt: Math.max(0, ...lengths),
      prompts_cut: prompts.filter(({ cut }) => cut > 0).length,
      max_new_tokens: options.maxNewTokens ?? null,
      responses: options.count ?? 1,
    };
  });
  const object = {
    tasks: told,
    settings: settings.map(({ label, decoder, options }) => ({ label, decoder, options })),
    batches: units.length,
  };
  const head = ["task", "questions", "shots", "longest prompt", "new tokens"];
  const rows = told.map((one) => [
    ...[printable(one.task), String(one.questions), String(one.num_fewshot)],
    ...[String(one.longest_prompt), String(one.max_new_tokens ?? "–")],
  ]);
  const decoders = settings.map(({ decoder, options }) => {
    const given = Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    return `${decoder} ${given.join(" ")}`;
  });
  return { object, text: [...table([head, ...rows]), "", ...decoders, `${units.length} batches`] };
}

/** One line that is drawn again in a terminal; elsewhere a line now and then. */
export class EvalProgress {
  private readonly output: Output;
  private readonly area: LiveArea | undefined;
  private readonly began = performance.now();
  private before = 0;
  private told = -1;

  constructor(output: Output) {
    this.output = output;
    this.area = isLive(output) ? new LiveArea(output) : undefined;
  }

  say(text: string): void {
    if (this.area === undefined) this.output.write(`${text}\n`);
    else this.area.above(text);
  }

  onEvent(event: EvalEvent): void {
    if (event.type === "start") {
      this.before = event.answered;
      if (event.answered > 0)
        this.say(`${event.answered} of ${event.questions} questions are answered already.`);
    } else if (event.type === "answers") {
      const done = event.answered - this.before;
      const left = ((performance.now() - this.began) / 1000 / done) * (event.questions - event.answered);
      const rest = event.answered < event.questions ? `, about ${duration(left)} left` : "";
      this.show(
        `${event.task}: ${event.answered} of ${event.questions} answered${rest}`,
        event.answered / event.questions,
      );
    } else this.show(`${event.graded} of ${event.questions} judged`, event.graded / event.questions);
  }

  /** Without a terminal, a line each tenth. */
  private show(line: string, share: number): void {
    const tenth = Math.floor(share * 10);
    if (this.area !== undefined) this.area.draw([printable(line)]);
    else if (tenth !== this.told) this.output.write(`${line}\n`);
    this.told = tenth;
  }

  end(): void {
    this.area?.clear();
    this.area?.finish();
  }
}

export interface Shown {
  readonly folder: string;
  readonly results: ResultsJson;
  readonly timing: Readonly<Record<string, TaskTiming>>;
}

export function renderResults({ folder, results, timing }: Shown): string {
  const { decoder, tasks } = results.unmask;
  const head = [
    "task",
    "metric",
    "score",
    "95 % interval",
    "unparsed",
    "tokens/forward",
    "forwards",
    "tokens/s",
  ];
  const rows = Object.entries(tasks).flatMap(([name, summary]) => taskRows(name, summary, timing[name]));
  const notes = Object.entries(tasks).flatMap(([name, summary]) => taskNotes(name, summary, timing[name]));
  return [...table([head, ...rows]), "", ...notes, `Decoder ${decoder}. Files: ${folder}`].join("\n");
}

function taskRows(name: string, summary: TaskSummary, timing: TaskTiming | undefined): string[][] {
  const { decoding } = summary;
  return Object.entries(summary.metrics).map(([metric, { mean, low, high, is_share: isShare }], at) => [
    ...(at === 0 ? [printable(name)] : [""]),
    metric,
    scoreText(mean, isShare),
    `${scoreText(low, isShare)}–${scoreText(high, isShare)}`,
    ...(at > 0
      ? ["", "", "", ""]
      : [
          String(summary.unparsed),
          decoding?.tokens_per_forward.toFixed(2) ?? "–",
          decoding === undefined ? "–" : String(decoding.forwards),
          timing === undefined
            ? "–"
            : `${timing.tokens_per_second.toFixed(1)}${timing.is_warm_up ? "*" : ""}`,
        ]),
  ]);
}

export const scoreText = (value: number, isShare: boolean): string =>
  isShare ? (100 * value).toFixed(1) : value.toFixed(3);

function taskNotes(name: string, summary: TaskSummary, timing: TaskTiming | undefined): string[] {
  const notes: string[] = [];
  const { decoding, text } = summary;
  if (decoding !== undefined) {
    const first = timing?.first_text_seconds.median ?? null;
    const waited =
      first === null ? "" : `; first text after ${first.toFixed(2)} s (median, batches of ${timing!.batch})`;
    notes.push(
      `${printable(name)}: ${decoding.positions_per_token.toFixed(1)} positions computed a token, ${decoding.empty_forwards} forwards and ${decoding.tokens_behind_end} tokens wasted, ${decoding.ended_by_length} of ${decoding.answers} answers cut by length${waited}`,
    );
  }
  if (text !== undefined) {
    notes.push(qualityNote(name, text));
  }
  if (summary.graders_cut > 0)
    notes.push(`${printable(name)}: ${summary.graders_cut} graders did not end and were cut`);
  if (summary.prompts_cut > 0)
    notes.push(`${printable(name)}: ${summary.prompts_cut} prompts lost their beginning`);
  if (timing?.is_warm_up)
    notes.push(`* ${printable(name)}: tokens/s of the first batch alone, with its warm-up`);
  return notes;
}

/** Perplexity never stands without entropy. */
export const qualityNote = (name: string, { generative_perplexity, entropy }: TaskText): string =>
  `${printable(name)}: generative perplexity ${generative_perplexity.toFixed(2)} at entropy ${entropy.toFixed(2)} nats`;

/** Columns of one width, the first two to the left. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => displayWidth(row[at]!))));
  return rows.map((row) =>
    row
      .map((text, at) => {
        const space = " ".repeat(widths[at]! - displayWidth(text));
        return at < 2 ? text + space : space + text;
      })
      .join("  ")
      .trimEnd(),
  );
}
