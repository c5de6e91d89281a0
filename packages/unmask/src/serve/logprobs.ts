// Log-probabilities of written tokens. A diffusion model gives a token its probability in the step that writes it, from
// all that is on the canvas then, left and right: that is what is told, by the plain softmax (temperature 1, no filters,
// no mask), as natural logarithm. They are no factors of the text's probability, for steps write several tokens at once.

import type { SequenceStep } from "../decode/decode.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TokenLogprob } from "./engine.ts";
import { nameToken } from "./token-bytes.ts";

/** A probability that float32 rounds to 0. */
const least = Math.log(2 ** -149);

export class Logprobs {
  private readonly tokenizer: Tokenizer;
  private readonly top: number;
  private readonly columns = new Map<number, TokenLogprob>();

  /** `top`: most probable tokens told beside each written one. */
  constructor(tokenizer: Tokenizer, top: number) {
    this.tokenizer = tokenizer;
    this.top = top;
  }

  /** Takes in what a step wrote. */
  add({ decision, proposal }: SequenceStep): void {
    for (const i of decision.commit) {
      const written = decision.tokens?.get(i) ?? proposal.token[i]!;
      const top = this.topOf(proposal.top, i);
      const logprob =
        written === proposal.token[i]
          ? Math.log(proposal.plainProbability[i]!)
          : (top.find(({ id }) => id === written)?.logprob ?? Number.NEGATIVE_INFINITY);
      this.columns.set(proposal.columns[i]!, {
        ...nameToken(this.tokenizer, written),
        logprob: Math.max(least, logprob),
        top: top.slice(0, this.top).map(({ id, logprob }) => ({ ...nameToken(this.tokenizer, id), logprob })),
      });
    }
  }

  /** Those of columns whose text is told now; given columns have none. */
  take(columns: readonly number[]): TokenLogprob[] {
    return columns.flatMap((column) => {
      const one = this.columns.get(column);
      this.columns.delete(column);
      return one === undefined ? [] : [one];
    });
  }

  private topOf(top: SequenceStep["proposal"]["top"], i: number): { id: number; logprob: number }[] {
    if (top === undefined) return [];
    return Array.from({ length: top.count }, (_, k) => ({
      id: top.token[i * top.count + k]!,
      logprob: Math.max(least, top.logprob[i * top.count + k]!),
    }));
  }
}
