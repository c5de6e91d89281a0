// The model that comes of a run, as a folder that generate and every later stage read: replaced in one piece, or nearly.

import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** `writers` fill the new folder that they are given: weights with their configuration, a tokenizer. */
export async function exportModel(
  run: string,
  ...writers: ((folder: string) => void | Promise<void>)[]
): Promise<void> {
  const folder = join(run, "model");
  const temporary = `${folder}.writing`;
  rmSync(temporary, { recursive: true, force: true });
  for (const write of writers) await write(temporary);
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
}
