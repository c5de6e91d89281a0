// The canvas of a generation under way. Texts are not known before they are written, so lines move while they come in;
// afterwards the replay shows the same text standing still.

import { shown } from "../replay/painter.ts";
import type { Draft } from "./client.ts";

const openText = "\u2007\u2007\u2007\u2007";

export class LivePainter {
  private readonly root: HTMLElement;
  private readonly cells: HTMLElement[] = [];

  constructor(root: HTMLElement) {
    this.root = root;
  }

  draw({ tokens, states }: Draft): void {
    while (this.cells.length < tokens.length) {
      const cell = document.createElement("span");
      this.cells.push(cell);
      this.root.append(cell);
    }
    for (const cell of this.cells.splice(tokens.length)) cell.remove();
    tokens.forEach((token, place) => {
      const cell = this.cells[place]!;
      const state = states[place]!;
      const text = state === "o" ? openText : shown(token);
      if (cell.textContent !== text) cell.textContent = text;
      const kind = { o: "open", f: "fresh", g: "given" }[state] ?? "";
      if (cell.className !== kind) cell.className = kind;
    });
  }
}
