// What may be the name of a repository, of a revision, and of a file in it. All three become parts of addresses and
// of paths on this machine, and file names come from a server: nothing that leads out of its folder may pass.

import { UnmaskError, UsageError } from "../base/errors.ts";

export type RepositoryKind = "model" | "dataset";

/** Where the hub shows a repository: the path of its address, and of its files' addresses. */
export const pageOf = (id: string, kind: RepositoryKind): string =>
  kind === "dataset" ? `datasets/${id}` : id;

// The rule of huggingface_hub: words of letters, digits, "-", "_" and ".", that begin and end with no "-" or ".".
const word = /^(?=.{1,96}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;
// Prefixes of the hub's own addresses; "datasets/squad" is no model.
const reserved = ["api", "buckets", "datasets", "kernels", "models", "spaces"];

/** "owner/name" or "name" by the hub's rules. A folder may be called so too: look whether it exists first. */
export function isModelId(text: string): boolean {
  const parts = text.split("/");
  if (parts.length > 2 || !parts.every((part) => word.test(part))) return false;
  if (/--|\.\./.test(text) || text.endsWith(".git")) return false;
  return parts.length === 1 || !reserved.includes(parts[0]!);
}

export function requireId(id: string, kind: RepositoryKind): void {
  if (isModelId(id)) return;
  const example = kind === "dataset" ? "openai/gsm8k" : "kuleshov-group/mdlm-owt";
  throw new UsageError(
    `${JSON.stringify(id)} is no ${kind} id of the hub; give "owner/name" as its page shows it, such as "${example}"`,
    { id },
  );
}

const commitPattern = /^[0-9a-f]{40}$/;

export const isCommit = (text: string): boolean => commitPattern.test(text);

/** Git's rules for names of branches and tags, as far as they keep a path inside its folder. */
export function requireRevision(revision: string): void {
  const parts = revision.split("/");
  const isPlain = /^[^\s\p{Cc}\\~^:?*[]+$/u.test(revision);
  if (
    isPlain &&
    parts.every((part) => part !== "" && !part.startsWith(".") && !part.includes("..")) &&
    revision.length <= 250
  )
    return;
  throw new UsageError(
    `${JSON.stringify(revision)} is no revision; give a branch, a tag, or a commit of 40 hexadecimal digits`,
    { revision },
  );
}

/** Throws for a file name that could lead out of the snapshot, here or on a machine that shares the cache. */
export function requireSafeName(name: string, id: string): void {
  const parts = name.split(/[/\\]/);
  const isSafe =
    !name.includes("\0") &&
    parts.every((part) => part !== "" && part !== "." && part !== ".." && !/^[A-Za-z]:/.test(part));
  if (isSafe) return;
  throw new UnmaskError(
    `${id}: the server lists a file ${JSON.stringify(name)}, which would lie outside the repository's folder; nothing was fetched, do not trust this repository`,
    { id, name },
  );
}
