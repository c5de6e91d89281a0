// The synthetic language of stories (language/) as tasks, for models trained on it:
//
//   stories_SIZE            nothing is given; as many stories as are asked for (limit, 256 by default)
//   stories_SIZE_prompted   the first sentences are given
//   stories_SIZE_packed     nothing is given; ten stories, one after another: a text longer than what must agree
//
//   valid          the grammar can write this text; of a packed one, the share of its ten stories
//   nll_per_word   nats a word under the grammar behind its noise channel, finite for every text; what a perfect model
//                  scores is the language's entropy (`unmask language describe`)
//
// Answers vary only where the decoder draws: without a temperature all unprompted stories are one.

import type { Grammar } from "../../language/grammar.ts";
import { noisyLogProbability } from "../../language/probability.ts";
import { samplePrompted } from "../../language/sample.ts";
import { describe, type StorySize, storyGrammar, storySizes } from "../../language/stories.ts";
import { checkCompletion, validate } from "../../language/validate.ts";
import { type Row, textField } from "./documents.ts";
import { type Answered, type GenerateDescription, generateTask, type Judged } from "./generate-task.ts";
import { share } from "./judge.ts";
import { madeDocuments } from "./made.ts";
import type { Metric, Task, Verdict } from "./task.ts";

interface Story {
  readonly prompt: string;
}

const valid = share("valid,none");
const nll: Metric = { name: "nll_per_word,none", higherIsBetter: false, isShare: false };

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

function judge(size: StorySize, { document, responses }: Answered<Story>): Judged {
  const grammar = storyGrammar(size);
  const prompt = wordsOf(document.prompt);
  const texts = responses.map((response) => [...prompt, ...wordsOf(response)]);
  const verdicts = texts.map((words): Verdict => {
    const found =
      prompt.length === 0
        ? validate(grammar, words)
        : checkCompletion(grammar, prompt, words.slice(prompt.length));
    const reason = found.valid ? "" : found.reason;
    return {
      correct: found.valid,
      extracted: words.join(" "),
      reason,
      unparsed: words.length === prompt.length,
    };
  });
  return {
    scores: {
      [valid.name]: mean(verdicts.map(({ correct }) => Number(correct))),
      [nll.name]: mean(
        texts.map((words) => -noisyLogProbability(grammar, words) / Math.max(1, words.length)),
      ),
    },
    verdicts,
  };
}

const packed = 10;

/** Every story of a size has as many words; those of a text that is too short are not valid. */
function judgePacked(size: StorySize, { responses }: Answered<Story>): Judged {
  const grammar = storyGrammar(size);
  const { words: length } = describe(size);
  const texts = responses.map((response) => {
    const words = wordsOf(response);
    const stories = Array.from({ length: packed }, (_, i) => storyOf(words, i, length));
    return { words, stories, found: stories.map((story) => validate(grammar, story)) };
  });
  const verdicts = texts.map(({ words, found }): Verdict => {
    const wrong = found.findIndex((one) => !one.valid);
    const first = found[wrong];
    return {
      correct: wrong < 0,
      extracted: words.join(" "),
      reason: first === undefined || first.valid ? "" : `story ${wrong + 1}: ${first.reason}`,
      unparsed: words.length === 0,
    };
  });
  return {
    scores: {
      [valid.name]: mean(texts.flatMap(({ found }) => found.map((one) => Number(one.valid)))),
      [nll.name]: mean(
        texts.flatMap(({ stories }) => stories.map((story) => nllOf(grammar, story) / length)),
      ),
    },
    verdicts,
  };
}

/** The channel makes stories that end early cheap; here a word that is missing costs as much as one drawn blindly. */
const nllOf = (grammar: Grammar, story: readonly string[]): number =>
  Math.max(0, grammar.maxLength - story.length) * Math.log(grammar.words.length + 1) -
  noisyLogProbability(grammar, story);

/** Story number `i`; the last has all that is left. */
const storyOf = (words: readonly string[], i: number, length: number): string[] =>
  words.slice(i * length, i === packed - 1 ? undefined : (i + 1) * length);

/** A token a word and one that ends the text. */
const common = (size: StorySize) =>
  ({
    version: "1",
    read: (row: Row) => ({ prompt: textField(row, "prompt") }),
    question: ({ prompt }: Story) => prompt,
    target: () => "a story of the language",
    metrics: [valid, nll],
    judge: async (answered) => answered.map((one) => judge(size, one)),
  }) satisfies Partial<GenerateDescription<Story>>;

const free = (size: StorySize): Task =>
  generateTask<Story>({
    ...common(size),
    name: `stories_${size}`,
    description: `stories of the synthetic language, ${describe(size).words} words`,
    read: () => ({ prompt: "" }),
    made: madeDocuments(() => ({})),
    generation: { maxNewTokens: describe(size).words + 1 },
  });

const long = (size: StorySize): Task =>
  generateTask<Story>({
    ...common(size),
    name: `stories_${size}_packed`,
    description: `${packed} stories of ${describe(size).words} words of the synthetic language, one after another`,
    read: () => ({ prompt: "" }),
    target: () => "stories of the language",
    made: madeDocuments(() => ({})),
    generation: { maxNewTokens: packed * describe(size).words + 1 },
    judge: async (answered) => answered.map((one) => judgePacked(size, one)),
  });

const prompted = (size: StorySize): Task =>
  generateTask<Story>({
    ...common(size),
    name: `stories_${size}_prompted`,
    description: `how stories of ${describe(size).words} words go on`,
    made: madeDocuments((uniform) => ({
      prompt: samplePrompted(storyGrammar(size), uniform).prompt.join(" "),
    })),
    generation: { maxNewTokens: describe(size).words + 1 },
  });

export const stories: readonly Task[] = storySizes.flatMap((size) => [
  free(size),
  long(size),
  prompted(size),
]);
