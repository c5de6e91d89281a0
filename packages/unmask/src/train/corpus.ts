// A data file as documents, and documents as rows of token ids.
//
// `readCorpus`: `.jsonl`, `.ndjson` and `.json` hold one JSON object a line, with its text in the field `text`; every
// other file is one UTF-8 text. `kind` overrules the ending. Text is kept byte for byte but for a byte-order mark at
// its start. Blank lines are passed over; rows whose text is empty or whitespace are left out and counted in a warning.
// A corrupt row (no JSON, no object, no text) stops with its line number or, with `onCorrupt: "skip"`, is counted in a
// warning. NUL bytes and invalid UTF-8 always stop. A text file must fit one string (about 512 MiB), a JSONL line
// `longestLine` (64 MiB). Files are read in pieces: a wrong huge one is refused before memory is spent on it.
//
// `splitHeldOut`: one document: its last part, cut at floor((1 - fraction) * UTF-16 units), never inside a character.
// Several: the first floor((1 - fraction) * count) are kept, the others held out, at least one on each side. Fraction 0
// holds nothing out.
//
// `chunk` cuts to rows of exactly `length` ids; `lengths` says how many of a row are real, the rest is `eos` padding.
//   wrap  documents one after another, `eos` after each. The last, unfinished row is dropped (`remainder: "drop"`, the
//         default, counted in `dropped`) or padded ("pad").
//   pad   one document a row, then `eos`. A longer document is cut and counted in `truncated`; one of exactly `length`
//         is kept whole, without `eos`.
import { constants } from "node:buffer";
import { extname } from "node:path";
import { ConfigError, DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { splitRows, splitText } from "../data/held-out.ts";
import { checkUtf8, inMiB, readLines, readPieces, withoutMark } from "../text/data-file.ts";

export type CorpusKind = "text" | "jsonl";

export interface CorpusOptions {
  readonly kind?: CorpusKind;
  /** The field of a JSONL row that holds the text. Default "text". */
  readonly field?: string;
  readonly onCorrupt?: "fail" | "skip";
  /** Bytes of the longest JSONL line. Default 64 MiB. */
  readonly longestLine?: number;
}

export interface Corpus {
  readonly documents: string[];
  readonly kind: CorpusKind;
  readonly bytes: number;
  readonly warnings: string[];
}

const jsonlEndings = [".jsonl", ".ndjson", ".json"];
export async function readCorpus(path: string, options: CorpusOptions = {}): Promise<Corpus> {
  const kind = options.kind ?? (jsonlEndings.includes(extname(path).toLowerCase()) ? "jsonl" : "text");
  const corpus = await (kind === "jsonl"
    ? readJsonl(path, options)
    : readText(path, options.field ?? "text"));
  if (corpus.bytes === 0)
    throw new DataError(`${path} is empty; give a file with text in it`, { file: path });
  if (corpus.documents.length === 0) {
    const message = `${path} holds no text (${corpus.warnings[0] ?? "only whitespace"}); give a file with text in it`;
    throw new DataError(message, { file: path });
  }
  return { ...corpus, kind };
}

type Documents = Omit<Corpus, "kind">;

async function readText(path: string, field: string): Promise<Documents> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readPieces(path)) {
    bytes += piece.length;
    if (bytes > constants.MAX_STRING_LENGTH) {
      const message = `${path} is larger than ${inMiB(constants.MAX_STRING_LENGTH)}, too much for one text; make it JSONL, one document a line`;
      throw new DataError(message, { file: path, bytes });
    }
    pieces.push(piece);
  }
  const whole = Buffer.concat(pieces);
  checkUtf8(whole, { path, offset: 0 });
  const text = withoutMark(whole).toString("utf8");
  const warnings = looksLikeJsonl(text, field)
    ? [`${path} looks like JSONL but is read as plain text; name it .jsonl or set kind: "jsonl"`]
    : [];
  return { documents: /\S/.test(text) ? [text] : [], bytes, warnings };
}

async function readJsonl(path: string, options: CorpusOptions): Promise<Documents> {
  const { field = "text", onCorrupt = "fail", longestLine = 64 * 2 ** 20 } = options;
  const documents: string[] = [];
  const corrupt: string[] = [];
  let blank = 0;
  let bytes = 0;
  for await (const line of readLines(path, longestLine)) {
    bytes = line.offset + line.content.length;
    checkUtf8(line.content, { path, offset: line.offset, line: line.number });
    const source = withoutMark(line.content).toString("utf8");
    if (!/\S/.test(source)) continue;
    const row = textOfRow(source, field);
    if (typeof row !== "string") {
      const message = `${path}, line ${line.number}: ${row.problem}`;
      if (onCorrupt === "fail") throw new DataError(message, { file: path, line: line.number });
      corrupt.push(message);
    } else if (/\S/.test(row)) documents.push(row);
    else blank++;
  }
  const warnings: string[] = [];
  if (corrupt.length > 0) warnings.push(`${corrupt.length} corrupt rows skipped, the first: ${corrupt[0]}`);
  if (blank > 0) warnings.push(`${path}: ${blank} rows without text left out`);
  return { documents, bytes, warnings };
}

