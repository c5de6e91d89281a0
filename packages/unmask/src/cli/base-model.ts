// The model that a run goes on from: fetched if need be, described, with its tokenizer and template.

import { describe, modelFolder, tokenizerOf } from "../generate/load.ts";
import { loadChatTemplate } from "../text/chat-template.ts";
import type { BaseModel } from "../train/base-model.ts";
import { downloadProgress } from "./download.ts";

export async function baseModel(
  name: string,
  { revision, output }: { revision: string | undefined; output: NodeJS.WriteStream },
): Promise<BaseModel> {
  const folder = await modelFolder(name, { revision, onProgress: downloadProgress(output) });
  const { facts, tokenizer: found } = await describe(folder);
  const tokenizer = tokenizerOf({ folder, tokenizer: found });
  return { name, folder, facts, tokenizer, template: await loadChatTemplate(folder, tokenizer) };
}
