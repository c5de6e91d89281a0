import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, DataError } from "../base/errors.ts";
import { type CorpusOptions, chunk, readCorpus, splitHeldOut } from "./corpus.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-corpus-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const rows = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

describe("readCorpus", () => {
  it("keeps a text file as one document, byte for byte", async () => {
    const text = "  one\r\ntwo 🙂 猫\n\n";
    const corpus = await readCorpus(await file("a.txt", text));
    expect(corpus).toEqual({ documents: [text], kind: "text", bytes: Buffer.byteLength(text), warnings: [] });
  });

  it("reads a text whose characters lie across pieces of a mebibyte", async () => {
    const text = `x${"猫🙂".repeat(400_000)}`;
    expect((await readCorpus(await file("long.txt", text))).documents).toEqual([text]);
  });

  it("reads gzip, in several members too", async () => {
    const text = `one ${"🙂".repeat(100_000)}`;
    const path = await file("a.jsonl.gz", gzipSync(rows({ text })));
    expect((await readCorpus(path, { kind: "jsonl" })).documents).toEqual([text]);
    const two = await file("two.txt.gz", Buffer.concat([gzipSync("one "), gzipSync("two")]));
    expect((await readCorpus(two)).documents).toEqual(["one two"]);
  });

  it("drops a byte-order mark", async () => {
    expect((await readCorpus(await file("bom.txt", "\uFEFFhello"))).documents).toEqual(["hello"]);
    const path = await file("bom.jsonl", `\uFEFF${rows({ text: "hello" })}`);
    expect((await readCorpus(path)).documents).toEqual(["hello"]);
  });

  it("reads JSONL rows, also with CRLF, blank lines and no newline at the end", async () => {
    const path = await file("a.jsonl", '{"text":"one\\ntwo","n":1}\r\n\n  \n{"text":"猫"}');
    const corpus = await readCorpus(path);
    expect(corpus).toMatchObject({ documents: ["one\ntwo", "猫"], kind: "jsonl", warnings: [] });
    expect(corpus.bytes).toBe(45);
  });

  it("reads rows that lie across pieces, and 20,000 of them", async () => {
    const documents = Array.from({ length: 20_000 }, (_, index) => `row ${index} ${"é".repeat(index % 150)}`);
    const path = await file("many.jsonl", rows(...documents.map((text) => ({ text }))));
    expect((await readCorpus(path)).documents).toEqual(documents);
  });

  it("takes another field or kind when asked", async () => {
    const path = await file("question.data", rows({ question: "why?" }));
    expect((await readCorpus(path, { kind: "jsonl", field: "question" })).documents).toEqual(["why?"]);
  });

  it("warns of a text file that looks like JSONL, and of rows without text", async () => {
    const corpus = await readCorpus(await file("b.txt", rows({ text: "a" })));
    expect(corpus.kind).toBe("text");
    expect(corpus.warnings[0]).toMatch(/b\.txt looks like JSONL/);
    const some = await readCorpus(await file("b.jsonl", rows({ text: "a" }, { text: " " }, { text: "" })));
    expect(some.documents).toEqual(["a"]);
    expect(some.warnings[0]).toContain("2 rows without text");
  });

  it("skips corrupt rows on request and counts them", async () => {
    const path = await file(
      "skip.jsonl",
      `${rows({ text: "a" })}{"text":\n[1]\n${rows({ txt: "b" }, { text: "c" })}`,
    );
    const corpus = await readCorpus(path, { onCorrupt: "skip" });
    expect(corpus.documents).toEqual(["a", "c"]);
    expect(corpus.warnings[0]).toMatch(/^3 corrupt rows skipped, the first: .*line 2: not valid JSON/);
  });
});

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe("bad data files", () => {
  const cases: [string, string | Uint8Array, RegExp, CorpusOptions?][] = [
    ["empty.txt", "", /empty\.txt is empty; give/],
    ["empty.jsonl", "", /empty\.jsonl is empty; give/],
    ["blank.txt", " \n\t\r\n\u3000", /blank\.txt holds no text \(only whitespace\); give/],
    ["blank.jsonl", "\n\n", /blank\.jsonl holds no text/],
    ["voids.jsonl", rows({ text: "" }), /voids\.jsonl holds no text .*1 rows without text/],
    ["all-bad.jsonl", "{\n{\n", /holds no text \(2 corrupt rows skipped/, { onCorrupt: "skip" }],
    ["nul.txt", bytes("abc", [0], "def"), /nul\.txt is binary \(a NUL byte at offset 3\); give UTF-8/],
    ["late.txt", bytes("a".repeat(2 ** 20 + 5), [0]), /NUL byte at offset 1048581\)/],
    ["a.txt.gz", bytes([0x1f, 0x8b, 8, 0]), /compressed data are damaged or cut off \(Z_BUF_ERROR\)/],
    ["b.txt.gz", bytes([0x1f, 0x8b, 8, 0], "no such thing"), /damaged or cut off \(Z_/],
    ["b.zst", bytes([0x28, 0xb5, 0x2f, 0xfd]), /holds zstd data, not UTF-8 text; decompress/],
    ["utf16.txt", bytes([0xff, 0xfe], "a"), /holds UTF-16 text.*iconv/],
    [
      "latin.txt",
      bytes("ab\ncaf", [0xe9], " cr"),
      /latin\.txt, line 2: byte 0xe9 at offset 6 is not valid UTF-8; convert/,
    ],
    ["cut.txt", bytes("ab", [0xe7, 0x8c]), /line 1: byte 0xe7 at offset 2 is not/],
    [
      "latin.jsonl",
      bytes(rows({ text: "ok" }), '{"text":"', [0xe9], '"}'),
      /line 2: byte 0xe9 at offset 23 is not/,
      { onCorrupt: "skip" },
    ],
    [
      "huge.jsonl",
      rows({ text: "ok" }, { text: "x".repeat(2_000_000) }),
      /huge\.jsonl, line 2: the line is longer than 1 MiB; split/,
      { longestLine: 2 ** 20 },
    ],
    [
      "broken.jsonl",
      `${rows({ text: "a" }, { text: "b" })}{"text": "c"\n`,
      /broken\.jsonl, line 3: not valid JSON .*one object a line/,
    ],
    ["list.json", '[\n{"text":"a"}\n]', /list\.json, line 1: not valid JSON/],
    ["one-line.json", '[{"text":"a"}]', /one-line\.json, line 1: a list instead of an object; write/],
    ["number.jsonl", "7\n", /line 1: 7 instead of an object/],
    ["null.jsonl", "null\n", /line 1: null instead of an object/],
    [
      "typo.jsonl",
      rows({ id: 1, Texts: "a" }),
      /line 1: no field "text"; the fields are: id, Texts \(did you mean "Texts"\?\)/,
    ],
    [
      "fields.jsonl",
      rows({ question: "q", answer: "a" }),
      /no field "text"; the fields are: question, answer; rename/,
    ],
    ["none.jsonl", "{}\n", /no field "text"; the fields are: none;/],
    ["proto.jsonl", rows({ a: 1 }), /no field "toString"/, { field: "toString" }],
    ["typed.jsonl", rows({ text: ["a"] }), /the field "text" is \["a"\], not a text/],
  ];

  it.each(cases)("%s", async (name, content, message, options) => {
    const path = await file(name, content);
    const failed = readCorpus(path, options);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(DataError);
    await expect(failed).rejects.toMatchObject({ exitCode: 2, data: { file: path } });
    await expect(failed).rejects.toThrow(path);
  });

  it("a missing file, with the nearest name", async () => {
    await file("shakespeare.txt", "x");
    const path = join(folder, "shakespear.txt");
    await expect(readCorpus(path)).rejects.toThrow(
      /shakespear\.txt does not exist \(did you mean ".*shakespeare\.txt"\?\)/,
    );
    await expect(readCorpus(join(folder, "no", "where.txt"))).rejects.toThrow(
      /where\.txt does not exist; give/,
    );
  });

  it("a folder", async () => {
    await expect(readCorpus(folder)).rejects.toThrow(`${folder} is a folder; give one`);
  });

  it.skipIf(process.platform === "win32")("an endless device is refused at once", async () => {
    await expect(readCorpus("/dev/zero")).rejects.toThrow("/dev/zero is binary");
  });
});

describe("splitHeldOut", () => {
  it("holds out the last tenth of one text", () => {
    const text = "0123456789".repeat(10);
    expect(splitHeldOut([text])).toEqual({ train: [text.slice(0, 90)], heldOut: [text.slice(90)] });
    expect(splitHeldOut([text], 0.25).heldOut[0]).toHaveLength(25);
  });

  it("never cuts a character in two", () => {
    for (let length = 1; length < 40; length++) {
      const text = "🙂".repeat(length);
      const { train, heldOut } = splitHeldOut([text], 0.3);
      expect(train[0]! + heldOut[0]!).toBe(text);
      expect(() => encodeURIComponent(train[0]!)).not.toThrow(); // it throws on half a character
    }
  });

  it("holds out the last documents, at least one, and keeps at least one", () => {
    const documents = Array.from({ length: 25 }, (_, index) => `${index}`);
    expect(splitHeldOut(documents).heldOut).toEqual(["22", "23", "24"]);
    expect(splitHeldOut(["a", "b"])).toEqual({ train: ["a"], heldOut: ["b"] });
    expect(splitHeldOut(["a", "b"], 0.99)).toEqual({ train: ["a"], heldOut: ["b"] });
    expect(splitHeldOut(["a", "b"], 0)).toEqual({ train: ["a", "b"], heldOut: [] });
    expect(splitHeldOut([])).toEqual({ train: [], heldOut: [] });
  });

  it.each([1, -0.1, Number.NaN])("refuses the fraction %d", (fraction) => {
    expect(() => splitHeldOut(["a"], fraction)).toThrow(`fraction is ${fraction}`);
    expect(() => splitHeldOut(["a"], fraction)).toThrow(ConfigError);
  });
});

describe("chunk", () => {
  const documents = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]];

  it("wraps documents with an end after each, and drops the remainder", () => {
    const made = chunk(documents, { length: 4, eos: 0, mode: "wrap" });
    expect(Array.from(made.rows)).toEqual([1, 2, 3, 0, 4, 0, 5, 6, 7, 8, 9, 10]);
    expect(made).toMatchObject({ count: 3, length: 4, dropped: 1, truncated: 0, warnings: [] });
    expect(Array.from(made.lengths)).toEqual([4, 4, 4]);
  });

  it("wraps and pads the remainder", () => {
    const made = chunk(documents, { length: 5, eos: 0, mode: "wrap", remainder: "pad" });
    expect(Array.from(made.rows)).toEqual([1, 2, 3, 0, 4, 0, 5, 6, 7, 8, 9, 10, 0, 0, 0]);
    expect(Array.from(made.lengths)).toEqual([5, 5, 3]);
    expect(made.dropped).toBe(0);
    const even = chunk([[1, 2, 3]], { length: 4, eos: 0, mode: "wrap", remainder: "pad" });
    expect(Array.from(even.rows)).toEqual([1, 2, 3, 0]);
  });

  it("pads one document a row, cuts longer ones and counts them", () => {
    const made = chunk([...documents, [7, 7, 7, 7], []], { length: 4, eos: 99, mode: "pad" });
    expect(Array.from(made.rows)).toEqual([
      ...[1, 2, 3, 99, 4, 99, 99, 99, 5, 6, 7, 8, 7, 7, 7, 7],
      ...[99, 99, 99, 99],
    ]);
    expect(Array.from(made.lengths)).toEqual([4, 2, 4, 4, 1]);
    expect(made).toMatchObject({ count: 5, truncated: 1, warnings: ["1 of 5 documents cut to 4 tokens"] });
  });

  it("wrap keeps every token in order, whatever the lengths", () => {
    for (let length = 1; length < 12; length++) {
      const flat = documents.flatMap((document) => [...document, 0]);
      const made = chunk(
        documents.map((document) => Int32Array.from(document)),
        { length, eos: 0, mode: "wrap" },
      );
      expect(Array.from(made.rows)).toEqual(flat.slice(0, made.count * length));
      expect(made.count * length + made.dropped).toBe(flat.length);
    }
  });

  it("refuses too little text and a bad length", () => {
    expect(() => chunk(documents, { length: 14, eos: 0, mode: "wrap" })).toThrow(
      "13 tokens, too few for one row of 14",
    );
    expect(() => chunk([], { length: 4, eos: 0, mode: "pad" })).toThrow(DataError);
    expect(() => chunk(documents, { length: 0, eos: 0, mode: "wrap" })).toThrow("row length is 0");
    expect(() => chunk(documents, { length: 2.5, eos: 0, mode: "pad" })).toThrow(ConfigError);
  });
});
