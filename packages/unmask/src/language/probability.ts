/**
 * Exact counting, entropy and log-probability of texts under a story grammar. All logarithms are natural.
 *
 * logProbability: the pure grammar, -Infinity for a text it cannot write.
 *
 * noisyLogProbability: the grammar behind a noise channel, finite for every text. With z the latent choices (shape,
 * slot values, wordings), n the length of z's story, m the length of the text, V the vocabulary size:
 *   p(text) = sum_z p(z) * length(m | n) * prod_{i < min(n, m)} word(text_i | story_i(z)) * prod_{n <= i < m} 1 / (V + 1)
 *   word(w | s)   = 0.99 [w = s] + 0.01 / (V + 1)
 *   length(m | n) = 0.999 [m = n] + 0.001 * (1 - r) r^m,   r = n / (n + 1)
 * A replaced word is drawn uniformly over V + 1 symbols: the vocabulary, *including the word itself*, and one
 * symbol that stands for all unknown words (a word outside the vocabulary, the empty string too). So p sums to one
 * over all texts of all lengths over those V + 1 symbols. Replaced lengths are geometric with mean n; a shorter text
 * is the story cut off at its end, a longer one is continued with uniform words. Insertions are not modelled: a
 * text that lacks its first word is finite and very unlikely.
 *
 * The sum over z is exact: slots and wordings are the variables of a factor graph (see `eliminate.ts`).
 * An open position (undefined) is summed over all words, so both functions give marginals of partial texts too.
 */
import { type Factor, logSumExp, logSumProduct } from "./eliminate.ts";
import type { Grammar, Piece, Shape, Slot } from "./grammar.ts";

export const keepProbability = 0.99;
export const lengthKeepProbability = 0.999;

/** A text, or a partly known one: undefined stands for any word. */
export type PartialText = readonly (string | undefined)[];

/** Log-probability of a word that equals the story's, and of one that does not. */
export interface Channel {
  readonly match: number;
  readonly miss: number;
}

export const pureChannel: Channel = { match: 0, miss: -Infinity };

export function noisyChannel(grammar: Grammar): Channel {
  const uniform = (1 - keepProbability) / (grammar.words.length + 1);
  return { match: Math.log(keepProbability + uniform), miss: Math.log(uniform) };
}

/** The number of distinct texts: of latent choices, since a compiled grammar is unambiguous. */
export function countTexts(grammar: Grammar): bigint {
  let total = 0n;
  for (const shape of grammar.shapes) {
    let count = 1n;
    for (const slot of shape.slots) count *= BigInt(slot.words.length - slot.differsFrom.length);
    for (const sentence of shape.sentences) count *= BigInt(sentence.wordings.length);
    total += count;
  }
  return total;
}

/** Entropy of a story in nats: of the shape, plus per shape that of its wordings and slots (chain rule). */
export function entropy(grammar: Grammar): number {
  return grammar.shapes.reduce((sum, shape) => {
    const wordings = shape.sentences.map((sentence) => sentence.wordings.map((item) => item.probability));
    const inside = wordings.reduce((nats, each) => nats + entropyOf(each), 0);
    const slots = shape.slots.reduce((nats, slot) => nats + slotEntropy(shape, slot), 0);
    return sum + shape.probability * (inside + slots - Math.log(shape.probability));
  }, 0);
}

export function logProbability(grammar: Grammar, text: PartialText): number {
  return logSumExp(
    grammar.shapes.map((shape) => {
      if (shape.length !== text.length) return -Infinity;
      const { sizes, factors } = storyFactors(grammar, shape, text, pureChannel);
      return Math.log(shape.probability) + logSumProduct(sizes, factors);
    }),
  );
}

export function noisyLogProbability(grammar: Grammar, text: PartialText): number {
  const channel = noisyChannel(grammar);
  return logSumExp(
    grammar.shapes.map((shape) => {
      const { sizes, factors } = storyFactors(grammar, shape, text, channel);
      const extra = text.slice(shape.length).filter((word) => word !== undefined).length;
      const beyond = -extra * Math.log(grammar.words.length + 1);
      const length = logLength(text.length, shape.length);
      return Math.log(shape.probability) + length + beyond + logSumProduct(sizes, factors);
    }),
  );
}

