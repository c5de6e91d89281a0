// @ts-check
// `npm run bench -- models`: LLaDA, Dream and SDAR beside the same networks in eager PyTorch, in turn, in one run.

import { fileURLToPath } from "node:url";
import { buildInfo, chooseThreads, emptyCache, measureProduct, setThreads } from "@unmask/torch";
import { checkPeer } from "../lib/check-peer.mjs";
import { hardware } from "../lib/machine.mjs";
import { measureCase } from "../lib/measure.mjs";
import { chosenCases, positiveInteger, readOptions, someOf } from "../lib/options.mjs";
import { startPeer } from "../lib/peer.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { caseOf, kinds, randomIds } from "./cases.mjs";
import { checkpoint, defaultCache } from "./checkpoints.mjs";
import { measureLoad } from "./load.mjs";
import { loadOurs, productsFor } from "./ours.mjs";
import { recordOf, table } from "./report.mjs";
import { families, shapes, sizes } from "./shapes.mjs";
import { targets } from "./targets.mjs";

/**
 * @typedef {object} Group
 * @property {string} name
 * @property {import("./shapes.mjs").FamilyName} family
 * @property {import("./shapes.mjs").SizeName} size
 * @property {import("./checkpoints.mjs").Dtype} dtype
 *
 * @typedef {Awaited<ReturnType<typeof startPeer>>} PeerOrNone
 * @typedef {ReturnType<typeof readOptions<typeof options>>} Given
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const dtypes = /** @type {const} */ (["float32", "bfloat16"]);
const fixtures = here("../../packages/unmask/test/parity/fixtures");
/** Files hold bfloat16, as the published ones do, whatever they are loaded as. */
const stored = "bfloat16";
const probeLength = 16;
/** Seconds that a forward may take before the sequences are made shorter. */
const patience = 8;

