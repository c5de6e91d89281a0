/**
 * Proof that a text determines the latent choices behind it. Sufficient conditions, checked when a grammar is
 * compiled:
 *   1. two shapes differ in length, or at some position their possible words are disjoint;
 *   2. two wordings of a sentence have a position where their possible words are disjoint;
 *   3. every slot stands with its own word in every wording of at least one sentence.
 * By 1 the text gives the shape, by 2 the wordings, by 3 the value of each slot (its words are distinct).
 * The conditions ask for more than is needed (a grammar may be refused although it is unambiguous).
 */
import type { Grammar, Piece, Sentence, Shape } from "./grammar.ts";

/** The first reason why the grammar may be ambiguous, or undefined when it provably is not. */
export function explainAmbiguity(grammar: Grammar): string | undefined {
  for (const [index, shape] of grammar.shapes.entries()) {
    for (const [earlier, other] of grammar.shapes.slice(0, index).entries()) {
      if (!shapesDiffer(shape, other))
        return `shapes ${earlier + 1} and ${index + 1} can write the same text`;
    }
    const reason = explainShape(shape);
    if (reason !== undefined) return `shape ${index + 1}: ${reason}`;
  }
  return undefined;
}

function explainShape(shape: Shape): string | undefined {
  for (const [number, sentence] of shape.sentences.entries()) {
    for (const [index, wording] of sentence.wordings.entries()) {
      for (const other of sentence.wordings.slice(0, index)) {
        if (!wording.pieces.some((piece, position) => disjoint(piece.words, other.pieces[position]!.words))) {
          return `two wordings of sentence ${number + 1} can be the same words`;
        }
      }
    }
  }
  const hidden = shape.slots.find((_, slot) => !shape.sentences.some((sentence) => shows(sentence, slot)));
  return hidden === undefined ? undefined : `no sentence always shows the word of slot ${hidden.name}`;
}

function shows(sentence: Sentence, slot: number): boolean {
  const here = (piece: Piece) => piece.direct && piece.slot === slot;
  return sentence.wordings.every((wording) => wording.pieces.some(here));
}

function shapesDiffer(left: Shape, right: Shape): boolean {
  if (left.length !== right.length) return true;
  const leftWords = possibleWords(left);
  const rightWords = possibleWords(right);
  return leftWords.some((words, position) => disjoint(words, rightWords[position]!));
}

/** Per position, every word that some wording can put there. */
export function possibleWords(shape: Shape): number[][] {
  return shape.sentences.flatMap((sentence) =>
    Array.from({ length: sentence.length }, (_, offset) => [
      ...new Set(sentence.wordings.flatMap((wording) => [...wording.pieces[offset]!.words])),
    ]),
  );
}

function disjoint(left: Iterable<number>, right: Iterable<number>): boolean {
  const seen = new Set(left);
  for (const word of right) if (seen.has(word)) return false;
  return true;
}
