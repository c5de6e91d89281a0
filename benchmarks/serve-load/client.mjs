// @ts-check
// One request over HTTP, whole or as a stream, that may be dropped in the middle.

import { Agent, request } from "node:http";

export const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/**
 * @typedef {object} Outcome
 * @property {number} status 0: nothing came
 * @property {string[]} texts by choice
 * @property {boolean} dropped by us
 * @property {string | undefined} problem
 * @property {number | undefined} retryAfter seconds
 * @property {number} first milliseconds to the first byte of the answer's body
 */

/**
 * @param {URL} base
 * @param {import("./requests.mjs").Asked} asked
 * @param {{ stream: boolean, dropAfter?: number | undefined }} options milliseconds
 * @returns {Promise<Outcome>}
 */
export function ask(base, { path, body }, { stream, dropAfter }) {
  const canvas = stream && Math.random() < 0.3 ? { stream_options: { include_canvas: true } } : {};
  const text = JSON.stringify({ ...body, stream, ...canvas });
  const began = performance.now();
  return new Promise((resolve) => {
    /** @type {Outcome} */
    const outcome = {
      status: 0,
      texts: [],
      dropped: false,
      problem: undefined,
      retryAfter: undefined,
      first: 0,
    };
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request(new URL(path, base), { method: "POST", headers, agent });
    const timer =
      dropAfter === undefined
        ? undefined
        : setTimeout(() => {
            outcome.dropped = true;
            sent.destroy();
          }, dropAfter);
    const done = () => {
      clearTimeout(timer);
      resolve(outcome);
    };
    sent.on("error", (error) => {
      if (!outcome.dropped) outcome.problem = error.message;
      done();
    });
    sent.on("response", (response) => {
      outcome.status = response.statusCode ?? 0;
      outcome.retryAfter = Number(response.headers["retry-after"] ?? 1);
      /** @type {Buffer[]} */
      const parts = [];
      response.on("data", (part) => {
        if (parts.length === 0) outcome.first = performance.now() - began;
        parts.push(part);
      });
      response.on("error", () => undefined);
      response.on("close", () => {
        const all = Buffer.concat(parts).toString();
        if (!outcome.dropped && !response.complete) outcome.problem = "the answer broke off";
        else if (!outcome.dropped) read(outcome, all, stream);
        done();
      });
    });
    sent.end(text);
  });
}

/**
 * @param {Outcome} outcome
 * @param {string} all
 * @param {boolean} stream
 */
function read(outcome, all, stream) {
  if (outcome.status !== 200) {
    if (outcome.status !== 429) outcome.problem = all.slice(0, 300);
    return;
  }
  const chunks = stream ? eventsOf(all) : [JSON.parse(all)];
  if (stream && chunks.at(-1) !== "[DONE]") outcome.problem = `no [DONE]: ${all.slice(-300)}`;
  for (const { choices = [] } of chunks.filter((one) => one !== "[DONE]")) {
    for (const { index, text, message, delta } of choices) {
      outcome.texts[index] =
        (outcome.texts[index] ?? "") + (text ?? message?.content ?? delta?.content ?? "");
    }
  }
}

/** @param {string} all */
const eventsOf = (all) =>
  all
    .split("\n\n")
    .map((block) => /^data: (.*)$/m.exec(block)?.[1])
    .filter((data) => data !== undefined)
    .map((data) => (data === "[DONE]" ? data : JSON.parse(data)));
