// Trajectories as Parquet: a shard is one file, a row one sequence, lists for what is per token or per forward. The
// header is JSON in the file's key-value metadata under "unmask.trajectory". Works on bytes, so also in a browser;
// pandas and DuckDB open the same file.
//
// In front of the footer, where Parquet's readers do not look, stand "UCRC" and the CRC-32 of everything else: a
// damaged file is refused before the library parses it, which may not end well.

import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import { crc32 } from "../base/crc32.ts";
import { DataError } from "../base/errors.ts";
import {
  formatVersion,
  type ProposalList,
  type Proposals,
  type Trajectory,
  type TrajectoryHeader,
} from "./record.ts";
import type { TokenTexts } from "./token-texts.ts";

const metadataKey = "unmask.trajectory";
/** JSON of the texts of all tokens in the file; readers that do not know it lose nothing else. */
const textsKey = "unmask.tokens";

type Kind = "INT32" | "INT64" | "FLOAT" | "DOUBLE" | "STRING";

/** Columns that hold one value a sequence. */
const scalars = {
  sequence: "INT64",
  forwards: "INT32",
  reward_passes: "INT32",
  finish_reason: "STRING",
  seconds: "DOUBLE",
} as const satisfies Partial<Record<keyof Trajectory, Kind>>;

/** Columns that hold a list a sequence. */
const lists = {
  prompt_ids: "INT32",
  token_ids: "INT32",
  given: "INT32",
  reveal_step: "INT32",
  confidence: "FLOAT",
  entropy: "FLOAT",
  fed_from: "INT32",
  fed_length: "INT32",
  cached: "INT32",
} as const satisfies Partial<Record<keyof Trajectory, Kind>>;

/** Columns that a file has where proposals were recorded, as "proposal_count" and so on. */
const proposalLists = {
  length: "INT32",
  count: "INT32",
  column: "INT32",
  token: "INT32",
  confidence: "FLOAT",
  entropy: "FLOAT",
  probability: "FLOAT",
  committed: "INT32",
} as const satisfies Record<keyof Proposals, Kind>;

const proposalNames = Object.keys(proposalLists) as (keyof Proposals)[];

const perToken = ["given", "reveal_step", "confidence", "entropy"] as const;
const perForward = ["fed_from", "fed_length", "cached"] as const;

/** A shard's bytes; with the texts of its tokens, if they are given, it can be read without a tokenizer. */
export function encodeTrajectories(
  header: TrajectoryHeader,
  rows: readonly Trajectory[],
  texts?: TokenTexts,
): Uint8Array {
  const writer = new ByteWriter();
  const columns = columnsOf(rows);
  const described = { key: metadataKey, value: JSON.stringify({ version: formatVersion, ...header }) };
  parquetWrite({
    writer,
    schema: schema(columns),
    columnData: columns.map(({ name, cell }) => ({ name, data: rows.map(cell) })),
    kvMetadata: [
      described,
      ...(texts === undefined ? [] : [{ key: textsKey, value: JSON.stringify(texts) }]),
    ],
    createdBy: "unmask",
  });
  return sealed(new Uint8Array(writer.getBuffer()));
}

interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly isList: boolean;
  readonly cell: (row: Trajectory) => unknown;
}

function columnsOf(rows: readonly Trajectory[]): Column[] {
  const own = (table: Readonly<Record<string, Kind>>, isList: boolean): Column[] =>
    (Object.entries(table) as [keyof Trajectory, Kind][]).map(([name, kind]) => {
      const cell = (row: Trajectory) => (name === "sequence" ? BigInt(row.sequence) : row[name]);
      return { name, kind, isList, cell };
    });
  const columns = [...own(scalars, false), ...own(lists, true)];
  if (rows.every(({ proposals }) => proposals === undefined)) return columns;
  const proposed = proposalNames.map((name) => ({
    name: `proposal_${name}`,
    kind: proposalLists[name],
    isList: name !== "length",
    cell: ({ proposals }: Trajectory) => proposals?.[name] ?? (name === "length" ? 0 : []),
  }));
  return [...columns, ...proposed];
}

const tag = new TextEncoder().encode("UCRC");
const sealBytes = tag.length + 4;
/** Length of the footer and the closing magic. */
const tailBytes = 8;

/** Where the footer begins; negative if the file is too short for what it says. */
function footerStart(bytes: Uint8Array): number {
  if (bytes.length < tailBytes) return -1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length - tailBytes - view.getUint32(bytes.length - tailBytes, true);
}

function sealed(bytes: Uint8Array): Uint8Array {
  const start = footerStart(bytes);
  const result = new Uint8Array(bytes.length + sealBytes);
  result.set(bytes.subarray(0, start));
  result.set(tag, start);
  new DataView(result.buffer).setUint32(start + tag.length, crc32(bytes), true);
  result.set(bytes.subarray(start), start + sealBytes);
  return result;
}

