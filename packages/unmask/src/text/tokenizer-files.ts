// A tokenizer in a folder: tokenizer.json, tokenizer_config.json, special_tokens_map.json (the last two may be absent
// when reading). Each file is written beside its place, flushed, and renamed, so that a crash leaves the old file.
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

const fileNames = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  specialTokens: "special_tokens_map.json",
} as const;

export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const tokenizer = await readObject(join(folder, fileNames.tokenizer));
  if (tokenizer === undefined) {
    const message = `${folder} holds no ${fileNames.tokenizer}; give the folder of a saved model`;
    throw new CheckpointError(message, { folder });
  }
  const config = (await readObject(join(folder, fileNames.config))) ?? {};
  const specialTokens = (await readObject(join(folder, fileNames.specialTokens))) ?? {};
  const files = { tokenizer: tokenizer as unknown as TokenizerJson, config, specialTokens };
  return createTokenizer(files, join(folder, fileNames.tokenizer));
}

export async function saveTokenizer({ files }: Tokenizer, folder: string): Promise<void> {
  for (const [part, name] of Object.entries(fileNames)) {
    const content = files[part as keyof typeof fileNames];
    if (content !== undefined) await writeWhole(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
  }
}

async function readObject(file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CheckpointError(
      `${file} cannot be read (${code}); check its type and permissions`,
      { file },
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `${file} is not valid JSON (${(cause as Error).message}); it may be cut off: fetch or save it again`;
    throw new CheckpointError(message, { file }, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CheckpointError(`${file} holds no JSON object; fetch or save it again`, { file });
}

async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, "w");
    try {
      await handle.writeFile(text);
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
