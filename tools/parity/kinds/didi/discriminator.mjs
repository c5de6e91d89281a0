// @ts-check
// The discriminator: hard and soft input, its head's spectral norm at rest and in training, which parameters train.

import { dirname } from "node:path";
import { noGrad, scope } from "../../../../packages/torch/dist/index.js";
import { discriminatorTrainable } from "../../../../packages/unmask/dist/models/discriminator.js";
import { loadDiscriminator } from "../../../../packages/unmask/dist/models/discriminator-files.js";
import { readConfigFile } from "../../../../packages/unmask/dist/models/open.js";
import { defaults, numbersOf } from "../mdlm/model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/discriminator.js").Discriminator} Discriminator
 */

/** @type {import("../table.mjs").Runner} */
export function discriminatorForward(one, check) {
  const folder = one.checkpoint(dirname(one.json.checkpoint.discriminator));
  const { discriminator, dispose } = loadDiscriminator(folder);
  try {
    scope(() =>
      noGrad(() => {
        compareAtRest(one, check, discriminator);
        compareTraining(one, check, discriminator);
      }),
    );
    compareTrainable(one, check, { discriminator, folder });
  } finally {
    dispose();
  }
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {Discriminator} discriminator
 */
function compareAtRest(one, check, discriminator) {
  const tolerance = one.tolerance("logits", defaults.logits);
  const ids_BL = one.tensor(one.input("ids"), "int64");
  const sigma_B = one.tensor(one.input("sigma"));
  const found = {
    logits_hard_sigma: () => discriminator.logits(ids_BL, { sigma_B }),
    logits_hard_sigma_zero: () => discriminator.logits(ids_BL),
    logits_soft_sigma: () => discriminator.logits(one.tensor(one.input("soft_input_logits")), { sigma_B }),
    effective_head_weight_0: () => discriminator.headWeight("output_layer.main.0"),
    effective_head_weight_2: () => discriminator.headWeight("output_layer.main.2"),
  };
  for (const [name, compute] of Object.entries(found)) {
    if (!one.hasOutput(name)) continue;
    check.close(name, numbersOf(compute()), one.numbers(one.output(name)), tolerance);
  }
}

/**
 * Two forwards in training, each after a power iteration, and u and v between them.
 * @param {Case} one
 * @param {Check} check
 * @param {Discriminator} discriminator
 */
function compareTraining(one, check, discriminator) {
  if (!one.hasOutput("train_mode")) return;
  const tolerance = one.tolerance("logits", defaults.logits);
  const training = one.output("train_mode");
  const ids_BL = one.tensor(one.input("ids"), "int64");
  const sigma_B = one.tensor(one.input("sigma"));
  const forward = () => numbersOf(discriminator.logits(ids_BL, { sigma_B, iterate: true }));
  const at = (/** @type {string} */ name) => `train_mode.${name}`;
  const first = one.numbers(training.logits_first_forward);
  check.close(at("logits_first_forward"), forward(), first, tolerance);
  for (const [name, value] of Object.entries(training.u_v_after_first_forward ?? {})) {
    const found = discriminator.parameters.get(name);
    if (found === undefined) throw new Error(`the discriminator has no "${name}"`);
    check.close(at(name), numbersOf(found), one.numbers(value), tolerance);
  }
  const second = one.numbers(training.logits_second_forward);
  check.close(at("logits_second_forward"), forward(), second, tolerance);
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ discriminator: Discriminator, folder: string }} found
 */
function compareTrainable(one, check, { discriminator, folder }) {
  /** @type {string[] | undefined} */
  const expected = one.json.trainable_parameters;
  if (expected === undefined) return;
  /** @type {any} */
  const { config } = readConfigFile(folder).values;
  const blocks = config?.algo?.discriminator_unfreeze_blocks ?? 4;
  const names = discriminatorTrainable(discriminator.config, { blocks });
  // As numbers: which of the expected names are there, and how many there are.
  check.exact(
    "trainable_parameters",
    { values: [names.length, ...expected.map((name) => names.indexOf(name))], shape: [expected.length + 1] },
    { values: [expected.length, ...expected.keys()], shape: [expected.length + 1] },
  );
}
