import { expect, test } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { compile, entries, type Grammar } from "./grammar.ts";
import { posteriors, sampleGiven } from "./oracle.ts";
import {
  countTexts,
  entropy,
  keepProbability,
  lengthKeepProbability,
  logProbability,
  noisyLogProbability,
} from "./probability.ts";
import { sampleStory } from "./sample.ts";
import { storyGrammar } from "./stories.ts";
import { validate } from "./validate.ts";

/** Two lengths, two wordings, a choice without replacement: everything that the sums must handle. */
const micro = compile({
  name: "micro",
  domains: { letter: entries("x y z", [3, 2, 1]) },
  shapes: [
    { weight: 2, slots: { a: "letter" }, sentences: [["{a} ."], ["{a} ."]] },
    {
      slots: { a: "letter", b: { domain: "letter", differsFrom: ["a"] } },
      sentences: [["{a} {b} ."], [{ template: "{b} y .", weight: 2 }, "{b} z ."], ["{b} ."]],
    },
  ],
  promptSentences: 1,
});

/** Every story with its probability, by an independent walk over the compiled grammar. */
function enumerate(grammar: Grammar): Map<string, number> {
  const found = new Map<string, number>();
  for (const shape of grammar.shapes) {
    const walkSlots = (values: number[], probability: number): void => {
      const slot = shape.slots[values.length];
      if (slot === undefined) {
        walkSentences(values, [], probability);
        return;
      }
      const taken = slot.differsFrom.map((other) => values[other]!);
      const left = 1 - taken.reduce((sum, value) => sum + slot.weights[value]!, 0);
      for (const [value, weight] of slot.weights.entries()) {
        if (!taken.includes(value)) walkSlots([...values, value], (probability * weight) / left);
      }
    };
    const walkSentences = (values: number[], words: string[], probability: number): void => {
      const sentence = shape.sentences.find((candidate) => candidate.start === words.length);
      if (sentence === undefined) {
        const text = words.join(" ");
        found.set(text, (found.get(text) ?? 0) + probability);
        return;
      }
      for (const wording of sentence.wordings) {
        const here = wording.pieces.map((piece) => grammar.words[piece.words[values[piece.slot] ?? 0]!]!);
        walkSentences(values, [...words, ...here], probability * wording.probability);
      }
    };
    walkSlots([], shape.probability);
  }
  return found;
}

/** The noisy probability as the header of probability.ts defines it, summed over all stories. */
function noisyByBruteForce(grammar: Grammar, text: readonly string[]): number {
  const symbols = grammar.words.length + 1;
  let total = 0;
  for (const [story, probability] of enumerate(grammar)) {
    const words = story.split(" ");
    const ratio = words.length / (words.length + 1);
    let product = (1 - lengthKeepProbability) * (1 - ratio) * ratio ** text.length;
    if (text.length === words.length) product += lengthKeepProbability;
    for (const [position, word] of text.entries()) {
      const uniform = 1 / symbols;
      const expected = words[position];
      const kept = word === expected ? keepProbability : 0;
      product *= expected === undefined ? uniform : kept + (1 - keepProbability) * uniform;
    }
    total += probability * product;
  }
  return Math.log(total);
}

function allTexts(symbols: readonly string[], length: number): string[][] {
  if (length === 0) return [[]];
  return allTexts(symbols, length - 1).flatMap((text) => symbols.map((symbol) => [...text, symbol]));
}

test.each([micro, storyGrammar("tiny"), storyGrammar("small")])(
  "$name: probabilities of all stories sum to one, agree with the walk, and count and entropy follow",
  (grammar) => {
    const stories = enumerate(grammar);
    expect(BigInt(stories.size)).toBe(countTexts(grammar));
    let sum = 0;
    let nats = 0;
    for (const [story, probability] of stories) {
      const log = logProbability(grammar, story.split(" "));
      expect(log).toBeCloseTo(Math.log(probability), 12);
      sum += Math.exp(log);
      nats -= probability * Math.log(probability);
    }
    expect(sum).toBeCloseTo(1, 12);
    expect(entropy(grammar)).toBeCloseTo(nats, 10);
  },
);

