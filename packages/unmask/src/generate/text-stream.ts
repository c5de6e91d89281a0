// The text of a canvas as it becomes certain: what is decided without a gap from the left, held back where a stop
// string may begin, ended by stop strings and stop tokens.

import type { Canvas } from "../decode/canvas.ts";
import type { DecodeStream, Tokenizer } from "../text/tokenizer.ts";

export interface TextStreamOptions {
  readonly tokenizer: Tokenizer;
  /** Column of the first token of the text, and behind the last. */
  readonly from: number;
  readonly to: number;
  readonly stop: readonly string[];
  readonly stopIds: readonly number[];
  /** Turns tokens into text in the tokenizer's place. */
  readonly stream?: DecodeStream | undefined;
}

export class TextStream {
  private readonly options: TextStreamOptions;
  private readonly stream: DecodeStream;
  /** First column that is not read yet. */
  private next: number;
  /** Decoded and not given out: it may be the beginning of a stop string. */
  private held = "";
  private given = "";
  /** Columns that were read and whose text is held, and where their text ends. */
  private unshown: { readonly column: number; readonly end: number }[] = [];
  /** Column behind the last token of the text, once it is known. */
  end: number | undefined;

  constructor(options: TextStreamOptions) {
    this.options = options;
    this.next = options.from;
    this.stream = options.stream ?? options.tokenizer.stream({ skipSpecials: true });
  }

  /** All text so far. */
  get text(): string {
    return this.given;
  }

  /** True when a stop token or a stop string ended the text. */
  stopped = false;

  /** Reads what became certain since the last call; the text that may be shown. */
  advance(canvas: Canvas): string {
    let fresh = "";
    const { to, stopIds } = this.options;
    while (this.end === undefined && this.next < to && canvas.open[this.next] === 0) {
      const token = canvas.ids[this.next]!;
      this.next++;
      if (stopIds.includes(token) && canvas.given[this.next - 1] === 0) return fresh + this.close(true);
      const decoded = this.stream.push([token]);
      const end = this.given.length + this.held.length + decoded.length;
      this.unshown.push({ column: this.next - 1, end });
      fresh += this.take(decoded);
    }
    return this.end === undefined && this.next >= to ? fresh + this.close(false) : fresh;
  }

  /** The columns whose text was given out since the last call; what a stop string or a stop token cut off never comes. */
  shown(): number[] {
    const count = this.unshown.findIndex(({ end }) => end > this.given.length);
    return this.unshown.splice(0, count < 0 ? this.unshown.length : count).map(({ column }) => column);
  }

  /** Takes in decoded text; gives what can be no beginning of a stop string. */
  private take(text: string): string {
    this.held += text;
    const { stop } = this.options;
    const found = stop.map((one) => this.held.indexOf(one)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.held = this.held.slice(0, Math.min(...found));
      this.end = this.next;
      this.stopped = true;
      return this.release(this.held.length);
    }
    return this.release(this.held.length - overlap(this.held, stop));
  }

  private close(stopped: boolean): string {
    this.end = this.next;
    this.stopped = stopped;
    const rest = this.take(this.stream.end());
    return rest + this.release(this.held.length);
  }

  private release(count: number): string {
    const text = this.held.slice(0, count);
    this.held = this.held.slice(count);
    this.given += text;
    return text;
  }
}

/** Length of the longest ending of the text that begins a stop string. */
function overlap(text: string, stop: readonly string[]): number {
  let longest = 0;
  for (const one of stop) {
    for (let length = Math.min(one.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(one.slice(0, length))) longest = length;
    }
  }
  return longest;
}
