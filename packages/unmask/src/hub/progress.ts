// Progress of a snapshot as events. At most one every tenth of a second, and one when a file is complete.

export interface HubProgress {
  /** The file that just grew; several grow at once. */
  file: string;
  /** Of that file, in bytes; what an earlier, interrupted call brought counts as received. */
  receivedBytes: number;
  totalBytes: number;
  /** Of the whole call; `done` counts files that were in the cache before. */
  files: { done: number; total: number };
  /** Bytes of all files that this call has to fetch. */
  all: { receivedBytes: number; totalBytes: number };
}

export type OnProgress = (progress: HubProgress) => void;

const intervalMs = 100;

export class ProgressTracker {
  readonly #onProgress: OnProgress | undefined;
  readonly #received = new Map<string, number>();
  #done = 0;
  #total = 0;
  #allReceived = 0;
  #allTotal = 0;
  #lastEvent = Number.NEGATIVE_INFINITY;

  constructor(onProgress: OnProgress | undefined) {
    this.#onProgress = onProgress;
  }

  /** Further files of this call: how many there are, how many of them the cache has, bytes of the others. */
  expect({ total, done, bytes }: { total: number; done: number; bytes: number }): void {
    this.#total += total;
    this.#done += done;
    this.#allTotal += bytes;
  }

  /** `received` may go down: a server that cannot resume sends the file from its beginning. */
  received(file: string, received: number, totalBytes: number): void {
    this.#allReceived += received - (this.#received.get(file) ?? 0);
    this.#received.set(file, received);
    const now = performance.now();
    if (now - this.#lastEvent < intervalMs) return;
    this.#lastEvent = now;
    this.#tell(file, received, totalBytes);
  }

  complete(file: string, totalBytes: number): void {
    this.#allReceived += totalBytes - (this.#received.get(file) ?? 0);
    this.#received.set(file, totalBytes);
    this.#done++;
    this.#tell(file, totalBytes, totalBytes);
  }

  #tell(file: string, receivedBytes: number, totalBytes: number): void {
    this.#onProgress?.({
      file,
      receivedBytes,
      totalBytes,
      files: { done: this.#done, total: this.#total },
      all: { receivedBytes: this.#allReceived, totalBytes: this.#allTotal },
    });
  }
}
