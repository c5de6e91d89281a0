/**
 * A declarative grammar of short stories with long-range agreement.
 *
 * A story is: a shape (a plot), then one wording per sentence, then one value per slot. Every position of the
 * text is a literal word, the word of a slot (`{toy}`), or a feature of its value (`{a.he}`: the pronoun that
 * fits the name in slot a). A slot that is mentioned twice is what makes distant words agree.
 *
 *   p(story) = p(shape) * prod_sentences p(wording) * prod_slots p(value | the slots it must differ from)
 *
 * with p(value | d1, d2, ...) = weight(value) / (total weight - weights of d1, d2, ...), zero when it equals one
 * of them: drawing without replacement. Weights are positive and need not sum to one.
 *
 * `compile` turns the data into word numbers and refuses a grammar whose texts would not determine their latent
 * choices (see `ambiguity.ts`), so that the number of texts is the number of latent choices and the entropy of
 * the texts is the entropy of the choices.
 * Edge cases: wordings of one sentence have equal length and hold exactly one ".", at the end; shapes may differ
 * in length; a feature missing from an entry, an unknown slot, an unused slot or a repeated word is an error.
 */
import { explainAmbiguity } from "./ambiguity.ts";

/** A word with its relative weight and named features, e.g. { word: "anna", weight: 2, he: "she", him: "her" }. */
export interface Entry {
  readonly word: string;
  readonly weight: number;
  readonly features?: Readonly<Record<string, string>>;
}

export interface SlotSource {
  readonly domain: string;
  /** Earlier slots of the same domain whose value this one must not repeat. */
  readonly differsFrom?: readonly string[];
}

/** One wording: its template, and its relative weight among the wordings of the sentence (default 1). */
export type WordingSource = string | { readonly template: string; readonly weight: number };

export interface ShapeSource {
  readonly weight?: number;
  readonly slots: Readonly<Record<string, string | SlotSource>>;
  /** Per sentence, the alternative wordings. */
  readonly sentences: readonly (readonly WordingSource[])[];
}

export interface GrammarSource {
  readonly name: string;
  readonly domains: Readonly<Record<string, readonly Entry[]>>;
  readonly shapes: readonly ShapeSource[];
  /** How many sentences the prompted form gives. */
  readonly promptSentences: number;
}

/** What stands at a position: one fixed word (slot -1), or one word number per value of a slot. */
export interface Piece {
  readonly slot: number;
  readonly words: Int32Array;
  /** True where the slot's own word stands, false for a literal or a feature. */
  readonly direct: boolean;
}

export interface Wording {
  readonly probability: number;
  readonly pieces: readonly Piece[];
}

export interface Sentence {
  readonly start: number;
  readonly length: number;
  readonly wordings: readonly Wording[];
}

export interface Slot {
  readonly name: string;
  /** Word number of each value. */
  readonly words: Int32Array;
  /** Weights normalised to sum to one. */
  readonly weights: Float64Array;
  readonly differsFrom: readonly number[];
}

export interface Shape {
  readonly probability: number;
  readonly length: number;
  readonly slots: readonly Slot[];
  readonly sentences: readonly Sentence[];
}

export interface Grammar {
  readonly name: string;
  /** The vocabulary, sorted; a word's number is its index. */
  readonly words: readonly string[];
  readonly wordNumbers: ReadonlyMap<string, number>;
  readonly shapes: readonly Shape[];
  /** Length of the longest shape: the canvas that holds any story. */
  readonly maxLength: number;
  readonly promptSentences: number;
}

interface SourceSlot {
  readonly name: string;
  readonly entries: readonly Entry[];
  readonly differsFrom: readonly string[];
}

/** A list of plain words; weights default to one each. */
export function entries(words: string, weights?: readonly number[]): Entry[] {
  const list = words.split(" ");
  if (weights !== undefined && weights.length !== list.length) {
    throw new Error(`${list.length} words ("${words}") but ${weights.length} weights`);
  }
  return list.map((word, index) => ({ word, weight: weights?.[index] ?? 1 }));
}

export function compile(source: GrammarSource): Grammar {
  const words = collectWords(source);
  const wordNumbers = new Map(words.map((word, index) => [word, index]));
  const total = source.shapes.reduce((sum, shape) => sum + (shape.weight ?? 1), 0);
  const shapes = source.shapes.map((shape) => compileShape(source, shape, wordNumbers, total));
  const maxLength = Math.max(...shapes.map((shape) => shape.length));
  const { name, promptSentences } = source;
  for (const shape of shapes) {
    if (!(promptSentences >= 1 && promptSentences < shape.sentences.length)) {
      throw new Error(`${name}: promptSentences ${promptSentences} must leave a sentence to write`);
    }
  }
  const grammar: Grammar = { name, words, wordNumbers, shapes, maxLength, promptSentences };
  const ambiguity = explainAmbiguity(grammar);
  if (ambiguity !== undefined) throw new Error(`grammar ${name} is ambiguous: ${ambiguity}`);
  return grammar;
}

