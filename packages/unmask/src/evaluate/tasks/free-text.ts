// `free_text`: texts that begin with nothing, as many as are asked for (limit, 256 by default). Their quality is for a
// judge (`judge: FOLDER`, generative perplexity); the task itself measures what must stand beside it:
//
//   word_entropy   entropy of a text's word frequencies, nats, averaged: a text that repeats itself has little

import { unigramEntropy } from "../text-statistics.ts";
import { generateTask } from "./generate-task.ts";
import { madeDocuments } from "./made.ts";
import type { Metric, Verdict } from "./task.ts";

const entropy: Metric = { name: "word_entropy,none", higherIsBetter: true, isShare: false };

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

/** One answer: whether there is any word counts as its verdict. */
function verdictOf(text: string): Verdict {
  const written = wordsOf(text).length > 0;
  return { correct: written, extracted: text, reason: written ? "" : "there is no word", unparsed: !written };
}

export const freeText = generateTask<null>({
  name: "free_text",
  version: "1",
  description: "texts that begin with nothing, for a judge",
  read: () => null,
  made: madeDocuments(() => ({})),
  question: () => "",
  target: () => "any text",
  generation: { maxNewTokens: 1024 },
  metrics: [entropy],
  judge: async (answered) =>
    answered.map(({ responses }) => {
      const each = responses.map((text) => unigramEntropy(wordsOf(text)));
      const mean = each.reduce((sum, one) => sum + one, 0) / each.length;
      return { scores: { [entropy.name]: mean }, verdicts: responses.map(verdictOf) };
    }),
});
