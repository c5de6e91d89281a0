// Lines of a chat, from a terminal or from a file or pipe.
//
// In a terminal one reader of lines lives as long as the chat, so that editing, history and pasted lines work. While
// an answer is written, what it would echo is swallowed: it would run into the canvas. What was typed meanwhile stands
// behind the next prompt. Raw mode turns Ctrl-C into a key, which the reader reports.

import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { onInterrupt } from "./interrupt.ts";
import type { Styles } from "./terminal.ts";

export interface ChatInput {
  /** The next line; undefined when there is none any more. */
  next(): Promise<string | undefined>;
  /** Runs what Ctrl-C may stop. */
  during<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T>;
  close(): void;
}

const promptMark = "> ";

/** Lines of a file or a pipe, or of a terminal that cannot move its cursor. */
export function plainInput(input: NodeJS.ReadStream): ChatInput {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    async next() {
      if (input.isTTY) process.stderr.write(promptMark);
      const { value, done } = await iterator.next();
      return done === true ? undefined : (value as string);
    },
    during: interruptible,
    close: () => lines.close(),
  };
}

async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = onInterrupt(() => undefined);
  try {
    return await body(interrupt.signal);
  } finally {
    interrupt.release();
  }
}

/** Passes writes on unless it is muted. The reader of lines asks it for the width. */
class MutableOutput extends Writable {
  isMuted = true;
  readonly isTTY = true;
  private readonly stream: NodeJS.WriteStream;
  private readonly tell = (): void => void this.emit("resize");

  constructor(stream: NodeJS.WriteStream) {
    super({ decodeStrings: false });
    this.stream = stream;
    stream.on("resize", this.tell);
  }

  get columns(): number {
    return this.stream.columns;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isMuted) this.stream.write(text);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.stream.off("resize", this.tell);
    done(error);
  }
}

export class TerminalInput implements ChatInput {
  private readonly output: MutableOutput;
  private readonly reader: Interface;
  private readonly style: Styles;
  private readonly lines: string[] = [];
  private isOver = false;
  private waiting: (() => void) | undefined;
  private answering: AbortController | undefined;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream, style: Styles) {
    this.style = style;
    this.output = new MutableOutput(output);
    this.reader = createInterface({ input, output: this.output, terminal: true, prompt: promptMark });
    this.reader.on("line", (line) => {
      // At once: further lines of a paste come before anybody else has a turn.
      this.output.isMuted = true;
      this.lines.push(line);
      this.wake();
    });
    this.reader.on("SIGINT", () => this.onKey());
    this.reader.on("close", () => {
      this.isOver = true;
      this.wake();
    });
  }

  async next(): Promise<string | undefined> {
    const [pasted] = this.lines;
    if (pasted !== undefined) this.show(`${promptMark}${pasted}\n`);
    else if (!this.isOver) await this.ask();
    const line = this.lines.shift();
    if (line === undefined) this.show("\n");
    return line;
  }

  private async ask(): Promise<void> {
    this.output.isMuted = false;
    // Lines that were typed unseen take no room on the screen.
    (this.reader as unknown as { prevRows: number }).prevRows = 0;
    this.reader.prompt(true);
    await new Promise<void>((resolve) => {
      this.waiting = resolve;
    });
    this.output.isMuted = true;
  }

  async during<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.answering = controller;
    const end = (): void => {
      this.isOver = true;
    };
    for (const name of ["SIGTERM", "SIGHUP"] as const) process.once(name, end);
    try {
      return await interruptible((signal) => body(AbortSignal.any([signal, controller.signal])));
    } finally {
      for (const name of ["SIGTERM", "SIGHUP"] as const) process.off(name, end);
      this.answering = undefined;
    }
  }

  close(): void {
    this.reader.close();
    this.output.destroy();
  }

  /** Ctrl-C: stops an answer, else clears the line, else says how to leave. */
  private onKey(): void {
    if (this.answering !== undefined) {
      this.answering.abort();
      return;
    }
    if (this.reader.line === "") this.show(`\r\x1b[K${this.style.dim("/quit or Ctrl-D ends")}\n`);
    for (const name of ["e", "u"]) this.reader.write(null as unknown as string, { ctrl: true, name });
    this.reader.prompt();
  }

  private show(text: string): void {
    const { isMuted } = this.output;
    this.output.isMuted = false;
    this.output.write(text);
    this.output.isMuted = isMuted;
  }

  private wake(): void {
    this.waiting?.();
    this.waiting = undefined;
  }
}
