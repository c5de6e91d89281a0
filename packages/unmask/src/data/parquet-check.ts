// Looks through a column of a Parquet file before the library reads it. The library trusts the counts in a file: a run of
// two thousand million levels, a page without an end, or a bit width of zero keep it busy for ever or eat all memory.
// What passes here ends: every count is bounded by the bytes that hold it or by the rows that the file has.

import { crc32 } from "../base/crc32.ts";
import { decompress } from "./parquet-codecs.ts";
import { Damaged, ThriftReader, type ThriftStruct } from "./thrift.ts";

export interface ColumnFacts {
  readonly codec: string;
  /** Values in this part of the column, nulls and list ends too. */
  readonly values: number;
  readonly rows: number;
  /** Not in a list or a struct: as many values as rows. */
  readonly isFlat: boolean;
  readonly isBytes: boolean;
  readonly isBoolean: boolean;
  readonly fixedLength: number | undefined;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

export const mostValues = 2 ** 26;
const mostPageBytes = 2 ** 30;

const dataPage = 0;
const dictionaryPage = 2;
const dataPageV2 = 3;

const encodings = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  delta: 5,
  deltaLength: 6,
  dictionary: 8,
  split: 9,
} as const;

/** Throws Damaged. `bytes` are the column's pages, one after the other. */
export function checkColumn(bytes: Uint8Array, facts: ColumnFacts): void {
  if (facts.values > mostValues) throw new Damaged(`it has more than ${mostValues} values in one row group`);
  if (facts.isFlat && facts.values !== facts.rows) throw new Damaged("it has more or fewer values than rows");
  let seen = 0;
  let hasDictionary = false;
  // As the library does: a last single byte is nothing.
  for (let offset = 0; offset < bytes.length - 1; ) {
    const reader = new ThriftReader(bytes, offset);
    const page = readPage(reader.struct(), bytes.subarray(reader.offset));
    offset = reader.offset + page.bytes.length;
    if (page.type === dictionaryPage) {
      hasDictionary = true;
      const words = unpacked(page, page.bytes, facts);
      if (facts.isBytes) checkStrings(words, page.values);
    } else {
      seen += page.values;
      if (seen > facts.values) throw new Damaged("its pages have more values than it");
      checkData(page, facts, hasDictionary);
    }
  }
  if (seen !== facts.values) throw new Damaged("its pages have fewer values than it");
}

interface Page {
  readonly type: number;
  readonly head: ThriftStruct;
  /** As they stand in the file. */
  readonly bytes: Uint8Array;
  /** Of them, when taken apart. */
  readonly size: number;
  readonly values: number;
}

function readPage(header: ThriftStruct, rest: Uint8Array): Page {
  const type = count(header, 1);
  const size = count(header, 2);
  const length = count(header, 3);
  if (length > rest.length) throw new Damaged("a page is longer than the column");
  if (size > mostPageBytes) throw new Damaged("a page is larger than a gibibyte");
  const bytes = rest.subarray(0, length);
  const sum = header.get(4);
  if (typeof sum === "number" && sum >>> 0 !== crc32(bytes))
    throw new Damaged("the checksum of a page is wrong");
  const head = header.get({ [dataPage]: 5, [dictionaryPage]: 7, [dataPageV2]: 8 }[type] ?? -1);
  if (!(head instanceof Map)) throw new Damaged(`a page of the unknown type ${type}`);
  const values = count(head, 1);
  if (values > mostValues) throw new Damaged("a page has too many values");
  return { type, head, bytes, size, values };
}

function count(struct: ThriftStruct, field: number, otherwise?: number): number {
  const value = struct.get(field) ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new Damaged("a page has a wrong head");
}

function unpacked({ size }: { size: number }, bytes: Uint8Array, { codec }: ColumnFacts): Uint8Array {
  const result = decompress(codec, bytes, size);
  if (result.length !== size) throw new Damaged("a page has another size than it says");
  return result;
}

function checkData(page: Page, facts: ColumnFacts, hasDictionary: boolean): void {
  const widths = [facts.maxRepetition, facts.maxDefinition].map((most) => 32 - Math.clz32(most));
  const { values } = page;
  const [encoding, bytes] = page.type === dataPage ? first(page, facts, widths) : second(page, facts, widths);
  checkValues(bytes, { encoding, facts, values, hasDictionary });
}

