// @ts-check
// Finds the cases below a folder.
//
// A case is a JSON object with a name ("case" or "name") and one of "inputs", "outputs", "arguments", "reference".
// Its family is the folder it lies in. Other JSON files are no cases and are passed over where they belong: the files
// of a checkpoint (config.json and its neighbours) and files in DIR itself, such as a list of the cases. Anything
// else, a damaged file above all, is reported rather than passed over, so that no case gets lost in silence.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

/**
 * @typedef {object} Found
 * @property {string} path of the JSON file
 * @property {string} family name of its folder
 * @property {string} stem its file name without ".json"
 * @property {string[]} roots folders that checkpoints may be relative to, in this order
 * @property {Record<string, any>} [json] absent if it could not be read as a case
 * @property {string} [problem] why not
 */

const checkpointFiles = new Set([
  ...["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"],
  ...["special_tokens_map.json", "added_tokens.json", "preprocessor_config.json", "chat_template.json"],
]);

/**
 * Every case below `root`, by family and name.
 * @param {string} root
 * @returns {Found[]}
 */
export function findCases(root) {
  return jsonFiles(root)
    .flatMap((path) => examine(root, path))
    .sort((a, b) => compareNames(a.family, b.family) || compareNames(a.path, b.path));
}

/** @type {(a: string, b: string) => number} */
const compareNames = (a, b) => a.localeCompare(b, "en", { numeric: true });

/**
 * @param {string} folder
 * @returns {string[]}
 */
function jsonFiles(folder) {
  return readdirSync(folder)
    .filter((name) => !name.startsWith(".") && name !== "node_modules")
    .flatMap((name) => {
      const path = join(folder, name);
      const entry = statSync(path, { throwIfNoEntry: false });
      if (entry?.isDirectory()) return jsonFiles(path);
      return name.endsWith(".json") && entry?.isFile() ? [path] : [];
    });
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {Found[]} one, or none if the file is no case
 */
function examine(root, path) {
  const name = basename(path);
  if (checkpointFiles.has(name) || name.endsWith(".index.json")) return [];
  const folder = dirname(path);
  const found = {
    path,
    family: basename(folder),
    stem: basename(path, ".json"),
    roots: [root, dirname(folder)],
  };
  /** @type {unknown} */
  let json;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return [{ ...found, problem: `cannot be read: ${error instanceof Error ? error.message : error}` }];
  }
  if (isCase(json)) return [{ ...found, json }];
  const belongsElsewhere = relative(root, folder) === "" || readdirSync(folder).includes("config.json");
  if (belongsElsewhere) return [];
  return [{ ...found, problem: 'is no case: it lacks "case", or "inputs", "outputs" and "reference"' }];
}

/**
 * @param {unknown} json
 * @returns {json is Record<string, any>}
 */
function isCase(json) {
  if (json === null || typeof json !== "object" || Array.isArray(json)) return false;
  const named = "case" in json || "name" in json;
  return named && ["inputs", "outputs", "arguments", "reference"].some((field) => field in json);
}
