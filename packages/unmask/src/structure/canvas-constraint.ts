// The holes of one canvas, as the decoding loop asks for them.

import type { Canvas } from "../decode/canvas.ts";
import type { Constraint } from "../decode/constrained.ts";
import type { TokenSet } from "../decode/token-set.ts";
import { type Hole, openToken } from "./hole.ts";

export interface PlacedHole {
  readonly hole: Hole;
  /** Its first column. */
  readonly from: number;
}

export class CanvasConstraint implements Constraint {
  private readonly holes: readonly PlacedHole[];
  /** By column of the canvas. */
  private readonly at: readonly (PlacedHole | undefined)[];

  constructor(holes: readonly PlacedHole[]) {
    this.holes = holes;
    const at: (PlacedHole | undefined)[] = [];
    for (const one of holes) for (let i = 0; i < one.hole.width; i++) at[one.from + i] = one;
    this.at = at;
  }

  read({ ids, open }: Canvas): void {
    for (const { hole, from } of this.holes) {
      hole.read(
        Array.from({ length: hole.width }, (_, i) => (open[from + i] === 1 ? openToken : ids[from + i]!)),
      );
    }
  }

  allowed(column: number): TokenSet | undefined {
    const one = this.at[column];
    return one?.hole.allowed(column - one.from);
  }

  write(column: number, token: number): boolean {
    const one = this.at[column];
    return one === undefined || one.hole.write(column - one.from, token);
  }

  certain(): ReadonlyMap<number, number> {
    const all = new Map<number, number>();
    for (const { hole, from } of this.holes) {
      for (const [column, token] of hole.certain()) all.set(from + column, token);
    }
    return all;
  }
}
