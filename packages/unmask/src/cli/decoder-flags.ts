// Options of decoders as flags: every option of the table, by its name and its aliases. Which decoder has which is in
// the help; a flag that the chosen decoder has not is refused with the nearest of its own.

import { type Command, Option } from "commander";
import type { OptionSpec, OptionValue, OptionValues } from "../decode/decoder.ts";
import { decoders } from "../decode/decoders.ts";
import { oneOf, positiveNumber, wholeNumber } from "./options.ts";

/** Name in commands (block-length), name in options (block_length). */
const kebab = (name: string): string => name.replaceAll("_", "-");
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Options that most users reach for; the others stand in the list of decoders below. */
const common = ["steps", "block_length", "temperature", "top_p", "top_k", "threshold"];

/**
 * Every name and alias. Where decoders mean different things by one name, the flag takes what any of them does: the
 * chosen one checks its own range.
 */
function allNames(): Map<string, OptionSpec> {
  const names = new Map<string, OptionSpec>();
  for (const { options } of decoders) {
    for (const [name, spec] of Object.entries(options)) {
      for (const one of [name, ...(spec.aliases ?? [])]) {
        const known = names.get(one);
        names.set(one, known === undefined ? spec : widest(known, spec));
      }
    }
  }
  return names;
}

function widest(known: OptionSpec, { min, max }: OptionSpec): OptionSpec {
  const { min: least = Number.NEGATIVE_INFINITY, max: most = Number.POSITIVE_INFINITY } = known;
  return {
    ...known,
    min: Math.min(least, min ?? Number.NEGATIVE_INFINITY),
    max: Math.max(most, max ?? Number.POSITIVE_INFINITY),
  };
}

/** Adds the flags to a verb. */
export function addDecoderFlags(command: Command): Command {
  for (const [name, spec] of allNames()) {
    const flag = `--${kebab(name)}`;
    const shape = spec.kind === "flag" ? `${flag} [bool]` : `${flag} <value>`;
    const option = new Option(shape, spec.doc).argParser(parserOf(flag, spec));
    command.addOption(common.includes(name) ? option : option.hideHelp());
  }
  return command.addHelpText("after", `\n${decodersHelp()}`);
}

function parserOf(flag: string, { kind, min, max }: OptionSpec): (text: string) => OptionValue {
  const least = min ?? Number.NEGATIVE_INFINITY;
  const range = { least, ...(max === undefined || max === Number.POSITIVE_INFINITY ? {} : { most: max }) };
  if (kind === "integer") return wholeNumber(flag, { ...range, example: Math.max(least, 1) });
  if (kind === "number") return positiveNumber(flag, { ...range, example: range.most ?? 1 });
  if (kind === "flag") return (text) => oneOf(flag, ["true", "false"])(text) === "true";
  return (text) => text;
}

/** The decoder's options that were given on the command line, by their snake_case names. */
export function decoderOptionsOf(flags: object): OptionValues {
  const given: Record<string, OptionValue> = {};
  for (const name of allNames().keys()) {
    const value = (flags as Record<string, OptionValue>)[camel(name)];
    if (value !== undefined) given[name] = value;
  }
  return given;
}

function decodersHelp(): string {
  const lines = decoders.flatMap(({ name, doc, options }) => {
    const names = Object.entries(options).map(([option, spec]) => {
      const usual = spec.default === undefined ? "" : `=${spec.default}`;
      return `--${kebab(option)}${usual}`;
    });
    return [`  ${name}: ${doc}`, ...wrapped(names, 74).map((line) => `      ${line}`)];
  });
  return ["Decoders (--decoder) and their options:", ...lines].join("\n");
}

function wrapped(words: readonly string[], width: number): string[] {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1)!;
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
