// Filters of lm-evaluation-harness: what is taken from a response before it is compared. A pipeline runs its filters
// over all responses to one document; `take_first` ends with one text.
// Reference: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/filters/*.py.

import { pythonStrip } from "../../text/python-text.ts";
import { findAll, pythonRegex } from "./python-regex.ts";

/** Texts of one document, and the document for filters that look at it. */
export type Filter = (texts: readonly string[], fields: Readonly<Record<string, unknown>>) => string[];

/** What a regex that finds nothing gives. */
export const invalid = "[invalid]";

export interface RegexOptions {
  readonly pattern: string;
  /** Which of the matches; negative ones count from the last. */
  readonly groupSelect?: number | undefined;
  readonly fallback?: string | undefined;
  /** Names the filter in messages. */
  readonly where?: string | undefined;
}

/** The chosen match; of a match with groups the first group that is not empty. */
export function regexFilter({ pattern, groupSelect = 0, fallback = invalid, where }: RegexOptions): Filter {
  const regex = pythonRegex(pattern, where);
  return (texts) => texts.map((text) => selected(regex, text, groupSelect) ?? fallback);
}

export function selected(regex: RegExp, text: string, groupSelect: number): string | undefined {
  const match = findAll(regex, text).at(groupSelect);
  const found = Array.isArray(match) ? match.find((group) => group !== "") : match;
  return found === undefined ? undefined : pythonStrip(found);
}

const each =
  (change: (text: string) => string): Filter =>
  (texts) =>
    texts.map(change);

export const takeFirst: Filter = (texts) => texts.slice(0, 1);
export const removeWhitespace: Filter = each(pythonStrip);
export const lowercase: Filter = each((text) => text.toLowerCase());
export const uppercase: Filter = each((text) => text.toUpperCase());

/** Fewer are kept as they are. */
export const takeFirstK =
  (k: number): Filter =>
  (texts) =>
    texts.slice(0, k);

/** The most frequent; of those that are equally frequent the one that came first. */
export const majorityVote: Filter = (texts) => {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [...counts]
    .filter(([, count]) => count === most)
    .map(([text]) => text)
    .slice(0, 1);
};

export const mapped =
  (table: Readonly<Record<string, string>>, otherwise: string): Filter =>
  (texts) =>
    texts.map((text) => (Object.hasOwn(table, text) ? table[text]! : otherwise));

/** The filters in their order. */
export const pipeline =
  (filters: readonly Filter[]): Filter =>
  (texts, fields) =>
    filters.reduce<string[]>((rest, filter) => filter(rest, fields), [...texts]);
