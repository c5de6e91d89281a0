// The canvas of a running generation, as lines of text: what is written plain, what was written in the last step
// highlighted, what is open as one dim block a token.
//
//   forward 12  40 of 64 tokens written
//   anna met ░ at the ░ ░ . she gave him a red kite .
//
// Frames become cells (one a token), cells become lines; both are pure. Bytes of an unfinished character show
// nothing until the token that ends it. A canvas higher than the terminal shows its end.

import type { GenerateEvent } from "../generate/events.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  displayWidth,
  hasColours,
  LiveArea,
  type Output,
  printable,
  type Screen,
  type Styles,
  screenOf,
  styles,
} from "./terminal.ts";

export type Frame = Extract<GenerateEvent, { type: "canvas-frame" }>;

export interface Cell {
  readonly kind: "open" | "fresh" | "kept";
  /** "" for a token without a visible text of its own. */
  readonly text: string;
}

export const openMark = "░";

export type Decoder = Pick<Tokenizer, "kind" | "stream">;

/** The same canvas without the prompt's columns. */
export function withoutPrompt(frame: Frame): Frame {
  const { prompt, ids, open, fresh } = frame;
  const [behind, stillOpen, written] = [ids.slice(prompt), open.slice(prompt), fresh.slice(prompt)];
  return { ...frame, prompt: 0, ids: behind, open: stillOpen, fresh: written };
}

/** One cell a token. Word vocabularies have no spaces of their own, so these are put between the cells. */
export function canvasCells({ ids, open, fresh }: Frame, tokenizer: Decoder): Cell[] {
  const spaced = tokenizer.kind === "words";
  const cells: Cell[] = [];
  let stream: ReturnType<Decoder["stream"]> | undefined;
  const endRun = () => {
    const rest = stream?.end() ?? "";
    const last = cells.at(-1);
    if (rest !== "" && last !== undefined) cells[cells.length - 1] = { ...last, text: last.text + rest };
    stream = undefined;
  };
  for (let at = 0; at < ids.length; at++) {
    if (open[at] === 1) {
      endRun();
      cells.push({ kind: "open", text: spaced && at > 0 ? ` ${openMark}` : openMark });
    } else {
      const begins = stream === undefined;
      stream ??= tokenizer.stream({ skipSpecials: true });
      const text = stream.push([ids[at]!]);
      const space = spaced && begins && at > 0 && text !== "" ? " " : "";
      cells.push({ kind: fresh[at] === 1 ? "fresh" : "kept", text: space + text });
    }
  }
  endRun();
  return cells;
}

interface Piece {
  readonly kind: Cell["kind"];
  readonly text: string;
}

/** Cells as lines of at most `width` columns, broken at spaces where there are any. */
export function layOut(cells: readonly Cell[], width: number, style: Styles): string[] {
  const lines: Piece[][] = [[]];
  let used = 0;
  for (const word of wordsOf(cells)) {
    const whole = word.reduce((sum, { text }) => sum + displayWidth(text), 0);
    for (const [index, piece] of word.entries()) {
      const own = displayWidth(piece.text);
      const needed = index === 0 && whole <= width ? whole : own;
      const breaks = piece.text === "\n" || (used > 0 && used + needed > width);
      if (breaks) {
        lines.push([]);
        used = 0;
      }
      if (piece.text === "\n" || (breaks && piece.text === " ")) continue;
      lines.at(-1)!.push(piece);
      used += own;
    }
  }
  return lines.map((line) => paint(line, style));
}

/** Runs of characters without a space (or one space, or one line break), each character with its cell's kind. */
function wordsOf(cells: readonly Cell[]): Piece[][] {
  const words: Piece[][] = [];
  let current: Piece[] = [];
  for (const { kind, text } of cells) {
    for (const character of printable(text)) {
      if (character === " " || character === "\n") {
        if (current.length > 0) words.push(current);
        words.push([{ kind, text: character }]);
        current = [];
      } else current.push({ kind, text: character });
    }
  }
  if (current.length > 0) words.push(current);
  return words;
}

function paint(line: readonly Piece[], style: Styles): string {
  const paints = { open: style.dim, fresh: (text: string) => style.bold(style.green(text)), kept: String };
  let painted = "";
  for (let start = 0; start < line.length; ) {
    const { kind } = line[start]!;
    let end = start;
    while (line[end]?.kind === kind) end++;
    const text = line.slice(start, end).map((piece) => piece.text);
    painted += paints[kind](text.join(""));
    start = end;
  }
  return painted;
}

/** The whole view as lines, each narrower than the screen. */
export function render(frame: Frame, tokenizer: Decoder, screen: Screen, style: Styles): string[] {
  const width = Math.max(1, screen.columns - 1);
  const length = frame.ids.length;
  const stillOpen = frame.open.reduce((sum, open) => sum + open, 0);
  const head = `forward ${frame.step}  ${length - stillOpen} of ${length} tokens written`;
  const lines = layOut(canvasCells(frame, tokenizer), width, style);
  const room = Math.max(1, screen.rows - 2);
  const shown = lines.length > room ? lines.slice(-room) : lines;
  return [style.dim(head.slice(0, width)), ...shown];
}

/** Least time between two frames, and the most of all time that goes into them. */
const drawEvery = 1000 / 30; // ms
const drawShare = 0.02;

/** Draws frames in a terminal: not more often than is of use, but always one on which nothing is open. */
export class CanvasView {
  private readonly output: Output;
  private readonly tokenizer: Decoder;
  private readonly style: Styles;
  private readonly area: LiveArea;
  private next = Number.NEGATIVE_INFINITY;
  /** Of the last drawing, ms. */
  private cost = Number.POSITIVE_INFINITY;

  constructor(output: Output, tokenizer: Decoder) {
    this.output = output;
    this.tokenizer = tokenizer;
    this.style = styles(hasColours(output));
    this.area = new LiveArea(output);
  }

  draw(frame: Frame): void {
    const began = performance.now();
    if (began < this.next && frame.open.includes(1)) return;
    this.area.draw(render(frame, this.tokenizer, screenOf(this.output), this.style));
    const ended = performance.now();
    // The cheaper of the last two: the system may have interrupted one of them.
    const cost = Math.min(this.cost, ended - began);
    this.cost = ended - began;
    this.next = Math.max(began + drawEvery, ended + cost / drawShare);
  }

  /** Puts finished text in the place of the canvas, laid out in the same way, below a title if there is one. */
  write(text: string, title?: string): void {
    this.area.clear();
    const lines = layOut([{ kind: "kept", text }], screenOf(this.output).columns - 1, this.style);
    this.output.write(`${[...(title === undefined ? [] : [title]), ...lines].join("\n")}\n`);
  }

  end(): void {
    this.area.clear();
    this.area.finish();
  }
}
