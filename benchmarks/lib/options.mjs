// @ts-check
// Options of a benchmark's command line.

import { parseArgs } from "node:util";
import { didYouMean } from "../../packages/unmask/dist/base/nearest.js";
import { UsageError } from "./usage-error.mjs";

/** @typedef {import("node:util").ParseArgsConfig["options"]} Table */

/**
 * The values given; an unknown option or a missing value is a UsageError.
 * @template {NonNullable<Table>} T
 * @param {string[]} args
 * @param {T} options
 * @returns {ReturnType<typeof parseArgs<{ args: string[], options: T, strict: true, allowPositionals: false }>>["values"]}
 */
export function readOptions(args, options) {
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "option" && options[token.name] === undefined) {
      const hint = didYouMean(
        token.rawName,
        Object.keys(options).map((name) => `--${name}`),
      );
      throw new UsageError(`unknown option ${token.rawName}${hint}; --help lists them`);
    }
  }
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {string} name
 * @param {string | undefined} text
 */
export function positiveInteger(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`--${name} is "${text}"; give a positive integer`);
  }
  return value;
}

/**
 * @template {string} T
 * @param {string} name
 * @param {string | undefined} text
 * @param {readonly T[]} choices
 */
export function oneOf(name, text, choices) {
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new UsageError(`--${name} is "${text}"; give ${choices.join(" or ")}`);
  return found;
}

/**
 * A list with commas between; all choices, if none is given.
 * @template {string} T
 * @param {string} name
 * @param {string | undefined} text
 * @param {readonly T[]} choices
 */
export function someOf(name, text, choices) {
  return text?.split(",").map((one) => /** @type {T} */ (oneOf(name, one, choices))) ?? [...choices];
}

/**
 * Those whose name contains one of the wanted texts; all, if none is wanted.
 * @template {{ name: string }} T
 * @param {string[] | undefined} wanted
 * @param {T[]} cases
 */
export function chosenCases(wanted, cases) {
  if (wanted === undefined) return cases;
  const names = cases.map(({ name }) => name);
  for (const text of wanted) {
    if (names.some((name) => name.includes(text))) continue;
    throw new UsageError(
      `no case's name contains "${text}"${didYouMean(text, names)}; there are: ${names.join(", ")}`,
    );
  }
  return cases.filter(({ name }) => wanted.some((text) => name.includes(text)));
}
