// Which examples are shown before a document's question, by lm-evaluation-harness's samplers:
//
//   first_n   the first ones, in order
//   default   Python's random.Random(seed).sample, one draw a document in the documents' order, so that the shots of a
//             document depend on its place and the seed alone
//
// Where shots come from the documents' own split, one more is drawn and the document asked about is left out. The
// harness draws one more also where a task has neither a test split nor a split for shots; so does `oneMore`.

import { DataError } from "../../base/errors.ts";
import { PythonRandom } from "./python-random.ts";

export type Sampler = "default" | "first_n";

export interface Drawing {
  /** Examples to draw from. */
  readonly population: number;
  readonly count: number;
  readonly seed: number;
  /** How many documents there are shots for. */
  readonly documents: number;
  /** The n-th example is the n-th document. */
  readonly isSame: boolean;
  readonly oneMore: boolean;
  /** The task, for messages. */
  readonly name: string;
}

/** Indices of the examples by document, from 0. */
export function drawShots(sampler: Sampler, drawing: Drawing): (document: number) => readonly number[] {
  const { population, count, seed, documents, isSame, oneMore, name } = drawing;
  const needed = isSame || oneMore ? count + 1 : count;
  if (population < needed) {
    const message = `the task ${name} has ${population} examples to show and num_fewshot ${count} needs ${needed}; lower num_fewshot or give another fewshot_data`;
    throw new DataError(message, { task: name, num_fewshot: count });
  }
  const without = (drawn: readonly number[], document: number) =>
    (isSame ? drawn.filter((index) => index !== document) : drawn).slice(0, count);
  if (sampler === "first_n") {
    const first = Array.from({ length: needed }, (_, index) => index);
    return (document) => without(first, document);
  }
  const random = new PythonRandom(seed);
  const drawn = Array.from({ length: documents }, () => random.sample(population, needed));
  return (document) => without(drawn[document]!, document);
}
