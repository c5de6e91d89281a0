// A file of trajectories as lines of text, at most 80 columns wide but for names and texts of their own.

import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrajectoryFile } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import { type TrajectoryStats, trajectoryStats } from "../trajectory/stats.ts";
import { displayWidth, printable, type Styles } from "./terminal.ts";

export interface Look {
  readonly width: number;
  readonly style: Styles;
  /** Of the model that wrote the trajectories, where it was named. */
  readonly tokenizer: Tokenizer | undefined;
}

/** What is told of a sequence, and of all by its mean. */
export interface Figures {
  readonly prompt: number;
  readonly tokens: number;
  readonly nfe: number;
  readonly tokens_per_forward: number;
  readonly largest_step: number;
  readonly left_to_right: number;
  readonly empty_forwards: number;
  readonly columns_fed_per_token: number;
  readonly tokens_behind_end: number;
  readonly confidence: number;
  readonly entropy: number;
  /** Of a discriminator that guided it. */
  readonly reward_passes: number;
  readonly seconds: number;
}

export function figuresOf(trajectory: Trajectory, endIds: readonly number[]): Figures {
  const stats: TrajectoryStats = trajectoryStats(trajectory, endIds);
  return {
    prompt: trajectory.prompt_ids.length,
    tokens: stats.tokens,
    nfe: stats.forwards,
    tokens_per_forward: stats.tokensPerForward,
    largest_step: stats.largestStep,
    left_to_right: stats.leftToRight,
    empty_forwards: stats.emptyForwards,
    columns_fed_per_token: stats.columnsFedPerToken,
    tokens_behind_end: stats.tokensBehindEnd,
    confidence: stats.meanConfidence,
    entropy: stats.meanEntropy,
    reward_passes: trajectory.reward_passes,
    seconds: trajectory.seconds,
  };
}

