import { expect, describe as suite, test } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { countTexts, logProbability, noisyLogProbability } from "./probability.ts";
import { prompt, samplePrompted, sampleStory } from "./sample.ts";
import { describe, storyGrammar, storySizes, vocabulary } from "./stories.ts";
import { canBegin, checkCompletion, validate } from "./validate.ts";

suite.each(storySizes)("%s stories", (size) => {
  const grammar = storyGrammar(size);

  test("every sample is valid, of the stated length, in the vocabulary and probable", () => {
    const uniform = mulberry32(1);
    for (let count = 0; count < 500; count++) {
      const story = sampleStory(grammar, uniform);
      expect(validate(grammar, story)).toEqual({ valid: true });
      expect(story).toHaveLength(describe(size).words);
      expect(logProbability(grammar, story)).toBeGreaterThan(-Infinity);
    }
  });

  test("the check agrees with the probability on mutated stories, and few mutants are valid", () => {
    const uniform = mulberry32(2);
    const words = vocabulary(size);
    let valid = 0;
    const count = 400;
    for (let index = 0; index < count; index++) {
      const story = sampleStory(grammar, uniform);
      for (let change = 0; change <= index % 2; change++) {
        const place = Math.floor(uniform() * story.length);
        const others = words.filter((word) => word !== story[place]);
        story[place] = others[Math.floor(uniform() * others.length)]!;
      }
      const verdict = validate(grammar, story);
      expect(verdict.valid).toBe(logProbability(grammar, story) > -Infinity);
      if (verdict.valid) valid++;
      else expect(story[verdict.position]).toBeDefined();
    }
    expect(valid / count).toBeLessThan(0.08);
  });

  test("the mean of -log p over samples is the stated entropy", () => {
    const uniform = mulberry32(3);
    const values = Array.from(
      { length: 1500 },
      () => -logProbability(grammar, sampleStory(grammar, uniform)),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const { entropyPerToken, words } = describe(size);
    expect(Math.abs(mean - entropyPerToken * words)).toBeLessThan(4 * Math.sqrt(variance / values.length));
  });

  test("prompt and completion make a story; a prompt alone can begin one", () => {
    const uniform = mulberry32(4);
    for (let count = 0; count < 50; count++) {
      const { prompt: given, completion } = samplePrompted(grammar, uniform);
      expect(completion.length).toBeGreaterThan(0);
      expect(given.filter((word) => word === ".")).toHaveLength(grammar.promptSentences);
      expect(prompt(grammar, [...given, ...completion])).toEqual(given);
      expect(canBegin(grammar, given)).toBe(true);
      expect(checkCompletion(grammar, given, completion)).toEqual({ valid: true });
    }
  });

  test("the vocabulary is sorted, without repeats, and all of it is used", () => {
    const words = vocabulary(size);
    expect(words).toEqual([...new Set(words)].sort());
    expect(words.every((word) => /^[a-z]+$|^\.$/.test(word))).toBe(true);
    const uniform = mulberry32(5);
    const seen = new Set(Array.from({ length: 3000 }, () => sampleStory(grammar, uniform)).flat());
    expect([...seen].sort()).toEqual(words);
  });

  test("the noisy log-probability is finite for odd texts and close to the pure one for valid ones", () => {
    const uniform = mulberry32(6);
    const story = sampleStory(grammar, uniform);
    const odd = [
      [],
      [""],
      ["xyzzy"],
      story.slice(1),
      [...story, ...story],
      story.map(() => "zzz"),
      [...story, "?"],
    ];
    for (const text of odd) expect(noisyLogProbability(grammar, text)).toSatisfy(Number.isFinite);
    const gap = logProbability(grammar, story) - noisyLogProbability(grammar, story);
    expect(gap).toBeGreaterThan(-1e-3);
    expect(gap).toBeLessThan(-story.length * Math.log(0.99) + 0.01);
  });
});

test("the figures of the sizes", () => {
  expect(describe("tiny")).toMatchObject({ words: 7, vocabularySize: 13, supportSize: 18n });
  expect(describe("small")).toMatchObject({ words: 16, vocabularySize: 30, supportSize: 6480n });
  expect(describe("medium")).toMatchObject({ words: 27, vocabularySize: 86, supportSize: 1_132_462_080n });
  // By hand: child, friend, place, look, toy, then time, met, gave, has, left, how.
  expect(describe("medium").supportSize).toBe(8n * 8n * 8n * 8n * 12n * 6n * 5n * 6n * 4n * 4n * 8n);
  expect(countTexts(storyGrammar("large"))).toBeGreaterThan(10n ** 9n);
});

test("a noisy log-probability of a medium story is quick", () => {
  const grammar = storyGrammar("medium");
  const uniform = mulberry32(7);
  const stories = Array.from({ length: 300 }, () => sampleStory(grammar, uniform));
  for (const story of stories) noisyLogProbability(grammar, story);
  const times = stories.map((story) => {
    const start = performance.now();
    noisyLogProbability(grammar, story);
    return performance.now() - start;
  });
  // The median: other work on the machine must not fail a test. Measured 0.3 to 1.4 ms on two slow cores.
  expect(times.sort((left, right) => left - right)[150]).toBeLessThan(10);
});

suite("reasons", () => {
  const grammar = storyGrammar("medium");
  const story =
    "once anna met sam at the park . she gave him a red kite . now sam has the kite . anna left the park early .";
  const check = (text: string) => validate(grammar, text.split(" "));

  test("the story itself is valid", () => expect(check(story)).toEqual({ valid: true }));

  test.each([
    ["she gave", "he gave", 8, 'expected "she" to agree with "anna" at position 1, found "he"'],
    ["has the kite", "has the drum", 19, 'expected "kite" to agree with "kite" at position 13, found "drum"'],
    ["now sam", "now finn", 16, 'expected "sam" to agree with "sam" at position 3, found "finn"'],
    [
      "the park early",
      "the lake early",
      24,
      'expected "park" to agree with "park" at position 6, found "lake"',
    ],
    ["gave him", "gave dragon", 10, '"dragon" is not a word of the language'],
    ["left", "kite", 22, 'expected one of "left", "liked", "loved", ..., found "kite"'],
    [" early .", " .", 26, "a story has 27 words, this text 26"],
  ])("%s -> %s", (from, to, position, reason) => {
    expect(check(story.replace(from, to))).toEqual({ valid: false, position, reason });
  });

  test("two names must differ where the grammar says so", () => {
    const text = "mia met mia . she gave her a red kite . mia has the kite .".split(" ");
    const verdict = validate(storyGrammar("small"), text);
    expect(verdict).toEqual({ valid: false, position: 2, reason: '"mia" is already a: two must differ' });
  });

  test("a completion that does not fit its prompt, and a prompt that begins nothing", () => {
    const words = story.split(" ");
    const other = ["once", "ben", ...words.slice(2, 8)];
    expect(checkCompletion(grammar, other, words.slice(8))).toMatchObject({ valid: false, position: 8 });
    const broken = ["anna", "once", ...words.slice(2, 8)];
    expect(checkCompletion(grammar, broken, words.slice(8))).toEqual({
      valid: false,
      position: 0,
      reason: "no story begins with this prompt",
    });
  });
});
