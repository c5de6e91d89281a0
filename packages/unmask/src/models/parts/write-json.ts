// JSON files of a model folder.

import { renameSync, writeFileSync } from "node:fs";

/** Replaces the file in one piece. */
export function writeJson(path: string, values: object): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(values, null, 2)}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
}