test("over all texts of a length, pure and noisy probabilities sum to what the length channel gives", () => {
  const symbols = [...micro.words, "unknown"];
  let noisySum = 0;
  let pureSum = 0;
  for (let length = 0; length <= 5; length++) {
    let byLength = 0;
    for (const text of allTexts(symbols, length)) {
      byLength += Math.exp(noisyLogProbability(micro, text));
      pureSum += Math.exp(logProbability(micro, text));
    }
    const open = Array.from({ length }, () => undefined);
    expect(Math.log(byLength)).toBeCloseTo(noisyLogProbability(micro, open), 9);
    noisySum += byLength;
  }
  expect(noisySum).toBeLessThan(1);
  // Stories of length 4 have weight 2 of 3; those of length 8 are not enumerated above.
  expect(pureSum).toBeCloseTo(2 / 3, 12);
  let allLengths = 0;
  for (let length = 0; length < 400; length++) {
    allLengths += Math.exp(noisyLogProbability(micro, new Array<undefined>(length).fill(undefined)));
  }
  expect(allLengths).toBeCloseTo(1, 9);
});

test("the noisy log-probability equals the brute-force sum over all stories", () => {
  const uniform = mulberry32(11);
  for (const grammar of [micro, storyGrammar("tiny")]) {
    const symbols = [...grammar.words, "unknown", ""];
    for (let count = 0; count < 200; count++) {
      const text = sampleStory(grammar, uniform).map((word) =>
        uniform() < 0.7 ? word : symbols[Math.floor(uniform() * symbols.length)]!,
      );
      if (count % 4 === 1) text.length = Math.floor(uniform() * text.length);
      if (count % 4 === 2) text.push("x", "unknown");
      expect(noisyLogProbability(grammar, text)).toBeCloseTo(noisyByBruteForce(grammar, text), 9);
    }
  }
});

test.each([micro, storyGrammar("tiny")])("$name: sampling frequencies match the probabilities", (grammar) => {
  const uniform = mulberry32(12);
  const draws = 40_000;
  const counts = new Map<string, number>();
  for (let count = 0; count < draws; count++) {
    const text = sampleStory(grammar, uniform).join(" ");
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const stories = enumerate(grammar);
  let chiSquare = 0;
  for (const [text, probability] of stories) {
    chiSquare += ((counts.get(text) ?? 0) - draws * probability) ** 2 / (draws * probability);
  }
  expect([...counts.keys()].every((text) => stories.has(text))).toBe(true);
  // Mean k, variance 2k: five standard deviations above.
  const k = stories.size - 1;
  expect(chiSquare).toBeLessThan(k + 5 * Math.sqrt(2 * k));
});

test("posteriors of a partly revealed story agree with enumeration, and draws follow them", () => {
  const grammar = storyGrammar("tiny");
  const revealed = [undefined, "has", undefined, ".", undefined, undefined, "."];
  const fitting = [...enumerate(grammar)].filter(([text]) => text.split(" ")[1] === "has");
  const total = fitting.reduce((sum, [, probability]) => sum + probability, 0);
  const tables = posteriors(grammar, revealed)!;
  const uniform = mulberry32(13);
  const draws = Array.from({ length: 4000 }, () => sampleGiven(grammar, revealed, uniform)!);
  for (const [position, table] of tables.entries()) {
    for (const [number, word] of grammar.words.entries()) {
      const exact = fitting
        .filter(([text]) => text.split(" ")[position] === word)
        .reduce((sum, [, probability]) => sum + probability / total, 0);
      expect(table[number]).toBeCloseTo(exact, 12);
      const drawn = draws.filter((story) => story[position] === word).length / draws.length;
      expect(Math.abs(drawn - exact)).toBeLessThan(0.04);
    }
  }
  expect(posteriors(grammar, ["has"])).toBeUndefined();
  expect(sampleGiven(grammar, ["has"], uniform)).toBeUndefined();
});

test("a perfect denoiser is always valid one position at a time, and hardly ever in two steps", () => {
  const grammar = storyGrammar("medium");
  const uniform = mulberry32(14);
  const write = (steps: number): boolean => {
    let story: (string | undefined)[] = new Array(grammar.maxLength).fill(undefined);
    const order = story.map((_, position) => ({ position, key: uniform() }));
    order.sort((left, right) => left.key - right.key);
    for (let step = 0; step < steps; step++) {
      const share = (count: number) => Math.round((count * story.length) / steps);
      const next = [...story];
      for (const { position } of order.slice(share(step), share(step + 1))) {
        // A separate draw per position: independent words, each from its exact posterior.
        next[position] = sampleGiven(grammar, story, uniform)?.[position] ?? "";
      }
      story = next;
    }
    return validate(grammar, story as string[]).valid;
  };
  const share = (steps: number) => Array.from({ length: 60 }, () => write(steps)).filter(Boolean).length / 60;
  expect(share(grammar.maxLength)).toBe(1);
  expect(share(2)).toBeLessThan(0.25);
});
