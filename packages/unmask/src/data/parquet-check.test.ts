import { describe, expect, it } from "vitest";
import { crc32 } from "../base/crc32.ts";
import { type ColumnFacts, checkColumn, mostValues } from "./parquet-check.ts";
import { Damaged, ThriftReader } from "./thrift.ts";

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
/** A field of a struct: its number after the last one, type i32. */
const number = (step: number, value: number) => [step * 16 + 5, ...varint(2 * value)];

interface PageParts {
  readonly values: number;
  readonly encoding?: number;
  readonly body: readonly number[];
  readonly size?: number;
  readonly length?: number;
  readonly sum?: number;
}

/** A data page of the first kind. */
function page({
  values,
  encoding = 0,
  body,
  size = body.length,
  length = body.length,
  sum,
}: PageParts): number[] {
  const head = [...number(1, values), ...number(1, encoding), ...number(1, 3), ...number(1, 3), 0];
  const start = [...number(1, 0), ...number(1, size), ...number(1, length)];
  const crc = sum === undefined ? [] : [16 + 5, ...varint(2 * sum)];
  return [...start, ...crc, (crc.length > 0 ? 1 : 2) * 16 + 12, ...head, 0, ...body];
}
/** A dictionary page. */
const dictionary = (values: number, body: readonly number[]) => [
  ...number(1, 2),
  ...number(1, body.length),
  ...number(1, body.length),
  4 * 16 + 12,
  ...[...number(1, values), ...number(1, 0), 0],
  0,
  ...body,
];
const withLength = (bytes: readonly number[]) => [bytes.length, 0, 0, 0, ...bytes];

const facts: ColumnFacts = {
  codec: "UNCOMPRESSED",
  values: 4,
  rows: 4,
  isFlat: true,
  isBytes: true,
  isBoolean: false,
  fixedLength: undefined,
  maxDefinition: 1,
  maxRepetition: 0,
};
const check = (bytes: readonly number[], change: Partial<ColumnFacts> = {}) =>
  checkColumn(Uint8Array.from(bytes), { ...facts, ...change });
/** Four ones as levels: a run of four. */
const ones = withLength([8, 1]);
const strings = [1, 0, 0, 0, 65, 0, 0, 0, 0, 2, 0, 0, 0, 66, 67, 0, 0, 0, 0];

