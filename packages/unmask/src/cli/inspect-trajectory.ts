// `unmask inspect trajectory`: what recorded generations say of their decoding. The tokenizer is asked for only where
// texts are wanted, and must be the one that wrote them.

import { existsSync, readFileSync } from "node:fs";
import { DataError, UsageError } from "../base/errors.ts";
import { describe, tokenizerOf } from "../generate/load.ts";
import { readJournal } from "../generate/trajectory-shard.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { decodeTrajectories, type TrajectoryFile } from "../trajectory/file.ts";
import { hasColours, isLive, screenOf, styles } from "./terminal.ts";
import { figuresOf, forwardsOf, renderFile, renderSequence, summarise } from "./trajectory-view.ts";

export interface TrajectoryFlags {
  readonly sequence?: number;
  readonly model?: string;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function trajectoryVerb(source: string | undefined, flags: TrajectoryFlags): Promise<number> {
  if (source === undefined) {
    throw new UsageError("no file is named; give one, as in unmask inspect trajectory out.parquet");
  }
  const file = await readFile(source);
  const tokenizer = flags.model === undefined ? undefined : await tokenizerFor(flags.model, source, file);
  const one = flags.sequence === undefined ? undefined : sequenceOf(file, source, flags.sequence);
  const text = (ids: readonly number[]) =>
    tokenizer === undefined ? {} : { text: tokenizer.decode(ids, { skipSpecials: true }) };
  const { header, rows } = file;
  if (flags.json) {
    const told = one === undefined ? rows : [one];
    const sequences = told.map((row) => ({
      ...{ sequence: row.sequence, finish_reason: row.finish_reason },
      ...figuresOf(row, header.end_ids),
      ...text(row.token_ids),
      ...(one === undefined ? {} : { forwards: forwardsOf(row) }),
    }));
    const summary = summarise(rows.map((row) => figuresOf(row, header.end_ids))) ?? null;
    process.stdout.write(`${JSON.stringify({ file: source, header, summary, sequences })}\n`);
    return 0;
  }
  const width = isLive(process.stdout) ? screenOf(process.stdout).columns - 1 : 79;
  const look = { width, style: styles(hasColours(process.stdout)), tokenizer };
  const lines = one === undefined ? renderFile(source, file, look) : renderSequence(one, header, look);
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

async function readFile(source: string): Promise<TrajectoryFile> {
  if (!existsSync(source)) {
    throw new DataError(`${source}: no such file; generate --trajectory FILE writes one`, { source });
  }
  if (source.endsWith(".journal")) return readJournal(source);
  return decodeTrajectories(readFileSync(source), source);
}

function sequenceOf({ rows }: TrajectoryFile, source: string, sequence: number) {
  const found = rows.find((row) => row.sequence === sequence);
  if (found !== undefined) return found;
  const known = rows.map((row) => row.sequence);
  const range = known.length === 0 ? "none" : `${Math.min(...known)} to ${Math.max(...known)}`;
  throw new UsageError(`${source} has no sequence ${sequence}; it has ${range}`, { sequence });
}

async function tokenizerFor(model: string, source: string, { header }: TrajectoryFile): Promise<Tokenizer> {
  const { model: described, tokenizer } = await describe(model);
  const found = tokenizerOf({ folder: described.folder, tokenizer });
  if (found.hash === header.tokenizer_hash) return found;
  throw new DataError(
    `${source} was written with another tokenizer than that of ${model}; give the model that wrote it, ${header.model}`,
    { expected: header.tokenizer_hash, found: found.hash },
  );
}
