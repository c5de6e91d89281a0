// @ts-check
// `npm run bench -- methods`: distilled students beside their teacher, all methods on one ground, several seeds, with
// intervals. Every stage is a verb of the command line; what is done is not done again.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildInfo } from "@unmask/torch";
import { folderName, sweepVariants } from "../../packages/unmask/dist/evaluate/run/sweep.js";
import { hardware } from "../lib/machine.mjs";
import { positiveInteger, readOptions } from "../lib/options.mjs";
import { aligned, save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { knownTexts, readPoint, summarise } from "./collect.mjs";
import { grounds } from "./grounds.mjs";
import { makeData, runStage } from "./stage.mjs";

/** @typedef {import("./grounds.mjs").Config} Config */
/** @typedef {import("./grounds.mjs").Ground} Ground */

const options = /** @type {const} */ ({
  ground: { type: "string" },
  folder: { type: "string", default: "runs/methods" },
  only: { type: "string", multiple: true },
  seeds: { type: "string", default: "3" },
  prompts: { type: "string", default: "4000" },
  minutes: { type: "string" },
  threads: { type: "string", default: "1" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- methods --ground NAME [options]: students beside their teacher.
  --ground NAME  ${Object.keys(grounds).join(", ")}
  --folder DIR   where everything is kept (default: runs/methods); the same command goes on where it was
  --only NAME    only these methods; may be given several times
  --seeds N      students of each method (default: 3)
  --prompts N    prompts, or texts, a point (default: 4000)
  --minutes M    of training for each network, instead of the ground's own
  --threads N    threads of an operator (default: 1)
  --save         also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  const ground = grounds[given.ground ?? ""];
  if (ground === undefined) throw new UsageError(`--ground is one of ${Object.keys(grounds).join(", ")}`);
  const seeds = positiveInteger("seeds", given.seeds) ?? 3;
  const prompts = positiveInteger("prompts", given.prompts) ?? 4000;
  const threads = positiveInteger("threads", given.threads) ?? 1;
  const minutes = given.minutes === undefined ? undefined : Number(given.minutes);
  const folder = resolve(given.folder, given.ground ?? "");
  mkdirSync(folder, { recursive: true });
  const wanted = Object.keys(ground.methods).filter((name) => given.only?.includes(name) ?? true);
  const run = new Run(ground, { folder, prompts, threads, minutes });
  run.prepare();
  const measured = [{ name: "teacher", models: [run.measure("teacher", run.teacher)] }];
  for (const name of wanted) {
    const models = Array.from({ length: seeds }, (_, seed) => run.student(name, seed));
    measured.push({ name, models });
  }
  const rows = await collect(ground, { folder, measured });
  process.stderr.write(`${table(ground, rows).join("\n")}\n`);
  const record = {
    ...{ bench: `methods-${given.ground}`, date: new Date().toISOString(), hardware: hardware() },
    ...{ ours: { libtorch: buildInfo().version, threads }, about: ground.about, prompts, seeds },
    ...{ configurations: ground, seconds: run.seconds, updates: run.steps, rows },
  };
  if (given.save) process.stderr.write(`written to ${save(record)}\n`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** The stages of one ground. */
class Run {
  /** @type {Record<string, number>} */
  seconds = {};
  /** Updates of every trained network: equal time is not equal work where other programs share the processor. */
  /** @type {Record<string, number>} */
  steps = {};
  teacher = "";

  /**
   * @param {Ground} ground
   * @param {{ folder: string, prompts: number, threads: number, minutes: number | undefined }} where
   */
  constructor(ground, where) {
    this.ground = ground;
    this.where = where;
  }

  /** Data, teacher, trajectories. */
  prepare() {
    const { data, teacher, rollout } = this.ground;
    for (const one of data) makeData(this.where.folder, one);
    this.teacher = this.stage("teacher", "train", this.trained(this.inFolder(teacher)), ["--resume"]);
    if (rollout === undefined) return;
    this.rollout = this.stage("rollout", "rollout", { ...this.inFolder(rollout), model: this.teacher });
  }

  /**
   * The folder of a trained and measured student.
   * @param {string} method
   * @param {number} seed
   */
  student(method, seed) {
    const name = `${method.replaceAll(/[^a-z0-9]+/g, "-")}-${seed}`;
    const { threads } = this.where;
    const config = this.trained(this.inFolder(this.ground.methods[method] ?? {}));
    const learns =
      this.rollout === undefined || "data" in config ? {} : { trajectories: { path: this.rollout } };
    const whole = { ...config, ...learns, model: { path: this.teacher }, seed, threads };
    return this.measure(name, this.stage(name, "distill", whole, ["--resume"]));
  }

  /**
   * @param {string} name
   * @param {string} model
   */
  measure(name, model) {
    const { task, curves } = this.ground.measure;
    const { prompts: limit, threads } = this.where;
    const config = { model, tasks: [this.inFolder(task)], limit, batch_size: 64, threads, sweep: curves };
    return this.stage(`${name}-measured`, "sweep", config, ["--resume"]);
  }

  /**
   * @param {string} name
   * @param {string} verb
   * @param {Config} config
   * @param {string[]} [resumes]
   */
  stage(name, verb, config, resumes = []) {
    const { out, seconds } = runStage(this.where.folder, { name, verb, config, resumes });
    this.seconds[name] = seconds;
    const metrics = join(out, "metrics.jsonl");
    if (existsSync(metrics)) this.steps[name] = lastStep(metrics);
    return out;
  }

  /** @param {Config} config */
  trained(config) {
    const { minutes, threads } = this.where;
    const train = /** @type {Config} */ (config.train);
    return { ...config, train: { ...train, ...(minutes === undefined ? {} : { minutes }) }, threads };
  }

  /**
   * Data files by their whole paths.
   * @param {Config} config
   * @returns {Config}
   */
  inFolder(config) {
    const { data } = config;
    if (typeof data === "string") return { ...config, data: join(this.where.folder, data) };
    if (typeof data !== "object" || data === null) return config;
    const { path } = /** @type {{ path: string }} */ (data);
    return { ...config, data: { ...data, path: join(this.where.folder, path) } };
  }
}

/** @param {string} file metrics of a training run */
function lastStep(file) {
  const [last = "{}"] = readFileSync(file, "utf8").trimEnd().split("\n").slice(-1);
  return /** @type {number} */ (JSON.parse(last).step);
}

/**
 * @param {Ground} ground
 * @param {{ folder: string, measured: { name: string, models: string[] }[] }} what
 */
async function collect({ measure, data, free }, { folder, measured }) {
  const known = knownTexts(join(folder, data[0]?.file ?? ""));
  const metric = free === true ? "valid,none" : "faithful,none";
  const variants = sweepVariants(/** @type {any} */ ({ sweep: measure.curves, decoder_options: {} }));
  const rows = [];
  for (const { label, method: curve, option, value } of variants) {
    for (const { name, models } of measured) {
      const points = [];
      for (const one of models) points.push(await readPoint(join(one, folderName(label)), metric));
      rows.push({ method: name, curve, option, value, metric, ...summarise(points, known) });
    }
  }
  return rows;
}

/**
 * @param {Ground} ground
 * @param {Awaited<ReturnType<typeof collect>>} rows
 */
function table({ free }, rows) {
  const per = (/** @type {number} */ share) => (100 * share).toFixed(1);
  const head = [
    "point",
    "method",
    "%",
    "95 %",
    "by seed",
    free ? "NLL" : "answer %",
    "tokens/forward",
    "forwards",
  ];
  const lines = rows.map((row) => [
    ...[`${row.curve} ${row.option}=${row.value}`, row.method, per(row.score)],
    ...[`${per(row.low)}–${per(row.high)}`, row.by_seed.map(per).join(" ")],
    free ? (row.nll?.toFixed(3) ?? "") : row.answer === null ? "" : per(row.answer),
    ...[row.tokens_per_forward.toFixed(2), row.forwards_per_text.toFixed(1)],
    ...(free ? [`distinct ${per(row.distinct)}`, `entropy ${row.entropy.toFixed(3)}`] : []),
    ...(free && row.novelty !== null ? [`new ${per(row.novelty)}`] : []),
  ]);
  return aligned([[...head, ...(free ? ["", "", ""] : [])], ...lines], [2, 6, 7]);
}