function logLength(length: number, storyLength: number): number {
  const replaced =
    Math.log(1 - lengthKeepProbability) -
    Math.log(storyLength + 1) +
    length * Math.log(storyLength / (storyLength + 1));
  return length === storyLength ? logSumExp([Math.log(lengthKeepProbability), replaced]) : replaced;
}

/**
 * The joint of a text and its latent choices as a factor graph. Variables: the slots in order, then the wording of
 * each sentence. A sentence gives one factor over its wording (prior and literals) and one over (wording, slot) for
 * every slot it mentions.
 */
export function storyFactors(
  grammar: Grammar,
  shape: Shape,
  text: PartialText,
  channel: Channel,
): { sizes: number[]; factors: Factor[] } {
  const slotSizes = shape.slots.map((slot) => slot.words.length);
  const sizes = [...slotSizes, ...shape.sentences.map((sentence) => sentence.wordings.length)];
  const factors = shape.slots.map((slot, index) => priorFactor(slot, index));
  for (const [number, sentence] of shape.sentences.entries()) {
    const literals = Float64Array.from(sentence.wordings, (wording) => Math.log(wording.probability));
    const tables = new Map<number, Float64Array>();
    for (const [row, wording] of sentence.wordings.entries()) {
      for (const [offset, piece] of wording.pieces.entries()) {
        const word = text[sentence.start + offset];
        if (word === undefined) continue;
        const target = piece.slot < 0 ? literals : slotTable(tables, piece, sentence.wordings.length);
        addScores(target, row * piece.words.length, piece, grammar.wordNumbers.get(word), channel);
      }
    }
    const variable = shape.slots.length + number;
    factors.push({ scope: [variable], table: literals });
    for (const [slot, table] of tables) factors.push({ scope: [variable, slot], table });
  }
  return { sizes, factors };
}

function slotTable(tables: Map<number, Float64Array>, piece: Piece, wordings: number): Float64Array {
  const table = tables.get(piece.slot) ?? new Float64Array(wordings * piece.words.length);
  tables.set(piece.slot, table);
  return table;
}

function addScores(
  table: Float64Array,
  start: number,
  piece: Piece,
  word: number | undefined,
  channel: Channel,
): void {
  for (let value = 0; value < piece.words.length; value++) {
    table[start + value]! += piece.words[value] === word ? channel.match : channel.miss;
  }
}

/** log p(value | the values of the slots it differs from). */
function priorFactor(slot: Slot, index: number): Factor {
  const scope = [...slot.differsFrom, index];
  const size = slot.words.length;
  const table = new Float64Array(size ** scope.length);
  for (let cell = 0; cell < table.length; cell++) {
    const value = cell % size;
    const others = slot.differsFrom.map(
      (_, axis) => Math.floor(cell / size ** (scope.length - 1 - axis)) % size,
    );
    table[cell] = Math.log(valueProbability(slot, value, others));
  }
  return { scope, table };
}

/** Zero where `others` repeat each other: their own prior forbids it. */
function valueProbability(slot: Slot, value: number, others: readonly number[]): number {
  if (others.includes(value) || new Set(others).size < others.length) return 0;
  const taken = others.reduce((sum, other) => sum + slot.weights[other]!, 0);
  return slot.weights[value]! / (1 - taken);
}

/** H(slot | the slots it differs from), averaged over their joint prior by enumeration. */
function slotEntropy(shape: Shape, slot: Slot): number {
  const average = (position: number, values: readonly number[], probability: number): number => {
    const other = slot.differsFrom[position];
    if (other === undefined) {
      const conditional = Array.from(slot.weights, (_, value) => valueProbability(slot, value, values));
      return probability * entropyOf(conditional);
    }
    // The slots differed from are drawn without replacement in order, each from those before it.
    const source = shape.slots[other]!;
    let nats = 0;
    for (let value = 0; value < source.weights.length; value++) {
      const next = probability * valueProbability(source, value, values);
      if (next > 0) nats += average(position + 1, [...values, value], next);
    }
    return nats;
  };
  return average(0, [], 1);
}

function entropyOf(probabilities: ArrayLike<number>): number {
  let nats = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const probability = probabilities[index]!;
    if (probability > 0) nats -= probability * Math.log(probability);
  }
  return nats;
}
