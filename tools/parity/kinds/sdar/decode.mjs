// @ts-check
// T3D's engine: tokens, step maps and every denoising forward, with separate passes as published and with fused ones.

import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { runBlocks, stepMapOf } from "./run.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("./run.mjs").Run} Run
 * @typedef {import("./run.mjs").Fidelity} Fidelity
 */

const optionNames = [
  "block_length",
  "denoising_steps",
  "remasking_strategy",
  "dynamic_threshold",
  "eb_threshold",
  "temperature",
  "topk",
  "topp",
];

/** @type {import("../table.mjs").Runner} */
export async function blockDecoding(one, check) {
  const noise = one.json.inputs.exponential_noise;
  const noise_SBV = noise === undefined ? undefined : one.tensor(noise);
  if (noise === undefined && one.argument("draw", "argmax") !== "argmax") {
    throw new Error(`no random numbers are given for the draw ${JSON.stringify(one.argument("draw", ""))}`);
  }
  const loaded = loadNetwork(one.checkpoint());
  try {
    for (const fidelity of /** @type {Fidelity[]} */ (["released", "corrected"])) {
      const { arguments: given } = one.json;
      const runs = await runBlocks(loaded, {
        prompts: one.input("prompts"),
        newTokens: one.argument("max_tokens", 64),
        maskId: one.argument("mask_token_id", loaded.facts.maskId ?? 0),
        stopIds: one.argument("ignore_eos", false) ? [] : [one.argument("eos_token_id", -1)],
        fidelity,
        options: Object.fromEntries(optionNames.map((name) => [name, given[name]])),
        noise_SBV,
      });
      compareRuns(one, check, { runs, fidelity });
    }
  } finally {
    noise_SBV?.dispose();
    loaded.dispose();
  }
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ runs: Run[], fidelity: Fidelity }} found
 */
function compareRuns(one, check, { runs, fidelity }) {
  const { corrected_expectation: corrected, outputs } = one.json;
  one.informational("sequences", "forward_passes");
  if (corrected !== undefined && fidelity === "released") {
    one.notes.push("compared with corrected_expectation: the reference overwrites fixed tokens");
  }
  const expected = corrected ?? outputs;
  const maskId = one.argument("mask_token_id", -1);
  for (const [row, run] of runs.entries()) {
    const sequence = expected.sequences[row];
    // Only the published code leaves masks in a text.
    if (fidelity === "corrected" && sequence.tokens.includes(maskId)) continue;
    compareRun(check, one, { run, row, fidelity, expected: sequence });
  }
  const passes = expected.forward_passes;
  if (passes === undefined || fidelity === "corrected") return;
  const sum = (/** @type {(run: Run) => number} */ of) => runs.reduce((total, run) => total + of(run), 0);
  check.exact(
    "denoising forwards",
    flat([sum(({ denoisings }) => denoisings.length)]),
    flat([passes.denoise]),
  );
  check.exact("storing forwards", flat([sum(({ stores }) => stores)]), flat([passes.prefill + passes.save]));
}

/**
 * @param {Check} check
 * @param {Case} one
 * @param {{ run: Run, row: number, fidelity: Fidelity, expected: any }} found
 */
function compareRun(check, one, { run, row, fidelity, expected }) {
  const name = (/** @type {string} */ quantity) => `${quantity}[${row}] (${fidelity})`;
  const { canvas, denoisings, end } = run;
  const { trace } = expected;
  const promptLength = expected.prompt.length;
  // The published engine ends some texts early: at 95 % of their length, and at a stop id in the prompt's tail.
  const last = fidelity === "released" ? end : Math.min(end, promptLength + expected.tokens.length);
  const tokens = [...canvas.ids.slice(promptLength, last)];
  check.exact(name("tokens"), flat(tokens), flat(expected.tokens));
  check.exact(name("step_map"), flat(stepMapOf({ ...run, end: last })), flat(expected.step_map));
  if (fidelity === "released") {
    check.exact(name("denoise_forwards"), flat([denoisings.length]), flat([expected.denoise_forwards]));
  } else if (last === end) {
    // The fused run leaves out what only fills the last block, and feeds nothing that is just to be stored.
    check.exact(name("too many forwards"), flat([Number(denoisings.length > trace.length)]), flat([0]));
    check.exact(name("forwards that only store"), flat([run.stores]), flat([0]));
  }
  const tolerance = one.tolerance("confidence", { abs: 1e-4 });
  denoisings.forEach((found, k) => {
    const at = trace[k];
    if (at === undefined) return;
    const whole = [found.start, ...found.before, ...found.written, ...found.after, ...found.tokens];
    const block = [...at.block_before, ...at.written_positions, ...at.block_after, ...at.candidate_tokens];
    check.exact(name(`trace[${k}]`), flat(whole), flat([at.block_start, ...block]));
    check.close(name(`trace[${k}].confidence`), flat(found.confidence), flat(at.confidence), tolerance);
  });
}

/** @param {readonly number[]} values */
const flat = (values) => ({ values, shape: [values.length] });