/** Levels of a page of the first kind: each with its length in front, compressed with the values. What is left. */
function first(page: Page, facts: ColumnFacts, widths: readonly number[]): [encoding: number, Uint8Array] {
  const { head, values } = page;
  const bytes = unpacked(page, page.bytes, facts);
  let at = 0;
  for (const [index, width] of widths.entries()) {
    if (width === 0) continue;
    if (count(head, 4 - index) !== encodings.rle) throw new Damaged("levels in an encoding that is not read");
    const length = uint32(bytes, at);
    checkRuns(bytes.subarray(at + 4, at + 4 + length), { width, values, isWhole: true });
    at += 4 + length;
  }
  return [count(head, 2), bytes.subarray(at)];
}

/** Of the second kind: their lengths in the head, never compressed. */
function second(page: Page, facts: ColumnFacts, widths: readonly number[]): [encoding: number, Uint8Array] {
  const { head, values } = page;
  const lengths = [count(head, 6), count(head, 5)];
  let at = 0;
  for (const [index, width] of widths.entries()) {
    const end = at + lengths[index]!;
    if (end > page.bytes.length) throw new Damaged("levels are longer than their page");
    if (width > 0) checkRuns(page.bytes.subarray(at, end), { width, values, isWhole: true });
    at = end;
  }
  if (count(head, 2) > values || count(head, 3) > values) throw new Damaged("a page has a wrong head");
  const rest = page.bytes.subarray(at);
  const bytes = head.get(7) === false ? rest : unpacked({ size: page.size - at }, rest, facts);
  return [count(head, 4), bytes];
}

function uint32(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new Damaged("a page ends too early");
  const value = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
  if (value > bytes.length - at - 4) throw new Damaged("something is longer than its page");
  return value;
}

/** Runs of levels or of places in a dictionary; the latter may be fewer than values, as nulls have none. */
function checkRuns(
  bytes: Uint8Array,
  { width, values, isWhole }: { width: number; values: number; isWhole: boolean },
): void {
  const reader = new ThriftReader(bytes);
  let seen = 0;
  while (seen < values && reader.offset < bytes.length) {
    const head = Number(reader.varint(5));
    const run = Math.floor(head / 2);
    if (head % 2 === 0) {
      if (run > values - seen) throw new Damaged("a run is longer than its page");
      seen += run;
      reader.offset += Math.ceil(width / 8);
    } else {
      // Packed values come by eights; a writer may fill up.
      if (run === 0 || run * 8 > values - seen + 512) throw new Damaged("a run is longer than its page");
      seen += run * 8;
      reader.offset += run * width;
    }
  }
  if (isWhole && seen < values) throw new Damaged("a page has too few levels");
}

interface ValuesOptions {
  readonly encoding: number;
  readonly facts: ColumnFacts;
  readonly values: number;
  readonly hasDictionary: boolean;
}

function checkValues(bytes: Uint8Array, { encoding, facts, values, hasDictionary }: ValuesOptions): void {
  const { plain, plainDictionary, dictionary, rle, delta, deltaLength, split } = encodings;
  if (encoding === plain) {
    if (facts.isBytes) checkStrings(bytes, values);
  } else if (encoding === plainDictionary || encoding === dictionary) {
    if (!hasDictionary) throw new Damaged("its dictionary is missing");
    const width = bytes[0] ?? 0;
    if (width > 32) throw new Damaged("its dictionary is too large");
    checkRuns(bytes.subarray(1), { width, values, isWhole: false });
  } else if (encoding === rle && facts.isBoolean) checkBooleans(bytes, values);
  else if (encoding === delta || encoding === deltaLength) checkDelta(bytes);
  else if (encoding !== split || facts.isBytes || (facts.fixedLength ?? 0) > bytes.length) {
    const found = `values in an encoding that is not read (number ${encoding})`;
    throw new Damaged(`${found}; write the file again with PLAIN`);
  }
}

function checkBooleans(bytes: Uint8Array, values: number): void {
  if (bytes.length === 0) return;
  checkRuns(bytes.subarray(4, 4 + uint32(bytes, 0)), { width: 1, values, isWhole: false });
}

/** Every length leads to the next one, and the last to the end. */
function checkStrings(bytes: Uint8Array, values: number): void {
  let seen = 0;
  for (let at = 0; at < bytes.length; at += 4 + uint32(bytes, at)) seen++;
  if (seen > values) throw new Damaged("a page has more values than it says");
}

function checkDelta(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const reader = new ThriftReader(bytes);
  const block = Number(reader.varint(5));
  const parts = Number(reader.varint(5));
  const isRight =
    block > 0 && block <= 2 ** 20 && parts > 0 && block % parts === 0 && (block / parts) % 8 === 0;
  if (!isRight) throw new Damaged("a page has a wrong head");
}
