// Where a task's documents come from: a file that the user names, or the data set's own place on the hub.

import { DataError, isUnmaskError } from "../../base/errors.ts";
import { openDataset } from "../../hub/dataset.ts";
import { type Documents, readDocuments, readRows } from "./documents.ts";

/** A split of a data set of the hub, or a file on this machine that holds it. */
export interface DataSet {
  /** "openai/gsm8k". */
  readonly path: string;
  /** The hub's "subset"; its only or usual one unless given. */
  readonly config?: string | undefined;
  readonly split: string;
  readonly file?: string | undefined;
}

export interface Wanted {
  readonly task: string;
  /** The option's name for messages: "data" or "fewshot_data". */
  readonly option: string;
  /** What the user named. */
  readonly file?: string | undefined;
  /** Several are one after the other. */
  readonly dataSet?: DataSet | readonly DataSet[] | undefined;
}

export async function documentsOf({ task, option, file, dataSet }: Wanted): Promise<Documents> {
  if (file !== undefined) return readDocuments(file);
  if (dataSet === undefined) {
    throw new DataError(`the task ${task} has no data set of its own; give ${option}: FILE.jsonl`, { task });
  }
  const sets = [dataSet].flat() as readonly DataSet[];
  const [only] = sets;
  if (sets.length === 1 && only?.file !== undefined) return readDocuments(only.file);
  const parts: Documents[] = [];
  for (const one of sets) {
    parts.push(
      await hubDocuments(one).catch((cause: unknown) => {
        if (!isUnmaskError(cause)) throw cause;
        const message = `the task ${task} needs its data: ${cause.message}; or give ${option}: FILE, as JSONL, JSON or Parquet in the public schema`;
        throw new DataError(message, { task, ...cause.data }, { cause });
      }),
    );
  }
  const rows = parts.flatMap((part) => part.rows);
  const source = parts.map(({ provenance }) => provenance.source).join(", ");
  return {
    rows: rows.map((row, at) => ({ ...row, number: at + 1 })),
    provenance: { source, rows: rows.length },
  };
}

async function hubDocuments({ path, config, split }: DataSet): Promise<Documents> {
  const dataset = await openDataset(path, { config, split });
  const parts = [];
  for (const name of dataset.files) {
    parts.push(await readRows(await dataset.fetch(name), `${path}/${name}`));
  }
  const rows = parts.flat();
  const place = config === undefined ? split : `${config}, ${split}`;
  return { rows, provenance: { source: `${path} (${place}) ${dataset.commit}`, rows: rows.length } };
}