function checkSeal(bytes: Uint8Array, source: string): void {
  const start = footerStart(bytes);
  const seal = start - sealBytes;
  if (seal < 0 || !tag.every((byte, i) => bytes[seal + i] === byte)) {
    throw new DataError(
      `${source}: no trajectories that unmask wrote, or cut off; give another file or generate them again`,
      { source },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = crc32(bytes.subarray(start), crc32(bytes.subarray(0, seal)));
  if (view.getUint32(seal + tag.length, true) === found) return;
  throw new DataError(`${source}: damaged, its checksum is wrong; generate the trajectories again`, {
    source,
  });
}

function schema(columns: readonly Column[]) {
  const element = (name: string, kind: Kind) =>
    kind === "STRING"
      ? {
          name,
          type: "BYTE_ARRAY" as const,
          converted_type: "UTF8" as const,
          repetition_type: "REQUIRED" as const,
        }
      : { name, type: kind, repetition_type: "REQUIRED" as const };
  const list = (name: string, kind: Kind) => [
    { name, repetition_type: "REQUIRED" as const, num_children: 1, converted_type: "LIST" as const },
    { name: "list", repetition_type: "REPEATED" as const, num_children: 1 },
    element("element", kind),
  ];
  return [
    { name: "root", num_children: columns.length },
    ...columns.flatMap(({ name, kind, isList }) => (isList ? list(name, kind) : [element(name, kind)])),
  ];
}

export interface TrajectoryFile {
  readonly header: TrajectoryHeader;
  readonly rows: readonly Trajectory[];
  /** Of the tokens in it, where they were recorded. */
  readonly texts?: TokenTexts;
}

/** Reads a shard. `source` names it in messages. Throws a DataError if it is none, damaged, or of another version. */
export async function decodeTrajectories(bytes: Uint8Array, source: string): Promise<TrajectoryFile> {
  checkSeal(bytes, source);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const metadata = parquetMetadata(file);
    const objects = await parquetReadObjects({ file, metadata });
    const stored = (wanted: string) => metadata.key_value_metadata?.find(({ key }) => key === wanted)?.value;
    const texts = stored(textsKey);
    return {
      header: readHeader(stored(metadataKey), source),
      rows: objects.map((row, i) => readRow(row, `${source}, row ${i}`)),
      ...(texts === undefined ? {} : { texts: JSON.parse(texts) as TokenTexts }),
    };
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${source}: no readable Parquet file (${reason}); it may be cut off: write it again`;
    throw new DataError(message, { source }, { cause });
  }
}

function readHeader(stored: string | undefined, source: string): TrajectoryHeader {
  if (stored === undefined) {
    throw new DataError(`${source}: a Parquet file, but not of trajectories; give one that unmask wrote`);
  }
  const { version, ...header } = JSON.parse(stored) as TrajectoryHeader & { version: number };
  if (version !== formatVersion) {
    throw new DataError(
      `${source}: trajectories of format version ${version}, this program reads ${formatVersion}; generate them again`,
    );
  }
  return header;
}

function readRow(row: Record<string, unknown>, place: string): Trajectory {
  const read: Record<string, unknown> = {};
  for (const name of Object.keys(scalars)) read[name] = row[name];
  for (const name of Object.keys(lists)) read[name] = Array.from((row[name] ?? []) as ArrayLike<number>);
  read.sequence = Number(row.sequence);
  const proposals = readProposals(row, place);
  if (proposals !== undefined) read.proposals = proposals;
  const result = read as unknown as Trajectory;
  for (const name of perToken) {
    if (result[name].length === result.token_ids.length) continue;
    const [found, expected] = [result[name].length, result.token_ids.length];
    throw new DataError(`${place}: ${name} has ${found} values for ${expected} tokens; the file is damaged`);
  }
  for (const name of perForward) {
    if (result[name].length === result.forwards) continue;
    throw new DataError(
      `${place}: ${name} has ${result[name].length} values for ${result.forwards} forwards; the file is damaged`,
    );
  }
  return result;
}

function readProposals(row: Record<string, unknown>, place: string): Proposals | undefined {
  const list = (name: string) => Array.from((row[`proposal_${name}`] ?? []) as ArrayLike<number>);
  const count = list("count");
  if (count.length === 0) return undefined;
  const total = count.reduce((sum, one) => sum + one, 0);
  const names = proposalNames.filter((name) => name !== "length" && name !== "count");
  const entries = names.map((name) => [name, list(name)] as const);
  if (count.length !== Number(row.forwards) || entries.some(([, values]) => values.length !== total)) {
    throw new DataError(`${place}: the proposals do not fit the forwards; the file is damaged`);
  }
  const lists = Object.fromEntries(entries) as Record<ProposalList, number[]>;
  return { length: Number(row.proposal_length), count, ...lists };
}
