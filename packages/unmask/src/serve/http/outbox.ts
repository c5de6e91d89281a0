// What is written for a client and not read yet: bounded, so that a slow reader costs its own stream and no memory.

export interface OutboxOptions {
  /** Bytes that may wait. */
  readonly bound: number;
  /** Milliseconds without news after which a comment goes out. */
  readonly keepAlive: number;
  /** The client went away. */
  onCancel(): void;
}

const comment = new TextEncoder().encode(": keep-alive\n\n");

export class Outbox {
  readonly body: ReadableStream<Uint8Array>;
  private readonly bound: number;
  private readonly keepAlive: number;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private isClosed = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor({ bound, keepAlive, onCancel }: OutboxOptions) {
    this.bound = bound;
    this.keepAlive = keepAlive;
    // Nothing is read ahead: the client's connection pulls when it has room.
    this.body = new ReadableStream(
      {
        pull: async (controller) => {
          const bytes = await this.next();
          if (bytes === undefined) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => {
          this.isClosed = true;
          this.wake();
          onCancel();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Bytes that wait for the client. */
  get backlog(): number {
    return this.waitingBytes;
  }

  /** False when the client is too far behind: the stream is broken off. */
  write(text: string): boolean {
    if (this.isClosed) return false;
    const bytes = new TextEncoder().encode(text);
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    const isWithin = this.waitingBytes <= this.bound;
    if (!isWithin) this.fail(new Error("the client reads too slowly"));
    this.wake();
    return isWithin;
  }

  /** Ends the stream behind what waits. */
  end(): void {
    this.isClosed = true;
    this.wake();
  }

  private fail(error: Error): void {
    this.failure = error;
    this.isClosed = true;
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private async next(): Promise<Uint8Array | undefined> {
    if (this.waiting.length === 0 && !this.isClosed && !(await this.news())) return comment;
    if (this.failure !== undefined) throw this.failure;
    if (this.waiting.length === 0) return this.isClosed ? undefined : this.next();
    const bytes = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    return bytes;
  }

  /** False when none came in time. */
  private news(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.keepAlive);
      this.wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
