// lm-evaluation-harness's metric exact_match: both sides cleaned alike, then equal as texts or not.

import { pythonRegex } from "./python-regex.ts";

export interface ExactMatchOptions {
  readonly ignoreCase?: boolean | undefined;
  readonly ignorePunctuation?: boolean | undefined;
  readonly ignoreNumbers?: boolean | undefined;
  /** Python's regular expressions; what they match is taken out, one after the other. */
  readonly regexesToIgnore?: readonly string[] | undefined;
}

/** Python's string.punctuation. */
const punctuation = /[!-/:-@[-`{-~]/g;

export function exactMatch(options: ExactMatchOptions = {}): (prediction: string, gold: string) => boolean {
  const regexes = (options.regexesToIgnore ?? []).map((pattern) =>
    pythonRegex(pattern, "regexes_to_ignore of exact_match"),
  );
  const cleaned = (text: string): string => {
    let kept = regexes.reduce((rest, regex) => rest.replace(regex, ""), text);
    if (options.ignoreCase) kept = kept.toLowerCase();
    if (options.ignorePunctuation) kept = kept.replace(punctuation, "");
    return options.ignoreNumbers ? kept.replace(/\d/g, "") : kept;
  };
  return (prediction, gold) => cleaned(prediction) === cleaned(gold);
}
