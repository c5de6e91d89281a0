// `unmask aup`: AUP of every method and task in files of curves, a table a task and averages.
//
// With --json the object has the layout of a file with several data sets and can be read again. A method without a
// score is named on stderr and the exit code is 2; the others have theirs all the same.

import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { DataError, UsageError } from "../base/errors.ts";
import { type AupFile, parseAupFile } from "../evaluate/aup-file.ts";
import { type AupReport, aupReport, type MethodScore, type TaskScores } from "../evaluate/aup-report.ts";
import { neighbourHint } from "./paths.ts";
import { displayWidth, printable } from "./terminal.ts";

export interface AupFlags {
  readonly alpha?: number;
  readonly offset?: number;
  readonly yMax?: ReadonlyMap<string, number>;
  readonly seed: number;
  readonly resamples?: number;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function aupVerb(paths: readonly string[], flags: AupFlags): Promise<number> {
  if (paths.length === 0)
    throw new UsageError("no file is named; give FILE.yaml with tasks, methods and points");
  const files = new Map(named(paths).map(([name, path]) => [name, readAupFile(path)]));
  const { alpha, offset, yMax: best, seed, resamples } = flags;
  const report = aupReport(files, { alpha, offset, best, seed, resamples });
  process.stdout.write(flags.json ? `${JSON.stringify(aupJson(report))}\n` : `${aupText(report)}\n`);
  const remarks = aupRemarks(report);
  if (flags.json !== true) for (const line of remarks.warnings) process.stderr.write(`warning: ${line}\n`);
  for (const line of remarks.problems) process.stderr.write(`error: ${line}\n`);
  return remarks.problems.length > 0 ? 2 : 0;
}

/** Files by their names without folder and ending; by their paths where two would have one name. */
function named(paths: readonly string[]): [string, string][] {
  const stems = paths.map((path) => basename(path, extname(path)));
  const twice = paths.find((path, i) => paths.indexOf(path) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice; name it once`);
  return paths.map((path, i) => [
    stems.indexOf(stems[i]!) === stems.lastIndexOf(stems[i]!) ? stems[i]! : path,
    path,
  ]);
}

function readAupFile(path: string): AupFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
    const what = code === "ENOENT" ? `does not exist${neighbourHint(path)}` : `cannot be read (${code})`;
    throw new DataError(`${path} ${what}; give a YAML file`, { file: path }, { cause });
  }
  return parseAupFile(text, path);
}

/** Several data sets: task → y_max and methods, method → lists. */
export function aupJson({ alpha, offset, seed, resamples, tasks, averages }: AupReport) {
  const datasets = [...new Set(tasks.map(({ dataset }) => dataset))];
  return {
    arguments: { alpha, y_min_offset: offset },
    ...{ seed, resamples },
    datasets: mapped(datasets, (dataset) => [
      dataset,
      mapped(
        tasks.filter((task) => task.dataset === dataset),
        ({ name, best, methods }) => [
          name,
          { y_max: best, methods: mapped(methods, (method) => [method.name, methodJson(method)]) },
        ],
      ),
    ]),
    averages: mapped(averages, ({ name, tasks: count, scored, mean, sumOverFive }) => [
      name,
      { tasks: count, scored, mean: mean ?? null, published_script: sumOverFive ?? null },
    ]),
  };
}

const mapped = <Item, Value>(items: readonly Item[], entry: (item: Item) => [string, Value]) =>
  Object.fromEntries(items.map(entry)) as Record<string, Value>;

function methodJson({ points, weights, aup, problem, warnings, intervals }: MethodScore) {
  const pair = ({ low, high }: { low: number; high: number }) => [low, high];
  return {
    tpf: points.map(({ parallelism }) => parallelism),
    accuracy: points.map(({ accuracy }) => accuracy),
    weight: weights,
    aup: aup ?? null,
    ...(problem === undefined ? {} : { error: problem }),
    warnings,
    ...(intervals === undefined
      ? {}
      : {
          intervals: {
            level: 0.95,
            accuracy: intervals.accuracy.map(pair),
            aup: intervals.aup === undefined ? null : pair(intervals.aup),
            unscored: intervals.unscored,
          },
        }),
  };
}

/** What stands on stderr: where, then what. */
export function aupRemarks({ tasks }: AupReport): { warnings: string[]; problems: string[] } {
  const methods = tasks.flatMap(({ dataset, name, methods: all }) =>
    all.map((method) => ({ ...method, where: printable(`${dataset}, ${name}, ${method.name}`) })),
  );
  return {
    warnings: methods.flatMap(({ where, warnings }) => warnings.map((text) => `${where}: ${text}`)),
    problems: methods.flatMap(({ where, problem }) =>
      problem === undefined ? [] : [`${where}: ${printable(problem)}`],
    ),
  };
}

export function aupText({ tasks, averages, alpha, offset }: AupReport): string {
  const tables = tasks.map((task) => [taskTitle(task), ...table(taskRows(task))].join("\n"));
  const setting = `alpha ${alpha}, offset ${offset}`;
  if (tasks.length < 2) return `${tables.join("\n\n")}\n\n(${setting})`;
  const rows = averages.map(({ name, tasks: count, scored, mean, sumOverFive }) => [
    ...[printable(name), scored === count ? String(count) : `${scored} of ${count}`],
    ...[mean?.toFixed(2) ?? "–", sumOverFive?.toFixed(2) ?? "–"],
  ]);
  const head = ["method", "tasks", "mean AUP", "sum over all files / 5"];
  const title = `Averages (${setting}); the last column is what the leaderboard's script prints`;
  return [...tables, [title, ...table([head, ...rows])].join("\n")].join("\n\n");
}

const taskTitle = ({ dataset, name, best }: TaskScores) =>
  printable(`${dataset}: ${name} (best accuracy ${best} %)`);

/** The best score first; methods without one last. */
function taskRows({ methods }: TaskScores): string[][] {
  const sorted = [...methods].sort((a, b) => (b.aup ?? -1) - (a.aup ?? -1));
  const judged = methods.some(({ intervals }) => intervals !== undefined);
  const head = [
    "method",
    "points",
    "tokens/forward",
    "accuracy %",
    "AUP",
    ...(judged ? ["95 % interval"] : []),
  ];
  const rows = sorted.map(({ name, points, aup, intervals }) => {
    const order = [...points].sort((a, b) => a.parallelism - b.parallelism);
    const ends = order.length > 1 ? [order[0]!, order.at(-1)!] : order;
    return [
      printable(name),
      String(points.length),
      ends.map(({ parallelism }) => parallelism.toFixed(2)).join("–"),
      ends.map(({ accuracy }) => accuracy.toFixed(2)).join("–"),
      aup?.toFixed(2) ?? "no score",
      ...(judged ? [spread(intervals?.aup)] : []),
    ];
  });
  return [head, ...rows];
}

const spread = (interval: { low: number; high: number } | undefined): string =>
  interval === undefined ? "" : `${interval.low.toFixed(2)}–${interval.high.toFixed(2)}`;

/** Columns of one width, the first to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => displayWidth(cells[i]!))));
  return rows.map((cells) =>
    cells
      .map((cell, i) => {
        const space = " ".repeat(widths[i]! - displayWidth(cell));
        return i === 0 ? cell + space : space + cell;
      })
      .join("  ")
      .trimEnd(),
  );
}
