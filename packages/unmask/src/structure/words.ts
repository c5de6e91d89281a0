// Some texts of an automaton: for keys that a schema asks for without naming them, for items that must differ, and to
// look at what a plan would let through.

import type { Automaton } from "./automaton.ts";

/** Bytes in the order in which they are tried: letters, digits, then the rest of ASCII, then all others. */
const order: readonly number[] = (() => {
  const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"].map((one) =>
    one.charCodeAt(0),
  );
  const rest = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !letters.includes(byte));
  return [...letters, ...rest];
})();

const decoder = new TextDecoder();

interface Beginning {
  readonly state: number;
  readonly bytes: readonly number[];
}

/**
 * Up to `count` different texts, shorter ones first: of each length `count` beginnings are kept for every state, so that
 * none that leads to a text is lost behind others.
 */
export function wordsOf({ states, next, accepting }: Automaton, count: number): string[] {
  const words: string[] = [];
  let layer: Beginning[] = [{ state: 0, bytes: [] }];
  for (let length = 0; length <= 2 * states + count && layer.length > 0; length++) {
    for (const { state, bytes } of layer) {
      if (accepting[state] !== 1) continue;
      words.push(decoder.decode(Uint8Array.from(bytes)));
      if (words.length === count) return words;
    }
    layer = followed(layer, next, count);
  }
  return words;
}

function followed(layer: readonly Beginning[], next: Int32Array, count: number): Beginning[] {
  const kept = new Map<number, number>();
  const following: Beginning[] = [];
  for (const { state, bytes } of layer) {
    for (const byte of order) {
      const target = next[state * 256 + byte]!;
      const known = kept.get(target) ?? 0;
      if (target < 0 || known >= count) continue;
      kept.set(target, known + 1);
      following.push({ state: target, bytes: [...bytes, byte] });
    }
  }
  return following;
}

/** A text by chance; it ends where it may after `length` bytes, as soon as the shortest way out allows. */
export function randomWord(automaton: Automaton, next: () => number, length: number): string {
  const { accepting, next: table } = automaton;
  const out = distances(automaton);
  const bytes: number[] = [];
  let state = 0;
  for (;;) {
    const isLong = bytes.length >= length;
    if (accepting[state] === 1 && (isLong || next() < 0.1)) break;
    const row = table.subarray(state * 256, state * 256 + 256);
    const choices = [...row.keys()].filter(
      (byte) => row[byte]! >= 0 && (!isLong || out[row[byte]!]! < out[state]!),
    );
    if (choices.length === 0) break;
    const plain = choices.filter((byte) => byte < 0x80);
    const among = plain.length > 0 && next() < 0.9 ? plain : choices;
    const byte = among[Math.floor(next() * among.length)]!;
    bytes.push(byte);
    state = row[byte]!;
  }
  return decoder.decode(Uint8Array.from(bytes));
}

const known = new WeakMap<Automaton, Int32Array>();

/** Bytes from each state to the nearest one where a text may end. */
function distances(automaton: Automaton): Int32Array {
  const found = known.get(automaton) ?? measure(automaton);
  known.set(automaton, found);
  return found;
}

function measure({ states, next, accepting }: Automaton): Int32Array {
  const before: number[][] = Array.from({ length: states }, () => []);
  for (let state = 0; state < states; state++) {
    for (let byte = 0; byte < 256; byte++) {
      const target = next[state * 256 + byte]!;
      if (target >= 0 && before[target]!.at(-1) !== state) before[target]!.push(state);
    }
  }
  const distance = new Int32Array(states).fill(-1);
  const waiting = [...accepting.keys()].filter((state) => accepting[state] === 1);
  for (const state of waiting) distance[state] = 0;
  for (let i = 0; i < waiting.length; i++) {
    for (const state of before[waiting[i]!]!) {
      if (distance[state]! >= 0) continue;
      distance[state] = distance[waiting[i]!]! + 1;
      waiting.push(state);
    }
  }
  return distance;
}
