// An automaton over tokens: which tokens lead from a state to which. Edges of a state are found when they are first
// asked for, by one walk of the vocabulary's trie, and kept: as a list of tokens where there are few, as one bit for
// each token of the vocabulary where there are many.
//
// One state more than the automaton's stands for a text that has ended: padding leads there from every accepting state,
// and nothing but padding goes on. So a value may be shorter than its columns, and what it leaves is padding.
//
// Sets of states are numbered; equal sets are the same object, and what follows from them is remembered.

import { setBit, type TokenSet, tokenSet } from "../decode/token-set.ts";
import type { Automaton } from "./automaton.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface StateSet {
  readonly id: number;
  /** Ascending. */
  readonly states: Int32Array;
}

interface Edge {
  readonly target: number;
  readonly tokens: Int32Array | Uint32Array;
  /** Whether `tokens` are bits. */
  readonly isBits: boolean;
}

const mostSets = 1024;

export class TokenGraph {
  readonly vocabulary: Vocabulary;
  /** The state of a text that has ended. */
  readonly ended: number;
  private readonly automaton: Automaton;
  private readonly edges: (readonly Edge[] | undefined)[];
  private readonly sets = new Map<string, StateSet>();
  private readonly allowed = new Map<string, TokenSet>();
  private readonly memory = new Map<string, StateSet>();

  constructor(automaton: Automaton, vocabulary: Vocabulary) {
    this.automaton = automaton;
    this.vocabulary = vocabulary;
    this.ended = automaton.states;
    this.edges = new Array(automaton.states + 1);
  }

  get start(): StateSet {
    return this.setOf([0]);
  }

  isAccepting(state: number): boolean {
    return state === this.ended || this.automaton.accepting[state] === 1;
  }

  setOf(states: Iterable<number>): StateSet {
    const sorted = Int32Array.from(new Set(states)).sort();
    const key = sorted.join();
    const known = this.sets.get(key);
    if (known !== undefined) return known;
    const set = { id: this.sets.size, states: sorted };
    this.sets.set(key, set);
    return set;
  }

  /** Those that may end. */
  accepting(set: StateSet): StateSet {
    return this.setOf(set.states.filter((state) => this.isAccepting(state)));
  }

  /** States behind one token, whichever. */
  behindAny(set: StateSet): StateSet {
    return this.remember(`> ${set.id}`, () => {
      const targets = new Set<number>();
      for (const state of set.states) for (const { target } of this.edgesOf(state)) targets.add(target);
      return this.setOf(targets);
    });
  }

  /** States behind the token; empty where it leads nowhere. */
  behind(set: StateSet, token: number): StateSet {
    return this.remember(`${token} ${set.id}`, () => {
      const targets = Array.from(set.states, (state) => this.follow(state, token));
      return this.setOf(targets.filter((target) => target >= 0));
    });
  }

  /** The states of `before` from which some token leads into `after`. */
  beforeAny(before: StateSet, after: StateSet): StateSet {
    return this.remember(`${before.id} < ${after.id}`, () => {
      const inside = new Set(after.states);
      return this.setOf(
        before.states.filter((state) => this.edgesOf(state).some(({ target }) => inside.has(target))),
      );
    });
  }

  /** The states of `before` that the token leads into `after`. */
  before(before: StateSet, token: number, after: StateSet): StateSet {
    const inside = new Set(after.states);
    return this.setOf(before.states.filter((state) => inside.has(this.follow(state, token))));
  }

  /** Tokens that lead from one of the states into one of the others. */
  between(before: StateSet, after: StateSet): TokenSet {
    const key = `${before.id} ${after.id}`;
    const known = this.allowed.get(key);
    if (known !== undefined) return known;
    const inside = new Set(after.states);
    const bits = new Uint32Array(Math.ceil(this.vocabulary.size / 32));
    for (const state of before.states) {
      for (const edge of this.edgesOf(state)) if (inside.has(edge.target)) addTokens(bits, edge);
    }
    const set = tokenSet(bits);
    if (this.allowed.size >= mostSets) this.allowed.clear();
    this.allowed.set(key, set);
    return set;
  }

  private remember(key: string, make: () => StateSet): StateSet {
    const known = this.memory.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.memory.set(key, made);
    return made;
  }

  private follow(state: number, token: number): number {
    const { paddingId } = this.vocabulary;
    if (token === paddingId) return this.isAccepting(state) ? this.ended : -1;
    const bytes = this.vocabulary.bytesOf(token);
    if (state === this.ended || bytes === undefined || bytes.length === 0) return -1;
    let at = state;
    for (let i = 0; i < bytes.length && at >= 0; i++) at = this.automaton.next[at * 256 + bytes[i]!]!;
    return at;
  }

  private edgesOf(state: number): readonly Edge[] {
    const known = this.edges[state];
    if (known !== undefined) return known;
    const found = state === this.ended ? new Map<number, number[]>() : this.walk(state);
    if (this.isAccepting(state)) found.set(this.ended, [this.vocabulary.paddingId]);
    const edges = [...found].map(([target, tokens]) => edgeTo(target, tokens, this.vocabulary.size));
    this.edges[state] = edges;
    return edges;
  }

  /** Tokens by the state they lead to. */
  private walk(start: number): Map<number, number[]> {
    const { byteOf, depthOf, skip, tokenAt, same } = this.vocabulary;
    const { next } = this.automaton;
    const found = new Map<number, number[]>();
    const path = [start];
    for (let node = 0; node < byteOf.length; ) {
      const depth = depthOf[node]!;
      const state = next[path[depth]! * 256 + byteOf[node]!]!;
      if (state < 0) {
        node = skip[node]!;
        continue;
      }
      path[depth + 1] = state;
      for (let token = tokenAt[node]!; token >= 0; token = same[token]!) {
        const tokens = found.get(state);
        if (tokens === undefined) found.set(state, [token]);
        else tokens.push(token);
      }
      node++;
    }
    return found;
  }
}

function edgeTo(target: number, tokens: readonly number[], size: number): Edge {
  if (tokens.length * 32 <= size) return { target, tokens: Int32Array.from(tokens), isBits: false };
  const bits = new Uint32Array(Math.ceil(size / 32));
  for (const token of tokens) setBit(bits, token);
  return { target, tokens: bits, isBits: true };
}

function addTokens(bits: Uint32Array, { tokens, isBits }: Edge): void {
  if (!isBits) for (const token of tokens) setBit(bits, token);
  else for (let i = 0; i < bits.length; i++) bits[i]! |= tokens[i]!;
}
