/**
 * The exact validity check: a text is valid if and only if the grammar can write it, i.e. logProbability > -Infinity.
 *
 * It reads instead of summing, so that it can say what is wrong: it takes the shape and the wordings that fit
 * most words (ties: the first), lets the first mention of each slot fix its value, and checks everything else
 * against that. The reason names the first position (in text order) that does not fit. For a text with
 * several mistakes this reading is one of many; whether the text is valid does not depend on it.
 */
import type { Grammar, Piece, Sentence, Shape } from "./grammar.ts";
import { logProbability } from "./probability.ts";

export type Verdict =
  | { readonly valid: true }
  /** `position` is an index into the words; the length of the text when words are missing at its end. */
  | { readonly valid: false; readonly reason: string; readonly position: number };

interface Mention {
  readonly value: number;
  readonly position: number;
}

export function validate(grammar: Grammar, words: readonly string[]): Verdict {
  const unknown = words.findIndex((word) => !grammar.wordNumbers.has(word));
  if (unknown >= 0) return wrong(unknown, `"${words[unknown]}" is not a word of the language`);
  const numbers = words.map((word) => grammar.wordNumbers.get(word)!);
  const fitting = grammar.shapes.filter((shape) => shape.length === words.length);
  if (fitting.length === 0) {
    const lengths = [...new Set(grammar.shapes.map((shape) => shape.length))];
    const position = Math.min(words.length, Math.max(...lengths));
    return wrong(position, `a story has ${lengths.join(" or ")} words, this text ${words.length}`);
  }
  const readings = fitting.map((shape) => ({ shape, pieces: readPieces(shape, numbers) }));
  const best = readings.reduce((left, right) =>
    countFits(right.pieces, numbers) > countFits(left.pieces, numbers) ? right : left,
  );
  return checkReading(grammar, best.shape, best.pieces, numbers);
}

/**
 * Whether the prompt can begin a story and the completion ends it. Positions count from the start of the prompt;
 * a prompt outside the language is reported as such, whatever follows it.
 */
export function checkCompletion(
  grammar: Grammar,
  prompt: readonly string[],
  completion: readonly string[],
): Verdict {
  if (!canBegin(grammar, prompt)) {
    const alone = validate(grammar, [...prompt, ...completion]);
    const position = alone.valid ? 0 : Math.min(alone.position, prompt.length);
    return wrong(position, "no story begins with this prompt");
  }
  return validate(grammar, [...prompt, ...completion]);
}

/** True when some story begins with these words. */
export function canBegin(grammar: Grammar, words: readonly string[]): boolean {
  return grammar.shapes.some((shape) => {
    if (words.length > shape.length) return false;
    const open = Array.from({ length: shape.length }, (_, position) => words[position]);
    return logProbability(grammar, open) > -Infinity;
  });
}

const wrong = (position: number, reason: string): Verdict => ({ valid: false, reason, position });

/** Per position the piece of the wording that fits most words of its sentence. */
function readPieces(shape: Shape, numbers: readonly number[]): Piece[] {
  return shape.sentences.flatMap((sentence: Sentence) => {
    const here = numbers.slice(sentence.start, sentence.start + sentence.length);
    const pieces = sentence.wordings.map((wording) => wording.pieces);
    return pieces.reduce((left, right) => (countFits(right, here) > countFits(left, here) ? right : left));
  });
}

const countFits = (pieces: readonly Piece[], numbers: readonly number[]) =>
  pieces.filter((piece, position) => piece.words.includes(numbers[position]!)).length;

function checkReading(
  grammar: Grammar,
  shape: Shape,
  pieces: readonly Piece[],
  numbers: readonly number[],
): Verdict {
  const mentions = firstMentions(shape, pieces, numbers);
  for (const [position, piece] of pieces.entries()) {
    const word = grammar.words[numbers[position]!]!;
    const slot = shape.slots[piece.slot];
    const mention = mentions[piece.slot];
    if (slot === undefined || mention === undefined) {
      if (piece.words.includes(numbers[position]!)) continue;
      return wrong(position, `expected ${listWords(grammar, piece)}, found "${word}"`);
    }
    const expected = grammar.words[piece.words[mention.value]!]!;
    const named = `"${grammar.words[slot.words[mention.value]!]}" at position ${mention.position}`;
    if (word !== expected) {
      return wrong(position, `expected "${expected}" to agree with ${named}, found "${word}"`);
    }
    const repeated = slot.differsFrom.find((other) => mentions[other]?.value === mention.value);
    if (position === mention.position && repeated !== undefined) {
      return wrong(position, `"${word}" is already ${shape.slots[repeated]!.name}: two must differ`);
    }
  }
  return { valid: true };
}

/** Per slot its first mention by its own word with a word of its domain. */
function firstMentions(shape: Shape, pieces: readonly Piece[], numbers: readonly number[]) {
  const mentions: (Mention | undefined)[] = shape.slots.map(() => undefined);
  for (const [position, piece] of pieces.entries()) {
    const value = piece.direct ? piece.words.indexOf(numbers[position]!) : -1;
    if (value >= 0) mentions[piece.slot] ??= { value, position };
  }
  return mentions;
}

function listWords(grammar: Grammar, piece: Piece): string {
  const words = [...new Set(Array.from(piece.words, (word) => grammar.words[word]!))];
  if (words.length === 1) return `"${words[0]}"`;
  const shown = words.slice(0, 3).map((word) => `"${word}"`);
  return `one of ${shown.join(", ")}${words.length > 3 ? ", ..." : ""}`;
}
