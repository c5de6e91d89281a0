/**
 * Every failure of reading or writing a checkpoint file: the message names the file, the tensor if one is to
 * blame, the value that was found, and what to do about it.
 */
export class SafetensorsError extends Error {
  override readonly name = "SafetensorsError";
  /** Path of the file, as it was given. */
  readonly file: string;
  /** The tensor to blame, if it is one. */
  readonly tensor: string | undefined;

  constructor(file: string, reason: string, tensor?: string) {
    super(`${file}: ${tensor === undefined ? "" : `tensor ${quote(tensor)}: `}${reason}`);
    this.file = file;
    this.tensor = tensor;
  }
}

/** A value of a file for a message: as JSON, and short. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** The same for a failed system call: "could not be written: ENOSPC: no space left on device (remedy)". */
export function fileError(file: string, what: string, cause: unknown): SafetensorsError {
  if (cause instanceof SafetensorsError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = (cause as { code?: unknown } | null)?.code;
  const remedy = typeof code === "string" ? remedies[code] : undefined;
  return new SafetensorsError(file, `${what}: ${message}${remedy === undefined ? "" : ` (${remedy})`}`);
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: "check the path; its folder must exist",
  EACCES: "check the permissions",
  EISDIR: "give the path of a file, not of a folder",
  ENOTDIR: "check the path; a part of it is no folder",
  ENOSPC: "free some space or choose another disk",
  EDQUOT: "free some of your quota or choose another disk",
  EFBIG: "the file would be larger than allowed; raise the limit or save in smaller shards",
  EROFS: "choose a folder that can be written to",
  EMFILE: "too many open files; raise the limit (ulimit -n)",
};
