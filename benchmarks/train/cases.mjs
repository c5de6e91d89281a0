// @ts-check
// What is measured: a network's training step here and in Python, each in processes of its own, in turn.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { median } from "../lib/pairs.mjs";
import { runOurs, runPeer } from "./processes.mjs";
import { parameterCount, stepOperations } from "./shapes.mjs";
import { adapterRank, comparedSteps, seed, update } from "./spec.mjs";
import { batchesOf } from "./task.mjs";

/**
 * @typedef {import("./spec.mjs").Outcome} Outcome
 * @typedef {import("./spec.mjs").Spec} Spec
 * @typedef {import("@unmask/torch").ProductDtype} ProductDtype
 *
 * @typedef {object} Subject
 * @property {string} name
 * @property {import("./shapes.mjs").SizeName} sizeName
 * @property {import("./shapes.mjs").Size} size
 * @property {ProductDtype} products
 * @property {boolean} lora
 *
 * @typedef {object} Bounds
 * @property {number} threads
 * @property {number} seconds that the timed steps of one process are to take
 * @property {number} mostSteps
 */

/** Timed steps of a process, however long they take. */
const fewestSteps = 2;
const warmSteps = 1;
/** Of losses, relative: rounding of bfloat16 products differs from place to place. */
export const tolerances = { float32: 1e-4, bfloat16: 2e-2 };

/** What a subject's processes are told, batches apart. */
export class Plan {
  /** @type {Spec} */
  spec;
  /** Rows in the loss of the timed steps, on average. */
  reads = 0;

  /**
   * @param {Subject} subject
   * @param {{ folder: string, scratch: string, threads: number }} where
   */
  constructor({ name, size, products, lora }, { folder, scratch, threads }) {
    const { rows, length, shape } = size;
    this.size = size;
    this.spec = {
      ...{
        folder,
        products,
        threads,
        seed,
        rows,
        length,
        update,
        untimed: comparedSteps,
        timed: 0,
        optimiser: null,
      },
      weights: lora ? "bfloat16" : "float32",
      adapter: lora ? { rank: adapterRank, folder: join(scratch, `${name}-adapter`) } : null,
      product: { tokens: rows * length, hidden: shape.hidden, inner: shape.inner },
      batches: join(scratch, `${name}-batches.json`),
      result: join(scratch, "result.json"),
    };
  }

  /** @param {number} steps */
  writeBatches(steps) {
    const batches = batchesOf(this.spec, steps);
    this.reads = batches.reduce((sum, { reads }) => sum + reads.length, 0) / steps;
    const rows = batches.map(({ ids, reads, targets, weights, size }) => ({
      ids: [...ids],
      reads: [...reads],
      targets: [...targets],
      weights: [...weights].map((weight) => weight / size),
    }));
    writeFileSync(this.spec.batches, JSON.stringify(rows));
  }

  /**
   * What is run again and again: as many timed steps as fit into the bounds.
   * @param {Outcome} probe
   * @param {Bounds} bounds
   */
  settle({ seconds }, { seconds: wanted, mostSteps }) {
    const fitting = Math.round(wanted / median(seconds));
    const timed = Math.max(fewestSteps, Math.min(mostSteps, fitting));
    this.spec = { ...this.spec, untimed: warmSteps, timed };
    this.writeBatches(warmSteps + timed);
  }

  /** Of a timed step. */
  get operations() {
    return stepOperations(this.size, { reads: this.reads, rank: this.spec.adapter?.rank });
  }
}

/**
 * The case of a subject, Python's side of it, and what both sides' processes told besides their seconds.
 * @param {Subject} subject
 * @param {{ folder: string, scratch: string, python: string, bounds: Bounds }} given
 */
export function caseOf(subject, { folder, scratch, python, bounds }) {
  const { name, sizeName, size, products, lora } = subject;
  const plan = new Plan(subject, { folder, scratch, threads: bounds.threads });
  const told = { ours: /** @type {Outcome[]} */ ([]), peer: /** @type {Outcome[]} */ ([]) };
  const kept = (/** @type {"ours" | "peer"} */ side, /** @type {Outcome} */ outcome) => {
    told[side].push(outcome);
    return outcome.seconds.reduce((sum, value) => sum + value, 0);
  };
  const million = parameterCount(size.shape) / 1e6;
  /** @type {import("../lib/measure.mjs").Case} */
  const one = {
    name,
    title: `${sizeName}${lora ? " LoRA" : ""}, ${products} (${million.toFixed(0)} M, ${size.rows} × ${size.length})`,
    unit: "tokens/s",
    tolerance: tolerances[products],
    target: { kind: "stepSpeed", atMost: false },
    slow: true,
    figure: (seconds) => (size.rows * size.length * plan.spec.timed) / seconds,
    request: { case: name },
    async open() {
      plan.writeBatches(comparedSteps + fewestSteps);
      const probe = await runOurs({ ...plan.spec, timed: fewestSteps });
      plan.settle(probe, bounds);
      return {
        value: probe.losses.slice(0, comparedSteps),
        run: async () => kept("ours", await runOurs(plan.spec)),
        close() {},
      };
    },
  };
  const peer = {
    async open() {
      const compared = { ...plan.spec, untimed: comparedSteps, timed: 0 };
      const { losses, optimiser, selection } = await runPeer(compared, python);
      plan.spec = { ...plan.spec, optimiser: optimiser ?? null };
      return { value: losses, optimiser, selection };
    },
    run: async () => kept("peer", await runPeer(plan.spec, python)),
  };
  return { one, peer, plan, told };
}
