// @ts-check
// What the clients ask for: greedy requests of all kinds, so that each has one right answer.

const words = "anna ben met gave took lost found a the red blue small ball dog cat and then again".split(" ");

/**
 * @typedef {object} Asked
 * @property {string} name
 * @property {string} path
 * @property {Record<string, unknown>} body
 */

/**
 * @param {"llada" | "sdar"} family
 * @param {number} count
 * @returns {Asked[]}
 */
export function requestsOf(family, count) {
  return Array.from({ length: count }, (_, i) => {
    const text = Array.from(
      { length: 3 + ((i * 7) % 30) },
      (_, k) => words[(i * 5 + k * 3) % words.length],
    ).join(" ");
    const base = { max_tokens: 8 + ((i * 13) % 41), seed: i, temperature: 0, ...optionsOf(family, i) };
    const isChat = i % 3 === 0;
    const n = i % 7 === 0 ? { n: 2 } : {};
    const suffix = i % 5 === 1 && !isChat ? { suffix: " and then." } : {};
    const stop = i % 4 === 2 ? { stop: ["\n", "zz"] } : {};
    const asked = isChat ? { messages: [{ role: "user", content: text }] } : { prompt: text };
    return {
      name: `${family}-${i}`,
      path: isChat ? "/v1/chat/completions" : "/v1/completions",
      body: { ...asked, ...base, ...n, ...suffix, ...stop },
    };
  });
}

/**
 * @param {"llada" | "sdar"} family
 * @param {number} i
 */
function optionsOf(family, i) {
  const choices =
    family === "sdar"
      ? [
          {},
          { denoising_steps: 2 },
          { remasking_strategy: "low_confidence_dynamic", confidence_threshold: 0.6 },
          { denoising_steps: 1 },
        ]
      : [
          { steps: 8, block_length: 16 },
          { steps: 4 },
          { decoder: "fast_dllm", block_length: 8, threshold: 0.7 },
          { decoder: "block_entropy", block_length: 8 },
        ];
  return choices[i % choices.length];
}
