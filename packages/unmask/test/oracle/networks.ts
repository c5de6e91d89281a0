// Random small networks of every family the oracle knows, and random scenes for them, from a seed.

import { type Dtype, type Tensor, tensor } from "@unmask/torch";
import { families } from "../../src/models/families.ts";
import type { ForwardOptions, Network } from "../../src/models/family.ts";
import type { Visibility } from "../../src/models/parts/visibility.ts";
import { mulberry32 } from "./mulberry32.ts";
import { gpt2Forward, llamaForward, type Outcome, type Scene, type Values } from "./transformer.ts";

export interface RandomNetwork {
  family: string;
  /** config.json */
  values: Record<string, unknown>;
  vocabulary: number;
  /** Positions that the network can have. */
  limit: number;
  /** The family's own visibility, by what the architecture says. */
  sees: (query: number, key: number) => boolean;
  weights: Map<string, { shape: number[]; values: Float64Array }>;
  forward(scene: Scene): Outcome;
  create(dtype: Dtype): Network;
}

export type Next = () => number;
export const whole = (next: Next, low: number, high: number): number =>
  low + Math.floor(next() * (high - low + 1));
const oneOf = <T>(next: Next, list: readonly T[]): T => list[Math.floor(next() * list.length)]!;

interface Plan {
  values: Record<string, unknown>;
  sees: RandomNetwork["sees"];
  forward: (values: Values, scene: Scene) => Outcome;
  limit: number;
}

const plans: Record<string, (next: Next) => Plan> = {
  llada(next) {
    const shape = headShape(next);
    const multiQuery = next() < 0.2;
    const keyHeads = multiQuery ? 1 : shape.keyHeads;
    const hidden = shape.heads * shape.headSize;
    const values = {
      model_type: "llada",
      d_model: hidden,
      n_heads: shape.heads,
      ...(multiQuery ? { multi_query_attention: true } : { n_kv_heads: keyHeads }),
      n_layers: shape.layers,
      ...(next() < 0.5 ? { mlp_hidden_size: shape.inner } : { mlp_ratio: 2 }),
      vocab_size: shape.vocabulary - 1,
      embedding_size: shape.vocabulary,
      include_qkv_bias: next() < 0.5,
      weight_tying: shape.tied,
      rms_norm_eps: shape.epsilon,
      rope_theta: shape.base,
      max_sequence_length: 32,
    };
    return {
      values,
      sees: () => true,
      limit: 1000,
      forward: (weights, scene) => llamaForward("llada", { ...shape, keyHeads, hidden }, weights, scene),
    };
  },
  dream: (next) => qwen(next, { family: "dream", sees: () => true }),
  sdar(next) {
    const block = whole(next, 1, 4);
    const sees = (query: number, key: number) => Math.floor(key / block) <= Math.floor(query / block);
    return qwen(next, { family: "sdar", sees, more: { block_size: block, attention_bias: false } });
  },
  gpt2(next) {
    const { layers, heads, headSize, inner, epsilon, vocabulary } = headShape(next);
    const hidden = heads * headSize;
    const values = {
      model_type: "gpt2",
      n_embd: hidden,
      n_head: heads,
      n_layer: layers,
      ...(next() < 0.5 ? { n_inner: inner } : {}),
      n_positions: 13,
      vocab_size: vocabulary,
      layer_norm_epsilon: epsilon,
    };
    return {
      values,
      sees: (query, key) => key <= query,
      limit: 13,
      forward: (weights, scene) => gpt2Forward({ layers, heads, hidden, epsilon }, weights, scene),
    };
  },
};

export const oracleFamilies = Object.keys(plans);

function headShape(next: Next) {
  const keyHeads = whole(next, 1, 3);
  return {
    layers: whole(next, 1, 3),
    keyHeads,
    heads: keyHeads * oneOf(next, [1, 1, 2, 3, 7]),
    headSize: oneOf(next, [2, 4, 6, 10]),
    inner: whole(next, 1, 11),
    vocabulary: whole(next, 5, 17),
    epsilon: oneOf(next, [1e-6, 1e-5, 0.1]),
    base: oneOf(next, [100, 10_000, 1e6]),
    tied: next() < 0.4,
  };
}

function qwen(
  next: Next,
  { family, sees, more = {} }: { family: string; sees: Plan["sees"]; more?: Record<string, unknown> },
): Plan {
  const shape = headShape(next);
  const explicit = next() < 0.6;
  const hidden = explicit ? whole(next, 3, 11) : shape.heads * shape.headSize;
  const values = {
    model_type: family,
    hidden_size: hidden,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyHeads,
    ...(explicit ? { head_dim: shape.headSize } : {}),
    num_hidden_layers: shape.layers,
    intermediate_size: shape.inner,
    vocab_size: shape.vocabulary,
    rms_norm_eps: shape.epsilon,
    rope_theta: shape.base,
    tie_word_embeddings: shape.tied,
    ...more,
  };
  return {
    values,
    sees,
    limit: 1000,
    forward: (weights, scene) => llamaForward(family, { ...shape, hidden }, weights, scene),
  };
}

