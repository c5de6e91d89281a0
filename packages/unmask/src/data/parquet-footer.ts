// The footer of a Parquet file: what is where in it.

import { type FileHandle, open } from "node:fs/promises";
import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import { DataError } from "../base/errors.ts";
import { parsers } from "./parquet-values.ts";
import { Damaged, ThriftReader } from "./thrift.ts";

const tail = 8;
const mostFooter = 2 ** 28;

export async function openFile(path: string, name: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const found = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataError(`${name} ${found}; check the path and its permissions`, { file: path }, { cause });
  }
  throw new DataError(`${name} is no file; give a Parquet file`, { file: path });
}

export interface Footer {
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
  /** Where it begins: pages lie in front. */
  readonly start: number;
}

export async function readFooter(file: FileHandle, name: string): Promise<Footer> {
  const { size } = await file.stat();
  const refuse = (reason: string, cause?: unknown) =>
    new DataError(
      `${name} is no readable Parquet file (${reason}); it may be cut off: fetch or write it again`,
      { file: name },
      { cause },
    );
  if (size === 0) throw new DataError(`${name} is empty; give a file with rows in it`, { file: name });
  if (size < tail + 4) throw refuse("it is too short");
  const end = await readBytes(file, size - tail, tail);
  const length = end.readUInt32LE(0);
  if (end.toString("latin1", 4) === "PARE") throw refuse("it is encrypted");
  if (end.toString("latin1", 4) !== "PAR1") throw refuse("its last bytes are not PAR1");
  if (length > size - tail - 4 || length > mostFooter) throw refuse("its footer is longer than it");
  try {
    const bytes = await readBytes(file, size - tail - length, length + tail);
    new ThriftReader(bytes.subarray(0, length)).struct();
    const metadata = parquetMetadata(new Uint8Array(bytes), { parsers, geoparquet: false });
    checkGroups(metadata);
    return { metadata, schema: parquetSchema(metadata), start: size - tail - length };
  } catch (error) {
    throw refuse(
      error instanceof Damaged ? `its footer is damaged: ${error.message}` : "its footer is damaged",
      error,
    );
  }
}

function checkGroups({ num_rows, row_groups }: FileMetaData): void {
  let rows = 0n;
  for (const group of row_groups) {
    if (group.num_rows < 0n) throw new Damaged("a row group has fewer rows than none");
    rows += group.num_rows;
  }
  if (rows !== num_rows || rows > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Damaged("its row groups have more or fewer rows than it");
  }
}

export async function readBytes(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new Damaged("it became shorter while it was read");
    done += bytesRead;
  }
  return bytes;
}
