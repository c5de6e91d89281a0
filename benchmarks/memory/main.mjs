// @ts-check
// `npm run bench -- memory`: what `unmask inspect estimate` says beside what `unmask forward` then uses.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildInfo } from "@unmask/torch";
import { commit, hardware } from "../lib/machine.mjs";
import { chosenCases, readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";
import { checkpoint, configs } from "./checkpoints.mjs";
import { canMeasure, measure } from "./measure.mjs";

const options = /** @type {const} */ ({
  only: { type: "string", multiple: true },
  quick: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- memory [options]: estimated against used memory of a forward.
  --only TEXT  only cases whose name contains TEXT; may be given several times
  --quick      one size a checkpoint
  --save       also write the result to benchmarks/results
`;

/** [rows, length] */
const sizes = [
  [1, 32],
  [4, 256],
  [16, 64],
  [1, 1536],
];
const target = 0.1;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (!canMeasure()) throw new UsageError("this system has no /proc/self/status with VmHWM");
  const root = mkdtempSync(join(tmpdir(), "unmask-memory-"));
  const results = [];
  try {
    for (const one of chosenCases(given.only, cases(given.quick ? sizes.slice(1, 2) : sizes))) {
      const folder = checkpoint(root, one.family, one.stored);
      const measured = measure({ ...one, folder }, root);
      const { name, batch, length, dtype } = one;
      results.push({ name, batch, length, dtype, ...measured, met: Math.abs(measured.ratio - 1) <= target });
      const mib = (/** @type {number} */ bytes) => `${Math.round(bytes / 2 ** 20)} MiB`.padStart(9);
      const figures = `${mib(measured.estimate.peak)} ${mib(measured.peak)}  ${measured.ratio.toFixed(3)}`;
      process.stderr.write(`${name.padEnd(32)} ${figures}\n`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const ratios = results.map(({ ratio }) => ratio);
  const worst = ratios.reduce((one, other) => (Math.abs(other - 1) > Math.abs(one - 1) ? other : one), 1);
  process.stderr.write(`worst ratio of estimated to used: ${worst.toFixed(3)}, target 1 ± ${target}\n`);
  const record = {
    ...{
      bench: "memory",
      date: new Date().toISOString(),
      ...commit(),
      quick: given.quick,
      hardware: hardware(),
    },
    ...{ libtorch: buildInfo().version, target, worst, cases: results },
  };
  if (given.save) process.stderr.write(`saved ${save(record)}\n`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** @param {number[][]} wanted */
function cases(wanted) {
  return Object.keys(configs).flatMap((family) =>
    /** @type {const} */ (["float32", "bfloat16"]).flatMap((stored) =>
      ["auto", ...(family === "mdlm" || family === "gpt2" ? [] : ["int8"])].flatMap((dtype) =>
        wanted.map(([batch = 1, length = 1]) => {
          const name = `${family} ${stored} ${dtype === "auto" ? "" : `as ${dtype} `}${batch}x${length}`;
          return { name, family, stored, dtype, batch, length };
        }),
      ),
    ),
  );
}
