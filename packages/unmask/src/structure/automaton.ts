// Expressions to deterministic automata: over code points first (a state is a derivative), then over the bytes of UTF-8,
// which is what tokens are made of. States from which no text ends well are left out, so that whatever a state lets
// through can be finished.

import { UnsupportedError } from "../base/errors.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { eachPiece } from "./pieces.ts";

/** Over bytes; state 0 is the first. */
export interface Automaton {
  readonly states: number;
  /** [states, 256]: the state behind a byte, −1 where there is none. */
  readonly next: Int32Array;
  /** 1 where a text may end. */
  readonly accepting: Uint8Array;
}

/** Most states of an automaton. */
export const stateLimit = 6000;

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

interface Graph {
  readonly edges: Edge[][];
  readonly accepting: boolean[];
}

/** Throws an UnsupportedError where there would be more states than the limit; undefined if no text is described. */
export function automatonOf(all: Expressions, root: Expression, limit = stateLimit): Automaton | undefined {
  const graph = liveGraph(explore(all, root, limit));
  return graph === undefined ? undefined : new ByteBuilder(graph, limit).build();
}

/** Whether no text is described. Ends with the first that is found. */
export function isNothing(all: Expressions, root: Expression, limit = stateLimit): boolean {
  const seen = new Set([root]);
  const waiting = [root];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one.nullable) return false;
    if (seen.size > limit) throw tooLarge(limit);
    eachPiece(all.derive(one), (from, to, target) => {
      if (target === all.none || (from >= 0xd800 && to <= 0xdfff) || seen.has(target)) return;
      seen.add(target);
      waiting.push(target);
    });
  }
  return true;
}

const tooLarge = (limit: number) =>
  new UnsupportedError(
    `the pattern or schema needs more than ${limit} states to be followed; make it simpler or its bounds smaller`,
  );

/** All derivatives of the root; half surrogates are no characters. */
function explore(all: Expressions, root: Expression, limit: number): Graph {
  const numbers = new Map([[root, 0]]);
  const order = [root];
  const edges: Edge[][] = [];
  for (let i = 0; i < order.length; i++) {
    const out: Edge[] = [];
    const add = (from: number, to: number, target: number) => {
      if (from <= to) out.push({ from, to, target });
    };
    eachPiece(all.derive(order[i]!), (from, to, target) => {
      if (target === all.none) return;
      let number = numbers.get(target);
      if (number === undefined) {
        number = order.length;
        if (number >= limit) throw tooLarge(limit);
        numbers.set(target, number);
        order.push(target);
      }
      add(from, Math.min(to, 0xd7ff), number);
      add(Math.max(from, 0xe000), to, number);
    });
    edges.push(out);
  }
  return { edges, accepting: order.map(({ nullable }) => nullable) };
}

/** Without the states from which no accepting one is reached. */
function liveGraph({ edges, accepting }: Graph): Graph | undefined {
  const before: number[][] = edges.map(() => []);
  edges.forEach((out, state) => {
    for (const { target } of out) before[target]!.push(state);
  });
  const live = accepting.slice();
  const waiting = [...live.keys()].filter((state) => live[state]);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    for (const one of before[state]!) {
      if (live[one]) continue;
      live[one] = true;
      waiting.push(one);
    }
  }
  if (!live[0]) return undefined;
  let count = 0;
  const number = live.map((one) => (one ? count++ : -1));
  const kept = [...live.keys()].filter((state) => live[state]);
  return {
    edges: kept.map((state) =>
      edges[state]!.filter(({ target }) => live[target]).map((edge) => ({
        ...edge,
        target: number[edge.target]!,
      })),
    ),
    accepting: kept.map((state) => accepting[state]!),
  };
}

/** Splits code points into bytes; states inside a character are shared where what follows is the same. */
class ByteBuilder {
  private readonly rows: Int32Array[] = [];
  private readonly inner = new Map<string, number>();
  /** By 4 · target + bytes to come. */
  private readonly chains = new Map<number, number>();
  private readonly graph: Graph;
  private readonly limit: number;

  constructor(graph: Graph, limit: number) {
    this.graph = graph;
    this.limit = limit;
  }

  build(): Automaton {
    const { edges, accepting } = this.graph;
    for (let i = 0; i < edges.length; i++) this.rows.push(new Int32Array(256).fill(-1));
    edges.forEach((out, state) => {
      const row = this.rows[state]!;
      for (const { from, to, target } of out) {
        for (let byte = from; byte <= Math.min(to, 0x7f); byte++) row[byte] = target;
      }
      for (let byte = 0xc2; byte <= 0xf4; byte++) {
        const [bits, rest] =
          byte < 0xe0 ? [byte & 0x1f, 1] : byte < 0xf0 ? [byte & 0x0f, 2] : [byte & 0x07, 3];
        const first = bits * 64 ** rest;
        const least = [0, 0x80, 0x800, 0x10000][rest]!;
        row[byte] = this.follow(out, Math.max(first, least), first, rest);
      }
    });
    const states = this.rows.length;
    const next = new Int32Array(states * 256);
    for (const [state, row] of this.rows.entries()) next.set(row, state * 256);
    const ends = new Uint8Array(states);
    accepting.forEach((one, state) => {
      ends[state] = one ? 1 : 0;
    });
    return { states, next, accepting: ends };
  }

  /** The state of which `rest` more bytes lead on, for the 64^rest code points from `first` on; below `least`: none. */
  private follow(out: readonly Edge[], least: number, first: number, rest: number): number {
    const last = first + 64 ** rest - 1;
    const inside = out.filter(({ from, to }) => from <= last && to >= least);
    if (inside.length === 0) return -1;
    const [only] = inside;
    const covers = inside.length === 1 && only!.from <= first && only!.to >= last && least === first;
    if (rest === 0) return only!.target;
    if (covers) return this.uniform(only!.target, rest);
    const row = new Int32Array(256).fill(-1);
    for (let i = 0; i < 64; i++) {
      const start = first + i * 64 ** (rest - 1);
      if (start + 64 ** (rest - 1) - 1 < least) continue;
      row[0x80 + i] = this.follow(inside, Math.max(least, start), start, rest - 1);
    }
    return this.intern(row);
  }

  private uniform(target: number, rest: number): number {
    if (rest === 0) return target;
    const known = this.chains.get(target * 4 + rest);
    if (known !== undefined) return known;
    const row = new Int32Array(256).fill(-1).fill(this.uniform(target, rest - 1), 0x80, 0xc0);
    const state = this.intern(row);
    this.chains.set(target * 4 + rest, state);
    return state;
  }

  private intern(row: Int32Array): number {
    const key = row.subarray(0x80, 0xc0).join();
    const known = this.inner.get(key);
    if (known !== undefined) return known;
    if (this.rows.length >= 2 * this.limit) throw tooLarge(this.limit);
    this.rows.push(row);
    this.inner.set(key, this.rows.length - 1);
    return this.rows.length - 1;
  }
}

const encoder = new TextEncoder();

/** Whether the automaton lets the text through. */
export function accepts({ next, accepting }: Automaton, text: string): boolean {
  let state = 0;
  for (const byte of encoder.encode(text)) {
    state = next[state * 256 + byte]!;
    if (state < 0) return false;
  }
  return accepting[state] === 1;
}
