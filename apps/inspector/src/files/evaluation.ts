// The files of an evaluation as the page shows them: results.json, samples_<task>.jsonl, manifest.json.

import type { Manifest } from "#unmask/evaluate/run/manifest.ts";
import type { ResultsJson } from "#unmask/evaluate/run/results.ts";

export type { Manifest };
export type Results = ResultsJson;

/** A line of samples_<task>.jsonl, as far as it is shown. */
export interface Sample {
  readonly doc_id: number;
  readonly arguments: Readonly<Record<string, { readonly arg_0: unknown }>>;
  readonly resps: readonly (readonly unknown[])[];
  readonly filtered_resps: readonly string[];
  readonly target: string;
  readonly unmask?: {
    readonly id: string;
    readonly verdicts: readonly Verdict[];
    readonly trajectory?: { readonly file: string; readonly rows: readonly number[] };
    readonly answers?: readonly {
      readonly tokens: number;
      readonly forwards: number;
      readonly finish_reason: string;
    }[];
  };
}

export interface Verdict {
  readonly correct: boolean;
  readonly unparsed?: boolean;
  readonly extracted?: string | undefined;
  readonly reason: string;
}

/** Throws an error that names the line. */
export function samplesOf(text: string, source: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line, at) => {
      try {
        return JSON.parse(line) as Sample;
      } catch {
        throw new Error(`${source}, line ${at + 1}, is damaged; evaluate again, or leave the file out`);
      }
    });
}

export type Outcome = "right" | "wrong" | "unparsed";

export function outcomeOf({ unmask }: Sample): Outcome {
  const verdicts = unmask?.verdicts ?? [];
  if (verdicts.length > 0 && verdicts.every(({ correct }) => correct)) return "right";
  return verdicts.some(({ unparsed }) => unparsed === true) ? "unparsed" : "wrong";
}

export function promptOf(sample: Sample): string {
  const asked = sample.arguments.gen_args_0?.arg_0;
  if (typeof asked === "string") return asked;
  if (!Array.isArray(asked)) return "";
  return (asked as { role: string; content: unknown }[])
    .map(({ role, content }) => `[${role}]\n${String(content)}`)
    .join("\n\n");
}

/** Several answers to a question, or the likelihoods of its choices. */
export const answersOf = ({ resps }: Sample): string[] =>
  resps.flatMap((one) => one.map((text) => (typeof text === "number" ? text.toFixed(3) : String(text))));

/** Samples whose prompt, answer or target holds a text, whatever its case. */
export function found(samples: readonly Sample[], wanted: string): readonly Sample[] {
  const text = wanted.trim().toLowerCase();
  if (text === "") return samples;
  return samples.filter((sample) =>
    [promptOf(sample), ...answersOf(sample), sample.target, sample.unmask?.id ?? ""].some((part) =>
      part.toLowerCase().includes(text),
    ),
  );
}
