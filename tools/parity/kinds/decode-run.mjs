// @ts-check
// Decode cases of LLaDA, Dream and d3LLM: runs a policy on the case's checkpoint and compares tokens, forwards, what
// each forward was fed, and what each changed (the fixtures' README says what a decoding file contains).

import { toNumbers } from "../../../packages/torch/dist/index.js";
import { newCanvas } from "../../../packages/unmask/dist/decode/canvas.js";
import { decode } from "../../../packages/unmask/dist/decode/decode.js";
import { Recorder } from "../../../packages/unmask/dist/decode/recorder.js";
import { loadNetwork } from "../../../packages/unmask/dist/models/load.js";
import { modelProposer } from "../../../packages/unmask/dist/propose/propose.js";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../compare.mjs").Check} Check
 * @typedef {import("../../../packages/unmask/dist/decode/canvas.js").Canvas} Canvas
 * @typedef {import("../../../packages/unmask/dist/decode/policies/policy.js").Policy} Policy
 * @typedef {import("../../../packages/unmask/dist/decode/policies/policy.js").Request} Request
 * @typedef {import("../../../packages/unmask/dist/propose/propose.js").ProposerOptions} ProposerOptions
 * @typedef {import("../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 * @typedef {import("../../../packages/unmask/dist/trajectory/record.js").Trajectory} Trajectory
 *
 * @typedef {object} Forward what a forward was fed, and the canvases just before it
 * @property {number} row whose plan it is
 * @property {number} from
 * @property {number} length
 * @property {number} past
 * @property {number | undefined} kept
 * @property {Int32Array[]} ids
 * @property {Map<string, [number, number]>} measured plain probability and entropy by "row,column,token"
 *
 * @typedef {object} Setting
 * @property {(canvas: Canvas, loaded: LoadedNetwork) => Policy} policy for a canvas whose prompt is given
 * @property {Partial<ProposerOptions>} [proposer]
 * @property {number} newTokens columns behind the prompt
 * @property {boolean} [measuresRaw] confidence and entropy are of the network's logits, before anything is forbidden
 * @property {(forwards: number, loaded: LoadedNetwork) => number} [nfe] what the reference counts; forwards by default
 * @property {(trajectories: Trajectory[]) => void} [also] compares what else the case holds
 */

/**
 * @param {Case} one
 * @param {Check} check
 * @param {(loaded: LoadedNetwork) => Setting} settingOf
 */
export async function runDecodeCase(one, check, settingOf) {
  const loaded = loadNetwork(one.checkpoint());
  try {
    const setting = settingOf(loaded);
    const rows = promptsOf(one);
    const canvases = rows.map(({ prompt }, sequence) =>
      newCanvas({
        length: prompt.length + setting.newTokens,
        noiseId: maskIdOf(one, loaded),
        sequence,
        prompt,
      }),
    );
    const recorders = canvases.map((canvas) => new Recorder(canvas));
    const forwards = await run(loaded, canvases, { setting, recorders });
    compare(one, check, { rows, canvases, forwards, setting, loaded });
    setting.also?.(recorders.map((recorder, row) => finished(recorder, canvases[row], rows[row])));
  } finally {
    loaded.dispose();
  }
}

/** @param {Case} one @param {LoadedNetwork} loaded */
export function maskIdOf(one, loaded) {
  const id = one.json.arguments?.mask_id ?? one.json.arguments?.mask_token_id ?? loaded.facts.maskId;
  if (id === undefined) throw new Error("neither the case nor the checkpoint names the mask");
  return id;
}

/**
 * The prompts without their padding: a position on the left that nobody sees only shifts the rotary places.
 * @param {Case} one
 * @returns {{ prompt: number[], padding: number }[]}
 */
function promptsOf(one) {
  /** @type {number[][]} */
  const prompts = one.input("prompt");
  const mask = one.json.inputs.attention_mask;
  return prompts.map((ids, row) => {
    const padding = mask === undefined ? 0 : mask[row].indexOf(1);
    return { prompt: ids.slice(padding), padding };
  });
}

/**
 * @param {Recorder} recorder
 * @param {Canvas | undefined} canvas
 * @param {{ prompt: number[] } | undefined} row
 */
const finished = (recorder, canvas, row) =>
  recorder.finish({
    promptLength: row?.prompt.length ?? 0,
    end: canvas?.length ?? 0,
    finishReason: "length",
    seconds: 0,
  });

/**
 * @param {LoadedNetwork} loaded
 * @param {Canvas[]} canvases
 * @param {{ setting: Setting, recorders: Recorder[] }} how
 */
async function run(loaded, canvases, { setting, recorders }) {
  const { shift } = loaded.facts;
  const raw = rawMeasures(loaded.network);
  const inner = modelProposer(setting.measuresRaw ? raw.network : loaded.network, {
    seed: 0,
    shift,
    ownRowAtBoundary: true,
    sampling: { temperature: 0 },
    ...setting.proposer,
  });
  /** @type {Forward[]} */
  const forwards = [];
  let cached = 0;
  const proposer = {
    ...inner,
    /** @param {readonly Request[]} requests */
    async propose(requests) {
      const { canvas: first, plan } = /** @type {Request} */ (requests[0]);
      // Rows of a batch differ in length where the reference pads them.
      const length = Math.max(...requests.map(({ plan }) => plan.to - plan.from));
      const truncated = Math.min(plan.cache?.truncate ?? cached, cached);
      const forward = {
        row: canvases.indexOf(first),
        from: plan.from,
        length,
        past: plan.cache === undefined ? 0 : truncated,
        kept: plan.cache?.keep,
        ids: canvases.map(({ ids }) => ids.slice()),
        measured: new Map(),
      };
      if (plan.cache !== undefined) {
        const { at, keep } = plan.cache;
        cached = at !== undefined && at < truncated ? Math.max(truncated, at + length) : truncated + keep;
      }
      forwards.push(forward);
      const proposals = await inner.propose(requests);
      requests.forEach(({ canvas }, i) => {
        const proposal = proposals[i];
        proposal?.columns.forEach((column, k) => {
          const key = `${canvases.indexOf(canvas)},${column},${proposal.token[k]}`;
          const plain = /** @type {[number, number]} */ ([
            proposal.plainProbability[k],
            proposal.plainEntropy[k],
          ]);
          forward.measured.set(key, setting.measuresRaw ? raw.measure(i, k, proposal.token[k]) : plain);
        });
      });
      return proposals;
    },
  };
  const policies = canvases.map((canvas) => setting.policy(canvas, loaded));
  for await (const steps of decode(canvases, proposer, policies))
    for (const step of steps) recorders[step.row]?.add(step);
  return forwards;
}

/**
 * The network, and the plain softmax of what it said last; for one canvas.
 * @param {LoadedNetwork["network"]} network
 */
function rawMeasures(network) {
  /** @type {ArrayLike<number>} */
  let values = [];
  let width = 1;
  return {
    network: {
      /** @type {LoadedNetwork["network"]["logits"]} */
      logits(ids, rows, options) {
        const logits = network.logits(ids, rows, options);
        values = toNumbers(logits);
        width = /** @type {number} */ (logits.shape.at(-1));
        return logits;
      },
    },
    /** @param {number} request @param {number} row @param {number | undefined} token @returns {[number, number]} */
    measure(request, row, token = 0) {
      if (request > 0) throw new Error("raw measures are of one canvas");
      const logits = Array.from(values).slice(row * width, (row + 1) * width);
      const sum = Math.log(logits.reduce((total, z) => total + Math.exp(z), 0));
      const entropy = logits.reduce((total, z) => total - Math.exp(z - sum) * (z - sum), 0);
      return [Math.exp(Number(logits[token]) - sum), entropy];
    },
  };
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ rows: { prompt: number[], padding: number }[], canvases: Canvas[], forwards: Forward[], setting: Setting, loaded: LoadedNetwork }} found
 */
function compare(one, check, { rows, canvases, forwards, setting, loaded }) {
  /** @type {number[][]} */
  const sequences = one.output("sequences");
  canvases.forEach((canvas, row) => {
    const padding = rows[row]?.padding ?? 0;
    check.exact(`sequences[${row}]`, flat([...canvas.ids]), flat(sequences[row]?.slice(padding) ?? []));
  });
  if (one.hasOutput("forward_calls")) {
    check.exact("forward_calls", flat([forwards.length]), flat([one.output("forward_calls")]));
  }
  const nfe = setting.nfe?.(forwards.length, loaded) ?? forwards.length;
  if (one.hasOutput("nfe")) check.exact("nfe", flat([nfe]), flat([one.output("nfe")]));
  one.informational("nfe", "step_columns");
  if (!one.hasOutput("steps")) return;
  /** @type {any[]} */
  const steps = one.output("steps");
  check.exact("number of steps", flat([forwards.length]), flat([steps.length]));
  steps.forEach((step, k) => {
    const forward = forwards[k];
    if (forward === undefined) return;
    const after = forwards[k + 1]?.ids ?? canvases.map(({ ids }) => ids);
    compareStep(one, check, { step, forward, after, rows, name: `steps[${k}]` });
  });
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ step: any, forward: Forward, after: Int32Array[], rows: { padding: number }[], name: string }} found
 */
