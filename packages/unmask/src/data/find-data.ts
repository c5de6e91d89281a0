// The first look at the data: which files are trained on, which are held out, and what their rows are.

import { ConfigError } from "../base/errors.ts";
import type { SnapshotOptions } from "../hub/snapshot.ts";
import type { DataConfig, RowKind } from "./config.ts";
import { type DataFile, findFiles } from "./files.ts";
import { kindOfRow } from "./records.ts";
import { corruptRow, noRows, rowsOf } from "./rows.ts";
import type { Tally } from "./tally.ts";

/** Of the hub. */
export type DataSettings = Pick<SnapshotOptions, "onProgress" | "settings" | "signal">;

export interface FoundData {
  readonly files: readonly DataFile[];
  /** Held-out files of their own. */
  readonly own: readonly DataFile[] | undefined;
}

export async function findData(config: DataConfig, settings: DataSettings): Promise<FoundData> {
  const { path, split, held_out: share, held_out_path: ownPath, held_out_split: ownSplit } = config;
  const hasOwn = ownPath !== undefined || ownSplit !== undefined;
  if (hasOwn && share !== undefined && share > 0) {
    throw new ConfigError(
      "data.held_out is a share of the training data, and held-out data of their own are named too; leave one of them out",
    );
  }
  if (config.stream && share !== undefined && share > 0) {
    throw new ConfigError(
      "data.held_out needs to know the end of the data, and a stream does not; name a file with data.held_out_path, or a split with data.held_out_split",
    );
  }
  const files = await findFiles(path, config, { ...settings, split });
  if (!hasOwn) return { files, own: undefined };
  return { files, own: await findFiles(ownPath ?? path, config, { ...settings, split: ownSplit ?? split }) };
}

const usualShare = 0.1;

/** What share of the rows is held out. */
export const shareOf = (config: DataConfig, hasOwn: boolean): number =>
  hasOwn || config.stream ? 0 : (config.held_out ?? usualShare);

/** What the first row that can be read is. */
export async function firstKind(
  files: readonly DataFile[],
  config: DataConfig,
  tally: Tally,
): Promise<RowKind> {
  for (const file of files) {
    for await (const row of rowsOf(file, config)) {
      if ("fields" in row) {
        if (file.kind === "text" && looksLikeJson(row.fields[config.field])) {
          const advice = "name it .jsonl or set data.kind=jsonl";
          tally.add("text that looks like JSONL but is read as plain text", `${row.place}; ${advice}`);
        }
        return kindOfRow(row.fields, config, row.place);
      }
      if (config.on_corrupt === "fail") throw corruptRow(row.place, row.problem);
    }
  }
  throw noRows(files, tally);
}

function looksLikeJson(text: unknown): boolean {
  const [line = ""] =
    typeof text === "string" && text.startsWith("{") ? text.slice(0, 2 ** 20).split("\n") : [];
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
}
