import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import {
  checkUtf8,
  type LinesOptions,
  type PiecesOptions,
  readLines,
  readPieces,
  textProblem,
} from "./data-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-data-file-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
async function whole(path: string, options?: PiecesOptions): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readPieces(path, options)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
async function linesOf(path: string, longest: number, options?: LinesOptions): Promise<string[]> {
  const lines: string[] = [];
  for await (const { content, number, offset, length } of readLines(path, longest, options)) {
    lines.push(`${number}@${offset}+${length} ${content}`);
  }
  return lines;
}

const long = "猫🙂".repeat(400_000);

describe("readPieces", () => {
  it("gives a file as it is, from any place", async () => {
    const path = await file("long.txt", long);
    expect(await whole(path)).toBe(long);
    expect(await whole(path, { from: 7 * 300_000 })).toBe("猫🙂".repeat(100_000));
    expect(await whole(path, { from: 7 * 400_000 })).toBe("");
  });

  it("takes gzip apart, in several members too, and passes over bytes of the text", async () => {
    const path = await file("long.txt.gz", gzipSync(long));
    expect(await whole(path)).toBe(long);
    expect(await whole(path, { from: 7 * 399_999 })).toBe("猫🙂");
    const two = await file("two.gz", Buffer.concat([gzipSync("one "), gzipSync("two")]));
    expect(await whole(two)).toBe("one two");
  });

  it.each([
    ["cut.gz", gzipSync(long).subarray(0, 200), /compressed data are damaged or cut off \(Z_BUF_ERROR\)/],
    [
      "bad.gz",
      Buffer.concat([gzipSync("x").subarray(0, 10), Buffer.alloc(30, 255)]),
      /damaged or cut off \(Z_DATA_ERROR\)/,
    ],
    ["nul.gz", gzipSync("ab\0"), /binary \(a NUL byte at offset 2\)/],
    ["a.zst", Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), /holds zstd data, not UTF-8 text; decompress/],
    ["utf16.txt", Buffer.from([0xff, 0xfe, 0x61, 0]), /holds UTF-16 text.*iconv/],
    ["table.txt", Buffer.from("PAR1...."), /holds Parquet data, not UTF-8 text; name it \.parquet/],
    ["nul.txt", Buffer.from("abc\0"), /nul\.txt is binary \(a NUL byte at offset 3\)/],
    ["late.txt", Buffer.from(`${"a".repeat(2 ** 20 + 5)}\0`), /NUL byte at offset 1048581\)/],
  ])("refuses %s", async (name, content, message) => {
    const failed = whole(await file(name, content));
    await expect(failed).rejects.toBeInstanceOf(DataError);
    await expect(failed).rejects.toThrow(message);
  });

  it("a missing file with the nearest name, and a folder", async () => {
    await file("shakespeare.txt", "x");
    const failed = whole(join(folder, "shakespear.txt"));
    await expect(failed).rejects.toThrow(
      /shakespear\.txt does not exist \(did you mean ".*shakespeare\.txt"\?\)/,
    );
    await expect(whole(folder)).rejects.toThrow("is a folder; give one text or JSONL file");
  });

  it.skipIf(process.platform === "win32")("refuses an endless device at once", async () => {
    await expect(whole("/dev/zero")).rejects.toThrow("/dev/zero is binary");
  });
});

describe("readLines", () => {
  it("gives lines with their places, from any of them", async () => {
    const path = await file("lines.txt", "a\r\n\n猫\nend");
    const all = ["1@0+3 a\r\n", "2@3+1 \n", "3@4+4 猫\n", "4@8+3 end"];
    expect(await linesOf(path, 100)).toEqual(all);
    expect(await linesOf(path, 100, { from: 4, lines: 2 })).toEqual(all.slice(2));
  });

  it("refuses a line over the limit, or gives it without its content", async () => {
    const path = await file("over.txt", `a\n${"x".repeat(3_000_000)}\nb\n`);
    await expect(linesOf(path, 2 ** 20)).rejects.toThrow(/line 2: the line is longer than 1 MiB; split it/);
    expect(await linesOf(path, 2 ** 20, { long: true })).toEqual([
      "1@0+2 a\n",
      "2@2+3000001 ",
      "3@3000003+2 b\n",
    ]);
  });
});

it("textProblem and checkUtf8 tell the first bad byte and its line", () => {
  const bytes = Buffer.from("ab\ncaf\xe9", "latin1");
  expect(textProblem(bytes, 100)).toMatch(/^byte 0xe9 at offset 106 is not valid UTF-8; convert/);
  expect(textProblem(Buffer.from("a\0"), 5)).toBe("binary (a NUL byte at offset 6); give UTF-8 text");
  expect(textProblem(Buffer.from("猫"), 0)).toBeUndefined();
  expect(() => checkUtf8(bytes, { path: "f", offset: 0 })).toThrow(/^f, line 2: byte 0xe9 at offset 6/);
});
