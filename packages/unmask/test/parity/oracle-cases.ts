// Parity cases of other dimensions, their outputs computed by the float64 oracle instead of recorded.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors, scope, type Tensor, tensor } from "@unmask/torch";
import { generator } from "../../src/base/rng.ts";
import type { MdlmConfig } from "../../src/models/mdlm.ts";
import { saveModel } from "../../src/models/mdlm-save.ts";
import { ditForward, type Parameters, randomParameters, softmax } from "./dit-oracle.ts";

export const config: MdlmConfig = {
  vocabularySize: 11,
  hiddenSize: 12,
  conditionSize: 5,
  blocks: 3,
  heads: 2,
  length: 7,
};
const maskId = config.vocabularySize - 1;
const rows = 3;

interface Oracle {
  parameters: Parameters;
  next: () => number;
}

type Nested = number | Nested[];

/** Writes a folder of cases, family "mdlm", and returns their names. */
export function writeOracleCases(root: string, seed: number): string[] {
  const folder = join(root, "mdlm");
  mkdirSync(join(folder, "tiny"), { recursive: true });
  const next = generator({ seed, stream: 8, sequence: 0, step: 0 });
  const oracle = { parameters: randomParameters(config, seed), next };
  scope(() => {
    const tensors = [...oracle.parameters].map(([name, { values, shape }]): [string, Tensor] => [
      name,
      tensor(values, shape),
    ]);
    saveModel(join(folder, "tiny"), config, new Map(tensors));
  });
  const cases = {
    dit_logits_2: logitsCase(oracle),
    nelbo_3_padded: nelboCase(oracle),
    ancestral_step_4: stepCase(oracle),
    sampler_run_ancestral_5: samplerCase(oracle),
  };
  for (const [name, { arrays, ...rest }] of Object.entries(cases)) {
    const json = {
      case: name,
      family: "mdlm",
      checkpoint: "mdlm/tiny",
      reference: "float64 oracle",
      ...rest,
    };
    writeFileSync(
      join(folder, `${name}.json`),
      JSON.stringify({ ...json, tensors_file: `${name}.safetensors` }),
    );
    scope(() => saveSafetensors(join(folder, `${name}.safetensors`), tensorsOf(arrays)));
  }
  return Object.keys(cases);
}

function tensorsOf(arrays: Record<string, Nested>): Map<string, Tensor> {
  return new Map(Object.entries(arrays).map(([name, values]) => [name, tensor(values)]));
}

const reference = (name: string) => ({ tensor: name });
const whole = (next: () => number, limit: number): number => Math.floor(next() * limit);
const grid = (next: () => number, ...shape: number[]): Nested => {
  const [length, ...rest] = shape;
  if (length === undefined) return Math.fround(next());
  return Array.from({ length }, () => grid(next, ...rest));
};

function someIds({ next }: Oracle, count = rows): number[][] {
  return Array.from({ length: count }, () =>
    Array.from({ length: config.length }, () => (next() < 0.5 ? maskId : whole(next, maskId))),
  );
}

function logitsCase(oracle: Oracle) {
  const ids = someIds(oracle);
  const soft = grid(oracle.next, rows, config.length, config.vocabularySize) as number[][][];
  const zero = Array<number>(rows).fill(0);
  const nonzero = zero.map(() => Math.fround(oracle.next() * 6));
  const run = (input: (number | number[])[][], sigma: number[]) =>
    ditForward(config, oracle.parameters, { input, sigma });
  const atZero = run(ids, zero);
  const atSigma = run(ids, nonzero);
  return {
    inputs: { ids, mask_id: maskId, sigma_zero: zero, sigma_nonzero: nonzero, soft_input: reference("soft") },
    outputs: {
      logits_sigma_zero: reference("zero"),
      logits_sigma_nonzero: reference("sigma"),
      logits_soft_input_sigma_nonzero: reference("softly"),
      block_outputs_sigma_zero: reference("blocks"),
      time_features_256: [atZero.features[0]!, ...atSigma.features],
      condition_vector: [atZero.condition[0]!, ...atSigma.condition],
    },
    arrays: {
      soft,
      zero: atZero.logits,
      sigma: atSigma.logits,
      softly: run(soft, nonzero).logits,
      blocks: atZero.blocks,
    },
  };
}

/** SUBS probabilities of one position. */
function subs(logits: number[], id: number): number[] {
  if (id !== maskId) return logits.map((_, v) => (v === id ? 1 : 0));
  return softmax(logits.map((one, v) => (v === maskId ? Number.NEGATIVE_INFINITY : one)));
}

