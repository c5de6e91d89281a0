// @ts-check
// A long text, one token a step, in an order without a pattern.

import { generator, streams } from "../../packages/unmask/dist/base/rng.js";
import { encodeTrajectories } from "../../packages/unmask/dist/trajectory/file.js";

const words =
  "the network looks at whole canvas and proposes a token for each open position surest of them are written"
    .split(" ")
    .map((word) => ` ${word}`);

/** @param {number} length */
export function longTrajectory(length) {
  const next = generator({ seed: 1, stream: streams.shuffle, sequence: 0, step: 0 });
  const steps = Array.from({ length }, (_, at) => at);
  for (let at = length - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1));
    [steps[at], steps[other]] = [/** @type {number} */ (steps[other]), /** @type {number} */ (steps[at])];
  }
  const header = {
    ...{ model: "bench", model_hash: "", tokenizer_hash: "x", template_hash: "", decoder: "low_confidence" },
    ...{ options: {}, fidelity: "corrected", seed: 1, mask_id: 999, end_ids: [] },
  };
  const each = (/** @type {() => number} */ value) => Array.from({ length }, value);
  const row = {
    ...{ sequence: 0, prompt_ids: [], reward_passes: 0, finish_reason: "length", seconds: 1 },
    token_ids: each(() => Math.floor(next() * words.length)),
    given: each(() => 0),
    reveal_step: steps,
    confidence: each(next),
    entropy: each(() => 3 * next()),
    forwards: length,
    ...{ fed_from: each(() => 0), fed_length: each(() => length), cached: each(() => 0) },
  };
  const texts = { between: "", texts: Object.fromEntries(words.map((word, id) => [id, word])) };
  return encodeTrajectories(header, [row], texts);
}
