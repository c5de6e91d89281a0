// A file that is being fetched: its bytes so far, and their hash.
//
// It is called <etag>.unmask.incomplete. The older huggingface_hub writes <etag>.incomplete and appends to whatever
// it finds under that name; two writers would spoil each other, and it checks nothing but the size. What it left
// behind is taken over once nobody has touched it for a minute.

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import type { HubFile } from "./listing.ts";

const quietMs = 60_000;
const pieceBytes = 1 << 20;

export const partialPath = (blob: string): string => `${blob}.unmask.incomplete`;

export class PartialFile {
  readonly path: string;
  readonly #file: HubFile;
  #handle: FileHandle;
  #hash: Hash;
  #received = 0;

  private constructor(path: string, file: HubFile, handle: FileHandle) {
    this.path = path;
    this.#file = file;
    this.#handle = handle;
    this.#hash = newHash(file);
  }

  /** Opens what an earlier call left, or an empty file. */
  static async open(blob: string, file: HubFile): Promise<PartialFile> {
    const path = partialPath(blob);
    await takeOver(`${blob}.incomplete`, path);
    const partial = new PartialFile(path, file, await openForBoth(path));
    try {
      await partial.#readBack();
    } catch (error) {
      await partial.close();
      throw error;
    }
    return partial;
  }

  get received(): number {
    return this.#received;
  }

  async append(bytes: Uint8Array): Promise<void> {
    // Hashed while the disk is at work.
    const [written] = await Promise.all([this.#write(bytes, 0), this.#hash.update(bytes)]);
    for (let done = written; done < bytes.length; ) done += await this.#write(bytes, done);
    this.#received += bytes.length;
  }

  async #write(bytes: Uint8Array, done: number): Promise<number> {
    const position = this.#received + done;
    return (await this.#handle.write(bytes, done, bytes.length - done, position)).bytesWritten;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.#received = 0;
  }

  /** Whether the bytes are those of the repository. */
  isRight(): boolean {
    return this.#received === this.#file.size && this.#hash.copy().digest("hex") === this.#file.etag;
  }

  /** Gives the file its final name, once its bytes are on the disk. */
  async finish(blob: string): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.path, blob);
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  async #readBack(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return this.restart();
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(size, 1)));
    while (this.#received < size) {
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, this.#received);
      if (bytesRead === 0) return;
      this.#hash.update(piece.subarray(0, bytesRead));
      this.#received += bytesRead;
    }
  }
}

/** LFS files are named by their sha256, others by git's hash, which counts a header of type and length. */
function newHash({ etag, size }: HubFile): Hash {
  return etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

async function openForBoth(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return open(path, "w+");
  }
}

async function takeOver(theirs: string, ours: string): Promise<void> {
  try {
    const left = await stat(theirs);
    if (Date.now() - left.mtimeMs < quietMs) return;
    const own = await stat(ours).catch(() => undefined);
    if (own === undefined || own.size < left.size) await rename(theirs, ours);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** How much of a file is here already. */
export async function partialSize(blob: string, size: number): Promise<number> {
  try {
    const found = await stat(partialPath(blob));
    return found.size <= size ? found.size : 0;
  } catch {
    return 0;
  }
}

export const discardPartial = (blob: string): Promise<void> => rm(partialPath(blob), { force: true });
