import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, List, Struct, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  Compression,
  Encoding,
  Table as WasmTable,
  WriterPropertiesBuilder,
  WriterVersion,
  writeParquet,
} from "parquet-wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, UnsupportedError } from "../base/errors.ts";
import { generator } from "../base/rng.ts";
import { type ParquetOptions, parquetFile, parquetRows } from "./parquet-rows.ts";
import { NoText } from "./parquet-values.ts";
import type { Row } from "./row.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-parquet-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const texts = Array.from({ length: 257 }, (_, i) =>
  i % 7 === 3 ? `row ${i} 🙂` : `${"word ".repeat(i % 40)}${i % 5}`,
);
const chats = texts.map((text, i) =>
  Array.from({ length: i % 4 }, (_, turn) => ({
    role: turn % 2 === 0 ? "user" : "assistant",
    content: `${turn} ${text}`,
  })),
);

let written = 0;
async function rowsOf(bytes: Uint8Array, options: Partial<ParquetOptions> = {}): Promise<Row[]> {
  const path = join(folder, `${written++}.parquet`);
  await writeFile(path, bytes);
  const rows: Row[] = [];
  for await (const row of parquetRows(path, { name: "f.parquet", columns: ["text", "messages"], ...options }))
    rows.push(row);
  return rows;
}
const fieldsOf = (rows: readonly Row[]) => rows.map((row) => ("fields" in row ? row.fields : row.problem));

const messageType = new Struct([new Field("role", new Utf8(), true), new Field("content", new Utf8(), true)]);
const listType = new List(new Field("item", messageType, true));

function byArrow(change: (builder: WriterPropertiesBuilder) => WriterPropertiesBuilder): Uint8Array {
  const table = new Table({
    id: vectorFromArray(texts.map((_, i) => i)),
    text: vectorFromArray(texts, new Utf8()),
    messages: vectorFromArray(chats, listType),
  });
  const properties = change(new WriterPropertiesBuilder().setMaxRowGroupSize(50)).build();
  return writeParquet(WasmTable.fromIPCStream(tableToIPC(table, "stream")), properties);
}

function byHyparquet(codec: "SNAPPY" | "UNCOMPRESSED" = "SNAPPY", rows = texts): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: "text", data: [...rows], type: "STRING" },
        { name: "id", data: rows.map((_, i) => i), type: "INT32" },
      ],
      rowGroupSize: 50,
      codec,
    }),
  );
}

const same = texts.map((text, i) => ({ id: undefined, text, messages: chats[i] }));

describe("parquetRows", () => {
  const ways: [string, (builder: WriterPropertiesBuilder) => WriterPropertiesBuilder][] = [
    ["Snappy", (builder) => builder.setCompression(Compression.SNAPPY)],
    ["no compression", (builder) => builder.setCompression(Compression.UNCOMPRESSED)],
    ["gzip", (builder) => builder.setCompression(Compression.GZIP)],
    ["Brotli", (builder) => builder.setCompression(Compression.BROTLI)],
    ["pages of the second kind", (builder) => builder.setWriterVersion(WriterVersion.V2)],
    ["no dictionary", (builder) => builder.setDictionaryEnabled(false)],
    ["small pages", (builder) => builder.setDataPageSizeLimit(64).setWriteBatchSize(7)],
    [
      "lengths as differences",
      (builder) =>
        builder
          .setColumnDictionaryEnabled("text", false)
          .setColumnEncoding("text", Encoding.DELTA_LENGTH_BYTE_ARRAY),
    ],
  ];
  it.each(ways)("reads what Arrow wrote, with chats in lists of structs: %s", async (_, change) => {
    const rows = await rowsOf(byArrow(change));
    expect(fieldsOf(rows)).toEqual(same);
    expect(rows[0]!.place).toBe("f.parquet, row 1");
    expect(rows.at(-1)).toMatchObject({ place: "f.parquet, row 257", next: { rows: 257 } });
  });

  it.each(["SNAPPY", "UNCOMPRESSED"] as const)("reads what hyparquet-writer wrote: %s", async (codec) => {
    const rows = await rowsOf(byHyparquet(codec));
    expect(fieldsOf(rows)).toEqual(texts.map((text) => ({ id: undefined, text })));
  });

  it("goes on from any row as if it had never stopped", async () => {
    const bytes = byArrow((builder) => builder);
    const all = await rowsOf(bytes);
    for (const at of [0, 1, 49, 50, 51, 200, 256, 257]) {
      const from = at === 0 ? undefined : all[at - 1]!.next;
      expect(await rowsOf(bytes, { from })).toEqual(all.slice(at));
    }
  });

  it("tells which columns there are, and how many rows", async () => {
    const path = join(folder, "facts.parquet");
    await writeFile(path, byHyparquet());
    expect(await parquetFile(path)).toEqual({ rows: 257, columns: ["text", "id"] });
  });

  it("marks bytes that are no UTF-8 instead of mending them", async () => {
    const data = [Buffer.from("ok"), Buffer.from([0x63, 0xe9]), Buffer.from("fine")];
    const bytes = parquetWriteBuffer({ columnData: [{ name: "text", data, type: "BYTE_ARRAY" }] });
    const [first, second] = fieldsOf(await rowsOf(new Uint8Array(bytes))) as { text: unknown }[];
    expect(first!.text).toBe("ok");
    expect(second!.text).toBeInstanceOf(NoText);
  });

  it("keeps nulls of a column", async () => {
    const data = ["a", null, "b"];
    const bytes = parquetWriteBuffer({
      columnData: [{ name: "text", data, type: "STRING", nullable: true }],
    });
    expect(
      (fieldsOf(await rowsOf(new Uint8Array(bytes))) as { text: unknown }[]).map(({ text }) => text ?? null),
    ).toEqual(data);
  });
});

