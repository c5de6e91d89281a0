// Parity cases of networks of other dimensions, their outputs computed by the float64 oracle instead of recorded.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors, scope, tensor } from "@unmask/torch";
import { mulberry32 } from "../oracle/mulberry32.ts";
import { type RandomNetwork, randomNetwork, tensorsOf, whole } from "../oracle/networks.ts";
import type { Outcome, Scene } from "../oracle/transformer.ts";

type Nested = number | Nested[];
type Arrays = Record<string, Nested>;

/** Writes a checkpoint and a case or two of each family below `root`; returns the cases' names. */
export function writeNetworkCases(root: string, seed: number): string[] {
  return Object.entries(writers).flatMap(([family, write]) => {
    const network = randomNetwork(family, seed);
    const folder = join(root, family);
    mkdirSync(join(folder, "tiny"), { recursive: true });
    writeFileSync(join(folder, "tiny", "config.json"), JSON.stringify(network.values));
    scope(() =>
      saveSafetensors(join(folder, "tiny", "model.safetensors"), tensorsOf(network.weights, "float32")),
    );
    return Object.entries(write(network, seed)).map(([name, { arrays, ...json }]) => {
      const whole = { case: name, reference: "float64 oracle", checkpoint: `${family}/tiny`, ...json };
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(whole));
      const tensors = Object.entries(arrays).map(([key, values]) => [key, tensor(values)] as const);
      scope(() => saveSafetensors(join(folder, `${name}.safetensors`), new Map(tensors)));
      return `${family}/${name}`;
    });
  });
}

type Case = { arrays: Arrays } & Record<string, unknown>;
type Writer = (network: RandomNetwork, seed: number) => Record<string, Case>;

const writers: Record<string, Writer> = {
  llada: fullCases,
  dream: fullCases,
  sdar: blockCases,
  gpt2: (network, seed) => ({ logits_3: causalCase(network, seed) }),
};

const someIds = (network: RandomNetwork, seed: number, [rows, length]: readonly [number, number]) => {
  const next = mulberry32(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length }, () => whole(next, 0, network.vocabulary - 1)),
  );
};
const best = (logits: number[]) => logits.indexOf(Math.max(...logits));
const reference = (name: string) => ({ tensor: name });

function fullCases(network: RandomNetwork, seed: number): Record<string, Case> {
  const ids = someIds(network, seed, [3, 11]);
  const real = ids.map((row, b) => row.map((_, l) => l >= 2 * b));
  const places = ids.map((row, b) => row.map((_, l) => (l >= 2 * b ? l - 2 * b : 1)));
  const flags = real.map((row) => row.map(Number));
  const describe = (scene: Scene, inputs: object, positions: unknown): Case => {
    const { logits, states } = network.forward(scene);
    return {
      inputs: { input_ids: ids, ...inputs },
      outputs: {
        argmax: logits.map((row) => row.map(best)),
        compare_positions: positions,
        keys: { logits: "" },
      },
      tolerance: { logits_abs: 5e-4, hidden_abs: 1e-4 },
      arrays: {
        logits,
        hidden_embedding: states[0]!,
        hidden_after_layer_0: states[1]!,
        hidden_final_norm: states.at(-1)!,
      },
    };
  };
  const sees = () => true;
  const padded = { attention_mask: flags, position_ids: places };
  return {
    logits_4: describe({ ids, sees }, {}, null),
    logits_5_pad: describe({ ids, sees, real, positions: places }, padded, flags),
    logits_mask_ignored_2: describe({ ids, sees }, { attention_mask: flags }, null),
  };
}

function blockCases(network: RandomNetwork, seed: number): Record<string, Case> {
  const block = 3;
  const sees = (query: number, key: number) => Math.floor(key / block) <= Math.floor(query / block);
  const ids = someIds(network, seed, [2, 13]);
  const positions = ids.map((row, b) => row.map((_, l) => l + 4 * b));
  const full = network.forward({ ids, sees, positions });
  const [clean] = someIds(network, seed + 1, [1, 12]) as [number[]];
  const noisy = clean.map((id, l) => (l < 9 ? id : 0));
  const pass = (row: number[]): Outcome => network.forward({ ids: [row], sees });
  const [kept, looked] = [pass(clean).logits[0]!, pass(noisy).logits[0]!];
  const cacheCase: Case = {
    arguments: { block_size: block, prefill_blocks: 1 },
    inputs: { clean_ids: [clean], noisy_ids: [noisy] },
    outputs: {
      prefill_logits: reference("prefill"),
      block_1_logits: reference("one"),
      block_2_logits: reference("two"),
      denoise_last_block_logits: reference("noisy"),
      block_3_logits: reference("three"),
    },
    tolerance: { abs: 2e-4, rel: 1e-4 },
    arrays: {
      prefill: [kept.slice(0, 3)],
      one: [kept.slice(3, 6)],
      two: [kept.slice(6, 9)],
      noisy: [looked.slice(9)],
      three: [kept.slice(9)],
    },
  };
  const listed = full.states.filter((_, i) => i !== full.states.length - 2);
  return {
    logits_full_9: {
      arguments: { block_size: block, batch: 2 },
      inputs: { input_ids: ids, position_ids: positions },
      outputs: { logits: reference("logits"), hidden_states: reference("states") },
      argmax: full.logits.map((row) => row.map(best)),
      tolerance: { abs: 2e-4, rel: 1e-4 },
      arrays: { logits: full.logits, states: listed },
    },
    logits_kv_cache_2: cacheCase,
  };
}

function causalCase(network: RandomNetwork, seed: number): Case {
  const ids = someIds(network, seed, [3, 10]);
  const { logits, states } = network.forward({ ids, sees: (query, key) => key <= query });
  const losses = ids.map((row, b) =>
    row.slice(1).map((id, l) => {
      const all = logits[b]![l]!;
      return Math.log(all.reduce((sum, one) => sum + Math.exp(one), 0)) - all[id]!;
    }),
  );
  const mean = losses.flat().reduce((a, b) => a + b, 0) / losses.flat().length;
  return {
    inputs: { ids },
    outputs: {
      logits: reference("logits"),
      hidden_states: reference("states"),
      nll_of_next_token: losses,
      mean_nll: mean,
      perplexity: Math.exp(mean),
    },
    tolerance: { logits: { abs: 2e-4, rel: 1e-4 }, nll: { abs: 1e-4 } },
    arrays: { logits, states: states.slice(0, -1) },
  };
}
