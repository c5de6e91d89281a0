// The canvas of tokens as elements of the page. A token has its final size from the start and is only covered while it
// is open, so that nothing moves while one scrubs; a step touches the elements that change and no others.

import type { Order, Run } from "../run/run.ts";

export interface Marks {
  /** Places of the step that is looked at, by what a rule makes of them. */
  readonly more: readonly number[];
  readonly less: readonly number[];
}

/** Positions of a block of elements that the browser may skip while it is out of sight. */
const blockLength = 512;
/** Texts up to this length are one flow, so that lines break where the text has them break. */
const longestFlow = 2048;

export class Painter {
  private readonly cells: HTMLElement[] = [];
  private run: Run | undefined;
  private order: Order | undefined;
  private step = -1;
  private marked: number[] = [];
  private selected: number | undefined;

  private readonly root: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
  }

  /** Makes the elements of a run, all of them open. */
  setRun(run: Run, order: Order): void {
    this.run = run;
    this.order = order;
    this.step = -1;
    this.marked = [];
    this.selected = undefined;
    this.cells.length = 0;
    const blocks: HTMLElement[] = [];
    run.pieces.forEach((piece, place) => {
      const cell = document.createElement("span");
      cell.dataset.place = String(place);
      // A space in front stays outside: lines break there, and a colour has no business in a margin.
      const [space = ""] = /^ +(?=.)/s.exec(piece) ?? [];
      cell.textContent = shown(piece.slice(space.length));
      cell.className = classOf(run, place, false);
      this.cells.push(cell);
      if (place % blockLength === 0) blocks.push(document.createElement("div"));
      blocks.at(-1)!.append(space, cell);
    });
    const isFlow = run.pieces.length <= longestFlow;
    for (const block of blocks) block.className = isFlow ? "flow" : "block";
    this.root.replaceChildren(...blocks);
  }

  setLevels(levels: Int8Array): void {
    this.cells.forEach((cell, place) => {
      const level = levels[place]!;
      if (level < 0) delete cell.dataset.level;
      else cell.dataset.level = String(level);
    });
  }

  /** Shows a step; `fresh` tells whether what it wrote is to stand out. */
  setStep(step: number): void {
    const { order, cells } = this;
    if (order === undefined || step === this.step) return;
    const { places, start } = order;
    if (this.step < 0) {
      cells.forEach((cell, place) => {
        cell.classList.toggle("open", this.run!.shownFrom[place]! > step);
      });
    } else {
      const [low, high] = step < this.step ? [step, this.step] : [this.step, step];
      const isOpen = step < this.step;
      for (let i = start[low + 1]!; i < start[high + 1]!; i++)
        cells[places[i]!]!.classList.toggle("open", isOpen);
      this.toggleFresh(this.step, false);
    }
    this.toggleFresh(step, true);
    this.step = step;
  }

  private toggleFresh(step: number, isFresh: boolean): void {
    if (step === 0) return;
    const { places, start } = this.order!;
    for (let i = start[step]!; i < start[step + 1]!; i++)
      this.cells[places[i]!]!.classList.toggle("fresh", isFresh);
  }

  setMarks(marks: Marks | undefined): void {
    for (const place of this.marked) this.cells[place]?.removeAttribute("data-mark");
    this.marked = [];
    if (marks === undefined) return;
    for (const [name, places] of Object.entries(marks) as [keyof Marks, readonly number[]][]) {
      for (const place of places) {
        const cell = this.cells[place];
        if (cell === undefined) continue;
        cell.dataset.mark = name;
        this.marked.push(place);
      }
    }
  }

  setSelected(place: number | undefined): void {
    if (this.selected !== undefined) this.cells[this.selected]?.classList.remove("selected");
    this.selected = place;
    if (place !== undefined) this.cells[place]?.classList.add("selected");
  }

  /** Underlines places where the other run says something else. */
  setDifferences(places: readonly number[]): void {
    for (const cell of this.cells) cell.classList.remove("differs");
    for (const place of places) this.cells[place]?.classList.add("differs");
  }

  /** The place of an element of the canvas. */
  static placeOf(target: EventTarget | null): number | undefined {
    const { place } = target instanceof HTMLElement ? target.dataset : {};
    return place === undefined ? undefined : Number(place);
  }

  scrollTo(place: number): void {
    this.cells[place]?.scrollIntoView({ block: "nearest" });
  }
}

function classOf(run: Run, place: number, isOpen: boolean): string {
  const kind =
    run.decoded[place] === 1 ? "token" : run.shownFrom[place] === 0 ? "token given" : "token filled";
  return isOpen ? `${kind} open` : kind;
}

/** Line breaks get a sign, and so do pieces that show nothing. */
export function shown(piece: string): string {
  if (piece === "") return "·";
  return piece.replaceAll("\n", "↵\n");
}
