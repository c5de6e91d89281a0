// @ts-check
// `npm run bench -- dtype --run DIR`: what weights of fewer bits cost in accuracy. The held-out NELBO of a finished
// training run's model (the quickstart's, say) with its weights as float32, bfloat16 and int8, the same noise each time.

import { join } from "node:path";
import { resolveConfig } from "../../packages/unmask/dist/cli/config.js";
import { openExamples } from "../../packages/unmask/dist/data/open.js";
import { absorbingNoise } from "../../packages/unmask/dist/diffusion/noise.js";
import { logLinear } from "../../packages/unmask/dist/diffusion/schedule.js";
import { load, maskIdOf, tokenizerOf } from "../../packages/unmask/dist/generate/load.js";
import { trainConfigSchema } from "../../packages/unmask/dist/train/config.js";
import { heldOutLoss } from "../../packages/unmask/dist/train/held-out.js";
import { rowMethod } from "../../packages/unmask/dist/train/masked-method.js";
import { commit, hardware } from "../lib/machine.mjs";
import { readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";
import { UsageError } from "../lib/usage-error.mjs";

const options = /** @type {const} */ ({
  run: { type: "string" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- dtype --run DIR [--save]: held-out loss by dtype of the weights.
  --run DIR  folder of a finished training run, such as runs/quickstart/teacher
`;

const dtypes = /** @type {const} */ (["float32", "bfloat16", "int8"]);
const rows = 1000;
const draws = 4;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  if (given.run === undefined) throw new UsageError("no run is named; give --run DIR");
  const results = [];
  for (const dtype of dtypes) results.push(await measure(given.run, dtype));
  const [first] = results;
  for (const { dtype, nelbo, bytes } of results) {
    const rise = ((nelbo / Number(first?.nelbo) - 1) * 100).toFixed(3);
    const size = `${(bytes / 2 ** 20).toFixed(2)} MiB`;
    process.stderr.write(
      `${dtype.padEnd(9)} ${nelbo.toFixed(5)} nats a token  ${rise.padStart(7)} %  ${size}\n`,
    );
  }
  const record = {
    bench: "dtype",
    date: new Date().toISOString(),
    ...commit(),
    hardware: hardware(),
    rows,
    draws,
    results,
  };
  if (given.save) save(record);
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** @param {string} run @param {typeof dtypes[number]} dtype */
async function measure(run, dtype) {
  const { config } = resolveConfig(trainConfigSchema, { file: join(run, "config.yaml") });
  const model = await load(run, { dtype });
  const length = model.facts.contextLength;
  const { heldOut } = await openExamples(config.data, tokenizerOf(model), { seed: config.seed, length });
  const { vocabularySize } = model.facts;
  const noise = absorbingNoise({ schedule: logLinear(), vocabularySize, maskId: maskIdOf(model) });
  const count = Math.min(rows, heldOut?.count ?? 0);
  const examples = (await heldOut?.at(Array.from({ length: count }, (_, row) => row))) ?? [];
  const method = rowMethod(noise);
  const nelbo = heldOutLoss(model.network, method, examples, { seed: 0, products: "float32", draws });
  const bytes = [...model.network.parameters.values()].reduce((sum, { size, dtype: stored }) => {
    const width = stored === "int8" ? 1 : stored === "bfloat16" ? 2 : 4;
    return sum + size * width;
  }, 0);
  model.dispose();
  return { dtype, nelbo, bytes };
}
