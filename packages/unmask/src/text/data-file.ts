// Reading a data file in pieces, as bytes, with the checks every text format needs. A file that is missing, a folder,
// unreadable, compressed, UTF-16, or holds a NUL byte is refused with one sentence; so is a line over its limit. A wrong
// huge file or an endless device is refused at its first bad piece, before memory is spent on it.
import { isUtf8 } from "node:buffer";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { firstInvalidUtf8 } from "./utf8.ts";

const pieceBytes = 2 ** 20;

const magics = [
  ["gzip data", [0x1f, 0x8b], "decompress it first, for example with gunzip"],
  ["zstd data", [0x28, 0xb5, 0x2f, 0xfd], "decompress it first, for example with zstd -d"],
  ["UTF-16 text", [0xff, 0xfe], "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"],
  ["UTF-16 text", [0xfe, 0xff], "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"],
  ["Parquet data", [0x50, 0x41, 0x52, 0x31], "export it as JSONL with a text field"],
] as const;

export interface Line {
  readonly content: Buffer;
  readonly number: number;
  readonly offset: number;
}

/** Lines with their line feed, if any. */
export async function* readLines(path: string, longest: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 1;
  let offset = 0;
  const keep = (part: Buffer) => {
    length += part.length;
    if (length > longest) {
      const message = `${path}, line ${number}: the line is longer than ${inMiB(longest)}; split it, one document a line`;
      throw new DataError(message, { file: path, line: number });
    }
    parts.push(part);
  };
  for await (const piece of readPieces(path)) {
    let from = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, from)) {
      keep(piece.subarray(from, end + 1));
      yield { content: Buffer.concat(parts), number, offset };
      offset += length;
      from = end + 1;
      parts = [];
      length = 0;
      number++;
    }
    if (from < piece.length) keep(piece.subarray(from));
  }
  if (length > 0) yield { content: Buffer.concat(parts), number, offset };
}

export async function* readPieces(path: string): AsyncGenerator<Buffer> {
  const file = await openFile(path);
  try {
    let offset = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, null);
      if (bytesRead === 0) return;
      const piece = buffer.subarray(0, bytesRead);
      checkPlain(piece, path, offset);
      yield piece;
      offset += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if (!(await file.stat()).isDirectory()) return file;
    await file.close();
    throw new DataError(`${path} is a folder; give one text or JSONL file`, { file: path });
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT") {
      const message = `${path} cannot be read (${code}); check the path and its permissions`;
      throw new DataError(message, { file: path }, { cause });
    }
    const beside = await readdir(dirname(path)).catch(() => []);
    const places = beside.map((name) => join(dirname(path), name));
    const hint = didYouMean(join(dirname(path), basename(path)), places);
    throw new DataError(
      `${path} does not exist${hint}; give a text or JSONL file`,
      { file: path },
      { cause },
    );
  }
}

function checkPlain(piece: Buffer, path: string, offset: number): void {
  const magic =
    offset === 0 ? magics.find(([, start]) => start.every((byte, at) => piece[at] === byte)) : undefined;
  if (magic) throw new DataError(`${path} holds ${magic[0]}, not UTF-8 text; ${magic[2]}`, { file: path });
  const nul = piece.indexOf(0);
  if (nul === -1) return;
  const message = `${path} is binary (a NUL byte at offset ${offset + nul}); give UTF-8 text or JSONL`;
  throw new DataError(message, { file: path, offset: offset + nul });
}

export function checkUtf8(
  bytes: Buffer,
  { path, offset, line }: { path: string; offset: number; line?: number },
): void {
  if (isUtf8(bytes)) return;
  const at = firstInvalidUtf8(bytes);
  const hex = bytes[at]!.toString(16).padStart(2, "0");
  const lines = line ?? bytes.subarray(0, at).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 1);
  const message = `${path}, line ${lines}: byte 0x${hex} at offset ${offset + at} is not valid UTF-8; convert the file, for example with iconv -f LATIN1 -t UTF-8`;
  throw new DataError(message, { file: path, line: lines, offset: offset + at });
}

/** Without a byte-order mark. */
export const withoutMark = (bytes: Buffer): Buffer =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

export const inMiB = (bytes: number): string => `${Math.round((bytes / 2 ** 20) * 100) / 100} MiB`;
