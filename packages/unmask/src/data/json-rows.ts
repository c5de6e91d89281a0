// Rows of JSON: one object a line (JSONL, NDJSON), or one list of objects over the whole file. A file whose first
// character is "[" with an object behind it is a list. Neither is ever in memory as a whole.

import { inMiB, longLine, readLines, readPieces, textProblem, withoutMark } from "../text/data-file.ts";
import { beginning, type Fields, longestRow, type Row, type RowOptions } from "./row.ts";

export async function* jsonRows(path: string, options: RowOptions): AsyncGenerator<Row> {
  yield* (await isList(path)) ? listRows(path, options) : lineRows(path, options);
}

const open = 0x5b;
const close = 0x5d;
const comma = 0x2c;
const quote = 0x22;
const backslash = 0x5c;
const isSpace = (byte: number) => byte === 0x20 || (byte >= 9 && byte <= 13);

async function isList(path: string): Promise<boolean> {
  for await (const piece of readPieces(path, { nul: true })) {
    const text = withoutMark(piece).toString("latin1");
    if (/^\s*\[\s*(?:[{\]]|$)/.test(text)) return true;
    if (/\S/.test(text)) return false;
  }
  return false;
}

async function* lineRows(
  path: string,
  { name, from = beginning, longest = longestRow }: RowOptions,
): AsyncGenerator<Row> {
  const start = { from: from.bytes, lines: from.rows, nul: true, long: true };
  for await (const line of readLines(path, longest, start)) {
    const place = `${name}, line ${line.number}`;
    const next = { rows: line.number, bytes: line.offset + line.length };
    if (line.length > longest) yield { place, next, problem: longLine(longest) };
    else {
      const read = parseRow(line.content, line.offset);
      if (read !== undefined) yield { place, next, ...read };
    }
  }
}

/** Undefined for nothing but white space. */
function parseRow(bytes: Buffer, offset: number): { fields: Fields } | { problem: string } | undefined {
  const problem = textProblem(bytes, offset);
  if (problem !== undefined) return { problem };
  const source = withoutMark(bytes).toString("utf8");
  if (!/\S/.test(source)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    const reason = (error as Error).message.replace(/[\r\n]+/g, " ").slice(0, 200);
    return { problem: `not valid JSON (${reason}); write one object a line` };
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return { fields: value as Fields };
  const found = Array.isArray(value) ? "a list" : JSON.stringify(value).slice(0, 40);
  return { problem: `${found} instead of an object; write {"text": "..."}, one a line` };
}

/** Bytes of the entries of a list, one after the other. */
class Entries {
  readonly #longest: number;
  #parts: Buffer[] = [];
  #length = 0;
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  /** Of the whole list. */
  state: "before" | "inside" | "behind" = "before";
  /** Whether something else stands behind it. */
  hasMore = false;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Takes bytes up to the end of an entry, or all; says how many, and whether an entry ended there. */
  take(piece: Buffer, from: number): { end: number; ended: boolean } {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at]!;
      if (this.state !== "inside") {
        if (this.state === "behind") this.hasMore ||= !isSpace(byte);
        else if (byte === open) this.state = "inside";
        from = at + 1;
        continue;
      }
      if (this.#isInside(byte)) continue;
      this.#keep(piece.subarray(from, at));
      if (byte === close) this.state = "behind";
      return { end: at + 1, ended: true };
    }
    this.#keep(piece.subarray(from));
    return { end: piece.length, ended: false };
  }

  /** Whether the byte belongs to an entry; false for the comma or bracket that ends it. */
  #isInside(byte: number): boolean {
    if (this.#isString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) this.#isString = false;
      return true;
    }
    if (byte === quote) this.#isString = true;
    else if (byte === open || byte === 0x7b) this.#depth++;
    else if (byte === close || byte === 0x7d) {
      if (this.#depth === 0) return byte !== close;
      this.#depth--;
    } else if (byte === comma) return this.#depth > 0;
    return true;
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= this.#longest) this.#parts.push(part);
    else this.#parts = [];
  }

  /** The entry that ended; undefined if it is longer than may be. */
  finish(): Buffer | undefined {
    const bytes = this.#length > this.#longest ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }
}

/** Of a cursor behind the last entry. */
const atEnd = -1;

async function* listRows(
  path: string,
  { name, from = beginning, longest = longestRow }: RowOptions,
): AsyncGenerator<Row> {
  const entries = new Entries(longest);
  if (from.bytes === atEnd) return;
  // Behind an entry, the list is open already.
  if (from.rows > 0) entries.state = "inside";
  let { rows, bytes } = from;
  for await (const piece of readPieces(path, { from: bytes, nul: true })) {
    for (let at = 0; at < piece.length; ) {
      const { end, ended } = entries.take(piece, at);
      bytes += end - at;
      at = end;
      if (!ended) continue;
      const entry = entries.finish();
      const isBlank = entry?.every(isSpace) ?? false;
      // "[]"
      if (isBlank && entries.state === "behind" && rows === 0) continue;
      rows++;
      yield entryRow(entry, { name, rows, bytes, longest, isLast: entries.state === "behind" });
    }
  }
  const odd =
    entries.state === "inside"
      ? "the list has no end; the file is cut off"
      : "something stands behind the end of the list; write one list, or one object a line";
  if (entries.state !== "inside" && !entries.hasMore) return;
  yield { place: `${name}, entry ${rows + 1}`, next: { rows: rows + 1, bytes: atEnd }, problem: odd };
}

function entryRow(
  entry: Buffer | undefined,
  at: { name: string; rows: number; bytes: number; longest: number; isLast: boolean },
): Row {
  const { rows, bytes, longest } = at;
  const placed = { place: `${at.name}, entry ${rows}`, next: { rows, bytes: at.isLast ? atEnd : bytes } };
  if (entry === undefined) return { ...placed, problem: `longer than ${inMiB(longest)}; split it` };
  const read = parseRow(entry, bytes - entry.length - 1);
  return { ...placed, ...(read ?? { problem: "nothing between two commas; write one object" }) };
}
