// `unmask language`: the synthetic language as a filter. `sample` writes one story a line; `score` reads one text a
// line and writes one JSON object a line: validity and exact log-probabilities in nats.

import { createInterface } from "node:readline";
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { generator, streams } from "../base/rng.ts";
import { type Problem, type ProblemSize, problemSizes, sampleProblem } from "../language/arithmetic.ts";
import { logProbability, noisyLogProbability } from "../language/probability.ts";
import type { Wording } from "../language/reasoning.ts";
import { prompt, sampleStory } from "../language/sample.ts";
import { describe, type StorySize, storyGrammar, storySizes } from "../language/stories.ts";
import { validate } from "../language/validate.ts";

export function storySize(text: string): StorySize {
  const found = storySizes.find((size) => size === text);
  if (found !== undefined) return found;
  const hint = didYouMean(text, storySizes);
  throw new UsageError(`--size is "${text}"${hint}; give one of ${storySizes.join(", ")}`, { size: text });
}

export interface SampleOptions {
  readonly size: string;
  /** Lines. */
  readonly count: number;
  /** Of a line. */
  readonly stories?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Story number `sequence` of a seed; it does not depend on how many are asked for. */
export function storyAt(size: StorySize, seed: number, sequence: number): string[] {
  return sampleStory(storyGrammar(size), generator({ seed, stream: streams.story, sequence, step: 0 }));
}

export async function sampleVerb(options: SampleOptions): Promise<number> {
  const size = storySize(options.size);
  const grammar = storyGrammar(size);
  const { count, stories = 1, seed } = options;
  for (let line = 0; line < count; line++) {
    const words = Array.from({ length: stories }, (_, i) => storyAt(size, seed, line * stories + i)).flat();
    const text = words.join(" ");
    await writeLine(options.json ? JSON.stringify({ text, prompt: prompt(grammar, words).join(" ") }) : text);
  }
  return 0;
}

export interface ProblemOptions {
  readonly size: string;
  readonly wording: Wording;
  readonly count: number;
  readonly seed: number;
  /** Problems left out at the start: another part of the same list. */
  readonly skip: number;
}

/** Problem number `sequence` of a seed. */
export function problemAt(size: ProblemSize, wording: Wording, seed: number, sequence: number): Problem {
  return sampleProblem(generator({ seed, stream: streams.story, sequence, step: 0 }), size, wording);
}

/** One JSON object a line: prompt, response, and the answer that checks go by. */
export async function problemsVerb(options: ProblemOptions): Promise<number> {
  const size = problemSize(options.size);
  for (let i = 0; i < options.count; i++) {
    const { question, reasoning, answer } = problemAt(size, options.wording, options.seed, options.skip + i);
    // Prompt and response are joined as they are.
    const response = ` ${reasoning} answer ${answer}`;
    await writeLine(JSON.stringify({ prompt: question, response, answer }));
  }
  return 0;
}

/** How a story is asked for. */
const requests = ["tell me a story .", "write a story .", "a story please ."] as const;

/** Of seven examples, the problem that each place holds; the others hold stories. */
const problemPlaces = [0, undefined, 1, undefined, 2, 3, 4] as const;

/**
 * Example number `i` of what the bundled model learns: of seven, five problems of several wordings, a story without a
 * prompt and one that is asked for. Prompt and response are joined as they are.
 */
export function mixtureAt(seed: number, i: number): { prompt: string; response: string } {
  const [round, place] = [Math.floor(i / 7), i % 7];
  const problem = problemPlaces[place];
  if (problem !== undefined) {
    const { question, reasoning, answer } = problemAt("small", "varied", seed, 5 * round + problem);
    return { prompt: question, response: ` ${reasoning} answer ${answer}` };
  }
  const number = place === 1 ? 2 * round : 2 * round + 1;
  const story = storyAt("medium", seed, number).join(" ");
  if (place === 1) return { prompt: "", response: story };
  return { prompt: requests[number % requests.length]!, response: ` ${story}` };
}

export async function mixtureVerb({ count, seed }: { readonly count: number; readonly seed: number }) {
  for (let i = 0; i < count; i++) await writeLine(JSON.stringify(mixtureAt(seed, i)));
  return 0;
}

function problemSize(text: string): ProblemSize {
  const found = problemSizes.find((size) => size === text);
  if (found !== undefined) return found;
  const hint = didYouMean(text, problemSizes);
  throw new UsageError(`--size is "${text}"${hint}; give one of ${problemSizes.join(", ")}`, { size: text });
}

export interface Score {
  readonly valid: boolean;
  /** Why not; null for a valid text. */
  readonly reason: string | null;
  /** Under the grammar alone; null (minus infinity) for an invalid text. */
  readonly logprob: number | null;
  /** Behind the noise channel: finite for every text. */
  readonly noisy_logprob: number;
}

export function score(size: StorySize, text: string): Score {
  const grammar = storyGrammar(size);
  const words = text.match(/\S+/g) ?? [];
  const verdict = validate(grammar, words);
  const exact = logProbability(grammar, words);
  return {
    valid: verdict.valid,
    reason: verdict.valid ? null : verdict.reason,
    logprob: Number.isFinite(exact) ? exact : null,
    noisy_logprob: noisyLogProbability(grammar, words),
  };
}

export async function scoreVerb(options: { readonly size: string }): Promise<number> {
  const size = storySize(options.size);
  if (process.stdin.isTTY) process.stderr.write("Write one text a line; Ctrl-D ends.\n");
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    await writeLine(JSON.stringify(score(size, line)));
  }
  return 0;
}

/** Facts of the sizes, one line each. */
export async function describeVerb({ json }: { readonly json?: boolean }): Promise<number> {
  for (const size of storySizes) {
    const { words, vocabularySize, supportSize, entropyPerToken } = describe(size);
    if (json) {
      const facts = { size, words, vocabulary_size: vocabularySize, support_size: String(supportSize) };
      await writeLine(JSON.stringify({ ...facts, entropy_per_token: entropyPerToken }));
    } else {
      const support = supportSize < 1_000_000n ? String(supportSize) : Number(supportSize).toExponential(1);
      await writeLine(
        `${size.padEnd(7)} ${words} words of ${vocabularySize}, ${support} stories, ${entropyPerToken.toFixed(3)} nats a token`,
      );
    }
  }
  return 0;
}

/** Waits for a slow reader, so that a million lines do not pile up in memory. */
async function writeLine(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