function textOfRow(source: string, field: string): string | { problem: string } {
  let row: unknown;
  try {
    row = JSON.parse(source);
  } catch (error) {
    const reason = (error as Error).message;
    return {
      problem: `not valid JSON (${reason}); write one object a line, or skip such rows with onCorrupt: "skip"`,
    };
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    const found = Array.isArray(row) ? "a list" : JSON.stringify(row).slice(0, 40);
    return { problem: `${found} instead of an object; write {"${field}": "..."}, one a line` };
  }
  const value = Object.hasOwn(row, field) ? (row as Record<string, unknown>)[field] : undefined;
  if (typeof value === "string") return value;
  if (value !== undefined) {
    return {
      problem: `the field "${field}" is ${JSON.stringify(value).slice(0, 40)}, not a text; give a string`,
    };
  }
  const names = Object.keys(row);
  const found = names.length === 0 ? "none" : names.slice(0, 8).join(", ").slice(0, 200);
  const hint = didYouMean(field, names);
  return {
    problem: `no field "${field}"; the fields are: ${found}${hint}; rename one or set the field option`,
  };
}

function looksLikeJsonl(text: string, field: string): boolean {
  const end = text.indexOf("\n");
  const first = end === -1 ? text : text.slice(0, end);
  return first.startsWith("{") && first.length < 2 ** 20 && typeof textOfRow(first, field) === "string";
}

export function splitHeldOut(
  documents: readonly string[],
  fraction = 0.1,
): { train: string[]; heldOut: string[] } {
  if (!(fraction >= 0 && fraction < 1)) {
    const message = `The held-out fraction is ${fraction}; give a number from 0 to less than 1, such as 0.1`;
    throw new ConfigError(message, { fraction });
  }
  const [only, ...others] = documents;
  if (fraction === 0 || only === undefined || others.length > 0) {
    const { train, heldOut } = splitRows(documents, fraction);
    return { train: [...train], heldOut: [...heldOut] };
  }
  const [train, heldOut] = splitText(only, fraction);
  return { train: [train], heldOut: [heldOut] };
}

export interface ChunkOptions {
  readonly length: number;
  readonly eos: number;
  readonly mode: "wrap" | "pad";
  /** What wrap does with the last, unfinished row. Default "drop". */
  readonly remainder?: "drop" | "pad";
}

export interface Rows {
  /** count rows of `length` ids, one after another */
  readonly rows: Int32Array;
  readonly count: number;
  readonly length: number;
  readonly lengths: Int32Array;
  readonly dropped: number;
  readonly truncated: number;
  readonly warnings: string[];
}

export function chunk(documents: readonly ArrayLike<number>[], options: ChunkOptions): Rows {
  const { length, mode } = options;
  if (!Number.isInteger(length) || length < 1) {
    throw new ConfigError(`The row length is ${length}; give a whole number of at least 1`, { length });
  }
  const made = mode === "pad" ? padRows(documents, options) : wrapRows(documents, options);
  if (made.lengths.length === 0) {
    const message = `The text has ${made.dropped} tokens, too few for one row of ${length}; give more text or a shorter length`;
    throw new DataError(message, { tokens: made.dropped, length });
  }
  const warnings =
    made.truncated > 0 ? [`${made.truncated} of ${documents.length} documents cut to ${length} tokens`] : [];
  return { ...made, count: made.lengths.length, length, warnings };
}

type Filled = Pick<Rows, "rows" | "lengths" | "dropped" | "truncated">;

function padRows(documents: readonly ArrayLike<number>[], { length, eos }: ChunkOptions): Filled {
  const rows = new Int32Array(documents.length * length).fill(eos);
  const lengths = new Int32Array(documents.length);
  let truncated = 0;
  for (const [row, document] of documents.entries()) {
    if (document.length > length) truncated++;
    const taken = Math.min(document.length, length);
    for (let index = 0; index < taken; index++) rows[row * length + index] = document[index]!;
    lengths[row] = Math.min(document.length + 1, length);
  }
  return { rows, lengths, dropped: 0, truncated };
}

function wrapRows(documents: readonly ArrayLike<number>[], { length, eos, remainder }: ChunkOptions): Filled {
  const total = documents.reduce((sum, document) => sum + document.length + 1, 0);
  const rest = total % length;
  const padded = remainder === "pad" && rest > 0;
  const count = Math.floor(total / length) + (padded ? 1 : 0);
  const rows = new Int32Array(count * length).fill(eos);
  let at = 0;
  for (const document of documents) {
    for (let index = 0; index < document.length && at < rows.length; index++) rows[at++] = document[index]!;
    at++; // the eos, already there
  }
  const lengths = new Int32Array(count).fill(length);
  if (padded) lengths[count - 1] = rest;
  return { rows, lengths, dropped: padded ? 0 : rest, truncated: 0 };
}
