// @ts-check
// `npm run bench -- methods`: distilled students beside their teacher, all methods on one ground, several seeds, with
// intervals. Every stage is a verb of the command line; what is done is not done again.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildInfo } from "@unmask/torch";
import { folderName, sweepVariants } from "../../packages/unmask/dist/evaluate/run/sweep.js";
import { commit, hardware } from "../lib/machine.mjs";
import { positiveInteger, readOptions } from "../lib/options.mjs";
import { aligned, save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { knownTexts, readPoint, summarise } from "./collect.mjs";
import { grounds } from "./grounds.mjs";
import { makeData, runStage } from "./stage.mjs";
import { TextJudge } from "./text-judge.mjs";

/** @typedef {import("./grounds.mjs").Config} Config */
/** @typedef {import("./grounds.mjs").Ground} Ground */

const options = /** @type {const} */ ({
  ground: { type: "string" },
  folder: { type: "string", default: "runs/methods" },
  text: { type: "string" },
  only: { type: "string", multiple: true },
  seeds: { type: "string", default: "3" },
  prompts: { type: "string", default: "4000" },
  minutes: { type: "string" },
  threads: { type: "string", default: "1" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const textGrounds = Object.keys(grounds).filter((name) => grounds[name]?.text);

const help = `npm run bench -- methods --ground NAME [options]: students beside their teacher.
  --ground NAME  ${Object.keys(grounds).join(", ")}
  --folder DIR   where everything is kept (default: runs/methods); the same command goes on where it was
  --text FILE    what ${textGrounds.join(", ")} learn${textGrounds.length === 1 ? "s" : ""} from: UTF-8, a megabyte or so
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
  if (ground.text) takeText(given.text, folder);
  const wanted = Object.keys(ground.methods).filter((name) => given.only?.includes(name) ?? true);
  const run = new Run(ground, { folder, prompts, threads, minutes });
  run.prepare();
  const measured = [{ name: "teacher", models: [run.measure("teacher", run.teacher)] }];
  if (run.untuned !== undefined) {
    measured.push({ name: "untuned", models: [run.measure("untuned", run.untuned)] });
  }
  for (const name of wanted) {
    const models = Array.from({ length: seeds }, (_, seed) => run.student(name, seed));
    measured.push({ name, models });
  }
  const judge = run.judge === undefined ? undefined : await TextJudge.load(run.judge, threads);
  const { curves, alone = [] } = ground.measure;
  const rows = await collect(ground, curves, { folder, measured, judge });
  if (alone.length > 0) {
    const models = [run.measureAlone(alone)];
    const teacher = { folder, measured: [{ name: "teacher", models }], judge };
    rows.push(...(await collect(ground, alone, teacher)));
  }
  process.stderr.write(`${table(rows).join("\n")}\n`);
  const record = {
    ...{
      bench: `methods-${given.ground}`,
      date: new Date().toISOString(),
      ...commit(),
      hardware: hardware(),
    },
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
  /** The teacher before it was tuned. */
  /** @type {string | undefined} */
  untuned;
  /** @type {string | undefined} */
  judge;

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
    const { judge } = this.ground;
    if (judge !== undefined) {
      this.judge = this.stage("judge", "train", this.trained(this.inFolder(judge)), ["--resume"]);
    }
    if (rollout === undefined) return;
    const recorded = this.inFolder(rollout);
    this.rollout = this.stage("rollout", "rollout", { ...recorded, model: this.teacher });
    const { tuned } = this.ground;
    if (tuned === undefined) return;
    this.untuned = this.teacher;
    this.teacher = this.stage("tuned", "distill", this.learner(tuned, 0), ["--resume"]);
    this.rollout = this.stage("tuned-rollout", "rollout", { ...recorded, model: this.teacher });
  }

  /**
   * The folder of a trained and measured student.
   * @param {string} method
   * @param {number} seed
   */
  student(method, seed) {
    const name = `${method.replaceAll(/[^a-z0-9]+/g, "-")}-${seed}`;
    const whole = this.learner(this.ground.methods[method] ?? {}, seed);
    return this.measure(name, this.stage(name, "distill", whole, ["--resume"]));
  }

  /**
   * @param {Config} given of `unmask distill`
   * @param {number} seed
   */
  learner(given, seed) {
    const { threads } = this.where;
    const config = this.trained(this.inFolder(given));
    const learns =
      this.rollout === undefined || "data" in config ? {} : { trajectories: { path: this.rollout } };
    return { ...config, ...learns, model: { path: this.teacher }, seed, threads };
  }

  /**
   * @param {string} name
   * @param {string} model
   * @param {Config[]} [curves]
   * @param {number} [limit]
   */
  measure(name, model, curves = this.ground.measure.curves, limit = this.where.prompts) {
    const { task } = this.ground.measure;
    const { threads } = this.where;
    const config = { model, tasks: [this.inFolder(task)], limit, batch_size: 64, threads, sweep: curves };
    return this.stage(`${name}-measured`, "sweep", config, ["--resume"]);
  }

  /**
   * The teacher where it takes many forwards: fewer texts, for each costs as much as all others.
   * @param {Config[]} curves
   */
  measureAlone(curves) {
    return this.measure("teacher-alone", this.teacher, curves, Math.min(256, this.where.prompts));
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
 * A copy of the text: a changed file is another ground.
 * @param {string | undefined} file
 * @param {string} folder
 */
function takeText(file, folder) {
  const own = join(folder, "text.txt");
  if (file === undefined) {
    if (existsSync(own)) return;
    throw new UsageError("this ground learns from a text of yours; give --text FILE");
  }
  if (!existsSync(file)) throw new UsageError(`--text: ${file} does not exist`);
  const text = readFileSync(file);
  if (existsSync(own) && !readFileSync(own).equals(text)) {
    throw new UsageError(`${folder} has learnt from another text; give another --folder`);
  }
  writeFileSync(own, text);
}

/**
 * @param {Ground} ground
 * @param {Config[]} curves
 * @param {{ folder: string, measured: { name: string, models: string[] }[], judge: TextJudge | undefined }} what
 */
async function collect({ data }, curves, { folder, measured, judge }) {
  const known = data[0] === undefined ? undefined : knownTexts(join(folder, data[0].file));
  const variants = sweepVariants(/** @type {any} */ ({ sweep: curves, decoder_options: {} }));
  const rows = [];
  for (const { label, method: curve, option, value } of variants) {
    for (const { name, models } of measured) {
      const points = [];
      for (const one of models) points.push(await readPoint(join(one, folderName(label)), judge));
      const metric = judge === undefined ? "faithful" : "nats a token";
      rows.push({ method: name, curve, option, value, metric, ...summarise(points, known) });
    }
  }
  return rows;
}

/** @param {Awaited<ReturnType<typeof collect>>} rows */
function table(rows) {
  const judged = rows[0]?.token_entropy !== null;
  const number = (/** @type {number} */ value) => (judged ? value.toFixed(3) : (100 * value).toFixed(1));
  const head = ["point", "method", judged ? "nats" : "%", "95 %", "by seed"];
  const beside = judged ? ["entropy", "of words", "distinct %"] : ["answer %"];
  const lines = rows.map((row) => [
    ...[`${row.curve} ${row.option}=${row.value}`, row.method, number(row.score)],
    ...[`${number(row.low)}–${number(row.high)}`, row.by_seed.map(number).join(" ")],
    ...(row.token_entropy === null
      ? [row.answer === null ? "" : number(row.answer)]
      : [row.token_entropy.toFixed(3), row.entropy.toFixed(3), (100 * row.distinct).toFixed(1)]),
    ...[row.tokens_per_forward.toFixed(2), row.forwards_per_text.toFixed(1)],
  ]);
  return aligned([[...head, ...beside, "tokens/forward", "forwards"], ...lines], [2, 6, 7]);
}