function compareStep(one, check, { step, forward, after, rows, name }) {
  // Left padding, which is fed there and not here, moves a start or widens what is fed from the start.
  const ownPadding = rows[forward.row]?.padding ?? 0;
  const fed =
    forward.from === 0
      ? [0, forward.length + ownPadding, forward.past]
      : [forward.from + ownPadding, forward.length, forward.past];
  check.exact(`${name} fed`, flat(fed), flat([step.input_start, step.input_len, step.past_len]));
  if (step.cache_commit !== undefined) {
    check.exact(`${name}.cache_commit`, flat([forward.kept ?? 0]), flat([step.cache_commit]));
  }
  /** @type {number[][]} */
  const changes = [];
  after.forEach((ids, row) => {
    const padding = rows[row]?.padding ?? 0;
    ids.forEach((token, column) => {
      if (token !== forward.ids[row]?.[column]) changes.push([row, column + padding, token]);
    });
  });
  const key = (/** @type {any[]} */ change) => change.slice(0, 3).join();
  /** @type {any[][]} */
  const expected = [...step.changes].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  check.exact(`${name}.changes`, flat(changes.flat()), flat(expected.flatMap((one) => one.slice(0, 3))));
  for (const [row, position, token, confidence, entropy] of expected) {
    const column = position - (rows[row]?.padding ?? 0);
    const measured = forward.measured.get(key([row, column, token]));
    if (confidence === null || measured === undefined) continue;
    const abs = one.json.tolerance ?? {};
    check.close(`${name} confidence`, flat([measured[0]]), flat([confidence]), {
      abs: abs.confidence_abs ?? 2e-4,
    });
    check.close(`${name} entropy`, flat([measured[1]]), flat([entropy]), { abs: abs.entropy_abs ?? 1e-3 });
  }
}

/** @param {readonly number[]} values */
const flat = (values) => ({ values, shape: [values.length] });
