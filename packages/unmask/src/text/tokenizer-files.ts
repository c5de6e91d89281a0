// A tokenizer in a folder. Either tokenizer.json, or vocab.json with merges.txt (vocab-merges.ts), and beside them
// tokenizer_config.json, special_tokens_map.json, added_tokens.json and the chat template, each of which may be absent.
//
// A tokenizer that was loaded is saved as the very bytes it was loaded from; one made in memory as three JSON files.
// Each file is written beside its place, flushed, and renamed, so that a crash leaves the old file. Vocabulary files
// of another tokenizer that lie in the folder are removed last: a reader would prefer them.
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import { fromVocabMerges } from "./vocab-merges.ts";

const fileNames = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  specialTokens: "special_tokens_map.json",
} as const;

const vocabularyFiles = [fileNames.tokenizer, "vocab.json", "merges.txt", "added_tokens.json"];
const allFiles = [
  ...vocabularyFiles,
  fileNames.config,
  fileNames.specialTokens,
  "chat_template.jinja",
  "chat_template.json",
];

export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const originals = new Map<string, Uint8Array>();
  for (const name of allFiles) {
    const bytes = await readBytes(join(folder, name));
    if (bytes !== undefined) originals.set(name, bytes);
  }
  const object = (name: string) => parseObject(originals.get(name), join(folder, name));
  const config = object(fileNames.config) ?? {};
  const specialTokens = object(fileNames.specialTokens) ?? {};
  const legacyTokens = object("added_tokens.json") ?? {};
  const tokenizer = object(fileNames.tokenizer);
  if (tokenizer !== undefined) {
    const files = { tokenizer: tokenizer as unknown as TokenizerJson, config, specialTokens };
    return createTokenizer(files, join(folder, fileNames.tokenizer), { originals, legacyTokens });
  }
  const vocab = object("vocab.json");
  const merges = originals.get("merges.txt");
  if (vocab === undefined || merges === undefined) {
    const half = [vocab && "vocab.json", merges && "merges.txt"].filter((name) => typeof name === "string");
    const found = half.length > 0 ? ` (only ${half[0]})` : "";
    const message = `${folder} holds no ${fileNames.tokenizer}, and not both vocab.json and merges.txt${found}; give the folder of a saved model`;
    throw new CheckpointError(message, { folder });
  }
  const source = join(folder, "vocab.json");
  const text = new TextDecoder().decode(merges);
  const files = fromVocabMerges({ vocab, merges: text, config, specialTokens }, source);
  return createTokenizer(files, source, { originals, legacyTokens });
}

export async function saveTokenizer({ files, originals }: Tokenizer, folder: string): Promise<void> {
  const contents = new Map<string, string | Uint8Array>(originals);
  if (originals === undefined) {
    for (const [part, name] of Object.entries(fileNames)) {
      const content = files[part as keyof typeof fileNames];
      if (content !== undefined) contents.set(name, `${JSON.stringify(content, null, 2)}\n`);
    }
  }
  for (const [name, content] of contents) await writeWhole(join(folder, name), content);
  for (const name of vocabularyFiles) {
    if (!contents.has(name)) await rm(join(folder, name), { force: true });
  }
}

async function readBytes(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const message = `${file} cannot be read (${code}); check its type and permissions`;
    throw new CheckpointError(message, { file }, { cause });
  }
}

function parseObject(bytes: Uint8Array | undefined, file: string): Record<string, unknown> | undefined {
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const message = `${file} is not valid JSON (${(cause as Error).message}); it may be cut off: fetch or save it again`;
    throw new CheckpointError(message, { file }, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CheckpointError(`${file} holds no JSON object; fetch or save it again`, { file });
}

async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, "w");
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    const { code } = cause as NodeJS.ErrnoException;
    throw new UnmaskError(
      `${file} could not be written (${code}); check the folder and its free space`,
      { file },
      { cause },
    );
  }
}
