import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, isUnmaskError } from "../base/errors.ts";
import { generator } from "../base/rng.ts";
import { jsonRows } from "./json-rows.ts";
import type { Cursor, Row } from "./row.ts";
import { type TextUnit, textRows } from "./text-rows.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-rows-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let written = 0;
async function file(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${written++}`);
  await writeFile(path, content);
  return path;
}

async function all(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}
const json = async (content: string | Uint8Array, from?: Cursor, longest?: number) =>
  all(jsonRows(await file(content), { name: "f", from, longest }));
const text = async (content: string | Uint8Array, unit: TextUnit, from?: Cursor, longest?: number) =>
  all(textRows(await file(content), { name: "f", field: "text", unit, from, longest }));
const short = (rows: readonly Row[]) =>
  rows.map((row) => [row.place, "fields" in row ? row.fields : row.problem]);

describe("rows of JSON lines", () => {
  it("are objects, blank lines between them passed over, each with its number", async () => {
    const rows = await json('\uFEFF{"a":1}\r\n\n  \n{"b":"猫"}');
    expect(short(rows)).toEqual([
      ["f, line 1", { a: 1 }],
      ["f, line 4", { b: "猫" }],
    ]);
  });

  it("tell what is wrong with one, and go on", async () => {
    const bad = ["{", "[1]", "7", "null", '{"a":1}x', "nonsense"].join("\n");
    const bytes = Buffer.concat([
      Buffer.from(`${bad}\n{"ok":1}\n{"a":"`),
      Buffer.from([0xe9]),
      Buffer.from('"}\n\0\n{"ok":2}'),
    ]);
    const rows = short(await json(bytes));
    expect(rows.map(([place]) => place)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => `f, line ${n}`));
    expect(
      rows.map(([, found]) => (typeof found === "string" ? found.split(/[;(]/)[0]!.trim() : found)),
    ).toEqual([
      "not valid JSON",
      "a list instead of an object",
      "7 instead of an object",
      "null instead of an object",
      "not valid JSON",
      "not valid JSON",
      { ok: 1 },
      "byte 0xe9 at offset 46 is not valid UTF-8",
      "binary",
      { ok: 2 },
    ]);
  });

  it("leave a line out that is too long, without keeping it", async () => {
    const rows = short(await json(`{"a":1}\n{"a":"${"x".repeat(3_000_000)}"}\n{"a":2}\n`, undefined, 1000));
    expect(rows.map(([, found]) => found)).toEqual([
      { a: 1 },
      expect.stringMatching(/longer than/),
      { a: 2 },
    ]);
  });
});

describe("rows of a JSON list", () => {
  it("are its entries, however it is written", async () => {
    const rows = [{ text: 'a"]}[{\\' }, { text: "b", deep: [[{ c: [1, "]"] }]] }, { text: "猫" }];
    for (const source of [
      JSON.stringify(rows),
      JSON.stringify(rows, null, 2),
      ` \n[ ${rows.map((row) => JSON.stringify(row)).join(" , ")} ] \n`,
    ]) {
      expect(short(await json(source))).toEqual(rows.map((row, i) => [`f, entry ${i + 1}`, row]));
    }
    expect(await json("[]")).toEqual([]);
    expect(await json(" [ ] ")).toEqual([]);
  });

  it("lie across the pieces that are read", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ text: `${i} ${"é,]".repeat(i * 20)}` }));
    expect(short(await json(JSON.stringify(rows))).map(([, row]) => row)).toEqual(rows);
    expect(short(await json(gzipSync(JSON.stringify(rows)))).map(([, row]) => row)).toEqual(rows);
  });

  it("tell what is wrong", async () => {
    expect(short(await json('[{"a":1},,{"a":2},5]'))).toEqual([
      ["f, entry 1", { a: 1 }],
      ["f, entry 2", "nothing between two commas; write one object"],
      ["f, entry 3", { a: 2 }],
      ["f, entry 4", expect.stringMatching(/^5 instead of an object/)],
    ]);
    expect(short(await json('[{"a":1},{"a":"cut'))).toEqual([
      ["f, entry 1", { a: 1 }],
      ["f, entry 2", "the list has no end; the file is cut off"],
    ]);
    expect(short(await json('[{"a":1}] {"b":2}'))[1]![1]).toMatch(
      /^something stands behind the end of the list/,
    );
    expect(short(await json(`[{"a":"${"x".repeat(2000)}"},{"a":2}]`, undefined, 100))).toEqual([
      ["f, entry 1", "longer than 0 MiB; split it"],
      ["f, entry 2", { a: 2 }],
    ]);
  });
});

