// What of a path the inspector can show: the file itself, or of a folder everything that unmask writes into one.

import { readdirSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";

export interface OpenFile {
  /** As the page shows it: from the named folder on. */
  readonly name: string;
  readonly path: string;
  /** Whether it may still grow. */
  readonly follows: boolean;
}

const known =
  /(^metrics\.jsonl|^results\.json|^manifest\.json|^timing\.json|^samples_.*\.jsonl|\.parquet(\.journal)?)$/;
/** Folders below the named one that are looked into: sweeps have their points in one, and those their trajectories. */
const deepest = 3;
const most = 500;

export function openFiles(path: string): OpenFile[] {
  const root = resolve(path);
  if (!statSync(root).isDirectory()) return [openFile(basename(root), root)];
  const files = below(root, 0).slice(0, most);
  return files.map((file) =>
    openFile(`${basename(root)}/${relative(root, file).replaceAll("\\", "/")}`, file),
  );
}

const openFile = (name: string, path: string): OpenFile => ({
  name,
  path,
  follows: /\.(jsonl|journal)$/.test(path),
});

function below(folder: string, depth: number): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => entry.isFile() && known.test(entry.name));
  const folders = depth < deepest ? entries.filter((entry) => entry.isDirectory()) : [];
  return [
    ...files.map(({ name }) => join(folder, name)),
    ...folders.flatMap(({ name }) => below(join(folder, name), depth + 1)),
  ];
}
