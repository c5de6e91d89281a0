// @ts-check
// How likely texts are to a masked network that saw neither teacher nor students: nats a token (its NELBO, an upper bound
// of the negative log-likelihood). Values are kept beside the texts, for judging costs as much as writing.

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setThreads } from "@unmask/torch";
import { scorePairs } from "../../packages/unmask/dist/evaluate/likelihood.js";
import { unigramEntropy } from "../../packages/unmask/dist/evaluate/text-statistics.js";
import { load, tokenizerOf } from "../../packages/unmask/dist/generate/load.js";

/** Sets of masked positions drawn for a text. */
const draws = 8;

export class TextJudge {
  /**
   * @param {string} folder of a training run
   * @param {number} threads
   */
  static async load(folder, threads) {
    setThreads(threads);
    return new TextJudge(await load(folder), statSync(join(folder, "model", "model.safetensors")).mtimeMs);
  }

  /**
   * @param {Awaited<ReturnType<typeof load>>} model
   * @param {number} made
   */
  constructor(model, made) {
    this.model = model;
    this.made = made;
  }

  /**
   * Nats a token of each text.
   * @param {readonly string[]} texts
   * @param {string} folder where they are
   * @returns {number[]}
   */
  scores(texts, folder) {
    const file = join(folder, "judged.json");
    if (existsSync(file)) {
      const kept = JSON.parse(readFileSync(file, "utf8"));
      if (kept.made === this.made && kept.draws === draws && kept.nats.length === texts.length)
        return kept.nats;
    }
    const nats = texts.map((text, sequence) => {
      const continuation = this.ids(text);
      const [score] = scorePairs(this.model, [{ context: [], continuation }], {
        draws,
        seed: 0,
        sequence,
        batchSize: draws,
      });
      return /** @type {{ nll: number }} */ (score).nll / continuation.length;
    });
    writeFileSync(file, JSON.stringify({ made: this.made, draws, nats }));
    return nats;
  }

  /**
   * A text that ended before it began is its end.
   * @param {string} text
   */
  ids(text) {
    const { contextLength, endIds } = this.model.facts;
    const ids = Array.from(tokenizerOf(this.model).encode(text)).slice(0, contextLength);
    return ids.length === 0 ? endIds.slice(0, 1) : ids;
  }

  /**
   * Nats a token of the frequencies of all texts' tokens together.
   * @param {readonly string[]} texts
   */
  pooledEntropy(texts) {
    return unigramEntropy(texts.flatMap((text) => this.ids(text)));
  }
}
