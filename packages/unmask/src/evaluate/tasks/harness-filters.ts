// `filter_list` of a task file as filters.

import { ConfigError, UnsupportedError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import {
  type Filter,
  invalid,
  lowercase,
  majorityVote,
  mapped,
  pipeline,
  type RegexOptions,
  regexFilter,
  removeWhitespace,
  takeFirst,
  takeFirstK,
  uppercase,
} from "./filters.ts";
import type { FilterSettings, HarnessSettings } from "./harness-settings.ts";
import { multiChoiceRegex } from "./multi-choice-regex.ts";

type Make = (settings: FilterSettings, where: string) => Filter;

const filters: Readonly<Record<string, Make>> = {
  regex: (settings, where) => regexFilter(regexOptions(settings, where)),
  multi_choice_regex: (settings, where) =>
    multiChoiceRegex({
      ...regexOptions(settings, where),
      ignoreCase: settings.ignore_case === true,
      ignorePunctuation: settings.ignore_punctuation === true,
      regexesToIgnore: (settings.regexes_to_ignore as string[] | undefined) ?? [],
    }),
  take_first: () => takeFirst,
  take_first_k: ({ k }, where) => {
    if (typeof k === "number" && Number.isSafeInteger(k) && k >= 1) return takeFirstK(k);
    throw new ConfigError(`${where}: k is ${JSON.stringify(k)}; give a whole number of at least 1`);
  },
  remove_whitespace: () => removeWhitespace,
  lowercase: () => lowercase,
  uppercase: () => uppercase,
  majority_vote: () => majorityVote,
  map: ({ mapping_dict, default_value }) => {
    const table = Object.entries((mapping_dict ?? {}) as Record<string, unknown>);
    const texts = Object.fromEntries(table.map(([from, to]) => [from, String(to)]));
    return mapped(
      texts,
      default_value === undefined || default_value === null ? "None" : String(default_value),
    );
  },
};

function regexOptions(settings: FilterSettings, where: string): RegexOptions {
  const { regex_pattern: pattern = "#### (\\-?[0-9\\.\\,]+)", group_select: groupSelect = 0 } = settings;
  const { fallback = invalid } = settings;
  if (typeof pattern !== "string") {
    throw new ConfigError(`${where}: regex_pattern is ${JSON.stringify(pattern)}; give a text`);
  }
  if (typeof groupSelect !== "number") {
    throw new ConfigError(`${where}: group_select is ${JSON.stringify(groupSelect)}; give a whole number`);
  }
  return { pattern, groupSelect, fallback: String(fallback), where };
}

export interface NamedFilter {
  readonly name: string;
  readonly filter: Filter;
}

export function harnessFilters({ filter_list: list }: HarnessSettings, file: string): NamedFilter[] {
  if (list === undefined) return [{ name: "none", filter: takeFirst }];
  return list.map(({ name, filter }) => ({
    name,
    filter: pipeline(filter.map((one) => makeFilter(one, `${file}, filter ${name}`))),
  }));
}

function makeFilter(settings: FilterSettings, where: string): Filter {
  const make = filters[settings.function];
  if (make !== undefined) return make(settings, where);
  const known = Object.keys(filters);
  throw new UnsupportedError(
    `${where}: the function ${settings.function} is not served${didYouMean(settings.function, known)}; there are ${known.join(", ")}`,
    { function: settings.function },
  );
}
