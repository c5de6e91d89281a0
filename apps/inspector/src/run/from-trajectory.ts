// A recorded sequence as the page shows it.

import type { Trajectory } from "#unmask/trajectory/record.ts";
import { piecesOf, type TokenTexts, textOf } from "#unmask/trajectory/token-texts.ts";
import type { Proposed, Run } from "./run.ts";

/** Ids stand for texts that are not known. */
export const noTexts: TokenTexts = { between: " ", texts: {} };

export function runOf(one: Trajectory, texts: TokenTexts = noTexts): Run {
  const { token_ids: ids, given, reveal_step: reveal, forwards } = one;
  // Padding behind an end was written without a proposal: it comes with the last forward, as in replay().
  const shownFrom = Int32Array.from(ids, (_, place) => {
    if (given[place] === 1) return 0;
    return reveal[place]! < 0 ? forwards : reveal[place]! + 1;
  });
  const pieces = piecesOf([...one.prompt_ids, ...ids], texts);
  return {
    prompt: pieces.slice(0, one.prompt_ids.length),
    pieces: pieces.slice(one.prompt_ids.length),
    ids,
    shownFrom,
    decoded: Uint8Array.from(reveal, (step) => (step < 0 ? 0 : 1)),
    confidence: Float32Array.from(one.confidence),
    entropy: Float32Array.from(one.entropy),
    forwards,
    proposed: proposedOf(one, texts),
  };
}

function proposedOf({ proposals, forwards }: Trajectory, texts: TokenTexts): Proposed | undefined {
  if (proposals === undefined) return undefined;
  const start = new Int32Array(forwards + 1);
  proposals.count.forEach((count, forward) => {
    start[forward + 1] = start[forward]! + count;
  });
  const token = Int32Array.from(proposals.token);
  return {
    start,
    column: Int32Array.from(proposals.column),
    token,
    text: (index) => textOf(token[index]!, texts) ?? `⟨${token[index]}⟩`,
    confidence: Float32Array.from(proposals.confidence),
    entropy: Float32Array.from(proposals.entropy),
    probability: Float32Array.from(proposals.probability),
  };
}
