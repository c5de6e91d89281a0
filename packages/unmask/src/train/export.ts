// The model that comes of a run, as a folder that generate and every later stage read: replaced in one piece, or nearly.

import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Tokenizer } from "../text/tokenizer.ts";
import { saveTokenizer } from "../text/tokenizer-files.ts";

/** `save` writes the weights and their configuration into the new folder it is given. */
export async function exportModel(
  run: string,
  tokenizer: Tokenizer,
  save: (folder: string) => void,
  name = "model",
): Promise<void> {
  const folder = join(run, name);
  const temporary = `${folder}.writing`;
  rmSync(temporary, { recursive: true, force: true });
  save(temporary);
  await saveTokenizer(tokenizer, temporary);
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
}
