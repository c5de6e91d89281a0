// Reading a data file in pieces, as bytes, with the checks every text format needs. A file that is missing, a folder,
// unreadable, UTF-16, or holds a NUL byte is refused with one sentence; so is a line over its limit. A wrong huge file
// or an endless device is refused at its first bad piece, before memory is spent on it. Gzip is taken apart on the way;
// offsets are then those of the text.
import { isUtf8 } from "node:buffer";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { firstInvalidUtf8 } from "./utf8.ts";

const pieceBytes = 2 ** 20;

const magics = [
  ["zstd data", [0x28, 0xb5, 0x2f, 0xfd], "decompress it first, for example with zstd -d"],
  ["UTF-16 text", [0xff, 0xfe], "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"],
  ["UTF-16 text", [0xfe, 0xff], "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"],
  ["Parquet data", [0x50, 0x41, 0x52, 0x31], "name it .parquet, or export it as JSONL with a text field"],
] as const;
const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b;

export interface Line {
  readonly content: Buffer;
  readonly number: number;
  readonly offset: number;
  /** Bytes of it; more than `content` holds if it is over the limit. */
  readonly length: number;
}

export interface PiecesOptions {
  /** Bytes of text to pass over. */
  readonly from?: number;
  /** Give NUL bytes on instead of refusing the file. */
  readonly nul?: boolean;
}

export interface LinesOptions extends PiecesOptions {
  /** Lines that `from` passes over. */
  readonly lines?: number;
  /** Give a line over the limit without its content instead of refusing the file. */
  readonly long?: boolean;
}

/** Lines with their line feed, if any. */
export async function* readLines(
  path: string,
  longest: number,
  options: LinesOptions = {},
): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = (options.lines ?? 0) + 1;
  let offset = options.from ?? 0;
  const keep = (part: Buffer) => {
    length += part.length;
    if (length <= longest) parts.push(part);
    else if (options.long) parts = [];
    else throw new DataError(`${path}, line ${number}: ${longLine(longest)}`, { file: path, line: number });
  };
  for await (const piece of readPieces(path, options)) {
    let from = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, from)) {
      keep(piece.subarray(from, end + 1));
      yield { content: Buffer.concat(parts), number, offset, length };
      offset += length;
      from = end + 1;
      parts = [];
      length = 0;
      number++;
    }
    if (from < piece.length) keep(piece.subarray(from));
  }
  if (length > 0) yield { content: Buffer.concat(parts), number, offset, length };
}

export const longLine = (longest: number): string =>
  `the line is longer than ${inMiB(longest)}; split it, one document a line`;

export async function* readPieces(
  path: string,
  { from = 0, nul = false }: PiecesOptions = {},
): AsyncGenerator<Buffer> {
  const file = await openFile(path);
  try {
    // A pipe has no places to read at: it is read once, from its beginning.
    const canSeek = (await file.stat()).isFile();
    const first = await readPiece(file, canSeek ? 0 : null);
    checkMagic(first, path);
    const zipped = isGzip(first);
    const skipped = canSeek && !zipped ? from : 0;
    const rest = bytesOf(file, { first, position: canSeek ? skipped : null });
    let offset = skipped;
    for await (const whole of zipped ? unzipped(rest, path) : rest) {
      const piece = offset >= from ? whole : whole.subarray(Math.min(whole.length, from - offset));
      offset += whole.length - piece.length;
      if (piece.length === 0) continue;
      if (!nul) checkPlain(piece, path, offset);
      yield piece;
      offset += piece.length;
    }
  } finally {
    await file.close();
  }
}

async function readPiece(file: FileHandle, position: number | null): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, position);
  return buffer.subarray(0, bytesRead);
}

/** From `position`; from the beginning, whose first piece is read already, if it is 0 or there are no positions. */
async function* bytesOf(
  file: FileHandle,
  { first, position }: { first: Buffer; position: number | null },
): AsyncGenerator<Buffer> {
  let at = position;
  let piece = position === 0 || position === null ? first : await readPiece(file, position);
  while (piece.length > 0) {
    yield piece;
    if (at !== null) at += piece.length;
    piece = await readPiece(file, at);
  }
}

async function* unzipped(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  const source = Readable.from(pieces);
  const stream = createGunzip({ chunkSize: 2 ** 16 });
  source.on("error", (error) => stream.destroy(error));
  try {
    for await (const piece of source.pipe(stream)) yield piece as Buffer;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `${path}: the compressed data are damaged or cut off (${code}); fetch or write the file again`;
    throw new DataError(message, { file: path }, { cause });
  } finally {
    source.destroy();
    stream.destroy();
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

function checkMagic(piece: Buffer, path: string): void {
  const magic = magics.find(([, start]) => start.every((byte, at) => piece[at] === byte));
  if (magic) throw new DataError(`${path} holds ${magic[0]}, not UTF-8 text; ${magic[2]}`, { file: path });
}

function checkPlain(piece: Buffer, path: string, offset: number): void {
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
  const lines = line ?? bytes.subarray(0, at).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 1);
  const message = `${path}, line ${lines}: ${notUtf8(bytes, { at, offset })}`;
  throw new DataError(message, { file: path, line: lines, offset: offset + at });
}

function notUtf8(bytes: Buffer, { at, offset }: { at: number; offset: number }): string {
  const hex = bytes[at]!.toString(16).padStart(2, "0");
  return `byte 0x${hex} at offset ${offset + at} is not valid UTF-8; convert the file, for example with iconv -f LATIN1 -t UTF-8`;
}

/** What keeps bytes from being text, if anything does; `offset` is theirs in the file. */
export function textProblem(bytes: Buffer, offset: number): string | undefined {
  const nul = bytes.indexOf(0);
  if (nul !== -1) return `binary (a NUL byte at offset ${offset + nul}); give UTF-8 text`;
  return isUtf8(bytes) ? undefined : notUtf8(bytes, { at: firstInvalidUtf8(bytes), offset });
}

/** Without a byte-order mark. */
export const withoutMark = (bytes: Buffer): Buffer =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

export const inMiB = (bytes: number): string => `${Math.round((bytes / 2 ** 20) * 100) / 100} MiB`;
