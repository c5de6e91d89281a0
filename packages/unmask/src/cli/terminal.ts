// Writing to a terminal: styles, widths, and an area of lines that is redrawn in place.
//
// Everything that a model wrote goes through `printable` before it reaches a terminal: a control character in a text
// must not move the cursor or change the terminal's state.

import type { WriteStream } from "node:tty";

export type Output = Pick<WriteStream, "write"> &
  Partial<Pick<WriteStream, "columns" | "rows">> & { isTTY?: boolean };

/** A terminal that can move its cursor. */
export function isLive(stream: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Colours belong in a terminal whose owner has not said no (https://no-color.org). */
export function hasColours(stream: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  return isLive(stream, env) && (env.NO_COLOR ?? "") === "";
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

export function screenOf(stream: Output): Screen {
  return { columns: stream.columns || 80, rows: stream.rows || 24 };
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], cyan: [36, 39] } as const;

export type Styles = Readonly<Record<keyof typeof codes, (text: string) => string>>;

export function styles(enabled: boolean): Styles {
  const entries = Object.entries(codes).map(([name, [on, off]]) => {
    return [name, (text: string) => (enabled && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text)];
  });
  return Object.fromEntries(entries) as Styles;
}

/** Characters of one column each, to which nothing has to be done. */
const plain = /^[ -~]*$/;
const control = /\p{Cc}/gu;
/** Invisible characters that reorder or hide text (bidirectional controls, zero width). */
const hidden = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

/** Line breaks stay, a tab becomes a space, other control characters become visible (␛) or U+FFFD. */
export function printable(text: string): string {
  if (plain.test(text)) return text;
  return text
    .replaceAll("\r\n", "\n")
    .replace(control, (character) => {
      const code = character.codePointAt(0)!;
      if (character === "\n") return character;
      if (character === "\t") return " ";
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : "\uFFFD";
    })
    .replace(hidden, "\uFFFD");
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const zero = /^[\p{Mn}\p{Me}\p{Cf}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the styles that this file writes
const styleCodes = /\x1b\[\d*m/g;

/** Columns that a text without line breaks takes; styles take none. */
export function displayWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const character of text.replace(styleCodes, "")) {
    width += zero.test(character) ? 0 : wide.test(character) ? 2 : 1;
  }
  return width;
}

/** Lines at the cursor that are replaced as one. Every draw is a single write, so nothing flickers. */
export class LiveArea {
  private readonly stream: Output;
  private drawn: readonly string[] = [];
  /** Width of the terminal when they were drawn. */
  private columns = 0;
  private hidden = false;
  private pending: NodeJS.Immediate | undefined;
  private readonly restore = (): void => this.showCursor();

  constructor(stream: Output) {
    this.stream = stream;
  }

  /**
   * Draws when the event loop turns. Who computes for long without a turn would draw with the width that the terminal
   * had before: the news of a change waits for that turn too.
   */
  drawSoon(lines: () => readonly string[]): void {
    this.pending ??= setImmediate(() => {
      this.pending = undefined;
      this.draw(lines());
    });
  }

  /** Lines must be narrower than the terminal: a cell in the last column would wrap. */
  draw(lines: readonly string[]): void {
    if (lines.join("\n") === this.drawn.join("\n")) return;
    const hide = this.hidden ? "" : "\x1b[?25l";
    if (!this.hidden) process.once("exit", this.restore);
    this.hidden = true;
    const body = lines.map((line, index) => `${line}${index < lines.length - 1 ? "\x1b[K\n" : ""}`);
    const { columns } = screenOf(this.stream);
    // A terminal that wrapped lines for a new width remembers so, until they are erased: they would be joined again.
    const erase = columns === this.columns ? "" : "\x1b[J";
    this.stream.write(`${hide}${this.toStart()}${erase}${body.join("")}\x1b[J`);
    this.drawn = lines;
    this.columns = columns;
  }

  /** Writes whole lines above the area (which is drawn again below them). */
  above(text: string, stream: Output = this.stream): void {
    const lines = this.drawn;
    this.clear();
    stream.write(`${text}\n`);
    if (lines.length > 0) this.draw(lines);
  }

  /** Removes the lines. */
  clear(): void {
    if (this.drawn.length === 0) return;
    this.stream.write(`${this.toStart()}\x1b[J`);
    this.drawn = [];
  }

  /** Leaves the lines where they are, goes on below them and gives the cursor back. */
  finish(): void {
    clearImmediate(this.pending);
    this.pending = undefined;
    if (this.drawn.length > 0) this.stream.write("\n");
    this.drawn = [];
    this.showCursor();
  }

  private showCursor(): void {
    if (!this.hidden) return;
    this.hidden = false;
    process.removeListener("exit", this.restore);
    this.stream.write("\x1b[?25h");
  }

  /** To the first column of the first drawn line; a terminal that became narrower has wrapped them. */
  private toStart(): string {
    const columns = screenOf(this.stream).columns;
    const rows = this.drawn.map((line) => Math.max(1, Math.ceil(displayWidth(line) / columns)));
    const up = rows.reduce((sum, count) => sum + count, 0) - 1;
    return up > 0 ? `\r\x1b[${up}A` : "\r";
  }
}

let mustGoOn = false;

/** A reader of stdout that goes away (`| head`) ends a program silently, unless it has work to do besides. */
export function ignoreClosedOutput(): void {
  mustGoOn = true;
}

export function watchClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (!mustGoOn) process.exit();
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
