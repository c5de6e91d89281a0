// @ts-check
// What T3D feeds: who sees whom in the doubled sequence, positions, and the corruption of responses.

import {
  doubledLength,
  doubledPositions,
  doubledStructure,
  doubledVisibility,
} from "../../../../packages/unmask/dist/diffusion/doubled.js";
import {
  hiddenByTrace,
  hide,
  randomShare,
  ratioProbabilities,
  supervised,
} from "../../../../packages/unmask/dist/diffusion/trace-corruption.js";
import { nestedNumbers } from "../../case.mjs";

/**
 * @typedef {import("../../compare.mjs").Check} Check
 *
 * @typedef {object} MaskCase
 * @property {string} name
 * @property {number} prompt_columns_L0
 * @property {number} response_columns_L1
 * @property {number} block_size
 * @property {number} pad_id
 * @property {number[][]} input_ids
 * @property {string[]} mask_without_padding
 * @property {string[][] | string} mask_per_row a word where padding changes nothing
 * @property {number[][]} position_ids
 */

/** @type {import("../table.mjs").Runner} */
export function trainingMaskPositions(one, check) {
  for (const single of /** @type {MaskCase[]} */ (one.output("cases"))) {
    const { name, input_ids: ids, pad_id: padId, prompt_columns_L0: promptColumns } = single;
    const shape = {
      promptColumns,
      responseColumns: single.response_columns_L1,
      blockLength: single.block_size,
    };
    const length = doubledLength(shape);
    // The published code takes every pad id of the prompt for padding, also one that is a real end of text.
    const real = ids.flatMap((row) => row.slice(0, promptColumns).map((id) => Number(id !== padId)));
    const structure = { values: doubledStructure(shape), shape: [length, length] };
    check.exact(`${name}: mask`, structure, nestedNumbers(single.mask_without_padding));
    const { mask_per_row: perRow } = single;
    const masks = typeof perRow === "string" ? ids.map(() => single.mask_without_padding) : perRow;
    check.exact(
      `${name}: mask by row`,
      {
        values: doubledVisibility(shape, real),
        shape: [promptColumns === 0 ? 1 : ids.length, length, length],
      },
      nestedNumbers(promptColumns === 0 ? masks.slice(0, 1) : masks),
    );
    check.exact(
      `${name}: positions`,
      { values: doubledPositions(shape, real, ids.length), shape: [ids.length, length] },
      nestedNumbers(single.position_ids),
    );
  }
}

/**
 * @typedef {object} Outcome
 * @property {number} [rows_kept]
 * @property {number[][]} extended_input_ids prompt, clean, noisy
 * @property {string[]} supervised_mask over prompt and response
 * @property {number[][]} [labels]
 * @property {number[][]} [position_ids]
 *
 * @typedef {object} CorruptionCase
 * @property {string} name
 * @property {Record<string, any>} arguments
 * @property {number[][]} input_ids
 * @property {(number[] | null)[] | null} step_map_per_row
 * @property {{ draw: string, value: number[] }[]} random_draws_in_order
 * @property {Outcome} out
 * @property {Outcome} [reversed_order_variant]
 */

/** @type {import("../table.mjs").Runner} */
export function corruption(one, check) {
  for (const single of /** @type {CorruptionCase[]} */ (one.output("cases"))) {
    compareOutcome(check, single, { name: single.name, order: "earliest", expected: single.out });
    const { reversed_order_variant: reversed } = single;
    if (reversed === undefined) continue;
    compareOutcome(check, single, { name: `${single.name}, reversed`, order: "latest", expected: reversed });
  }
  if (!one.hasOutput("ratio_probabilities")) return;
  one
    .output("ratio_probabilities")
    .forEach((/** @type {any} */ { mask_ratios: ratios, exponent, probabilities }) => {
      const found = ratioProbabilities(ratios, exponent);
      check.close(
        `probabilities of ${ratios}, exponent ${exponent}`,
        nestedNumbers(found),
        nestedNumbers(probabilities),
        { abs: 1e-6 },
      );
    });
}

