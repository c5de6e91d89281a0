// A file that was opened, whatever it is: its name and its content tell.

import type { TokenizerJson } from "#unmask/text/tokenizer-json.ts";
import { decodeTrajectories, type TrajectoryFile } from "#unmask/trajectory/file.ts";
import { parseJournal } from "#unmask/trajectory/journal.ts";
import { type Manifest, type Results, type Sample, samplesOf } from "./evaluation.ts";
import { type Metrics, metricsOf } from "./metrics.ts";

export type Opened = { readonly name: string } & (
  | { readonly kind: "trajectory"; readonly file: TrajectoryFile; readonly bytes: Uint8Array }
  | { readonly kind: "metrics"; readonly metrics: Metrics }
  | { readonly kind: "results"; readonly results: Results }
  | { readonly kind: "samples"; readonly samples: readonly Sample[] }
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  | { readonly kind: "timing"; readonly timing: unknown }
  | { readonly kind: "tokenizer"; readonly tokenizer: TokenizerJson }
);

/** Throws an error with one sentence where the file is nothing that the page shows. */
export async function open(name: string, bytes: Uint8Array): Promise<Opened> {
  if (startsWith(bytes, "PAR1"))
    return { name, kind: "trajectory", file: await decodeTrajectories(bytes, name), bytes };
  const text = new TextDecoder().decode(bytes);
  const first = text.slice(0, text.indexOf("\n") + 1 || undefined);
  if (name.endsWith(".jsonl") || name.endsWith(".journal")) return openLines(name, text, { first, bytes });
  const value = parsed(text);
  if (isRecord(value)) {
    if (isRecord(value.results)) return { name, kind: "results", results: value as unknown as Results };
    if (value.format === "unmask evaluation")
      return { name, kind: "manifest", manifest: value as unknown as Manifest };
    if (isRecord(value.model) && "vocab" in value.model) {
      return { name, kind: "tokenizer", tokenizer: value as unknown as TokenizerJson };
    }
    if (isRecord(value.machine) && isRecord(value.tasks)) return { name, kind: "timing", timing: value };
  }
  throw new Error(
    `${name} is nothing this page knows; give trajectories (.parquet), metrics.jsonl, the files of an evaluation or a tokenizer.json`,
  );
}

function openLines(
  name: string,
  text: string,
  { first, bytes }: { first: string; bytes: Uint8Array },
): Opened {
  const value = parsed(first);
  if (isRecord(value) && "mask_id" in value) {
    return { name, kind: "trajectory", file: parseJournal(text, name), bytes };
  }
  if (isRecord(value) && "doc_id" in value) return { name, kind: "samples", samples: samplesOf(text, name) };
  if (isRecord(value) && typeof value.type === "string")
    return { name, kind: "metrics", metrics: metricsOf(text) };
  throw new Error(
    `${name} holds lines that this page does not know; give metrics.jsonl or samples of an evaluation`,
  );
}

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  [...text].every((character, at) => bytes[at] === character.charCodeAt(0));

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