const templateOf = (wording: WordingSource) => (typeof wording === "string" ? wording : wording.template);
const weightOf = (wording: WordingSource) => (typeof wording === "string" ? 1 : wording.weight);

function collectWords(source: GrammarSource): string[] {
  const found = new Set<string>();
  for (const shape of source.shapes) {
    const slots = sourceSlots(source, shape);
    for (const wording of shape.sentences.flat()) {
      for (const token of templateOf(wording).split(" ")) {
        for (const word of tokenWords(token, slots)) found.add(word);
      }
    }
  }
  return [...found].sort();
}

function sourceSlots(source: GrammarSource, shape: ShapeSource): SourceSlot[] {
  return Object.entries(shape.slots).map(([name, spec], index, all) => {
    const { domain, differsFrom = [] } = typeof spec === "string" ? { domain: spec } : spec;
    const list = source.domains[domain];
    if (list === undefined) throw new Error(`slot ${name}: unknown domain ${domain}`);
    if (new Set(list.map((entry) => entry.word)).size !== list.length) {
      throw new Error(`domain ${domain} repeats a word`);
    }
    if (list.some((entry) => !(entry.weight > 0)))
      throw new Error(`domain ${domain}: weights must be positive`);
    for (const other of differsFrom) {
      const position = all.findIndex(([candidate]) => candidate === other);
      const otherSpec = all[position]?.[1];
      const otherDomain = typeof otherSpec === "string" ? otherSpec : otherSpec?.domain;
      if (position < 0 || position >= index || otherDomain !== domain) {
        throw new Error(`slot ${name}: "${other}" is not an earlier slot of domain ${domain}`);
      }
    }
    return { name, entries: list, differsFrom };
  });
}

/** The words that a template token can become, in the order of the slot's values (a literal: one word). */
function tokenWords(token: string, slots: readonly SourceSlot[]): string[] {
  const reference = /^\{(\w+)(?:\.(\w+))?\}$/.exec(token);
  if (reference === null) return [token];
  const [, name, feature] = reference;
  const slot = slots.find((candidate) => candidate.name === name);
  if (slot === undefined) throw new Error(`template names an unknown slot: ${token}`);
  return slot.entries.map((entry) => {
    const word = feature === undefined ? entry.word : entry.features?.[feature];
    if (word === undefined) throw new Error(`"${entry.word}" has no feature ${feature} for ${token}`);
    return word;
  });
}

function compileShape(
  source: GrammarSource,
  shape: ShapeSource,
  numbers: ReadonlyMap<string, number>,
  totalWeight: number,
): Shape {
  const slots = sourceSlots(source, shape);
  const numberOf = (word: string) => numbers.get(word)!;
  const piece = (token: string): Piece => {
    const reference = /^\{(\w+)(\.\w+)?\}$/.exec(token);
    const slot = reference === null ? -1 : slots.findIndex((candidate) => candidate.name === reference[1]);
    const words = Int32Array.from(tokenWords(token, slots), numberOf);
    return { slot, words, direct: slot >= 0 && reference?.[2] === undefined };
  };
  let start = 0;
  const sentences = shape.sentences.map((wordings): Sentence => {
    const total = wordings.reduce((sum, wording) => sum + weightOf(wording), 0);
    const compiled = wordings.map((wording) => ({
      probability: weightOf(wording) / total,
      pieces: templateOf(wording).split(" ").map(piece),
    }));
    const length = compiled[0]?.pieces.length ?? 0;
    for (const wording of wordings) checkWording(templateOf(wording), length);
    start += length;
    return { start: start - length, length, wordings: compiled };
  });
  return {
    probability: (shape.weight ?? 1) / totalWeight,
    length: start,
    slots: slots.map((slot) => compileSlot(slot, slots, numbers)),
    sentences,
  };
}

function compileSlot(
  slot: SourceSlot,
  all: readonly SourceSlot[],
  numbers: ReadonlyMap<string, number>,
): Slot {
  const total = slot.entries.reduce((sum, entry) => sum + entry.weight, 0);
  const others = slot.differsFrom.map((name) => all.findIndex((candidate) => candidate.name === name));
  for (const [index, name] of slot.differsFrom.entries()) {
    const before = all.find((candidate) => candidate.name === name)!.differsFrom;
    if (before.join() !== slot.differsFrom.slice(0, index).join()) {
      throw new Error(`slot ${slot.name}: ${name} must differ from exactly those listed before it`);
    }
  }
  if (slot.entries.length <= others.length) throw new Error(`slot ${slot.name} has no value left to take`);
  return {
    name: slot.name,
    words: Int32Array.from(slot.entries, (entry) => numbers.get(entry.word) ?? -1),
    weights: Float64Array.from(slot.entries, (entry) => entry.weight / total),
    differsFrom: others,
  };
}

function checkWording(template: string, length: number): void {
  const tokens = template.split(" ");
  if (tokens.length !== length) throw new Error(`wordings of one sentence differ in length: "${template}"`);
  if (tokens.indexOf(".") !== length - 1) {
    throw new Error(`a sentence holds one ".", at its end: "${template}"`);
  }
}
