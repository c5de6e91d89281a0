// The folders in which huggingface_hub for Python keeps what it fetched, so that both share one cache:
//
//   models--owner--name/blobs/<etag>                  contents
//                      /snapshots/<commit>/<file>     relative symbolic link into blobs, or the file itself
//                      /refs/<revision>               the commit of a branch or tag, 40 digits
//                      /trees/<commit>.json           listing.ts
//   .locks/models--owner--name/<etag>.unmask.lock     lock.ts
//
// Datasets lie in datasets--owner--name.
//
// Written here because `downloadFileToCacheDir` of @huggingface/hub neither resumes nor checks what it fetched, keeps
// no files of two processes apart, and prints.

import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { HubFile } from "./listing.ts";
import { isCommit, pageOf, type RepositoryKind } from "./names.ts";
import type { HubSettings } from "./settings.ts";

export interface Repository {
  id: string;
  kind: RepositoryKind;
  /** Path of its address. */
  page: string;
  folder: string;
  symlinks: boolean;
  blob: (etag: string) => string;
  lock: (etag: string) => string;
  snapshot: (commit: string) => string;
  pointer: (commit: string, name: string) => string;
  listingFile: (commit: string) => string;
  ref: (revision: string) => string;
}

export function repositoryOf(
  id: string,
  kind: RepositoryKind,
  { cacheFolder, symlinks }: HubSettings,
): Repository {
  const name = `${kind}s--${id.replaceAll("/", "--")}`;
  const folder = join(cacheFolder, name);
  return {
    id,
    kind,
    page: pageOf(id, kind),
    folder,
    symlinks,
    blob: (etag) => join(folder, "blobs", etag),
    lock: (etag) => join(cacheFolder, ".locks", name, `${etag}.unmask.lock`),
    snapshot: (commit) => join(folder, "snapshots", commit),
    pointer: (commit, file) => join(folder, "snapshots", commit, ...file.split("/")),
    listingFile: (commit) => join(folder, "trees", `${commit}.json`),
    ref: (revision) => join(folder, "refs", ...revision.split("/")),
  };
}

export async function readRef(repository: Repository, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  try {
    const commit = (await readFile(repository.ref(revision), "utf8")).trim();
    return isCommit(commit) ? commit : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRef(repository: Repository, revision: string, commit: string): Promise<void> {
  if (revision === commit || (await readRef(repository, revision)) === commit) return;
  const path = repository.ref(revision);
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, commit);
}

const tag = `Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag: backup programs may leave the folder out.
# See https://bford.info/cachedir/
`;

/** As Python does, so that back-ups leave the cache out. */
export async function tagCache({ cacheFolder }: HubSettings): Promise<void> {
  await writeFile(join(cacheFolder, "CACHEDIR.TAG"), tag, { flag: "wx" }).catch(() => {});
}

export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, text, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const temporaryName = (path: string) => `${path}.${randomBytes(4).toString("hex")}.tmp`;

/** True for a file of that size, or of any size; links are followed. */
export async function holds(path: string, size?: number): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && (size === undefined || found.size === size);
  } catch {
    return false;
  }
}

/** Names of all complete files of a snapshot. A link whose blob is gone counts for nothing. */
export async function namesInSnapshot(repository: Repository, commit: string): Promise<string[]> {
  const folder = repository.snapshot(commit);
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const paths = entries.filter((one) => !one.isDirectory()).map((one) => join(one.parentPath, one.name));
  const complete = await Promise.all(paths.map((path) => holds(path)));
  const names = paths.filter((_, index) => complete[index]).map((path) => relative(folder, path));
  return names.map((name) => name.replaceAll(sep, "/")).sort();
}

// What file systems and Windows without developer mode answer instead of making a link.
const noLinks = ["EPERM", "EACCES", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "UNKNOWN"];

/**
 * Shows a complete blob as a file of the snapshot. Without links, a blob that was just fetched is moved there, and an
 * older one, which other snapshots may show as well, is copied: by renaming, so that no half file is ever seen.
 */
export async function place(
  repository: Repository,
  commit: string,
  file: HubFile,
  isNew: boolean,
): Promise<void> {
  const pointer = repository.pointer(commit, file.name);
  if (await holds(pointer, file.size)) return;
  const blob = repository.blob(file.etag);
  await mkdir(dirname(pointer), { recursive: true });
  if (repository.symlinks && (await link(relative(dirname(pointer), blob), pointer, file.size))) return;
  if (isNew) return rename(blob, pointer);
  const copy = temporaryName(blob);
  try {
    await copyFile(blob, copy);
    await rename(copy, pointer);
  } catch (error) {
    await rm(copy, { force: true });
    throw error;
  }
}

async function link(target: string, pointer: string, size: number): Promise<boolean> {
  for (;;) {
    try {
      await symlink(target, pointer);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST") {
        if (noLinks.includes(code ?? "")) return false;
        throw error;
      }
      // Another process was quicker, or a link into nothing was left behind.
      if (await holds(pointer, size)) return true;
      await rm(pointer, { force: true });
    }
  }
}
