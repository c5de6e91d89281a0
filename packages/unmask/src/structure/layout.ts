// A plan on a canvas: locked text in the model's tokens, and columns for every hole.
//
// A hole gets at least the columns of its shortest text. What the budget leaves is shared among the holes that could
// use it, evenly, up to what the longest text of a hole could take in tokens of usual length.

import { UsageError } from "../base/errors.ts";
import { type Automaton, automatonOf } from "./automaton.ts";
import { CanvasConstraint } from "./canvas-constraint.ts";
import { fewestColumns, Hole } from "./hole.ts";
import type { StructurePlan } from "./plan.ts";
import { TokenGraph } from "./token-graph.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Layout {
  /** Columns in all. */
  readonly columns: number;
  /** Locked tokens by column. */
  readonly given: ReadonlyMap<number, number>;
  /** One constraint a canvas: its first column and the canvas's own state. */
  constraint(from: number): CanvasConstraint;
}

export interface LayoutOptions {
  readonly vocabulary: Vocabulary;
  encode(text: string): ArrayLike<number>;
  /** Most columns. */
  readonly budget: number;
}

/** Columns of a hole whose texts may be of any length. */
const usualColumns = 48;

interface Part {
  /** Of locked text. */
  readonly tokens: readonly number[];
  readonly graph: TokenGraph | undefined;
  width: number;
  readonly wanted: number;
}

/** Throws a UsageError where the budget is too small, an UnsupportedError or ConfigError where a hole cannot be filled. */
export function layOut(plan: StructurePlan, options: LayoutOptions): Layout {
  const parts = plan.segments.map((segment): Part => {
    if (typeof segment === "string") {
      const tokens = options.vocabulary.spell(segment, options.encode);
      return { tokens, graph: undefined, width: tokens.length, wanted: tokens.length };
    }
    return holePart(plan, segment.expression, options);
  });
  const fewest = parts.reduce((sum, { width }) => sum + width, 0);
  if (fewest > options.budget) {
    throw new UsageError(
      `a text of this structure takes at least ${fewest} tokens and there is room for ${options.budget}; raise max_new_tokens or ask for less`,
      { fewest, budget: options.budget },
    );
  }
  share(parts, options.budget - fewest);
  return place(parts);
}

function holePart(
  { expressions }: StructurePlan,
  expression: Parameters<typeof automatonOf>[1],
  { vocabulary, budget }: LayoutOptions,
): Part {
  const automaton = automatonOf(expressions, expression);
  if (automaton === undefined) throw new UsageError("no text is of this structure; ask for one that exists");
  const graph = new TokenGraph(automaton, vocabulary);
  const width = fewestColumns(graph, budget);
  if (width === undefined) {
    throw new UsageError(
      `a value of this structure cannot be written in ${budget} tokens of this model; raise max_new_tokens or ask for less`,
      { budget },
    );
  }
  const longest = longestText(automaton);
  const most = longest <= usualColumns ? longest : Math.max(usualColumns, Math.ceil(longest / 4));
  const wanted = longest === Number.POSITIVE_INFINITY ? usualColumns : most;
  return { tokens: [], graph, width, wanted: Math.max(width, wanted) };
}

/** Bytes of the longest text; Infinity if there is none. */
function longestText({ states, next, accepting }: Automaton): number {
  const longest = new Float64Array(states).fill(-1);
  /** 1 while a state is being looked at, 2 when it is done. */
  const progress = new Uint8Array(states);
  const stack: number[] = [0];
  while (stack.length > 0) {
    const state = stack.at(-1)!;
    const targets = new Set(next.subarray(state * 256, state * 256 + 256));
    targets.delete(-1);
    if (progress[state] === 0) {
      progress[state] = 1;
      for (const target of targets) {
        if (progress[target] === 1) return Number.POSITIVE_INFINITY;
        if (progress[target] === 0) stack.push(target);
      }
      continue;
    }
    stack.pop();
    if (progress[state] === 2) continue;
    progress[state] = 2;
    longest[state] = accepting[state] === 1 ? 0 : -1;
    for (const target of targets) longest[state] = Math.max(longest[state]!, longest[target]! + 1);
  }
  return longest[0]!;
}

/** Gives columns one by one to the narrowest hole that wants more. */
function share(parts: readonly Part[], columns: number): void {
  for (let left = columns; left > 0; left--) {
    let narrowest: Part | undefined;
    for (const part of parts) {
      if (part.width < part.wanted && part.width < (narrowest?.width ?? Number.POSITIVE_INFINITY))
        narrowest = part;
    }
    if (narrowest === undefined) return;
    narrowest.width++;
  }
}

function place(parts: readonly Part[]): Layout {
  const given = new Map<number, number>();
  const holes: { from: number; width: number; graph: TokenGraph }[] = [];
  let column = 0;
  for (const { tokens, graph, width } of parts) {
    tokens.forEach((token, i) => {
      given.set(column + i, token);
    });
    if (graph !== undefined && width > 0) {
      holes.push({ from: column, width, graph });
      for (const [i, token] of new Hole(graph, width).certain()) given.set(column + i, token);
    }
    column += width;
  }
  return {
    columns: column,
    given,
    constraint: (from) =>
      new CanvasConstraint(
        holes.map(({ graph, width, from: at }) => ({ hole: new Hole(graph, width), from: from + at })),
      ),
  };
}