/** A network of a family; norms, biases and all else random. */
export function randomNetwork(family: string, seed: number): RandomNetwork {
  const next = mulberry32(seed);
  const { values, sees, forward, limit } = plans[family]!(next);
  const line = families.find(({ name }) => name === family)!;
  const config: unknown = line.readConfig({ path: "config.json", values });
  const weights = new Map(
    [...line.shapes(config)].map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const isNorm = /norm|ln_/.test(name) && name.endsWith("weight");
      const scale = shape.length === 2 ? 3 / Math.sqrt(shape[1]!) : 1;
      // Numbers that float32 holds exactly, so that both precisions compute the same network.
      const drawn = () => Math.fround((next() - 0.5) * scale + (isNorm ? 1 : 0));
      return [name, { shape, values: Float64Array.from({ length: size }, drawn) }];
    }),
  );
  const flat = new Map([...weights].map(([name, one]) => [name, one.values]));
  const { vocabularySize } = line.facts(config, { path: "", values: {} });
  return {
    family,
    values,
    vocabulary: vocabularySize,
    limit,
    sees,
    weights,
    forward: (scene) => forward(flat, scene),
    create: (dtype) => line.create(config, tensorsOf(weights, dtype)),
  };
}

export function tensorsOf(weights: RandomNetwork["weights"], dtype: Dtype): Map<string, Tensor> {
  return new Map([...weights].map(([name, { shape, values }]) => [name, tensor(values, shape, { dtype })]));
}

export interface RandomScene {
  scene: Scene;
  ids_BL: Tensor;
  options: ForwardOptions;
}

/** Ids with padding, positions and a visibility, each of them now and then left to the defaults. */
export function randomScene(network: RandomNetwork, seed: number): RandomScene {
  const next = mulberry32(seed + 1000);
  const rows = whole(next, 1, 3);
  const length = whole(next, 1, 9);
  const grid = <T>(one: () => T): T[][] =>
    Array.from({ length: rows }, () => Array.from({ length }, () => one()));
  const ids = grid(() => whole(next, 0, network.vocabulary - 1));
  const [paddingKind, placeKind] = [whole(next, 0, 3), whole(next, 0, 2)];
  const real = paddingKind === 0 ? undefined : paddedRows(next, { kind: paddingKind, rows, length });
  const shared = Array.from({ length }, () => whole(next, 0, Math.min(40, network.limit - 1)));
  const places =
    placeKind === 1 ? ids.map(() => shared) : grid(() => whole(next, 0, Math.min(40, network.limit - 1)));
  const positions = placeKind === 0 ? undefined : places;
  const { visibility, sees } = randomVisibility(next, { network, rows, length });
  return {
    scene: { ids, positions, sees, real },
    ids_BL: tensor(ids, undefined, { dtype: "int64" }),
    options: {
      visibility,
      padding:
        real === undefined
          ? undefined
          : tensor(
              real.map((row) => row.map(Number)),
              undefined,
              { dtype: "bool" },
            ),
      positions:
        positions === undefined
          ? undefined
          : tensor(placeKind === 1 ? shared : positions, undefined, { dtype: "int64" }),
    },
  };
}

/** Padding on the left, on the right, or anywhere; a row may be padding alone. */
function paddedRows(
  next: Next,
  { kind, rows, length }: { kind: number; rows: number; length: number },
): boolean[][] {
  return Array.from({ length: rows }, () => {
    const count = whole(next, 0, length);
    return Array.from({ length }, (_, l) => {
      if (kind === 1) return l >= count;
      return kind === 2 ? l < count : next() < 0.6;
    });
  });
}

function randomVisibility(
  next: Next,
  { network, rows, length }: { network: RandomNetwork; rows: number; length: number },
): { visibility: Visibility | undefined; sees: Scene["sees"] } {
  const block = whole(next, 1, 4);
  const table = Array.from({ length: next() < 0.5 ? 1 : rows }, () =>
    Array.from({ length }, () => Array.from({ length }, () => next() < 0.5)),
  );
  const numbers = table.map((one) => one.map((row) => row.map(Number)));
  const allowed = tensor(table.length === 1 ? numbers[0]! : numbers, undefined, { dtype: "bool" });
  return oneOf<{ visibility: Visibility | undefined; sees: Scene["sees"] }>(next, [
    { visibility: undefined, sees: network.sees },
    { visibility: undefined, sees: network.sees },
    { visibility: { kind: "full" }, sees: () => true },
    { visibility: { kind: "causal" }, sees: (query, key) => key <= query },
    {
      visibility: { kind: "block-causal", blockLength: block },
      sees: (query, key) => Math.floor(key / block) <= Math.floor(query / block),
    },
    {
      visibility: { kind: "explicit", allowed },
      sees: (query, key, row) => table[table.length === 1 ? 0 : row]![query]![key]!,
    },
  ]);
}
