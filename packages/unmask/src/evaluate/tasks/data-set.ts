// Where a task's documents come from: a file that the user names, or the data set's own place on the hub.

import { DataError } from "../../base/errors.ts";
import { type Documents, readDocuments } from "./documents.ts";

/** A split of a data set of the hub. */
export interface DataSet {
  /** "openai/gsm8k". */
  readonly path: string;
  /** The hub's "subset"; "default" unless it has names. */
  readonly config?: string | undefined;
  readonly split: string;
  /** A file on this machine that holds the split. */
  readonly file?: string | undefined;
}

export const dataSetName = ({ path, config, split }: DataSet): string =>
  `${path}${config === undefined ? "" : `/${config}`} (${split})`;

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
  const own = [dataSet].flat() as readonly DataSet[];
  const [only] = own;
  if (own.length === 1 && only?.file !== undefined) return readDocuments(only.file);
  const names = [dataSet].flat().map((one) => dataSetName(one as DataSet));
  throw new DataError(
    `the task ${task} needs ${names.join(", ")}; give ${option}: FILE, as JSONL, JSON or Parquet in its public schema`,
    { task },
  );
}