describe("rows of text", () => {
  const poem = "one\r\ntwo\n\n\n  \nthree 猫\nfour";
  it("are the whole, paragraphs or lines", async () => {
    expect(short(await text(poem, "document"))).toEqual([["f", { text: poem }]]);
    expect(short(await text(poem, "paragraph"))).toEqual([
      ["f, line 1", { text: "one\r\ntwo" }],
      ["f, line 6", { text: "three 猫\nfour" }],
    ]);
    expect(short(await text(poem, "line")).map(([, row]) => row)).toEqual(
      ["one", "two", "three 猫", "four"].map((line) => ({ text: line })),
    );
  });

  it("tell what is wrong with a line, and refuse a document", async () => {
    const bytes = Buffer.concat([Buffer.from("a\nb"), Buffer.from([0xff]), Buffer.from("\n\0\nc\n")]);
    const found = short(await text(bytes, "line")).map(([, row]) => row);
    expect(found).toEqual([
      { text: "a" },
      expect.stringMatching(/0xff at offset 3/),
      expect.stringMatching(/NUL byte at offset 5/),
      { text: "c" },
    ]);
    await expect(text(bytes, "document")).rejects.toBeInstanceOf(DataError);
    const long = `a\n${"x".repeat(99)}\n\nb\n`;
    for (const unit of ["line", "paragraph"] as const) {
      expect(short(await text(long, unit, undefined, 50)).at(-1)![1]).toEqual({ text: "b" });
      expect(short(await text(long, unit, undefined, 50)).at(-2)![1]).toMatch(/longer than/);
    }
  });
});

const sources: [
  string,
  string | Uint8Array,
  (content: string | Uint8Array, from?: Cursor) => Promise<Row[]>,
][] = [
  ["lines of JSON", '{"a":1}\n\n{"a":\n{"a":"猫"}\n{"a":3}', json],
  ["gzipped lines", gzipSync('{"a":1}\n\n{"a":\n{"a":"猫"}\n{"a":3}'), json],
  ["a list", '[{"a":1}, {"a":[2]},\n x, {"a":"猫"} ]\n', json],
  ["lines", "a\n\nb 猫\r\nc", (content, from) => text(content, "line", from)],
  ["paragraphs", "a\nb\n\n\nc 猫\n\nd\n", (content, from) => text(content, "paragraph", from)],
  ["a document", "whole", (content, from) => text(content, "document", from)],
];

it.each(sources)("%s are read on from any row as if reading had never stopped", async (_, content, read) => {
  const whole = await read(content);
  expect(whole.length).toBeGreaterThan(0);
  for (const [index, row] of whole.entries()) {
    expect(await read(content, row.next)).toEqual(whole.slice(index + 1));
  }
});

it("never fail but with one sentence, whatever the bytes", async () => {
  const seeds = [
    '{"text":"a","n":[1,{"x":null}]}\n{"text":"b\\u00e9"}\n',
    '[{"text":"a"},\n{"text":"]"}]',
    "plain\n\ntext\n",
  ];
  for (let sequence = 0; sequence < 90; sequence++) {
    const next = generator({ seed: 3, stream: 6, sequence, step: 0 });
    const bytes = Buffer.from(seeds[sequence % 3]!);
    for (let flips = 1 + Math.floor(next() * 6); flips > 0; flips--) {
      bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    }
    for (const read of [
      json,
      (one: Uint8Array) => text(one, "line"),
      (one: Uint8Array) => text(one, "document"),
    ]) {
      const found = await read(bytes).catch((error: unknown) => {
        if (!isUnmaskError(error)) throw error;
        return [];
      });
      expect(found.length).toBeLessThan(60);
    }
  }
});
