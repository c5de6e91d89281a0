// Files of an evaluation: appended line by line while it runs, written whole or not at all when it ends.

import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DataError, UnmaskError } from "../../base/errors.ts";

/** Writes a file beside its place and renames it; its folder is made if it is missing. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  guarded(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, content, { flush: true });
    renameSync(temporary, path);
  });
}

export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
export const jsonLines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** What a killed process left half-written. */
export function removeTemporary(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (/\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
  }
}

/**
 * Lines of JSON that are only ever appended, each on the disk before the next thing happens. A last line that a kill
 * cut off is taken away when the journal is opened again.
 */
export class Journal {
  readonly path: string;
  private readonly file: number;

  private constructor(path: string, file: number) {
    this.path = path;
    this.file = file;
  }

  /** Opens a journal, new or begun; what it holds comes with it. Throws a DataError if a line before the last is damaged. */
  static open(path: string): { journal: Journal; lines: readonly unknown[] } {
    return guarded(path, () => {
      mkdirSync(dirname(path), { recursive: true });
      const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
      const whole = bytes.lastIndexOf(10) + 1;
      const lines = parseLines(bytes.subarray(0, whole).toString("utf8"), path);
      const file = openSync(path, "a");
      ftruncateSync(file, whole);
      return { journal: new Journal(path, file), lines };
    });
  }

  /** Several lines are one write. */
  append(values: readonly unknown[]): void {
    guarded(this.path, () => {
      const bytes = Buffer.from(jsonLines(values));
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
      fsyncSync(this.file);
    });
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Every line of a file of JSON lines. Throws a DataError that names the line. */
export function readJsonLines(path: string): readonly unknown[] {
  return parseLines(readText(path), path);
}

export function readJson(path: string): unknown {
  try {
    return JSON.parse(readText(path)) as unknown;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path} is no JSON (${(cause as Error).message})`, { file: path }, { cause });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataError(`${path} ${problem}; give the folder of an evaluation`, { file: path }, { cause });
  }
}

function parseLines(text: string, path: string): unknown[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line, at) => {
      try {
        return JSON.parse(line) as unknown;
      } catch (cause) {
        const message = `${path}, line ${at + 1}, is damaged; take that line out, and its question is asked again`;
        throw new DataError(message, { file: path, line: at + 1 }, { cause });
      }
    });
}

function guarded<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof UnmaskError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${path} could not be written (${reason}); check the folder and its free space, then go on with --resume`;
    throw new UnmaskError(message, { path }, { cause });
  }
}
