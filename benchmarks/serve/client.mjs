// @ts-check
// Requests at an engine, and when their first text came.

import { load } from "../../packages/unmask/dist/generate/load.js";
import { LocalEngine } from "../../packages/unmask/dist/serve/local-engine.js";
import { byteTokenizer } from "../../packages/unmask/dist/text/new-tokenizer.js";

/**
 * @typedef {import("../../packages/unmask/dist/serve/engine.js").EngineRequest} EngineRequest
 *
 * @typedef {object} Answer
 * @property {string} text
 * @property {number} tokens
 * @property {number} firstText seconds from its submission
 */

/**
 * An engine in this thread over a checkpoint without a tokenizer: bytes stand for its first tokens. Nothing ends a text
 * early, and no prefix is kept, so that every run computes the same.
 * @param {string} folder
 */
export async function openEngine(folder) {
  const model = await load(folder, { dtype: "float32" });
  const facts = { ...model.facts, endIds: [] };
  const limits = { maxBatch: 64, maxMemory: 4 * 2 ** 30, prefixMemory: 0 };
  return new LocalEngine(
    { ...model, facts, tokenizer: byteTokenizer() },
    { ...limits, liveTensors: () => 0 },
  );
}

/**
 * @param {LocalEngine} engine
 * @param {EngineRequest} request
 * @returns {Promise<Answer>}
 */
async function ask(engine, request) {
  const begin = performance.now();
  const answer = { text: "", tokens: 0, firstText: Number.NaN };
  for await (const event of engine.submit(request)) {
    if (event.type === "text-delta" && Number.isNaN(answer.firstText)) {
      answer.firstText = (performance.now() - begin) / 1000;
    }
    if (event.type === "sequence") {
      answer.text = event.text;
      answer.tokens = event.tokens;
    }
  }
  return answer;
}

/**
 * @param {LocalEngine} engine
 * @param {EngineRequest[]} requests
 */
export async function oneByOne(engine, requests) {
  const answers = [];
  for (const request of requests) answers.push(await ask(engine, request));
  return answers;
}

/**
 * @param {LocalEngine} engine
 * @param {EngineRequest[]} requests
 */
export const atOnce = (engine, requests) => Promise.all(requests.map((request) => ask(engine, request)));
