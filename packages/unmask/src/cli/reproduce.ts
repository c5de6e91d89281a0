// `unmask reproduce`: an evaluation again from its manifest, and question by question what differs and why. Exit code 0:
// everything is equal; 1: something differs.

import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { evalConfigSchema } from "../evaluate/run/config.ts";
import type { Comparison } from "../evaluate/run/reproduce.ts";
import { isOverride, resolveConfig } from "./config.ts";
import { runEvaluation } from "./eval.ts";
import { table } from "./eval-view.ts";
import { printable } from "./terminal.ts";

export interface ReproduceFlags {
  readonly regrade?: boolean;
  readonly out?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function reproduceVerb(positionals: readonly string[], flags: ReproduceFlags): Promise<number> {
  const { compareGrades, compareRun, readManifest } = await import("../evaluate/run/reproduce.ts");
  const [path, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (path === undefined || extra.length > 0) {
    throw new UsageError("give one manifest.json, or the folder that holds it, and changes as key=value");
  }
  const recorded = readManifest(path);
  const resolved = resolveConfig(evalConfigSchema, {
    base: { ...recorded.manifest.config, out: join(recorded.folder, "reproduced") },
    flags: { out: flags.out },
    overrides: positionals.filter(isOverride),
  });
  const print = (comparison: Comparison) =>
    flags.json === true ? JSON.stringify(comparison) : renderComparison(comparison);
  if (flags.regrade === true) {
    const comparison = await compareGrades(recorded, resolved.config);
    process.stdout.write(`${print(comparison)}\n`);
    return comparison.equal ? 0 : 1;
  }
  let comparison: Comparison | undefined;
  const code = await runEvaluation(resolved, flags, {
    async finish(evaluated) {
      const { writeResults } = await import("../evaluate/run/write.ts");
      await writeResults(evaluated, { setting: 0, folder: resolved.config.out });
      comparison = await compareRun(recorded, evaluated);
      return print(comparison);
    },
  });
  return comparison === undefined || comparison.equal ? code : 1;
}

/** Differences that are printed; --json has all. */
const shown = 20;

export function renderComparison({ equal, tasks, causes, differences }: Comparison): string {
  const rows = tasks.map(({ name, questions, right, differing, turned }) => [
    ...[printable(name), String(questions), String(right.before), String(right.after)],
    ...[`${turned.to_right} / ${turned.to_wrong}`, kinds(differing)],
  ]);
  const head = ["task", "questions", "right before", "right now", "turned right / wrong", "differing"];
  const made = causes.map(
    ({ name, path, before, after }) => `  ${name}: ${path} ${short(before)} → ${short(after)}`,
  );
  const listed = differences.slice(0, shown).map((one) => {
    const turned = one.before === one.after ? "" : one.after === true ? " (now right)" : " (now wrong)";
    return `  ${printable(`${one.task} ${one.id}`)}: ${one.kind}: ${printable(one.what)}${turned}; why: ${one.why}`;
  });
  const more =
    differences.length > shown ? [`  and ${differences.length - shown} more; --json lists all`] : [];
  return [
    ...table([head, ...rows]),
    "",
    ...(made.length > 0 ? ["Made from something else:", ...made, ""] : []),
    ...(equal ? ["Every question gives the same."] : ["Question by question:", ...listed, ...more]),
  ].join("\n");
}

const kinds = (differing: Readonly<Record<string, number>>): string => {
  const parts = Object.entries(differing).map(([kind, count]) => `${count} ${kind}`);
  return parts.length === 0 ? "none" : parts.join(", ");
};

const short = (value: unknown): string => {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "missing");
  return printable(text.length > 24 ? `${text.slice(0, 12)}…` : text);
};
