/**
 * Drawing stories. Every random choice takes exactly one call of `uniform` (in [0, 1)), in a fixed order: shape,
 * then slots in declared order, then the wording of each sentence. A choice with one option still takes its call,
 * so that the number of calls depends on the shape alone.
 */
import type { Grammar, Shape } from "./grammar.ts";

/** The latent choices behind a story. */
export interface Choices {
  readonly shape: number;
  /** Per slot, the index of its value. */
  readonly values: readonly number[];
  /** Per sentence, the index of its wording. */
  readonly wordings: readonly number[];
}

/** The index drawn from unnormalised non-negative weights; the last positive one absorbs rounding. */
export function drawIndex(weights: ArrayLike<number>, uniform: () => number): number {
  let total = 0;
  for (let index = 0; index < weights.length; index++) total += weights[index]!;
  let left = uniform() * total;
  let last = -1;
  for (let index = 0; index < weights.length; index++) {
    const weight = weights[index]!;
    if (!(weight > 0)) continue;
    last = index;
    left -= weight;
    if (left < 0) break;
  }
  if (last < 0) throw new Error("drawIndex: no positive weight");
  return last;
}

export function sampleStory(grammar: Grammar, uniform: () => number): string[] {
  return writeStory(grammar, sampleChoices(grammar, uniform));
}

export function sampleChoices(grammar: Grammar, uniform: () => number): Choices {
  const shapeIndex = drawIndex(
    grammar.shapes.map((shape) => shape.probability),
    uniform,
  );
  const shape = grammar.shapes[shapeIndex]!;
  const values: number[] = [];
  for (const slot of shape.slots) {
    const weights = slot.weights.slice();
    for (const other of slot.differsFrom) weights[values[other]!] = 0;
    values.push(drawIndex(weights, uniform));
  }
  const wordings = shape.sentences.map((sentence) =>
    drawIndex(
      sentence.wordings.map((wording) => wording.probability),
      uniform,
    ),
  );
  return { shape: shapeIndex, values, wordings };
}

export function writeStory(grammar: Grammar, choices: Choices): string[] {
  const shape: Shape = grammar.shapes[choices.shape]!;
  return shape.sentences.flatMap((sentence, index) =>
    sentence.wordings[choices.wordings[index]!]!.pieces.map((piece) => {
      const word = piece.slot < 0 ? piece.words[0]! : piece.words[choices.values[piece.slot]!]!;
      return grammar.words[word]!;
    }),
  );
}

/** The beginning that the prompted form gives: up to and with the n-th ".", n = promptSentences (or all). */
export function prompt(grammar: Grammar, story: readonly string[]): string[] {
  let stops = 0;
  const end = story.findIndex((word) => word === "." && ++stops === grammar.promptSentences);
  return end < 0 ? [...story] : story.slice(0, end + 1);
}

export function samplePrompted(
  grammar: Grammar,
  uniform: () => number,
): { prompt: string[]; completion: string[] } {
  const story = sampleStory(grammar, uniform);
  const given = prompt(grammar, story);
  return { prompt: given, completion: story.slice(given.length) };
}
