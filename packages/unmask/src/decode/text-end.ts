// Where a text ends on its canvas: behind a stop token, or where its columns end.

import type { Canvas } from "./canvas.ts";

export interface TextLimits {
  /** Columns from … to − 1 may be text. */
  readonly from: number;
  readonly to: number;
  /** A decided one of these ends the text and belongs to it. */
  readonly stopIds: readonly number[];
  /** Stop tokens count even where they were given (a habit of T3D's engine). */
  readonly scansGiven?: boolean | undefined;
}

/** The column behind the text; undefined while something before its end is open. */
export function textEnd(
  canvas: Canvas,
  { from, to, stopIds, scansGiven = false }: TextLimits,
): number | undefined {
  for (let column = from; column < to; column++) {
    if (canvas.open[column] === 1) return undefined;
    const mayStop = scansGiven || canvas.given[column] === 0;
    if (mayStop && stopIds.includes(canvas.ids[column]!)) return column + 1;
  }
  return to;
}
