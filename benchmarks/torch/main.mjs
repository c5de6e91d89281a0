// @ts-check
// `npm run bench -- torch`: @unmask/torch beside eager PyTorch from Python, in turn, in one run.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInfo, chooseProductDtype, chooseThreads, measureProduct, setThreads } from "@unmask/torch";
import { hardware } from "../lib/machine.mjs";
import { measureCase } from "../lib/measure.mjs";
import { chosenCases, oneOf, positiveInteger, readOptions } from "../lib/options.mjs";
import { startPeer } from "../lib/peer.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { addCase, chainCase } from "./calls.mjs";
import { productCase } from "./products.mjs";
import { recordOf, table } from "./report.mjs";
import { targets } from "./targets.mjs";
import { trainingCase } from "./training.mjs";

/** @typedef {import("../lib/measure.mjs").Case} Case */

const script = fileURLToPath(new URL("peer.py", import.meta.url));

const options = /** @type {const} */ ({
  threads: { type: "string" },
  pairs: { type: "string" },
  dtype: { type: "string" },
  only: { type: "string", multiple: true },
  python: { type: "string", default: "/usr/bin/python3" },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- torch [options]: @unmask/torch beside eager PyTorch from Python.
  --threads N    threads of an operator, on both sides (default: measured)
  --dtype D      float32 or bfloat16: products of the training steps (default: measured)
  --pairs N      measurements of each side (default: 15, training 7)
  --only TEXT    only cases whose name contains TEXT; may be given several times
  --python FILE  interpreter of the peer (default: /usr/bin/python3)
  --quick        small sizes and few repetitions, to see that it runs: its figures mean nothing
  --save         also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) {
    process.stderr.write(help);
    return;
  }
  if (given.quick && given.save) throw new UsageError("--quick measures nothing worth keeping; omit --save");
  if (given.only && given.save) throw new UsageError("a kept result has every case; omit --only or --save");
  const pairs = positiveInteger("pairs", given.pairs);
  const dtype = oneOf("dtype", given.dtype, /** @type {const} */ (["float32", "bfloat16"]));
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  setThreads(threads);
  measureProduct("float32", 64, 1);
  const products = dtype ?? chooseProductDtype();
  const folder = temporaryFolder();
  const cases = chosenCases(given.only, makeCases(given.quick, products, folder));
  const peer = await startPeer(script, { python: given.python, threads, say });
  try {
    say(`${threads} thread(s), training products in ${products}, ${hardware().cpu}`);
    const results = [];
    for (const one of cases) {
      say(`… ${one.title}`);
      results.push(await measureCase(one, peer, { pairs, quick: given.quick, targets }));
    }
    const engine = { ...buildInfo(), threads, dtype: products };
    const record = recordOf({ results, engine, peer: peer?.facts, quick: given.quick });
    say(table(record));
    if (given.save) say(`written to ${save(record)}`);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } finally {
    peer?.stop();
  }
}

/**
 * @param {boolean} quick
 * @param {import("./training.mjs").ProductDtype} products
 * @param {string} folder
 * @returns {Case[]}
 */
function makeCases(quick, products, folder) {
  const [large, small] = quick ? [256, 64] : [1024, 256];
  const wide = { blocks: 12, width: 768, heads: 12, length: 128, vocabulary: 8192, batch: 4 };
  const narrow = { blocks: 4, width: 128, heads: 4, length: 64, vocabulary: 258, batch: 64 };
  const sizes = quick
    ? [
        { ...wide, blocks: 2, width: 192, heads: 3, length: 32, vocabulary: 512 },
        { ...narrow, blocks: 2, width: 64, length: 32, batch: 8 },
      ]
    : [wide, narrow];
  return [
    addCase(),
    chainCase(),
    productCase("float32", small, folder),
    productCase("float32", large, folder),
    productCase("bfloat16", large, folder),
    ...sizes.map((size) => trainingCase(size, products, folder)),
  ];
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