describe("checkColumn", () => {
  it("lets whole pages pass: plain, dictionary, nulls, with a checksum", () => {
    const plain = page({ values: 4, body: [...ones, ...strings] });
    expect(() => check(plain)).not.toThrow();
    const packed = withLength([3, 0b0101]);
    expect(() => check(page({ values: 4, body: [...packed, 1, 0, 0, 0, 65, 0, 0, 0, 0] }))).not.toThrow();
    const words = dictionary(2, [1, 0, 0, 0, 65, 0, 0, 0, 0]);
    const places = page({ values: 4, encoding: 8, body: [...ones, 1, 3, 0b1010] });
    expect(() => check([...words, ...places])).not.toThrow();
    const two = page({ values: 2, body: [...withLength([4, 1]), 0, 0, 0, 0, 0, 0, 0, 0] });
    expect(() => check([...two, ...two])).not.toThrow();
    const body = [...ones, ...strings];
    expect(() => check(page({ values: 4, body, sum: crc32(Uint8Array.from(body)) }))).not.toThrow();
  });

  const hostile: [string, number[], RegExp, Partial<ColumnFacts>?][] = [
    [
      "a run of two thousand million levels",
      page({ values: 4, body: withLength([...varint(2 ** 32 - 2), 1]) }),
      /run is longer/,
    ],
    [
      "packed values without end",
      page({ values: 4, body: withLength([...varint(2 ** 32 - 1), 1]) }),
      /run is longer/,
    ],
    ["no packed values", page({ values: 4, body: withLength([1, 1, 1, 1]) }), /run is longer/],
    ["too few levels", page({ values: 4, body: [...withLength([4, 1]), ...strings] }), /too few levels/],
    ["levels longer than the page", page({ values: 4, body: [200, 0, 0, 0, 8, 1] }), /longer than its page/],
    [
      "a number of levels without end",
      page({ values: 4, body: withLength([255, 255, 255, 255, 255, 255, 1]) }),
      /too long/,
    ],
    [
      "a text longer than the page",
      page({ values: 4, body: [...ones, 255, 255, 255, 127] }),
      /longer than its page/,
    ],
    [
      "texts without number",
      page({ values: 4, body: [...ones, ...Array(40).fill(0)] }),
      /more values than it says/,
    ],
    [
      "places of width 0 without end",
      page({ values: 4, encoding: 8, body: [...ones, 0, ...varint(2 ** 31 - 1)] }),
      /dictionary is missing/,
    ],
    [
      "the same with a dictionary",
      [...dictionary(0, []), ...page({ values: 4, encoding: 8, body: [...ones, 0, ...varint(2 ** 31 - 1)] })],
      /run is longer/,
    ],
    [
      "places wider than numbers",
      [...dictionary(0, []), ...page({ values: 4, encoding: 8, body: [...ones, 200, 8, 1] })],
      /dictionary is too large/,
    ],
    [
      "a page longer than the column",
      page({ values: 4, body: strings, length: 4000 }),
      /longer than the column/,
    ],
    [
      "a page larger than memory",
      page({ values: 4, body: strings, size: 2 ** 30 + 1 }),
      /larger than a gibibyte/,
    ],
    ["another size than said", page({ values: 4, body: [...ones, ...strings], size: 3 }), /another size/],
    ["a wrong checksum", page({ values: 4, body: [...ones, ...strings], sum: 7 }), /checksum/],
    ["more values than the column", page({ values: 5, body: [...ones, ...strings] }), /more values than it/],
    [
      "fewer values than the column",
      page({ values: 3, body: [...withLength([6, 1]), 0, 0, 0, 0] }),
      /fewer values/,
    ],
    ["no page", [], /fewer values/],
    [
      "an unknown encoding",
      page({ values: 4, encoding: 7, body: [...ones, 1] }),
      /number 7.*write the file again/,
    ],
    [
      "blocks of differences of no length",
      page({ values: 4, encoding: 6, body: [...ones, 128, 1, 0, 4, 0] }),
      /wrong head/,
    ],
    ["a page of no kind", [...number(1, 9), ...number(1, 0), ...number(1, 0), 0], /unknown type 9/],
    [
      "values without number in the footer",
      page({ values: 4, body: [] }),
      /more than/,
      { values: mostValues + 1, rows: mostValues + 1 },
    ],
    ["other values than rows", page({ values: 4, body: [] }), /more or fewer values than rows/, { rows: 3 }],
  ];
  it.each(hostile)("refuses %s", (_, bytes, message, change) => {
    expect(() => check(bytes, change)).toThrow(Damaged);
    expect(() => check(bytes, change)).toThrow(message);
  });

  it("refuses Snappy that says it is larger than it can be, and gzip that is", () => {
    const bomb = page({ values: 4, body: [1, 2, 3], size: 2 ** 29 });
    expect(() => check(bomb, { codec: "SNAPPY" })).toThrow(/another size than it says/);
    expect(() => check(bomb, { codec: "GZIP" })).toThrow(/compressed data are damaged/);
  });
});

describe("ThriftReader", () => {
  it.each([
    ["lists longer than the bytes", [0x19, 0xf5, 255, 255, 255, 255, 7], /longer than the file/],
    ["structs nested without end", Array(500).fill(0x1c), /nested too deep/],
    ["lists nested without end", [0x19, ...Array(500).fill(0x19)], /nested too deep|unknown type|longer/],
    ["numbers without end", [0x16, ...Array(400).fill(255)], /too long/],
    ["texts longer than the bytes", [0x18, 200, 1, 65], /ends too early/],
    ["an end that does not come", [0x15, 2], /ends too early/],
    ["unknown types", [0x1f, 0], /unknown type 15/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => new ThriftReader(Uint8Array.from(bytes)).struct()).toThrow(message);
  });
});