function probabilities({ parameters }: Oracle, ids: number[][]): number[][][] {
  const { logits } = ditForward(config, parameters, { input: ids, sigma: ids.map(() => 0) });
  return logits.map((row, b) => row.map((one, l) => subs(one, ids[b]![l]!)));
}

function nelboCase(oracle: Oracle) {
  const { next } = oracle;
  const clean = someIds(oracle).map((row) => row.map((id) => (id === maskId ? 0 : id)));
  const padded = clean.map((row, b) => row.map((_, l): number => (b === 1 && l > 3 ? 0 : 1)));
  const times = grid(next, rows) as number[];
  const uniforms = grid(next, rows, config.length) as number[][];
  const t = times.map((uniform, i) => 1e-3 + 0.999 * (((i + uniform) / rows) % 1));
  const noisy = clean.map((row, b) => row.map((id, l) => (uniforms[b]![l]! < 0.999 * t[b]! ? maskId : id)));
  const predicted = probabilities(oracle, noisy);
  const losses = clean.map((row, b) =>
    row.map((id, l) => (noisy[b]![l] === maskId ? -Math.log(predicted[b]![l]![id]!) / t[b]! : 0)),
  );
  const counted = padded.flat().reduce((a, b) => a + b, 0);
  const sum = losses.flat().reduce((total, loss, i) => total + loss * padded.flat()[i]!, 0);
  return {
    inputs: {
      x0: clean,
      loss_mask: padded.map((row) => row.join("")),
      time_uniforms: times,
      mask_uniforms: reference("uniforms"),
      mask_id: maskId,
    },
    outputs: {
      t,
      xt: noisy,
      per_token_loss: reference("losses"),
      mean_loss: sum / counted,
      token_count: counted,
    },
    arrays: { uniforms, losses },
  };
}

const alpha = (t: number): number => 1 - 0.999 * t;

function race(weights: number[], uniforms: number[]): number {
  const scores = weights.map((weight, v) => weight / (1e-10 - Math.log(uniforms[v]! + 1e-10)));
  return scores.indexOf(Math.max(...scores));
}

/** Weights of a reverse step at every position, and the ids that the uniform numbers draw. */
function reverse(oracle: Oracle, ids: number[][], [t, s]: [number, number], uniforms: number[][][]) {
  const alphaS = s === 0 ? 1 : alpha(s);
  const weights = probabilities(oracle, ids).map((row) =>
    row.map((one) => one.map((p, v) => (v === maskId ? 1 - alphaS : p * (alphaS - alpha(t))))),
  );
  const after = ids.map((row, b) =>
    row.map((id, l) => (id === maskId ? race(weights[b]![l]!, uniforms[b]![l]!) : id)),
  );
  return { weights, after };
}

function stepCase(oracle: Oracle) {
  const ids = someIds(oracle);
  const uniforms = grid(oracle.next, rows, config.length, config.vocabularySize) as number[][][];
  const [t, s] = [0.7, 0.3];
  const { weights, after } = reverse(oracle, ids, [t, s], uniforms);
  const transition = weights.map((row, b) =>
    row.map((one, l) => {
      const total = one.reduce((a, c) => a + c, 0);
      const id = ids[b]![l]!;
      return one.map((weight, v) => (id === maskId ? weight / total : Number(v === id)));
    }),
  );
  const row = {
    ...{ t, s, x_t: ids, x_s: after, stay_masked_probability: s / t },
    unnormalised_weights: reference("weights"),
    transition_probabilities: reference("transition"),
    uniforms: reference("uniforms"),
  };
  return { outputs: { rows: [row] }, arrays: { weights, transition, uniforms } };
}

function samplerCase(oracle: Oracle) {
  const steps = 4;
  const batch = 2;
  const times = Array.from({ length: steps + 1 }, (_, k) => 1 - ((1 - 1e-5) * k) / steps);
  const uniforms = grid(
    oracle.next,
    steps + 1,
    batch,
    config.length,
    config.vocabularySize,
  ) as number[][][][];
  let ids = Array.from({ length: batch }, () => Array<number>(config.length).fill(maskId));
  const states = uniforms.map((draws, k) => {
    ids = reverse(oracle, ids, [times[k]!, times[k + 1] ?? 0], draws).after;
    return ids;
  });
  return {
    arguments: { steps, eps: 1e-5, batch, predictor: "ancestral", noise_removal: "ancestral" },
    inputs: { uniforms: reference("uniforms") },
    outputs: { time_grid: times, states_after_each_update: states, final_tokens: ids },
    arrays: { uniforms },
  };
}
