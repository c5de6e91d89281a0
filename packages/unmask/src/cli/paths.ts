// Sentences about files and folders.

import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { nearest } from "../base/nearest.ts";

/** ` (did you mean "recipes/tiny.yaml"?)` for a path that does not exist, or nothing. */
export function neighbourHint(path: string): string {
  const folder = dirname(path);
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    return "";
  }
  const found = nearest(basename(path), names);
  return found === undefined ? "" : ` (did you mean "${join(folder, found)}"?)`;
}
