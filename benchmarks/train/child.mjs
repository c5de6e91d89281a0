// @ts-check
// Our side in a process of its own, or in several: node child.mjs SPEC.json. Takes the steps that the training loop takes
// and writes what it saw to the file that the specification names.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { convert, matmul, measureProduct, ones, scope, setThreads } from "@unmask/torch";
import { together } from "../../packages/unmask/dist/cli/together.js";
import { RatioBuckets } from "../../packages/unmask/dist/train/ratio-buckets.js";
import { takeStep } from "../../packages/unmask/dist/train/step.js";
import { loadedStudent } from "../../packages/unmask/dist/train/student.js";
import { Trained } from "../../packages/unmask/dist/train/trained.js";
import { loadedBlas } from "../lib/machine.mjs";
import { memoryOf, resetPeak } from "../lib/memory.mjs";
import { median } from "../lib/pairs.mjs";
import { makeTask } from "./task.mjs";

/** @typedef {import("./spec.mjs").Spec} Spec */

/** @type {Spec} */
const spec = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));

process.exitCode = await together(async (world) => {
  if (world.size === 1) setThreads(spec.threads);
  measureProduct("float32", 64, 1);
  const base = memoryOf("VmHWM");
  const run = await prepare(world);
  const sinceLoading = resetPeak();
  const losses = [];
  for (let i = 0; i < spec.untimed; i++) losses.push((await run.step()).loss);
  const seconds = [];
  for (let i = 0; i < spec.timed; i++) {
    const begin = performance.now();
    losses.push((await run.step()).loss);
    seconds.push((performance.now() - begin) / 1000);
  }
  const peak = memoryOf("VmHWM");
  run.close();
  const product = world.size === 1 ? productSpeed() : null;
  const facts = { base, peak, sinceLoading, product, blas: loadedBlas() };
  if (world.rank === 0) writeFileSync(spec.result, JSON.stringify({ losses, seconds, ...facts }));
  return 0;
});

/** @param {import("@unmask/torch").World} world */
async function prepare(world) {
  const { folder, weights, adapter, seed, products, rows } = spec;
  const rank = adapter === null ? undefined : { rank: adapter.rank };
  const student = loadedStudent(folder, {
    ...{ device: "cpu", dtype: weights === "bfloat16" ? "auto" : weights, adapter: rank, seed, name: folder },
  });
  if (adapter !== null && !existsSync(adapter.folder)) await student.save(adapter.folder, student.parameters);
  const { learningRate, ...update } = spec.update;
  const trained = new Trained(student.parameters, { ...update, rate: () => learningRate }, world);
  const { method, source } = makeTask(spec);
  const job = {
    ...{ method, source, world, seed, products, batchSize: rows, microBatchSize: rows },
    networks: { student: student.network },
    trained: new Map([["student", trained]]),
  };
  const buckets = new RatioBuckets();
  let steps = 0;
  return {
    async step() {
      const { phases } = await takeStep(job, { step: steps++, progress: 0, buckets });
      return { loss: Number(phases[0]?.loss) };
    },
    close() {
      trained.dispose();
      student.dispose();
    },
  };
}

/** GFLOP/s of the step's largest product in a layer, [tokens, hidden] by [hidden, inner], in the products' dtype. */
function productSpeed() {
  const { tokens, hidden, inner } = spec.product;
  const run = (/** @type {import("@unmask/torch").Tensor[]} */ [left, right]) => {
    const begin = performance.now();
    scope(() => void matmul(/** @type {any} */ (left), /** @type {any} */ (right)));
    return (performance.now() - begin) / 1000;
  };
  return scope(() => {
    const sides = [ones([tokens, hidden]), ones([hidden, inner])].map((one) =>
      convert(one, spec.products, undefined),
    );
    run(sides);
    const seconds = median(Array.from({ length: 9 }, () => run(sides)));
    return (2 * tokens * hidden * inner) / seconds / 1e9;
  });
}