describe("bad Parquet files", () => {
  const failure = async (bytes: Uint8Array) =>
    rowsOf(bytes).then(
      () => undefined,
      (error: unknown) => error as Error,
    );

  it.each([
    ["empty", new Uint8Array(0), /is empty/],
    ["short", new Uint8Array(7), /too short/],
    ["text", Buffer.from("no Parquet at all"), /its last bytes are not PAR1/],
    ["encrypted", Buffer.concat([Buffer.alloc(20), Buffer.from("PARE")]), /it is encrypted/],
    ["long footer", Buffer.concat([Buffer.alloc(20, 255), Buffer.from("PAR1")]), /footer is longer/],
    [
      "no footer",
      Buffer.concat([Buffer.alloc(20), Buffer.from([8, 0, 0, 0]), Buffer.from("PAR1")]),
      /footer is damaged/,
    ],
  ])("%s", async (_, bytes, message) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(DataError);
    expect(error!.message).toMatch(message);
    expect(error!.message).toContain("f.parquet");
  });

  it("a missing one and a folder", async () => {
    await expect(parquetFile(join(folder, "none.parquet"), "none.parquet")).rejects.toThrow(
      "none.parquet does not exist",
    );
    await expect(parquetFile(folder, "folder")).rejects.toThrow("folder is no file");
  });

  it("an unknown compression", async () => {
    const error = await failure(byArrow((builder) => builder.setCompression(Compression.LZ4_RAW)));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error!.message).toMatch(/compressed with LZ4_RAW, which is not read here; write it with Snappy/);
  });

  it("one damaged row group of several is one problem, and the others are read", async () => {
    const bytes = byHyparquet("UNCOMPRESSED");
    // The length of a text of the second group.
    const at = Buffer.from(bytes).indexOf(texts[52]!) - 4;
    bytes.set([255, 255, 255, 127], at);
    const rows = await rowsOf(bytes);
    const problems = rows.filter((row) => "problem" in row);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      place: "f.parquet, rows 51 to 100",
      problem: expect.stringMatching(/^damaged: something is longer than its page; fetch/),
    });
    expect(rows).toHaveLength(257 - 50 + 1);
  });
});

/** Flips some bytes, cuts, doubles or zeroes a piece. */
function damaged(bytes: Uint8Array, sequence: number): Uint8Array {
  const next = generator({ seed: 11, stream: 6, sequence, step: 0 });
  const place = () => Math.floor(next() * bytes.length);
  const copy = Buffer.from(bytes);
  const kind = Math.floor(next() * 10);
  if (kind === 0) return copy.subarray(0, place());
  if (kind === 1) return Buffer.concat([copy.subarray(0, place()), copy.subarray(place())]);
  if (kind === 2) return copy.fill(kind, place(), Math.min(bytes.length, place() + 20));
  // Mostly near the end, where the counts stand, and where pages begin.
  const near = () =>
    next() < 0.5 ? bytes.length - 1 - Math.floor(next() * Math.min(900, bytes.length)) : place();
  for (let flips = 1 + Math.floor(next() * 4); flips > 0; flips--) copy[near()] = Math.floor(next() * 256);
  return copy;
}

describe("damaged files", () => {
  const few = texts.slice(0, 40);
  const sources: [string, Uint8Array][] = [
    ["hyparquet-writer", byHyparquet("UNCOMPRESSED", few)],
    ["Arrow, Snappy", byArrow((builder) => builder.setCompression(Compression.SNAPPY))],
    ["Arrow, plain", byArrow((builder) => builder.setCompression(Compression.UNCOMPRESSED))],
    [
      "Arrow, second kind",
      byArrow((builder) =>
        builder.setWriterVersion(WriterVersion.V2).setCompression(Compression.UNCOMPRESSED),
      ),
    ],
  ];
  it.each(sources)("end, whatever the damage, in rows, problems or one sentence: %s", async (_, bytes) => {
    const path = join(folder, "damaged.parquet");
    let refused = 0;
    for (let sequence = 0; sequence < 100; sequence++) {
      await writeFile(path, damaged(bytes, sequence));
      let rows = 0;
      try {
        for await (const row of parquetRows(path, { name: "f", columns: ["text", "messages"] })) {
          rows++;
          expect("fields" in row || row.problem.length > 0).toBe(true);
        }
      } catch (error) {
        if (!(error instanceof DataError || error instanceof UnsupportedError)) throw error;
        refused++;
      }
      expect(rows).toBeLessThan(10_000);
    }
    expect(refused).toBeGreaterThan(5);
  });
});
