// @ts-check
// `npm run bench -- train`: training steps beside the same in eager PyTorch, in turn, one process at a time.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bfloat16Flags, buildInfo, chooseThreads, emptyCache } from "@unmask/torch";
import { availableMemory } from "../../packages/unmask/dist/models/memory.js";
import { checkPeer } from "../lib/check-peer.mjs";
import { hardware } from "../lib/machine.mjs";
import { measureCase } from "../lib/measure.mjs";
import { chosenCases, positiveInteger, readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { defaultCache, namedCheckpoint } from "../models/checkpoints.mjs";
import { caseOf } from "./cases.mjs";
import { measureDistribution, processes } from "./distributed.mjs";
import { runPeer } from "./processes.mjs";
import { recordOf, table, withProcesses } from "./report.mjs";
import { parameterCount, sizes, small } from "./shapes.mjs";
import { targets } from "./targets.mjs";

/** @typedef {import("./cases.mjs").Subject} Subject */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const fixtures = here("../../packages/unmask/test/parity/fixtures");

const options = /** @type {const} */ ({
  only: { type: "string", multiple: true },
  threads: { type: "string" },
  pairs: { type: "string", default: "3" },
  seconds: { type: "string", default: "6" },
  cache: { type: "string", default: defaultCache },
  python: { type: "string", default: "/usr/bin/python3" },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- train [options]: training steps beside eager PyTorch from Python.
  --only TEXT    only cases whose name contains TEXT (100m-float32, lora, processes …); may be given several times
  --pairs N      processes of each side (default: 3)
  --seconds S    that the timed steps of a process are to take (default: 6; at least two steps are taken)
  --threads N    threads of an operator, on both sides (default: measured)
  --cache DIR    where the random checkpoints are made and kept (default: ~/.cache/unmask/bench-models; 3 GB)
  --python FILE  interpreter of the peer (default: /usr/bin/python3)
  --quick        small networks and few steps, to see that it runs: its figures mean nothing
  --save         also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (given.save && (given.quick || given.only)) {
    throw new UsageError("a kept result has every case; omit --save, or --quick and --only");
  }
  const pairs = given.quick ? 1 : (positiveInteger("pairs", given.pairs) ?? 3);
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  const seconds = positiveInteger("seconds", given.seconds) ?? 6;
  const bounds = given.quick ? { threads, seconds: 0, mostSteps: 2 } : { threads, seconds, mostSteps: 30 };
  const wanted = chosenCases(given.only, makeSubjects(given.quick));
  const scratch = temporaryFolder();
  const cache = given.quick ? scratch : given.cache;
  const peer = await peerFacts({ python: given.python, threads, scratch });
  if (peer !== undefined) {
    const recorded = { folder: fixtures, families: ["llada"], what: "logits" };
    checkPeer(here("../models/check_peer.py"), { ...recorded, python: given.python, say });
  }
  say(`${threads} thread(s), ${hardware().cpu}`);
  const results = [];
  const distributions = [];
  const skipped = [];
  for (const subject of wanted) {
    const { name, sizeName, size } = subject;
    const reason = tooLarge(subject);
    if (reason !== undefined) {
      skipped.push({ name, reason });
      continue;
    }
    mkdirSync(cache, { recursive: true });
    const network = { family: /** @type {const} */ ("llada"), shape: size.shape };
    const folder = namedCheckpoint(`train-${sizeName}-bfloat16`, network, { cache, dtype: "bfloat16", say });
    emptyCache();
    say(`… ${name}`);
    if (subject.several) {
      distributions.push(await measureDistribution(subject, { folder, scratch, pairs, bounds }));
      continue;
    }
    const {
      one,
      peer: other,
      ...measured
    } = caseOf(subject, { folder, scratch, python: given.python, bounds });
    const settings = { pairs, quick: given.quick, targets };
    results.push(withProcesses(await measureCase(one, peer && other, settings), measured));
  }
  const engine = { ...buildInfo(), threads };
  const record = recordOf({ results, distributions, skipped, engine, peer, quick: given.quick });
  say(table(record));
  if (given.save) say(`written to ${save(record)}`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/**
 * bfloat16 products only where the processor has them: elsewhere they are tens of times slower.
 * @param {boolean} quick
 * @returns {(Subject & { several: boolean })[]}
 */
function makeSubjects(quick) {
  /** @type {import("./cases.mjs").ProductDtype[]} */
  const dtypes = bfloat16Flags().length > 0 ? ["float32", "bfloat16"] : ["float32"];
  const names = /** @type {const} */ (["10m", "100m", "300m"]);
  const sizeOf = (/** @type {import("./shapes.mjs").SizeName} */ name) =>
    quick ? small(sizes[name]) : sizes[name];
  const full = names.flatMap((sizeName) =>
    dtypes.map((products) => ({
      ...{ name: `${sizeName}-${products}`, sizeName, size: sizeOf(sizeName), products },
      ...{ lora: false, several: false },
    })),
  );
  const lora = /** @type {const} */ ({ sizeName: "1b", size: sizeOf("1b"), lora: true, several: false });
  const products = dtypes.at(-1) ?? "float32";
  const several = full
    .filter(({ sizeName }) => sizeName !== "300m")
    .map((one) => ({ ...one, name: `${one.name}-${processes}-processes`, several: true }));
  return [...full, { ...lora, name: `1b-lora-${products}`, products }, ...several];
}

/**
 * Why a subject does not fit into what memory is free now: weights, gradients and two moments for each trained value, and
 * half as much again for activations; twice the weights and gradients in two processes.
 * @param {ReturnType<typeof makeSubjects>[number]} subject
 */
function tooLarge({ size, products, lora, several }) {
  const parameters = parameterCount(size.shape);
  const each = lora ? (products === "float32" ? 4 : 2) : several ? 24 : 16;
  const needed = 1.5 * each * parameters + 2 ** 30;
  const free = availableMemory();
  if (needed <= free) return undefined;
  const gib = (/** @type {number} */ bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `it needs about ${gib(needed)} of memory, and ${gib(free)} are free`;
}

/**
 * Which PyTorch the peer is; undefined and a sentence if there is none.
 * @param {{ python: string, threads: number, scratch: string }} given
 * @returns {Promise<import("../lib/peer.mjs").PeerFacts | undefined>}
 */
async function peerFacts({ python, threads, scratch }) {
  const remedy = "apt-get install python3-torch (or name another interpreter with --python)";
  const facts = await runPeer({ threads, result: join(scratch, "facts.json") }, python).catch((error) => ({
    missing: error.message,
  }));
  if (!("missing" in facts)) return /** @type {any} */ (facts);
  say(`No peer, so no ratios: ${python}: ${facts.missing}; ${remedy}.`);
  return undefined;
}

/** A folder that goes when the process ends, Ctrl-C included. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "unmask-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  process.on("SIGINT", () => process.exit(130));
  process.on("SIGTERM", () => process.exit(143));
  return folder;
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
