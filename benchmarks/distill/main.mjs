// @ts-check
// `npm run bench -- distill`: what a step of each distiller costs beside a training step of the same network on the same
// texts, in turn.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildInfo, chooseProductDtype, chooseThreads, measureProduct, setThreads } from "@unmask/torch";
import { distillers } from "../../packages/unmask/dist/distill/distillers.js";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { chosenCases, oneOf, positiveInteger, readOptions } from "../lib/options.mjs";
import { calibrate, measurePairs, median } from "../lib/pairs.mjs";
import { aligned, fixed, number, save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { distillation, training } from "./run.mjs";
import { exampleOf, makeModel, quickSize, usualSize } from "./shapes.mjs";

/** @typedef {import("./run.mjs").DistillerName} DistillerName */

const options = /** @type {const} */ ({
  only: { type: "string", multiple: true },
  threads: { type: "string" },
  pairs: { type: "string", default: "7" },
  dtype: { type: "string" },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- distill [options]: steps of the distillers beside steps of training.
  --only TEXT  only distillers whose name contains TEXT; may be given several times
  --pairs N    measurements of each side (default: 7)
  --threads N  threads of an operator (default: measured)
  --dtype D    float32 or bfloat16: of products (default: measured)
  --quick      small networks and one pair, to see that it runs: its figures mean nothing
  --save       also write the result to benchmarks/results
`;

/** The family that each was published for. @type {Record<DistillerName, import("./shapes.mjs").Family>} */
const homes = {
  ...{ t3d: "sdar", trajectory: "sdar", sft: "sdar", d3llm: "llada", dparallel: "llada" },
  ...{ didi: "mdlm", sdtt: "mdlm", duo: "mdlm" },
};
const burstSeconds = 1;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (given.save && (given.quick || given.only)) {
    throw new UsageError("a kept result has every case; omit --save, or --quick and --only");
  }
  const names = /** @type {DistillerName[]} */ (Object.keys(distillers));
  const wanted = chosenCases(
    given.only,
    names.map((name) => ({ name })),
  );
  const threads = positiveInteger("threads", given.threads) ?? chooseThreads();
  setThreads(threads);
  measureProduct("float32", 64, 1);
  const products =
    oneOf("dtype", given.dtype, /** @type {const} */ (["float32", "bfloat16"])) ?? chooseProductDtype();
  const pairs = given.quick ? 1 : (positiveInteger("pairs", given.pairs) ?? 7);
  const size = given.quick ? quickSize : usualSize;
  say(`${threads} thread(s), products in ${products}, ${hardware().cpu}`);
  const cases = [];
  for (const { name } of wanted) {
    say(`… ${name} on ${homes[name]}`);
    cases.push(await measure(name, { size, products, pairs, seconds: given.quick ? 0 : burstSeconds }));
  }
  const { version } = JSON.parse(
    readFileSync(new URL("../../packages/torch/package.json", import.meta.url), "utf8"),
  );
  const ours = { version, libtorch: buildInfo().version, threads, blas: loadedBlas(), dtype: products };
  const record = {
    ...{ bench: "distill", date: new Date().toISOString(), ...commit(), quick: given.quick },
    ...{ hardware: hardware(), ours, size, cases },
  };
  say(table(cases, given.quick));
  if (given.save) say(`written to ${save(record)}`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/**
 * @param {DistillerName} name
 * @param {{ size: import("./shapes.mjs").Size, products: import("./run.mjs").ProductDtype, pairs: number, seconds: number }} options
 */
async function measure(name, { size, products, pairs, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), "unmask-bench-"));
  const family = homes[name];
  const facts = makeModel(folder, family, size);
  const example = exampleOf(size, { promptLength: family === "mdlm" ? 0 : size.length >> 2 });
  const given = { folder, facts, rows: size.rows, example, products };
  const ours = distillation(name, given);
  const plain = training({ ...given, uniform: name === "duo" });
  try {
    const count = await calibrate(ours, seconds);
    const taken = await measurePairs(ours, plain, { pairs, count });
    const ratios = taken.ours.map((value, i) => value / Number(taken.peer[i]));
    return {
      ...{ name, family, step: median(taken.ours) / count, training: median(taken.peer) / count },
      ...{ ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios) },
      perToken: (median(ratios) * plain.tokens) / ours.tokens,
      ...{ pairs, repetitions: count, tokens: ours.tokens, trainingTokens: plain.tokens },
      ...{ forwards: { ...ours.forwards }, samples: taken },
    };
  } finally {
    ours.close();
    plain.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Awaited<ReturnType<typeof measure>>[]} cases
 * @param {boolean} quick
 */
function table(cases, quick) {
  const rows = cases.map(({ name, family, step, training: plain, ratio, ratioMin, ratioMax, ...counted }) => [
    `${name} on ${family}`,
    number(1000 * step),
    number(1000 * plain),
    `${fixed(ratio)} (${fixed(ratioMin)}–${fixed(ratioMax)})`,
    fixed(counted.perToken),
    `${counted.tokens} / ${counted.trainingTokens}`,
    Object.entries(counted.forwards)
      .map(([role, forwards]) => `${role} ${forwards}`)
      .join(", "),
  ]);
  const head = [
    "",
    "ms a step",
    "training",
    "ratio (min–max)",
    "per token",
    "tokens fed / training",
    "forwards of a step",
  ];
  return [
    "",
    ...aligned([head, ...rows], [1, 2, 4]),
    "",
    "ratio   time of a distiller's step / time of a training step of the same network on the same texts",
    "per token  the same beside a training step on as many tokens as the student is fed (states, halves, written texts)",
    ...(quick ? ["warning --quick: small networks, one pair; these figures mean nothing"] : []),
    "",
  ].join("\n");
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
