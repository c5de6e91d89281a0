// The model that comes of a run, as a folder that generate and every later stage read: replaced in one piece, or nearly.

import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UnmaskError } from "../base/errors.ts";

/** `writers` fill the new folder that they are given: weights with their configuration, a tokenizer. */
export async function exportModel(
  run: string,
  ...writers: ((folder: string) => void | Promise<void>)[]
): Promise<void> {
  const folder = join(run, "model");
  const temporary = `${folder}.writing`;
  rmSync(temporary, { recursive: true, force: true });
  try {
    for (const write of writers) await write(temporary);
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnmaskError(
      `${folder}: the model could not be written (${reason}); the checkpoint holds all of it, make room and run again with --resume`,
      { folder },
      { cause: error },
    );
  }
}
