// Data read while training, for what is larger than memory.
//
//   files, in a new order every epoch ─ rows, some files in turn ─ examples ─ windows of `shuffle_buffer` examples, each
//   in an order of its own ─ example 0, 1, 2, …
//
// Every worker reads all of it and takes its own numbers, so all of them see the same order. A window is filled while the
// one before it is given away: about `shuffle_buffer` examples are held, and no step waits for a whole window but the
// first. An epoch ends its window; the first window of each later epoch has another length, so that the same examples do
// not stand together every time.
//
// A resumed run reads from the beginning up to its place, or from a position that was written down.

import { createHash } from "node:crypto";
import { UsageError } from "../base/errors.ts";
import { permutation, streams, uniform } from "../base/rng.ts";
import type { Answer, ExampleSource } from "./example.ts";
import {
  ExampleReader,
  type ReadExample,
  type ReaderOptions,
  type ReaderPosition,
  readerStart,
} from "./example-reader.ts";

/** Where the reading of a window begins: plain data, for a checkpoint. */
export interface StreamPosition {
  /** Number of its first example, and of the window itself. */
  readonly example: number;
  readonly window: number;
  readonly reader: ReaderPosition;
}

const keptPositions = 8;

export const streamStart: StreamPosition = { example: 0, window: 0, reader: readerStart };

interface Window {
  readonly example: number;
  readonly window: number;
  /** Those that were given away are let go. */
  readonly items: (Answer | undefined)[];
  /** Of its first example. */
  first: ReadExample | undefined;
  size: number;
  /** The order of its examples, once it is complete. */
  order: Uint32Array | undefined;
}

const emptyWindow = (example: number, window: number): Window => ({
  example,
  window,
  items: [],
  first: undefined,
  size: 0,
  order: undefined,
});

export class ExampleStream implements ExampleSource<Answer> {
  readonly fingerprint: string;
  readonly count = undefined;
  readonly #seed: number;
  readonly #size: number;
  readonly #reader: ExampleReader;
  #peeked: ReadExample | undefined;
  #current: Window;
  #next: Window | undefined;
  /** Of the last windows, oldest first. */
  readonly #positions: StreamPosition[];
  /** Calls come one after the other, also where a loop reads ahead. */
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: ReaderOptions, from: StreamPosition = streamStart) {
    this.#seed = options.seed;
    this.#size = options.context.config.shuffle_buffer;
    this.fingerprint = fingerprintOf(options);
    this.#reader = new ExampleReader(options, from.reader);
    this.#current = emptyWindow(from.example, from.window);
    this.#positions = [from];
  }

  at(numbers: readonly number[]): Promise<readonly Answer[]> {
    const found = this.#busy.then(() => this.#examples(numbers));
    this.#busy = found.catch(() => {});
    return found;
  }

  async #examples(numbers: readonly number[]): Promise<readonly Answer[]> {
    const found: Answer[] = [];
    for (const number of numbers) found.push(await this.#example(number));
    if (numbers[0] !== undefined) this.#forget(numbers[0]);
    return found;
  }

  /**
   * Where to read on for this number (by default the last that was given) and all that follow it; the beginning, if it
   * is long past.
   */
  position(number: number = this.#current.example): StreamPosition {
    return this.#positions.findLast(({ example }) => example <= number) ?? streamStart;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #example(number: number): Promise<Answer> {
    if (number < this.#current.example) throw gone(number);
    await this.#fill(this.#current);
    while (number >= this.#current.example + this.#current.items.length) {
      this.#current = this.#next ?? this.#following();
      this.#next = undefined;
      await this.#fill(this.#current);
    }
    const place = number - this.#current.example;
    this.#next ??= this.#following();
    await this.#fill(this.#next, place + 1);
    const item = this.#current.items[this.#current.order![place]!];
    if (item === undefined) throw gone(number);
    return item;
  }

  #following(): Window {
    const { example, window, items } = this.#current;
    return emptyWindow(example + items.length, window + 1);
  }

  async #fill(window: Window, wanted = Number.POSITIVE_INFINITY): Promise<void> {
    while (window.order === undefined && window.items.length < wanted) {
      this.#peeked ??= await this.#reader.next();
      const next = this.#peeked;
      if (window.first === undefined) {
        window.first = next;
        window.size = this.#sizeOf(next);
        this.#note({ example: window.example, window: window.window, reader: next.position });
      }
      const isOver = window.items.length === window.size || next.epoch !== window.first.epoch;
      if (isOver) {
        const source = { seed: this.#seed, stream: streams.shuffle };
        window.order = permutation(window.items.length, source, window.window);
      } else {
        window.items.push(next.answer);
        this.#peeked = undefined;
      }
    }
  }

  #note(position: StreamPosition): void {
    if (position.example <= this.#positions.at(-1)!.example) return;
    this.#positions.push(position);
    if (this.#positions.length > keptPositions) this.#positions.shift();
  }

  #sizeOf({ epoch, position }: ReadExample): number {
    if (epoch === 0 || position.ofEpoch > 0) return this.#size;
    return 1 + Math.floor(this.#size * uniform({ seed: this.#seed, stream: streams.files }, epoch, 1, 0));
  }

  #forget(before: number): void {
    const { example, items, order } = this.#current;
    for (let place = Math.min(before - example, items.length) - 1; place >= 0; place--) {
      const item = order![place]!;
      if (items[item] === undefined) return;
      items[item] = undefined;
    }
  }
}

const gone = (number: number): UsageError =>
  new UsageError(`example ${number} of a stream was asked for after a later one; open it again`, { number });

/** Not of the files' contents, which are not read yet, but of what they are called and how long they are. */
function fingerprintOf({ files, context }: ReaderOptions): string {
  const { config, tokenizer, template, length, kind } = context;
  const { path: _path, held_out: _share, held_out_path: _own, held_out_split: _split, ...settings } = config;
  const names = files.map(({ name, mark }) => [name.split(/[/\\]/).at(-1), mark]);
  const all = { settings, names, kind, length, tokenizer: tokenizer.hash, template: template?.hash };
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}
