// Rows of plain text: the whole file, its paragraphs (what stands between blank lines), or its lines. Text is kept byte
// for byte but for a byte-order mark at its start and the line feed at the end of a line or paragraph.

import { constants } from "node:buffer";
import { DataError } from "../base/errors.ts";
import {
  checkUtf8,
  inMiB,
  type Line,
  longLine,
  readLines,
  readPieces,
  textProblem,
  withoutMark,
} from "../text/data-file.ts";
import { beginning, longestRow, type Row, type RowOptions } from "./row.ts";

export type TextUnit = "document" | "paragraph" | "line";

export interface TextOptions extends RowOptions {
  readonly unit: TextUnit;
  /** What the field is called that holds the text. */
  readonly field: string;
}

export async function* textRows(path: string, options: TextOptions): AsyncGenerator<Row> {
  if (options.unit === "document") yield* documentRows(path, options);
  else yield* lineRows(path, options);
}

async function* documentRows(
  path: string,
  { name, field, from = beginning }: TextOptions,
): AsyncGenerator<Row> {
  if (from.rows > 0) return;
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readPieces(path)) {
    bytes += piece.length;
    if (bytes > constants.MAX_STRING_LENGTH) {
      const message = `${name} is larger than ${inMiB(constants.MAX_STRING_LENGTH)}, too much for one text; set data.text_unit to paragraph or line, or make it JSONL, one document a line`;
      throw new DataError(message, { file: path, bytes });
    }
    pieces.push(piece);
  }
  const whole = Buffer.concat(pieces);
  checkUtf8(whole, { path: name, offset: 0 });
  const text = withoutMark(whole).toString("utf8");
  yield { place: name, next: { rows: 1, bytes }, fields: { [field]: text } };
}

async function* lineRows(path: string, options: TextOptions): AsyncGenerator<Row> {
  const { name, unit, from = beginning, longest = longestRow } = options;
  let lines: Line[] = [];
  let length = 0;
  const flush = function* (): Generator<Row> {
    if (lines.length > 0) yield unitRow(lines, { name, length, options });
    lines = [];
    length = 0;
  };
  const start = { from: from.bytes, lines: from.rows, nul: true, long: true };
  for await (const line of readLines(path, longest, start)) {
    const isBlank =
      line.length <= longest && line.content.every((byte) => byte === 32 || (byte >= 9 && byte <= 13));
    if (isBlank) yield* flush();
    else {
      // Of what is too long, only the length is kept.
      length += line.length;
      lines.push(length > longest ? { ...line, content: Buffer.alloc(0) } : line);
      if (length > longest) lines = [lines[0]!, lines.at(-1)!];
      if (unit === "line") yield* flush();
    }
  }
  yield* flush();
}

function unitRow(
  lines: readonly Line[],
  { name, length, options }: { name: string; length: number; options: TextOptions },
): Row {
  const { field, longest = longestRow } = options;
  const [first, last] = [lines[0]!, lines.at(-1)!];
  const placed = {
    place: `${name}, line ${first.number}`,
    next: { rows: last.number, bytes: last.offset + last.length },
  };
  if (length > longest) return { ...placed, problem: longLine(longest) };
  const bytes = Buffer.concat(lines.map(({ content }) => content));
  const problem = textProblem(bytes, first.offset);
  if (problem !== undefined) return { ...placed, problem };
  return {
    ...placed,
    fields: {
      [field]: withoutMark(bytes)
        .toString("utf8")
        .replace(/\r?\n$/, ""),
    },
  };
}