const options = /** @type {const} */ ({
  family: { type: "string" },
  size: { type: "string", default: "0.1b" },
  dtype: { type: "string" },
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

const help = `npm run bench -- models [options]: LLaDA, Dream and SDAR beside eager PyTorch from Python.
  --family F,…    ${families.join(", ")} (default: all)
  --size S,…      ${sizes.join(", ")} (default: 0.1b); 1b needs 2 GB of disk a family and 10 GB of memory
  --dtype D,…     ${dtypes.join(", ")}: of the weights in memory (default: both)
  --only TEXT     only cases whose name contains TEXT, "load" for one; may be given several times
  --threads N     threads of an operator, on both sides (default: measured)
  --pairs N       measurements of each side (default: 15, 7 where a repetition is slow)
  --cache DIR     where the random checkpoints are made and kept (default: ~/.cache/unmask/bench-models)
  --fixtures DIR  recorded logits that the Python side must reproduce first (default: those of the tests)
  --python FILE   interpreter of the peer (default: /usr/bin/python3)
  --quick         short sequences and few repetitions, to see that it runs: its figures mean nothing
  --save          also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) {
    process.stderr.write(help);
    return;
  }
  if (given.save && (given.quick || given.only || given.family || given.dtype)) {
    throw new UsageError(
      "a kept result has every case; omit --save, or --quick, --only, --family and --dtype",
    );
  }
  const plan = makePlan(given);
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  setThreads(threads);
  measureProduct("float32", 64, 1);
  const peer = await startPeer(here("peer.py"), { python: given.python, threads, say });
  try {
    if (peer !== undefined) {
      const recorded = { folder: given.fixtures, families: ["llada", "dream", "sdar"], what: "logits" };
      checkPeer(here("check_peer.py"), { ...recorded, python: given.python, say });
    }
    say(`${threads} thread(s), ${hardware().cpu}`);
    /** @type {import("./report.mjs").ModelResult[]} */
    const results = [];
    /** @type {import("./load.mjs").LoadResult[]} */
    const loads = [];
    for (const { group, wanted } of plan.groups) {
      results.push(...(await measureGroup(group, wanted, { peer, given })));
    }
    for (const { family, size, name } of plan.loads) {
      say(`… ${name}`);
      const folder = checkpoint(family, size, { cache: given.cache, dtype: stored, say });
      loads.push(measureLoad(folder, { name, threads, quick: given.quick }));
    }
    const engine = { ...buildInfo(), threads };
    const record = recordOf({ results, loads, engine, peer: peer?.facts, quick: given.quick });
    say(table(record));
    if (given.save) say(`written to ${save(record)}`);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } finally {
    peer?.stop();
  }
}

/**
 * The groups and loads to measure, and which cases of each group.
 * @param {Given} given
 */
function makePlan(given) {
  const chosen = {
    families: someOf("family", given.family, families),
    sizes: someOf("size", given.size, sizes),
    dtypes: someOf("dtype", given.dtype, dtypes),
  };
  const models = chosen.families.flatMap((family) => chosen.sizes.map((size) => ({ family, size })));
  const groups = models.flatMap(({ family, size }) =>
    chosen.dtypes.map((dtype) => ({ family, size, dtype, name: `${family}-${size}-${dtype}` })),
  );
  const loads = models.map(({ family, size }) => ({ family, size, name: `${family}-${size}-load` }));
  const names = groups.flatMap(({ name }) => kinds.map((kind) => ({ name: `${name}-${kind.name}` })));
  const wanted = new Set(chosenCases(given.only, [...names, ...loads]).map(({ name }) => name));
  return {
    groups: groups
      .map((group) => ({ group, wanted: kinds.filter((kind) => wanted.has(`${group.name}-${kind.name}`)) }))
      .filter((one) => one.wanted.length > 0),
    loads: loads.filter(({ name }) => wanted.has(name)),
  };
}

/**
 * The cases of one checkpoint in one dtype, loaded once on both sides.
 * @param {Group} group
 * @param {import("./cases.mjs").Kind[]} wanted
 * @param {{ peer: PeerOrNone, given: Given }} options
 */
async function measureGroup({ name, family, size, dtype }, wanted, { peer, given }) {
  const folder = checkpoint(family, size, { cache: given.cache, dtype: stored, say });
  const { vocabulary: vocabularySize } = shapes[family][size];
  const probe = randomIds(1, probeLength, { vocabularySize, sequence: 300 });
  const theirs = await peer?.load({ folder, dtypes: dtype === "float32" ? [dtype] : [...dtypes], probe });
  const products = productsFor(dtype);
  const ours = loadOurs(folder, { dtype, products });
  try {
    const probed = Math.max(theirs?.seconds[theirs.dtype] ?? 0, secondsOf(ours.open({ ids: probe })));
    const shorter = given.quick ? 8 : shortening(probed);
    if (shorter > 1)
      say(`  ${name}: sequences ${shorter} times shorter${given.quick ? "" : ", it is slow here"}`);
    const exact = products === "float32" && (theirs === undefined || theirs.dtype === "float32");
    const tolerance = exact ? 1e-4 : 5e-2;
    const results = [];
    for (const kind of wanted) {
      const one = caseOf(kind, { name, shorter, tolerance, vocabularySize, open: ours.open });
      say(`… ${one.title}`);
      const pairs = positiveInteger("pairs", given.pairs);
      const result = await measureCase(one, peer, { pairs, quick: given.quick, targets });
      results.push({ ...result, peerFacts: theirs ?? {}, products, shorter });
    }
    return results;
  } finally {
    ours.close();
    emptyCache();
  }
}

/**
 * Seconds of a forward; the first one, which may be slower, was made when it was opened.
 * @param {{ run: (count: number) => number, close: () => void }} open
 */
function secondsOf(open) {
  const seconds = open.run(1);
  open.close();
  return seconds;
}

/**
 * By how much sequences must be shorter so that a forward of the longest case stays within patience.
 * @param {number} probeSeconds
 */
function shortening(probeSeconds) {
  const longest = Math.max(...kinds.map(({ batch, length }) => batch * length));
  const expected = (probeSeconds * longest) / probeLength;
  return [1, 2, 4, 8].find((factor) => expected / factor <= patience) ?? 8;
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
