/**
 * What a perfect network would know about a partly revealed story: exact posteriors under the pure grammar.
 *
 *   posterior(word at i | revealed words) = p(revealed, word at i) / p(revealed)
 *
 * It is the slow truth that a trained denoiser is compared with, and it tells how much of the loss of quality at
 * few steps comes from drawing positions independently, with no error of a network in it.
 * `undefined` marks an open position; when no story fits the revealed words both functions return undefined.
 * Cost: `sampleGiven` one elimination per shape, `posteriors` one per open position and possible word.
 */
import { possibleWords } from "./ambiguity.ts";
import { sampleProduct } from "./eliminate.ts";
import type { Grammar } from "./grammar.ts";
import { logProbability, type PartialText, pureChannel, storyFactors } from "./probability.ts";
import { drawIndex, writeStory } from "./sample.ts";

/** One whole story drawn from p(story | revealed words). */
export function sampleGiven(
  grammar: Grammar,
  revealed: PartialText,
  uniform: () => number,
): string[] | undefined {
  const weights = grammar.shapes.map((shape) => logProbability({ ...grammar, shapes: [shape] }, revealed));
  if (!weights.some((weight) => weight > -Infinity)) return undefined;
  const draw = (logWeights: ArrayLike<number>) => drawIndex(normalise(logWeights), uniform);
  const shapeIndex = draw(weights);
  const shape = grammar.shapes[shapeIndex]!;
  const { sizes, factors } = storyFactors(grammar, shape, revealed, pureChannel);
  const values = sampleProduct(sizes, factors, draw);
  if (values === undefined) return undefined;
  const slots = shape.slots.length;
  return writeStory(grammar, {
    shape: shapeIndex,
    values: values.slice(0, slots),
    wordings: values.slice(slots),
  });
}

/** Per position, the probability of every word of the vocabulary; a revealed position gives one to its word. */
export function posteriors(grammar: Grammar, revealed: PartialText): Float64Array[] | undefined {
  const total = logProbability(grammar, revealed);
  if (total === -Infinity) return undefined;
  const shapes = grammar.shapes.filter((shape) => shape.length === revealed.length).map(possibleWords);
  return revealed.map((known, position) => {
    const table = new Float64Array(grammar.words.length);
    if (known !== undefined) {
      table[grammar.wordNumbers.get(known)!] = 1;
      return table;
    }
    for (const word of new Set(shapes.flatMap((shape) => shape[position]!))) {
      const extended = revealed.with(position, grammar.words[word]!);
      table[word] = Math.exp(logProbability(grammar, extended) - total);
    }
    return table;
  });
}

/** Weights with the largest set to one; -Infinity gives zero. */
function normalise(logWeights: ArrayLike<number>): Float64Array {
  const weights = Float64Array.from(logWeights);
  const max = weights.reduce((left, right) => Math.max(left, right), -Infinity);
  return weights.map((weight) => Math.exp(weight - max));
}
