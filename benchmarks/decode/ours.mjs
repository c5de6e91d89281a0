// @ts-check
// Our side: decode() over a network, as generation does it, without the text.

import { scope, tensor } from "@unmask/torch";
import { newCanvas } from "../../packages/unmask/dist/decode/canvas.js";
import { decode } from "../../packages/unmask/dist/decode/decode.js";
import { readOptions } from "../../packages/unmask/dist/decode/decoder.js";
import { decoders } from "../../packages/unmask/dist/decode/decoders.js";
import { loadNetwork } from "../../packages/unmask/dist/models/load.js";
import { modelProposer } from "../../packages/unmask/dist/propose/propose.js";
import { median } from "../lib/pairs.mjs";
import { productsFor } from "../models/ours.mjs";

/**
 * @typedef {import("../../packages/unmask/dist/decode/decoder.js").OptionValues} OptionValues
 * @typedef {import("../../packages/unmask/dist/decode/decoder.js").Fidelity} Fidelity
 * @typedef {import("../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 *
 * @typedef {object} Work
 * @property {string} decoder
 * @property {OptionValues} options
 * @property {Fidelity} fidelity
 * @property {number[]} prompt
 * @property {number} newTokens
 *
 * @typedef {object} StepTimes what decoding took, a step
 * @property {number} forwards of one decoding
 * @property {number} fed positions that the forwards of one decoding were fed
 * @property {number} forwardMilliseconds inside the network's forward
 * @property {number} outsideMilliseconds the rest: planning, upload, reducing the logits, deciding, writing
 * @property {number} overhead the rest over the forward, median over decodings
 */

const never = Number.NEGATIVE_INFINITY;

/** @param {string} folder */
export function loadOurs(folder) {
  const loaded = loadNetwork(folder, { dtype: "float32" });
  const maskId = /** @type {number} */ (loaded.facts.maskId);
  const column = new Float32Array(loaded.facts.vocabularySize);
  column[maskId] = never;
  const forbidden = scope(() => tensor(column));
  const network = new TimedNetwork(loaded.network);
  return {
    maskId,
    open: (/** @type {Work} */ work) => openWork(work, { facts: loaded.facts, network, forbidden, maskId }),
    close() {
      forbidden.dispose();
      loaded.dispose();
    },
  };
}

/** Adds up the time that forwards take; on a CPU they are over when they return. */
class TimedNetwork {
  milliseconds = 0;
  forwards = 0;
  fed = 0;
  #network;

  /** @param {LoadedNetwork["network"]} network */
  constructor(network) {
    this.#network = network;
  }

  /** @type {LoadedNetwork["network"]["logits"]} */
  logits(ids, rows, options) {
    const begin = performance.now();
    const logits = this.#network.logits(ids, rows, options);
    this.milliseconds += performance.now() - begin;
    this.forwards++;
    this.fed += ids.size;
    return logits;
  }

  /** @type {LoadedNetwork["network"]["createCache"]} */
  createCache(options) {
    return this.#network.createCache(options);
  }

  reset() {
    this.milliseconds = 0;
    this.forwards = 0;
    this.fed = 0;
  }
}

/**
 * @param {Work} work
 * @param {{ facts: LoadedNetwork["facts"], network: TimedNetwork, forbidden: import("@unmask/torch").Tensor, maskId: number }} model
 */
async function openWork({ decoder: name, options, fidelity, prompt, newTokens }, model) {
  const decoder = decoders.find((one) => one.name === name);
  if (decoder === undefined) throw new Error(`there is no decoder ${name}`);
  const { network, forbidden, maskId } = model;
  // An end of text that random weights write by chance would end the work.
  const facts = { ...model.facts, endIds: [] };
  const context = { facts, seed: 0, fidelity, promptLength: prompt.length, newTokens };
  const {
    policy,
    sampling,
    visibility,
    extraColumns = 0,
  } = decoder.create(readOptions(decoder, options), context);
  const decodeOnce = async () => {
    const length = prompt.length + newTokens + extraColumns;
    const canvas = newCanvas({ length, noiseId: maskId, prompt });
    const proposer = modelProposer(network, {
      seed: 0,
      sampling,
      forbidden,
      needsMargin: policy.needsMargin,
      products: productsFor("float32"),
      shift: facts.shift,
      ownRowAtBoundary: fidelity === "released",
      visibility,
    });
    for await (const _ of decode([canvas], proposer, policy));
    return [...canvas.ids.subarray(0, prompt.length + newTokens)];
  };
  /** @type {{ inside: number, whole: number }[]} */
  const times = [];
  const value = await decodeOnce();
  return {
    value,
    async run(/** @type {number} */ count) {
      network.reset();
      const begin = performance.now();
      for (let i = 0; i < count; i++) await decodeOnce();
      const whole = performance.now() - begin;
      times.push({ inside: network.milliseconds, whole });
      return whole / 1000;
    },
    close() {},
    /** @returns {StepTimes} */
    steps() {
      const { forwards, fed } = network;
      const inside = median(times.map((one) => one.inside)) / forwards;
      const outside = median(times.map(({ inside, whole }) => whole - inside)) / forwards;
      const overhead = median(times.map(({ inside, whole }) => whole / inside - 1));
      return { forwards, fed, forwardMilliseconds: inside, outsideMilliseconds: outside, overhead };
    },
  };
}
