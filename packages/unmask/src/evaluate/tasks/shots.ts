// Which examples are shown before a document's question, by lm-evaluation-harness's samplers:
//
//   first_n   the first ones, in order
//   default   Python's random.Random(seed).sample, one draw a document in the documents' order, so that the shots of a
//             document depend on its place and the seed alone
//
// A document is never shown as its own example: where examples may hold it, one more is drawn, and what equals the
// document is left out. The harness does so where shots come from the documents' own split, and also where a task has
// neither a test split nor a split for shots (`oneMore`).

import { DataError } from "../../base/errors.ts";
import { PythonRandom } from "./python-random.ts";

export type Sampler = "default" | "first_n";

export interface Drawing {
  readonly count: number;
  readonly seed: number;
  /** The examples may hold the document. */
  readonly oneMore: boolean;
  /** The task, for messages. */
  readonly name: string;
}

export interface Population<D> {
  readonly examples: readonly D[];
  readonly documents: readonly D[];
  /** Examples of another group are no examples for a document. */
  readonly group?: ((document: D) => string) | undefined;
}

/** The examples of the n-th document, from 0. */
export function drawShots<D>(
  sampler: Sampler,
  { examples, documents, group }: Population<D>,
  drawing: Drawing,
): (at: number) => readonly D[] {
  const { count, seed, oneMore } = drawing;
  const others = (candidates: readonly D[], at: number): readonly D[] => {
    if (!oneMore) return candidates.slice(0, count);
    const own = JSON.stringify(documents[at]);
    return candidates.filter((one) => JSON.stringify(one) !== own).slice(0, count);
  };
  if (group !== undefined) {
    const groups = new Map<string, D[]>();
    for (const one of examples) groups.set(group(one), [...(groups.get(group(one)) ?? []), one]);
    return (at) => {
      const alike = groups.get(group(documents[at]!)) ?? [];
      requireEnough(alike.length, count, drawing);
      return others(alike, at);
    };
  }
  const needed = oneMore && sampler === "default" ? count + 1 : count;
  requireEnough(examples.length, needed, drawing);
  if (sampler === "first_n") return (at) => others(examples, at);
  const random = new PythonRandom(seed);
  const drawn = documents.map(() => random.sample(examples.length, needed));
  return (at) => {
    const candidates = drawn[at]!.map((index) => examples[index]!);
    return others(candidates, at);
  };
}

function requireEnough(population: number, needed: number, { count, name }: Drawing): void {
  if (population >= needed) return;
  throw new DataError(
    `the task ${name} has ${population} examples to show and num_fewshot ${count} needs ${needed}; lower num_fewshot or give another fewshot_data`,
    { task: name, num_fewshot: count },
  );
}
