// @ts-check
// `npm run bench -- decode`: whole texts by our decoders beside the published algorithms in eager PyTorch, in turn, in
// one run.

import { fileURLToPath } from "node:url";
import { buildInfo, chooseThreads, emptyCache, measureProduct, setThreads } from "@unmask/torch";
import { checkPeer } from "../lib/check-peer.mjs";
import { hardware } from "../lib/machine.mjs";
import { measureCase } from "../lib/measure.mjs";
import { chosenCases, positiveInteger, readOptions } from "../lib/options.mjs";
import { startPeer } from "../lib/peer.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { checkpoint, defaultCache } from "../models/checkpoints.mjs";
import { shapes } from "../models/shapes.mjs";
import { caseOf, kinds, spread } from "./cases.mjs";
import { loadOurs } from "./ours.mjs";
import { recordOf, table } from "./report.mjs";
import { targets } from "./targets.mjs";

/**
 * @typedef {Awaited<ReturnType<typeof startPeer>>} PeerOrNone
 * @typedef {ReturnType<typeof readOptions<typeof options>>} Given
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const fixtures = here("../../packages/unmask/test/parity/fixtures");
/** network.py and checkpoint.py. */
const modules = [here("../models")];
const size = "0.1b";

const options = /** @type {const} */ ({
  only: { type: "string", multiple: true },
  threads: { type: "string" },
  pairs: { type: "string" },
  cache: { type: "string", default: defaultCache },
  fixtures: { type: "string", default: fixtures },
  python: { type: "string", default: "/usr/bin/python3" },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- decode [options]: decoders beside the published algorithms in eager PyTorch.
  --only TEXT     only cases whose name contains TEXT; may be given several times
  --threads N     threads of an operator, on both sides (default: measured)
  --pairs N       measurements of each side (default: 3)
  --cache DIR     where the random checkpoints are made and kept (default: ~/.cache/unmask/bench-models)
  --fixtures DIR  recorded decoding that the Python side must reproduce first (default: those of the tests)
  --python FILE   interpreter of the peer (default: /usr/bin/python3)
  --quick         short texts and one repetition, to see that it runs: its figures mean nothing
  --save          also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (given.save && (given.quick || given.only)) {
    throw new UsageError("a kept result has every case; omit --save, or --quick and --only");
  }
  const wanted = chosenCases(given.only, kinds);
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  setThreads(threads);
  measureProduct("float32", 64, 1);
  const peer = await startPeer(here("peer.py"), { python: given.python, threads, modules, say });
  try {
    if (peer !== undefined) {
      const recorded = { folder: given.fixtures, families: ["llada", "d3llm", "sdar"], what: "decoding" };
      checkPeer(here("check_decoders.py"), { ...recorded, python: given.python, modules, say });
    }
    say(`${threads} thread(s), ${hardware().cpu}`);
    const results = [];
    for (const family of /** @type {const} */ (["llada", "sdar"])) {
      const own = wanted.filter((kind) => kind.family === family);
      if (own.length > 0) results.push(...(await measureFamily(family, own, { peer, given })));
    }
    const engine = { ...buildInfo(), threads };
    const record = recordOf({ results, engine, peer: peer?.facts, quick: given.quick });
    say(table(record));
    if (given.save) say(`written to ${save(record)}`);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } finally {
    peer?.stop();
  }
}

/**
 * The cases of one network, loaded once on both sides.
 * @param {"llada" | "sdar"} family
 * @param {import("./cases.mjs").Kind[]} wanted
 * @param {{ peer: PeerOrNone, given: Given }} options
 */
async function measureFamily(family, wanted, { peer, given }) {
  const folder = checkpoint(family, size, { cache: given.cache, dtype: "bfloat16", spread, say });
  const { vocabulary: vocabularySize } = shapes[family][size];
  await peer?.ask({ do: "load", folder });
  const ours = loadOurs(folder);
  const { maskId } = ours;
  const { quick } = given;
  try {
    const results = [];
    for (const kind of wanted) {
      /** @type {Awaited<ReturnType<typeof ours.open>> | undefined} */
      let opened;
      const open = async (/** @type {import("./ours.mjs").Work} */ work) => (opened = await ours.open(work));
      const one = caseOf(kind, { maskId, vocabularySize, quick, open });
      say(`… ${one.title}`);
      const pairs = positiveInteger("pairs", given.pairs);
      const result = await measureCase(one, peer, { pairs, quick, targets });
      if (opened === undefined) throw new Error("the case was not opened");
      results.push({ ...result, ...countsOf(one.newTokens, { steps: opened.steps(), result, quick }) });
    }
    return results;
  } finally {
    ours.close();
    emptyCache();
  }
}

/**
 * @param {number} newTokens
 * @param {{ steps: import("./ours.mjs").StepTimes, result: import("../lib/measure.mjs").Result, quick: boolean }} measured
 * @returns {import("./report.mjs").Counts}
 */
function countsOf(newTokens, { steps, result, quick }) {
  const count = (/** @type {unknown} */ value) => (typeof value === "number" ? value : null);
  const peerForwards = count(result.peerFacts.forwards);
  return {
    newTokens,
    steps,
    tokensPerForward: newTokens / steps.forwards,
    peerForwards,
    peerFed: count(result.peerFacts.fed),
    peerTokensPerForward: peerForwards === null ? null : newTokens / peerForwards,
    overheadMet: quick ? null : steps.overhead <= targets.overhead,
  };
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
