// Entropy-threshold blocks (dParallel; d3LLM's decoders without its pipeline): blocks from left to right, and in each
// forward the column of the lowest entropy is written, with every other whose entropy is within the threshold. With a
// threshold below 0 it writes one token a forward, in the order that d3LLM's teacher records.
//
// Entropy is of the plain softmax, in nats, whatever the temperature. The published code for LLaDA takes H ≤ threshold
// (so does `corrected`), that for Dream, the networks with a shift, H < threshold.

import { openColumns } from "../canvas.ts";
import { type Decoder, whyNotFullView } from "../decoder.ts";
import { sharedOptions } from "./low-confidence.ts";
import type { Policy } from "./policy.ts";
import { smallest } from "./select.ts";
import { blocksOf, Turns, writable } from "./turns.ts";

export interface BlockEntropyOptions {
  /** nats */
  readonly threshold: number;
  readonly blockLength: number;
  /** An entropy equal to the threshold is too much. */
  readonly strict?: boolean | undefined;
}

export function blockEntropy({ threshold, blockLength, strict = false }: BlockEntropyOptions): Policy {
  return {
    name: "block_entropy",
    limit: writable,
    blocks: (canvas) => blocksOf(canvas, blockLength),
    start(canvas) {
      const turns = new Turns(canvas, blocksOf(canvas, blockLength));
      return {
        plan() {
          const turn = turns.next();
          if (turn === undefined) return undefined;
          return { from: 0, to: canvas.length, candidates: openColumns(canvas, turn.from, turn.to) };
        },
        decide({ plainEntropy }) {
          return { commit: withinEntropy(plainEntropy, threshold, strict) };
        },
      };
    },
  };
}

/** Indices, ascending, of the lowest entropy and of every other within the threshold. */
export function withinEntropy(entropies: ArrayLike<number>, threshold: number, strict: boolean): number[] {
  const lowest = smallest(entropies);
  return Array.from(entropies, (_, i) => i).filter((i) => {
    const entropy = entropies[i]!;
    return i === lowest || (strict ? entropy < threshold : entropy <= threshold);
  });
}

/** Line of the table of decoders. */
export const blockEntropyDecoder: Decoder = {
  name: "block_entropy",
  aliases: ["dparallel", "entropy_threshold"],
  doc: "Blocks from left to right, every token of low entropy a forward (dParallel).",
  options: {
    block_length: sharedOptions.block_length,
    entropy_threshold: {
      kind: "number",
      default: 0.5,
      min: -1,
      aliases: ["threshold"],
      doc: "Writes every token whose distribution has at most this entropy, in nats; below 0 one token a forward.",
    },
    temperature: sharedOptions.temperature,
  },
  refuses: whyNotFullView,
  create(values, { facts, fidelity }) {
    return {
      policy: blockEntropy({
        threshold: values.entropy_threshold as number,
        blockLength: values.block_length as number,
        strict: fidelity === "released" && facts.shift === 1,
      }),
      sampling: { temperature: values.temperature as number },
    };
  },
};