/**
 * @param {Check} check
 * @param {CorruptionCase} single
 * @param {{ name: string, order: "earliest" | "latest", expected: Outcome }} options
 */
function compareOutcome(check, single, { name, order, expected }) {
  const { prompt_columns_L0: promptColumns, pad_id: padId, block_size: blockLength } = single.arguments;
  const rows = corruptRows(single, order).filter(({ counted }) => counted.length > 0);
  const real = rows.flatMap(({ ids }) =>
    ids.slice(0, promptColumns).map((/** @type {number} */ id) => Number(id !== padId)),
  );
  const length = single.input_ids[0]?.length ?? 0;
  const numbers = (/** @type {number[][]} */ found) => ({
    values: found.flat(),
    shape: [found.length, found[0]?.length ?? 0],
  });
  const compare = (
    /** @type {string} */ quantity,
    /** @type {number[][]} */ found,
    /** @type {any} */ value,
  ) => {
    if (value !== undefined) check.exact(`${name}: ${quantity}`, numbers(found), nestedNumbers(value));
  };
  if (expected.rows_kept !== undefined)
    check.exact(`${name}: rows kept`, nestedNumbers(rows.length), nestedNumbers(expected.rows_kept));
  compare(
    "noisy",
    rows.map(({ ids, noisy }) => [...ids, ...noisy]),
    expected.extended_input_ids,
  );
  compare(
    "supervised",
    rows.map(({ counted }) => Array.from({ length }, (_, i) => Number(counted.includes(i - promptColumns)))),
    expected.supervised_mask,
  );
  compare(
    "labels",
    rows.map(({ ids }) => ids),
    expected.labels,
  );
  const shape = { promptColumns, responseColumns: length - promptColumns, blockLength };
  const places = [...doubledPositions(shape, real, rows.length)];
  const width = doubledLength(shape);
  compare(
    "positions",
    rows.map((_, row) => places.slice(row * width, (row + 1) * width)),
    expected.position_ids,
  );
}

/**
 * Draws are replayed in the reference's order: a ratio a row, permutations block by block, then for every row which
 * tokens become random ones, then those tokens.
 * @param {CorruptionCase} single
 * @param {"earliest" | "latest"} direction
 */
function corruptRows({ arguments: settings, input_ids: ids, ...single }, direction) {
  const draws = single.random_draws_in_order;
  const queue = draws.filter(({ draw }) => draw.startsWith("permutation")).map(({ value }) => value);
  const tokens = draws.filter(({ draw }) => draw.startsWith("random tokens")).flatMap(({ value }) => value);
  const ratios = draws.find(({ draw }) => draw.startsWith("ratio"))?.value ?? [];
  const permute = (/** @type {number} */ count) => {
    const next = queue.shift();
    if (next?.length !== count) throw new Error(`the next draw is no permutation of ${count}`);
    return next;
  };
  const hidden = ids.map((row, i) => {
    const steps = single.step_map_per_row?.[i] ?? undefined;
    const isRandom = settings.mask_strategy === "random" || steps === undefined;
    return hiddenByTrace(row.length - settings.prompt_columns_L0, {
      blockLength: settings.block_size,
      ratio: settings.mask_ratios[ratios[i] ?? 0],
      order: isRandom ? "random" : direction,
      steps,
      permute,
      released: true,
    });
  });
  const chosen = hidden.map((list) => {
    const count = randomShare(list.length, settings.random_ratio);
    return count === 0 ? [] : permute(list.length).slice(0, count);
  });
  return ids.map((row, i) => {
    const response = row.slice(settings.prompt_columns_L0);
    const list = hidden[i] ?? [];
    const places = [...(chosen[i] ?? [])].sort((a, b) => a - b);
    const random = new Map(places.map((place) => [place, Number(tokens.shift())]));
    return {
      ids: row,
      noisy: [...hide(response, list, { maskId: settings.mask_id, random })],
      counted: supervised(response, list, {
        padId: settings.pad_id,
        limit: settings.post_num ?? undefined,
      }),
    };
  });
}
