// The families' networks against the oracle, over random small sizes, and their gradients against differences.

import { noGrad, scope, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { checkGradients } from "../../../torch/test/gradient-check.ts";
import { families } from "../../src/models/families.ts";
import { oracleFamilies, type RandomNetwork, randomNetwork, randomScene } from "./networks.ts";

const seeds = Array.from({ length: 30 }, (_, i) => i + 1);

/** Largest difference in relation to 1 + |expected|. */
function distance(found: Tensor, expected: readonly number[]): number {
  const values = toNumbers(found);
  expect(values.length).toBe(expected.length);
  return expected.reduce((worst, one, i) => {
    const share = Math.abs(values[i]! - one) / (1 + Math.abs(one));
    return share <= worst ? worst : share;
  }, 0);
}

const about = ({ family, values }: RandomNetwork, seed: number) =>
  `${family}, seed ${seed}: ${JSON.stringify(values)}`;

describe.each(oracleFamilies)("%s against the float64 oracle", (family) => {
  it("agrees to 1e-9 in float64 and 1e-4 in float32: logits and hidden states, whatever the sizes", () => {
    for (const seed of seeds) {
      scope(() =>
        noGrad(() => {
          const random = randomNetwork(family, seed);
          const { scene, ids_BL, options } = randomScene(random, seed);
          const truth = random.forward(scene);
          for (const [dtype, allowed] of [
            ["float64", 1e-9],
            ["float32", 1e-4],
          ] as const) {
            const network = random.create(dtype);
            const logits = network.logits(ids_BL, undefined, options);
            expect(logits.dtype).toBe(dtype);
            expect(distance(logits, truth.logits.flat(2)), about(random, seed)).toBeLessThan(allowed);
            const states = network.hiddenStates(ids_BL, options);
            expect(states.length).toBe(truth.states.length);
            states.forEach((state, i) => {
              const where = `state ${i} of ${about(random, seed)}`;
              expect(distance(state, truth.states[i]!.flat(2)), where).toBeLessThan(allowed);
            });
          }
        }),
      );
    }
  });
});

describe("the oracle's networks", () => {
  it("are of every kind: grouped heads, head sizes of their own, biases, tied heads, blocks that end early", () => {
    const all = oracleFamilies.flatMap((family) => seeds.map((seed) => randomNetwork(family, seed)));
    const some = (what: (network: RandomNetwork) => unknown) => all.some((one) => Boolean(what(one)));
    expect(some(({ values: v }) => v.num_attention_heads === 7 && v.num_key_value_heads === 1)).toBe(true);
    expect(some(({ values: v }) => v.head_dim === 6)).toBe(true);
    expect(some(({ values: v }) => v.block_size === 3)).toBe(true);
    expect(some(({ values: v }) => v.multi_query_attention)).toBe(true);
    expect(some(({ values: v }) => v.include_qkv_bias && v.weight_tying)).toBe(true);
    expect(some(({ values: v }) => v.tie_word_embeddings)).toBe(true);
    expect(some(({ values: v }) => v.num_hidden_layers === 1)).toBe(true);
  });
});

/** config.json of the smallest networks with every kind of parameter. */
const smallest: Record<string, Record<string, unknown>> = {
  llada: { d_model: 4, n_heads: 2, n_kv_heads: 1, n_layers: 1, mlp_hidden_size: 3, vocab_size: 5 },
  dream: {
    hidden_size: 4,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 3,
    vocab_size: 5,
  },
  sdar: {
    hidden_size: 3,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 3,
    vocab_size: 5,
  },
  gpt2: { n_embd: 4, n_head: 2, n_layer: 1, n_inner: 3, n_positions: 4, vocab_size: 5 },
};
const extra: Record<string, Record<string, unknown>> = {
  llada: { include_qkv_bias: true },
  dream: { num_hidden_layers: 1 },
  sdar: { num_hidden_layers: 1, head_dim: 4, block_size: 2, tie_word_embeddings: true },
};

describe.each(oracleFamilies)("%s", (family) => {
  it("has gradients that agree with finite differences in float64, for every parameter", () => {
    const line = families.find(({ name }) => name === family)!;
    const values = { model_type: family, ...smallest[family], ...extra[family] };
    const config: unknown = line.readConfig({ path: "config.json", values });
    const shapes = [...line.shapes(config)];
    const inputs = shapes.map(([, shape], i) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const drawn = Float64Array.from({ length: size }, (_, j) => ((i * 7 + j + 1) * 0.618034) % 1);
      return tensor(
        drawn.map((one) => (shape.length === 1 ? 0.5 + one : 1.6 * one - 0.8)),
        shape,
      );
    });
    const ids_BL = tensor(
      [
        [0, 3, 1],
        [4, 2, 2],
      ],
      undefined,
      { dtype: "int64" },
    );
    const padding = tensor(
      [
        [1, 1, 1],
        [0, 1, 1],
      ],
      undefined,
      { dtype: "bool" },
    );
    const run = (...weights: Tensor[]) => {
      const network = line.create(config, new Map(shapes.map(([name], i) => [name, weights[i]!])));
      return network.logits(ids_BL, undefined, { padding });
    };
    checkGradients(run, inputs, { tolerance: 1e-6 });
  });
});
