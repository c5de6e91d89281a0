// The diffusion transformer again, in float64 and plain loops, written from the description of the architecture and
// not from models/mdlm.ts: slow, and the truth for networks of any size.
//
// Shapes: rows of positions of numbers. D hidden, C conditioning, H heads, V vocabulary.

import { generator } from "../../src/base/rng.ts";
import { type MdlmConfig, mdlmParameterShapes } from "../../src/models/mdlm.ts";

export type Parameters = ReadonlyMap<string, { shape: number[]; values: Float32Array }>;

type Row = number[];

/** Random parameters of every kind, norms and gates included, so that nothing multiplies to zero or one. */
export function randomParameters(config: MdlmConfig, seed: number): Parameters {
  const next = generator({ seed, stream: 4, sequence: 0, step: 0 });
  const shapes = [...mdlmParameterShapes(config)];
  return new Map(
    shapes.map(([name, shape]) => {
      const scale = shape.length === 2 ? 2 / Math.sqrt(shape[1]!) : 1;
      const size = shape.reduce((product, length) => product * length, 1);
      const values = Float32Array.from({ length: size }, () => (next() - 0.5) * scale);
      if (name.includes("norm")) for (let i = 0; i < size; i++) values[i]! += 1;
      return [name, { shape, values }];
    }),
  );
}

export interface DitOutput {
  /** [batch][position][V] */
  logits: Row[][];
  /** [block][batch][position][D] */
  blocks: Row[][][];
  /** [batch][C] */
  condition: Row[];
  /** [batch][256] */
  features: Row[];
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

export const softmax = (logits: Row): Row => {
  const top = Math.max(...logits);
  const weights = logits.map((one) => Math.exp(one - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((one) => one / total);
};

const silu = (x: number): number => x / (1 + Math.exp(-x));
const gelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** One forward. `input` holds token ids, or logits over the vocabulary (a soft input). */
export function ditForward(
  config: MdlmConfig,
  parameters: Parameters,
  { input, sigma }: { input: (number | Row)[][]; sigma: number[] },
): DitOutput {
  const weights = (name: string) => parameters.get(name)!.values;
  const linear = (name: string, x: Row): Row => {
    const weight = weights(`${name}.weight`);
    const bias = parameters.get(`${name}.bias`)?.values;
    return Array.from({ length: weight.length / x.length }, (_, out) => {
      return dot(weight.subarray(out * x.length, (out + 1) * x.length), x) + (bias?.[out] ?? 0);
    });
  };
  const { hiddenSize: D, heads: H, vocabularySize: V } = config;
  const features = sigma.map((one) => timeFeatures(one));
  const condition = features.map((row) =>
    linear("sigma_map.mlp.2", linear("sigma_map.mlp.0", row).map(silu)).map(silu),
  );
  const table = weights("vocab_embed.embedding");
  const embed = (one: number | Row): Row => {
    const mixture = typeof one === "number" ? undefined : softmax(one);
    return Array.from({ length: D }, (_, d) => {
      if (mixture === undefined) return table[(one as number) * D + d]!;
      return mixture.reduce((sum, p, v) => sum + p * table[v * D + d]!, 0);
    });
  };
  let hidden = input.map((row) => row.map(embed));
  const blocks: Row[][][] = [];
  for (let i = 0; i < config.blocks; i++) {
    const name = (part: string) => `blocks.${i}.${part}`;
    hidden = hidden.map((row, b) => {
      const six = split(linear(name("adaLN_modulation"), condition[b]!), D);
      const [shiftA, scaleA, gateA, shiftM, scaleM, gateM] = six as [Row, Row, Row, Row, Row, Row];
      const first = row.map((x) => modulate(normalise(x, weights(name("norm1.weight"))), shiftA, scaleA));
      const mixed = attend(
        first.map((x) => linear(name("attn_qkv"), x)),
        H,
      );
      return row.map((x, l) => {
        const middle = addGated(x, gateA, linear(name("attn_out"), mixed[l]!));
        const second = modulate(normalise(middle, weights(name("norm2.weight"))), shiftM, scaleM);
        return addGated(middle, gateM, linear(name("mlp.2"), linear(name("mlp.0"), second).map(gelu)));
      });
    });
    blocks.push(hidden);
  }
  const logits = hidden.map((row, b) => {
    const [shift, scale] = split(linear("output_layer.adaLN_modulation", condition[b]!), D) as [Row, Row];
    const norm = weights("output_layer.norm_final.weight");
    return row.map((x) => linear("output_layer.linear", modulate(normalise(x, norm), shift, scale)));
  });
  if (logits[0]![0]!.length !== V) throw new Error("the output layer does not fit the vocabulary");
  return { logits, blocks, condition, features };
}

function timeFeatures(sigma: number): Row {
  const angles = Array.from({ length: 128 }, (_, k) => sigma * 10_000 ** (-k / 128));
  return [...angles.map(Math.cos), ...angles.map(Math.sin)];
}

const split = (values: Row, width: number): Row[] =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));

function normalise(x: Row, weight: ArrayLike<number>): Row {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, one) => sum + (one - mean) ** 2, 0) / x.length;
  return x.map((one, d) => ((one - mean) / Math.sqrt(variance + 1e-5)) * weight[d]!);
}

const modulate = (x: Row, shift: Row, scale: Row): Row =>
  x.map((one, d) => one * (1 + scale[d]!) + shift[d]!);
const addGated = (x: Row, gate: Row, update: Row): Row => x.map((one, d) => one + gate[d]! * update[d]!);

/** Full attention over packed projections [position][3·D], rotary on queries and keys. */
function attend(qkv: Row[], heads: number): Row[] {
  const D = qkv[0]!.length / 3;
  const E = D / heads;
  const part = (position: number, which: number, head: number): Row =>
    qkv[position]!.slice(which * D + head * E, which * D + (head + 1) * E);
  const perHead = Array.from({ length: heads }, (_, head) => {
    const keys = qkv.map((_, position) => rotate(part(position, 1, head), position));
    return qkv.map((_, position) => {
      const query = rotate(part(position, 0, head), position);
      const shares = softmax(keys.map((key) => dot(query, key) / Math.sqrt(E)));
      return Array.from({ length: E }, (_, e) =>
        shares.reduce((sum, share, other) => sum + share * part(other, 2, head)[e]!, 0),
      );
    });
  });
  return qkv.map((_, position) => perHead.flatMap((rows) => rows[position]!));
}

/** Pairs (k, k + E/2) turn by position · 10000^(−2k/E). */
function rotate(x: Row, position: number): Row {
  const half = x.length / 2;
  return x.map((one, e) => {
    const k = e % half;
    const angle = position * 10_000 ** ((-2 * k) / x.length);
    const other = e < half ? -x[e + half]! : x[e - half]!;
    return one * Math.cos(angle) + other * Math.sin(angle);
  });
}
