// lm-evaluation-harness's filter multi_choice_regex, for answers such as "(B)": the pattern first; else the first choice
// whose text the response holds; else a letter behind a colon. The document has its choices in the field `choices`.

import { DataError } from "../../base/errors.ts";
import { pythonStrip } from "../../text/python-text.ts";
import { type Filter, invalid, type RegexOptions, selected } from "./filters.ts";
import { findAll, pythonRegex } from "./python-regex.ts";

export interface MultiChoiceOptions extends RegexOptions {
  readonly ignoreCase: boolean;
  readonly ignorePunctuation: boolean;
  readonly regexesToIgnore: readonly string[];
}

export function multiChoiceRegex(options: MultiChoiceOptions): Filter {
  const { pattern, groupSelect = 0, fallback = invalid, where } = options;
  const regex = pythonRegex(pattern, where);
  const ignored = options.regexesToIgnore.map((one) => pythonRegex(one, where));
  const tidy = (text: string): string => {
    const rest = ignored.reduce((kept, one) => kept.replace(one, ""), text);
    const cased = options.ignoreCase ? rest.toLowerCase() : rest;
    return options.ignorePunctuation ? cased.replace(/\p{P}/gu, "") : cased;
  };
  return (texts, { choices }) => {
    if (!Array.isArray(choices) || !choices.every((one) => typeof one === "string")) {
      throw new DataError("the filter multi_choice_regex needs a list of texts in the field choices");
    }
    const tidied = choices.map((choice) => tidy(pythonStrip(choice)));
    const letters = choices.map((_, at) => String.fromCharCode(65 + at));
    return texts.map(
      (text) =>
        found(selected(regex, text, groupSelect)) ??
        mentioned(tidied, tidy(text), groupSelect) ??
        behindColon(letters, text, groupSelect) ??
        fallback,
    );
  };
}

const found = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

function mentioned(choices: readonly string[], text: string, groupSelect: number): string | undefined {
  const escaped = choices.map((choice) => choice.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  const match = found(
    findAll(new RegExp(escaped.join("|"), "gu"), text).at(groupSelect) as string | undefined,
  );
  if (match === undefined) return undefined;
  const at = choices.lastIndexOf(pythonStrip(match));
  return at === -1 ? found(pythonStrip(match)) : `(${String.fromCharCode(65 + at)})`;
}

function behindColon(letters: readonly string[], text: string, groupSelect: number): string | undefined {
  const match = findAll(pythonRegex(`:[\\s]*(${letters.join("|")})`), text).at(groupSelect);
  return typeof match === "string" ? `(${match})` : undefined;
}
