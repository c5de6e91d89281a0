// @ts-check
// `npm run bench -- serve-load`: many clients at once, a third of whom go away at a random moment, against the real
// server over a small random model. What must hold: no answer but 200 and 429, every whole answer the same as when it
// was asked for alone, and afterwards nothing left in the engine and no memory grown.

import { setTimeout as pause } from "node:timers/promises";
import { commit, hardware } from "../lib/machine.mjs";
import { oneOf, positiveInteger, readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";
import { agent, ask } from "./client.mjs";
import { talkingModel } from "./model.mjs";
import { requestsOf } from "./requests.mjs";
import { startServer } from "./server.mjs";

const options = /** @type {const} */ ({
  clients: { type: "string", default: "200" },
  seconds: { type: "string", default: "120" },
  family: { type: "string", default: "sdar" },
  requests: { type: "string", default: "40" },
  queue: { type: "string", default: "100" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- serve-load [options]: the server under many clients, a third of whom go away.
  --clients N   at once (200)
  --seconds N   of load (120)
  --family NAME sdar or llada (sdar)
  --requests N  different ones, each asked for alone first (40)
  --queue N     requests that may wait in the server (100): the others are told 429
  --save        also write the result to benchmarks/results
`;

/** @typedef {import("./client.mjs").Outcome} Outcome */

const say = (/** @type {string} */ text) => void process.stderr.write(`${text}\n`);

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  const family = oneOf("family", given.family, /** @type {const} */ (["sdar", "llada"])) ?? "sdar";
  const clients = positiveInteger("clients", given.clients) ?? 0;
  const seconds = positiveInteger("seconds", given.seconds) ?? 0;
  const queue = positiveInteger("queue", given.queue) ?? 0;
  const asked = requestsOf(family, positiveInteger("requests", given.requests) ?? 0);
  const server = await startServer(await talkingModel(family, say), ["--max-queue", String(queue)]);
  say(`${asked.length} requests alone …`);
  const alone = await askAlone(server.base, asked);
  const before = await settled(server);
  say(`${clients} clients for ${seconds} s …`);
  const load = new Load({ server, asked, alone });
  await load.run(clients, seconds);
  const after = await settled(server);
  agent.destroy();
  const exitCode = await server.stop();
  const record = {
    ...{ bench: "serve-load", date: new Date().toISOString(), ...commit(), hardware: hardware() },
    ...{ family, clients, seconds, queue, requests: asked.length },
    ...load.result,
    left: left(before, after),
    exitCode,
  };
  report(record);
  if (given.save) say(`saved ${save(record)}`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
  if (!isRight(record)) process.exitCode = 1;
}

/**
 * The answers that are right.
 * @param {URL} base
 * @param {import("./requests.mjs").Asked[]} asked
 */
async function askAlone(base, asked) {
  const answers = [];
  for (const one of asked) {
    const { texts, status, problem } = await ask(base, one, { stream: false });
    if (status !== 200) throw new Error(`${one.name} alone: ${status} ${problem}`);
    answers.push(texts);
  }
  return answers;
}

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

/**
 * The metrics when nothing runs any more.
 * @param {Server} server
 */
async function settled(server) {
  // Connections of ours that are kept would count as the server's handles.
  agent.destroy();
  for (let i = 0; i < 100; i++) {
    const metrics = await server.metrics();
    const busy = ["waiting", "running"].map(
      (state) => metrics.get(`unmask_engine_requests{state="${state}"}`) ?? 0,
    );
    if (busy.every((one) => one === 0)) break;
    await pause(100);
  }
  // Node frees what belonged to closed connections a little later.
  await pause(3000);
  return server.metrics();
}

/**
 * @param {Map<string, number>} before
 * @param {Map<string, number>} after
 */
function left(before, after) {
  const names = {
    waiting: 'unmask_engine_requests{state="waiting"}',
    running: 'unmask_engine_requests{state="running"}',
    sequences: "unmask_engine_sequences",
    reservedBytes: "unmask_engine_reserved_bytes",
    tensors: "unmask_engine_live_tensors",
    openAnswers: "unmask_http_open",
    handles: "nodejs_active_handles_total",
    resources: "nodejs_active_resources_total",
  };
  const pairs = Object.entries(names).map(([key, name]) => [
    key,
    [before.get(name) ?? 0, after.get(name) ?? 0],
  ]);
  return /** @type {Record<string, [number, number]>} */ (Object.fromEntries(pairs));
}

class Load {
  /** @param {{ server: Server, asked: import("./requests.mjs").Asked[], alone: string[][] }} options */
  constructor({ server, asked, alone }) {
    this.server = server;
    this.asked = asked;
    this.alone = alone;
    this.counts = { whole: 0, refused: 0, dropped: 0, wrong: 0, failed: 0 };
    /** @type {string[]} */
    this.problems = [];
    /** @type {number[]} */
    this.firsts = [];
    /** @type {{ second: number, rss: number, heap: number }[]} */
    this.memory = [];
  }

  /**
   * @param {number} clients
   * @param {number} seconds
   */
  async run(clients, seconds) {
    const began = performance.now();
    const isOver = () => performance.now() - began > 1000 * seconds;
    const watching = this.watch(began, isOver);
    await Promise.all(Array.from({ length: clients }, () => this.client(isOver)));
    await watching;
  }

  /** @param {() => boolean} isOver */
  async client(isOver) {
    while (!isOver()) {
      const index = Math.floor(Math.random() * this.asked.length);
      const dropAfter = Math.random() < 1 / 3 ? Math.random() ** 2 * 3000 : undefined;
      const stream = Math.random() < 0.5;
      const one = /** @type {import("./requests.mjs").Asked} */ (this.asked[index]);
      const outcome = await ask(this.server.base, one, { stream, dropAfter });
      this.note(index, outcome);
      if (outcome.status === 429) await pause(1000 * (outcome.retryAfter ?? 1) * Math.random());
    }
  }

  /**
   * @param {number} index
   * @param {Outcome} outcome
   */
  note(index, outcome) {
    const { dropped, problem, status, texts, first } = outcome;
    if (problem !== undefined) {
      this.counts.failed++;
      this.problems.push(`${this.asked[index]?.name}: ${status} ${problem}`);
    } else if (dropped) this.counts.dropped++;
    else if (status === 429) this.counts.refused++;
    else if (JSON.stringify(texts) === JSON.stringify(this.alone[index])) {
      this.counts.whole++;
      this.firsts.push(first);
    } else {
      this.counts.wrong++;
      const told = JSON.stringify({ alone: this.alone[index], now: texts });
      this.problems.push(`${this.asked[index]?.name}: ${told.slice(0, 600)}`);
    }
  }

  /**
   * The server's memory, every five seconds.
   * @param {number} began
   * @param {() => boolean} isOver
   */
  async watch(began, isOver) {
    while (!isOver()) {
      const metrics = await this.server.metrics();
      this.memory.push({
        second: Math.round((performance.now() - began) / 1000),
        rss: metrics.get("process_resident_memory_bytes") ?? 0,
        heap: metrics.get("nodejs_heap_size_used_bytes") ?? 0,
      });
      await pause(5000);
    }
  }

  get result() {
    const { counts, problems, memory } = this;
    const sorted = this.firsts.toSorted((a, b) => a - b);
    const at = (/** @type {number} */ share) =>
      Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
    const firstByte = { median: at(0.5), p95: at(0.95), most: at(1) };
    return { counts, firstByte, problems: problems.slice(0, 20), memory, growth: growthOf(memory) };
  }
}

/**
 * Of the resident set, from its mean in the second quarter of the time to that in the last; null where there are too
 * few samples to tell.
 * @param {{ rss: number }[]} memory
 */
function growthOf(memory) {
  const quarter = Math.floor(memory.length / 4);
  if (quarter < 2) return null;
  const mean = (/** @type {{ rss: number }[]} */ part) =>
    part.reduce((sum, { rss }) => sum + rss, 0) / part.length;
  return mean(memory.slice(-quarter)) / mean(memory.slice(quarter, 2 * quarter)) - 1;
}

/** Growth of the resident set that counts as none: the garbage collector's swing. */
const flat = 0.1;

/** @param {any} record */
function isRight({ counts, left, growth, exitCode }) {
  const nothing = ["waiting", "running", "sequences", "reservedBytes"].every((name) => left[name][1] === 0);
  const same = ["tensors", "openAnswers", "handles", "resources"].every(
    (name) => left[name][1] <= left[name][0],
  );
  return (
    counts.failed === 0 && counts.wrong === 0 && nothing && same && (growth ?? 0) <= flat && exitCode === 0
  );
}

/** @param {any} record */
function report(record) {
  const { counts, problems, left, growth, firstByte, exitCode } = record;
  say(`answers: ${JSON.stringify(counts)}`);
  say(`milliseconds to the first byte: ${JSON.stringify(firstByte)}`);
  say(`before and after: ${JSON.stringify(left)}`);
  say(`memory grew by ${growth === null ? "?" : (100 * growth).toFixed(1)} %, exit code ${exitCode}`);
  for (const one of problems) say(`problem: ${one}`);
  say(isRight(record) ? "all as it must be" : "not as it must be");
}
