// @ts-check
// SDAR's own generation script. It never cuts a text: the block of a stop token stays whole, and what comes behind it
// stays masked.

import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { runBlocks } from "./run.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("./run.mjs").Denoising} Denoising
 * @typedef {import("./run.mjs").LoadedNetwork} LoadedNetwork
 */

/** @type {import("../table.mjs").Runner} */
export async function generationScript(one, check) {
  const loaded = loadNetwork(one.checkpoint());
  try {
    for (const expected of one.output("runs")) await compareRun(one, check, { loaded, expected });
  } finally {
    loaded.dispose();
  }
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ loaded: LoadedNetwork, expected: any }} found
 */
async function compareRun(one, check, { loaded, expected }) {
  const { prompt, output_ids: ids, name } = expected;
  const damaged = prompt.some((/** @type {number} */ id, /** @type {number} */ i) => id !== ids[i]);
  const parts = damaged
    ? await inTwoParts(one, loaded, expected)
    : [await decodePart(loaded, prompt, expected)];
  const denoisings = parts.flatMap((part) => part.denoisings);
  const found = /** @type {{ ids: number[] }} */ (parts.at(-1));
  check.exact(`${name}: output_ids`, flat(found.ids), flat(ids));
  check.exact(`${name}: denoise_forwards`, flat([denoisings.length]), flat([expected.denoise_forwards]));
  const tolerance = one.tolerance("confidence", { abs: 1e-4 });
  denoisings.forEach(({ tokens, confidence }, k) => {
    const drawn = expected.drawn_per_forward[k];
    if (drawn === undefined) return;
    check.exact(`${name}: tokens of forward ${k}`, flat(tokens), flat(drawn.tokens));
    check.close(`${name}: confidence of forward ${k}`, flat(confidence), flat(drawn.confidence), tolerance);
  });
}

/**
 * The script overwrote prompt tokens in its first block. That block is compared on its own; the rest follows the
 * block as the script left it.
 * @param {Case} one
 * @param {LoadedNetwork} loaded
 * @param {any} expected
 */
async function inTwoParts(one, loaded, expected) {
  one.notes.push(`${expected.name}: later blocks follow the first one as the reference left it`);
  const { prompt, output_ids: ids } = expected;
  const { block_length: blockLength, denoising_steps: steps } = expected.arguments;
  const end = (Math.floor(prompt.length / blockLength) + 1) * blockLength;
  const first = await decodePart(loaded, prompt, expected);
  const rest = await decodePart(loaded, ids.slice(0, end), {
    ...expected,
    arguments: { ...expected.arguments, gen_length: ids.length - end },
  });
  return [{ ...first, denoisings: first.denoisings.slice(0, steps) }, rest];
}

/**
 * @param {LoadedNetwork} loaded
 * @param {number[]} prompt
 * @param {any} expected
 */
async function decodePart(loaded, prompt, { arguments: given }) {
  const { gen_length: newTokens, mask_id: maskId, stopping_criteria_idx: stopIds = [], ...options } = given;
  const [run] = await runBlocks(loaded, {
    prompts: [prompt],
    newTokens,
    maskId,
    stopIds,
    fidelity: "released",
    options,
    noise_SBV: undefined,
  });
  return { ids: [...(run?.canvas.ids ?? [])], denoisings: run?.denoisings ?? [] };
}

/** @param {readonly number[]} values */
const flat = (values) => ({ values, shape: [values.length] });
