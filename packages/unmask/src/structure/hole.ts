// What the columns of a hole may still take, exactly, whatever is written anywhere in it.
//
// Forward set i holds the states that can stand before column i: all that tokens lead to, any at an open column, the one
// written at another. Backward set i holds those of them from which the columns i … n − 1 can be written so that the
// text may end. A token is allowed at an open column i if it leads from backward set i into backward set i + 1.
//
// No dead end: as long as backward set 0 is not empty, every open column has an allowed token (each state of backward
// set i has, by its definition, a token into backward set i + 1), and after an allowed token is written backward set 0
// is again not empty: the token lies on a path from the start to an accepting state through all columns, and that path
// agrees with everything written. So writing one allowed token at a time, in any order, always ends, and ends right.
// Two allowed tokens at once need not agree: after each one the sets are made again.

import { invariant } from "../base/errors.ts";
import { firstToken, hasToken, type TokenSet } from "../decode/token-set.ts";
import type { StateSet, TokenGraph } from "./token-graph.ts";

/** What stands for an open column among a hole's tokens. */
export const openToken = -1;

export class Hole {
  readonly graph: TokenGraph;
  readonly width: number;
  private readonly tokens: Int32Array;
  private backward: StateSet[] = [];

  constructor(graph: TokenGraph, width: number) {
    this.graph = graph;
    this.width = width;
    this.tokens = new Int32Array(width).fill(openToken);
    this.backward = this.sets();
    invariant(this.backward[0]!.states.length > 0, `a hole of ${width} columns can be filled`);
  }

  /** Takes the tokens of the hole's columns as they stand, `openToken` where open. */
  read(tokens: ArrayLike<number>): void {
    let changed = false;
    for (let i = 0; i < this.width; i++) {
      if (this.tokens[i] === tokens[i]) continue;
      this.tokens[i] = tokens[i]!;
      changed = true;
    }
    if (!changed) return;
    this.backward = this.sets();
    invariant(this.backward[0]!.states.length > 0, "what is written in a hole can be finished");
  }

  isOpen(column: number): boolean {
    return this.tokens[column] === openToken;
  }

  allowed(column: number): TokenSet {
    return this.graph.between(this.backward[column]!, this.backward[column + 1]!);
  }

  /** Writes the token if it is allowed; false if not. */
  write(column: number, token: number): boolean {
    if (!this.isOpen(column) || !hasToken(this.allowed(column), token)) return false;
    this.tokens[column] = token;
    this.backward = this.sets();
    return true;
  }

  /** Open columns with a single token left. They agree with each other: every filling has them all. */
  certain(): Map<number, number> {
    const certain = new Map<number, number>();
    for (let column = 0; column < this.width; column++) {
      if (!this.isOpen(column)) continue;
      const allowed = this.allowed(column);
      if (allowed.count === 1) certain.set(column, firstToken(allowed));
    }
    return certain;
  }

  private sets(): StateSet[] {
    const { graph, tokens, width } = this;
    const forward: StateSet[] = [graph.start];
    for (let i = 0; i < width; i++) {
      const token = tokens[i]!;
      forward.push(token === openToken ? graph.behindAny(forward[i]!) : graph.behind(forward[i]!, token));
    }
    const backward: StateSet[] = new Array(width + 1);
    backward[width] = graph.accepting(forward[width]!);
    for (let i = width - 1; i >= 0; i--) {
      const token = tokens[i]!;
      const [before, after] = [forward[i]!, backward[i + 1]!];
      backward[i] = token === openToken ? graph.beforeAny(before, after) : graph.before(before, token, after);
    }
    return backward;
  }
}

/** The fewest columns that a text of the graph fits into; undefined beyond `most`. */
export function fewestColumns(graph: TokenGraph, most: number): number | undefined {
  let set = graph.start;
  const seen = new Set<number>();
  for (let width = 0; width <= most; width++) {
    if (set.states.some((state) => graph.isAccepting(state))) return width;
    if (seen.has(set.id)) return undefined;
    seen.add(set.id);
    set = graph.behindAny(set);
  }
  return undefined;
}