export interface Summary {
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

/** Over the sequences; undefined of none. */
export function summarise(all: readonly Figures[]): Record<keyof Figures, Summary> | undefined {
  const [first] = all;
  if (first === undefined) return undefined;
  const names = Object.keys(first) as (keyof Figures)[];
  const entries = names.map((name) => {
    const values = all.map((one) => one[name]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const least = values.reduce((a, b) => Math.min(a, b));
    return [name, { mean, least, most: values.reduce((a, b) => Math.max(a, b)) }];
  });
  return Object.fromEntries(entries) as Record<keyof Figures, Summary>;
}

const labels: Readonly<Partial<Record<keyof Figures, string>>> = {
  tokens: "tokens",
  nfe: "forwards (NFE)",
  tokens_per_forward: "tokens a forward",
  largest_step: "most tokens in a forward",
  left_to_right: "left to right (tau)",
  empty_forwards: "forwards that wrote nothing",
  columns_fed_per_token: "columns fed a token",
  tokens_behind_end: "tokens behind the end",
  confidence: "confidence",
  entropy: "entropy, nats",
  reward_passes: "passes of the reward",
  seconds: "seconds",
};

export function renderFile(source: string, { header, rows }: TrajectoryFile, look: Look): string[] {
  const all = rows.map((row) => figuresOf(row, header.end_ids));
  const summary = summarise(all);
  const lines = [...renderHeader(source, { header, rows }, look), ""];
  if (summary === undefined) return [...lines, "no sequences"];
  const shown = (Object.entries(labels) as [keyof Figures, string][]).filter(
    ([name]) => name !== "reward_passes" || summary.reward_passes.most > 0,
  );
  const table = shown.map(([name, label]) => {
    const { mean, least, most } = summary[name];
    return [label, number(mean), number(least), number(most)];
  });
  return [
    ...lines,
    ...columns([["", "mean", "least", "most"], ...table], look.style),
    "",
    ...sequenceLines(rows, all, look),
  ];
}

function renderHeader(source: string, { header, rows }: TrajectoryFile, look: Look): string[] {
  const { model, decoder, fidelity, seed, options, mask_id: mask, end_ids: ends } = header;
  const hashes = (["model", "tokenizer", "template"] as const).map((name) => {
    const hash = header[`${name}_hash`];
    return `${name} ${hash === "" ? "none" : hash.slice(0, 12)}`;
  });
  const given = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const facts: [string, string[]][] = [
    ["file", [`${printable(source)}, ${rows.length} sequences`]],
    ["model", [printable(model)]],
    ["hashes", hashes],
    ["decoder", [printable(decoder), `${fidelity} fidelity`, `seed ${seed}`]],
    ["options", given.map(printable)],
    ["tokens", [`mask ${mask}`, `end ${ends.join(" ")}`]],
  ];
  return facts.flatMap(([name, parts]) => {
    const lines = wrapped(parts, look.width - 10);
    return lines.map((line, i) => `${(i === 0 ? name : "").padEnd(9)} ${line}`);
  });
}

function sequenceLines(rows: readonly Trajectory[], all: readonly Figures[], look: Look): string[] {
  const head = ["seq", "prompt", "tokens", "NFE", "TPF", "tau", "empty", "fed/token", "behind", "ended"];
  const table = columns(
    [
      head,
      ...rows.map((row, i) => {
        const one = all[i]!;
        return [
          ...[String(row.sequence), String(one.prompt), String(one.tokens), String(one.nfe)],
          ...[one.tokens_per_forward.toFixed(2), one.left_to_right.toFixed(2), String(one.empty_forwards)],
          ...[number(one.columns_fed_per_token), String(one.tokens_behind_end), row.finish_reason],
        ];
      }),
    ],
    look.style,
  );
  const { tokenizer } = look;
  if (tokenizer === undefined) return table;
  const [titles = "", ...lines] = table;
  return [
    titles,
    ...lines.flatMap((line, i) => [line, `     ${cut(textOf(rows[i]!, tokenizer), look.width - 5)}`]),
  ];
}

const textOf = ({ token_ids: ids }: Trajectory, tokenizer: Tokenizer): string =>
  printable(tokenizer.decode(ids, { skipSpecials: true })).replaceAll("\n", "⏎");

/** One forward of a sequence. */
export interface ForwardRecord {
  readonly forward: number;
  readonly fed_from: number;
  readonly fed_length: number;
  readonly cached: number;
  /** Written ones, counted behind the prompt, with what was written. */
  readonly columns: readonly number[];
  readonly token_ids: readonly number[];
  /** Means over them; null where nothing was written. */
  readonly confidence: number | null;
  readonly entropy: number | null;
}

export function forwardsOf(one: Trajectory): ForwardRecord[] {
  const columnsOf = Array.from({ length: one.forwards }, (): number[] => []);
  for (const [column, step] of one.reveal_step.entries()) columnsOf[step]?.push(column);
  return columnsOf.map((written, forward) => {
    const mean = (values: readonly number[]) =>
      written.length === 0 ? null : written.reduce((sum, at) => sum + values[at]!, 0) / written.length;
    return {
      forward,
      fed_from: one.fed_from[forward]!,
      fed_length: one.fed_length[forward]!,
      cached: one.cached[forward]!,
      columns: written,
      token_ids: written.map((column) => one.token_ids[column]!),
      confidence: mean(one.confidence),
      entropy: mean(one.entropy),
    };
  });
}

/** The forwards of one sequence as a table. */
export function renderSequence(one: Trajectory, header: TrajectoryHeader, look: Look): string[] {
  const { tokenizer, width, style } = look;
  const { prompt, tokens, nfe, tokens_per_forward } = figuresOf(one, header.end_ids);
  const title = `sequence ${one.sequence}: behind a prompt of ${prompt}, ${tokens} tokens in ${nfe} forwards (${tokens_per_forward.toFixed(2)} a forward), ended by ${one.finish_reason}`;
  const head = ["forward", "fed", "cached", "wrote", "conf", "entropy"];
  const steps = forwardsOf(one);
  const table = columns(
    [
      head,
      ...steps.map((step) => [
        String(step.forward),
        `${step.fed_from}-${step.fed_from + step.fed_length - 1}`,
        ...[String(step.cached), String(step.columns.length)],
        ...[step.confidence?.toFixed(2) ?? "", step.entropy?.toFixed(2) ?? ""],
      ]),
    ],
    style,
  );
  const [titles = "", ...lines] = table;
  const room = Math.max(12, width - displayWidth(titles) - 2);
  const what = (step: ForwardRecord) =>
    step.columns.map((column, i) => {
      const token = step.token_ids[i]!;
      const text = tokenizer === undefined ? undefined : quoted(tokenizer.decode([token]));
      return text === undefined ? String(column) : `${column}:${text}`;
    });
  const body = steps.flatMap((step, i) => {
    return wrapped(what(step), room, " ").map((line, k) => {
      return `${k === 0 ? lines[i]! : " ".repeat(displayWidth(titles))}  ${line}`.trimEnd();
    });
  });
  const text = tokenizer === undefined ? [] : ["", printable(tokenizer.decode(one.token_ids))];
  return [
    ...wrapped(title.split(" "), width, " "),
    "",
    `${titles}  ${style.bold("columns behind the prompt")}`,
    ...body,
    ...text,
  ];
}

const quoted = (text: string): string => printable(JSON.stringify(text));

/** 0.031, 4.25, 128 */
function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
}

/** A table: the first column to the left, the others to the right, the first row bold. */
function columns(rows: readonly (readonly string[])[], style: Styles): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => displayWidth(row[at]!))));
  return rows.map((row, i) => {
    const cells = row.map((text, at) => {
      const space = " ".repeat(widths[at]! - displayWidth(text));
      return at === 0 ? text + space : space + text;
    });
    const line = cells.join("  ");
    return i === 0 ? style.bold(line) : line;
  });
}

/** Parts joined by ", " into lines of at most `width` columns where no part is wider. */
function wrapped(parts: readonly string[], width: number, between = ", "): string[] {
  const lines = [""];
  for (const [i, part] of parts.entries()) {
    const text = i < parts.length - 1 ? part + between.trimEnd() : part;
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = text;
    else if (displayWidth(last) + 1 + displayWidth(text) <= width)
      lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(text);
  }
  return lines;
}

/** The beginning of a text that fits. */
function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  for (const character of text) {
    if (displayWidth(kept + character) >= width) break;
    kept += character;
  }
  return `${kept}…`;
}
