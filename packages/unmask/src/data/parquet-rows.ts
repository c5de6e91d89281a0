// Rows of a Parquet file: one row group after the other, of it the columns that are wanted. A row group that is damaged
// is one corrupt row; the others are read.

import type { FileHandle } from "node:fs/promises";
import { parquetReadObjects, type RowGroup, type SchemaTree } from "hyparquet";
import { UnsupportedError } from "../base/errors.ts";
import { type ColumnFacts, checkColumn } from "./parquet-check.ts";
import { codecs } from "./parquet-codecs.ts";
import { type Footer, openFile, readBytes, readFooter } from "./parquet-footer.ts";
import { parsers, plain } from "./parquet-values.ts";
import { beginning, type Fields, type Row, type RowOptions } from "./row.ts";
import { Damaged } from "./thrift.ts";

export interface ParquetOptions extends RowOptions {
  /** Columns to read, of those that the file has. */
  readonly columns: readonly string[];
}

export interface ParquetFile {
  readonly rows: number;
  readonly columns: readonly string[];
}

const mostChunk = 2 ** 30;

/** What is in a file, without its rows. */
export async function parquetFile(path: string, name = path): Promise<ParquetFile> {
  const file = await openFile(path, name);
  try {
    const { metadata, schema } = await readFooter(file, name);
    return { rows: Number(metadata.num_rows), columns: schema.children.map(({ element }) => element.name) };
  } finally {
    await file.close();
  }
}

export async function* parquetRows(path: string, options: ParquetOptions): AsyncGenerator<Row> {
  const { name, from = beginning } = options;
  const file = await openFile(path, name);
  try {
    const footer = await readFooter(file, name);
    const has = footer.schema.children.map(({ element }) => element.name);
    const columns = options.columns.filter((column) => has.includes(column));
    let before = 0;
    for (const [index, group] of footer.metadata.row_groups.entries()) {
      const end = before + Number(group.num_rows);
      if (end > from.rows) yield* groupRows(file, { ...footer, group, index, before, columns, has, options });
      before = end;
    }
  } finally {
    await file.close();
  }
}

interface GroupOptions extends Footer {
  readonly group: RowGroup;
  readonly index: number;
  /** Rows of the file in front of the group. */
  readonly before: number;
  readonly columns: readonly string[];
  readonly has: readonly string[];
  readonly options: ParquetOptions;
}

async function* groupRows(file: FileHandle, group: GroupOptions): AsyncGenerator<Row> {
  const { before, has, options } = group;
  const { name, from = beginning } = options;
  const count = Number(group.group.num_rows);
  let rows: readonly Fields[];
  try {
    rows = await readGroup(file, group);
  } catch (error) {
    if (error instanceof UnsupportedError) throw error;
    const reason = error instanceof Damaged ? error.message : "its pages cannot be read";
    const place = `${name}, rows ${before + 1} to ${before + count}`;
    yield {
      place,
      next: { rows: before + count, bytes: 0 },
      problem: `damaged: ${reason}; fetch or write the file again`,
    };
    return;
  }
  // Names of columns that were not read, so that a missing one can be told from a misspelt one.
  const others = Object.fromEntries(has.map((column) => [column, undefined]));
  for (let row = Math.max(0, from.rows - before); row < count; row++) {
    const at = before + row + 1;
    yield {
      place: `${name}, row ${at}`,
      next: { rows: at, bytes: 0 },
      fields: { ...others, ...plain(rows[row]!) },
    };
  }
}

async function readGroup(file: FileHandle, group: GroupOptions): Promise<readonly Fields[]> {
  const { metadata, schema, start, columns, before } = group;
  const count = Number(group.group.num_rows);
  if (columns.length === 0) return Array.from({ length: count }, () => ({}));
  const chunks: { start: number; bytes: Buffer }[] = [];
  for (const { meta_data: meta, file_path: path } of group.group.columns) {
    if (path !== undefined) throw new Damaged("its columns lie in other files");
    if (meta === undefined) throw new Damaged("a column has no description");
    if (!columns.includes(meta.path_in_schema[0]!)) continue;
    if (!(meta.codec in codecs)) throw unknownCodec(meta.codec, group.options.name);
    const first = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    if (!(first >= 4 && length >= 0 && first + length <= start))
      throw new Damaged("a column lies outside of it");
    if (length > mostChunk) throw new Damaged("a column has more than a gibibyte in one row group");
    const bytes = await readBytes(file, first, length);
    checkColumn(bytes, factsOf(schema, meta, count));
    chunks.push({ start: first, bytes });
  }
  const source = { byteLength: start, slice: async (from: number, to = start) => cut(chunks, from, to) };
  const range = { rowStart: before, rowEnd: before + count };
  const rows = await parquetReadObjects({
    file: source,
    metadata,
    columns: [...columns],
    compressors: codecs,
    parsers,
    ...range,
  });
  if (rows.length !== count) throw new Damaged("it has more or fewer rows than it says");
  return rows;
}

function unknownCodec(codec: string | undefined, name: string): UnsupportedError {
  const advice =
    codec === "ZSTD" ? "use Node 22.15 or newer, or write it with Snappy" : "write it with Snappy or gzip";
  return new UnsupportedError(
    `${name} is compressed with ${codec ?? "something unknown"}, which is not read here; ${advice}`,
    {
      file: name,
      codec,
    },
  );
}

type ColumnMeta = NonNullable<RowGroup["columns"][number]["meta_data"]>;

function factsOf(schema: SchemaTree, meta: ColumnMeta, rows: number): ColumnFacts {
  let node: SchemaTree | undefined = schema;
  let maxDefinition = 0;
  let maxRepetition = 0;
  for (const name of meta.path_in_schema) {
    node = node.children.find(({ element }) => element.name === name);
    if (node === undefined) throw new Damaged("a column is not in its schema");
    if (node.element.repetition_type !== "REQUIRED") maxDefinition++;
    if (node.element.repetition_type === "REPEATED") maxRepetition++;
  }
  if (node.children.length > 0) throw new Damaged("a column is not in its schema");
  const values = Number(meta.num_values);
  if (!Number.isSafeInteger(values) || values < 0) throw new Damaged("a column has a wrong number of values");
  return {
    codec: meta.codec,
    values,
    rows,
    isFlat: meta.path_in_schema.length === 1 && maxRepetition === 0,
    isBytes: meta.type === "BYTE_ARRAY",
    isBoolean: meta.type === "BOOLEAN",
    fixedLength: node.element.type_length,
    maxDefinition,
    maxRepetition,
  };
}

/** Bytes of the file, of which only the checked columns are there; the library reads small gaps along. */
function cut(chunks: readonly { start: number; bytes: Buffer }[], from: number, to: number): ArrayBuffer {
  const result = new Uint8Array(to - from);
  for (const { start, bytes } of chunks) {
    const first = Math.max(from, start);
    const last = Math.min(to, start + bytes.length);
    if (first < last) result.set(bytes.subarray(first - start, last - start), first - from);
  }
  return result.buffer;
}
