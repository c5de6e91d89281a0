// d3LLM's and D2F's caches on networks: a stub that shows which row was read, and small random ones in float64.

import { type Tensor, tensor, toTypedArray } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { randomNetwork } from "../../../test/oracle/networks.ts";
import type { ForwardOptions } from "../../models/family.ts";
import { KeyValueCache } from "../../models/parts/cache.ts";
import { planCache } from "../../models/parts/cache-use.ts";
import { type Denoiser, modelProposer, type ProposerOptions } from "../../propose/propose.ts";
import { type Canvas, newCanvas } from "../canvas.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { d2f } from "./d2f.ts";
import { type MultiBlockOptions, multiBlock } from "./multi-block.ts";
import type { Policy } from "./policy.ts";

const settings = (more: Partial<MultiBlockOptions> = {}): MultiBlockOptions => ({
  rule: "llada",
  released: false,
  blockLength: 4,
  threshold: 0.5,
  blockAddThreshold: 0.1,
  decodedTokenThreshold: 0.95,
  endIds: [],
  remasking: "low_confidence",
  seed: 0,
  ...more,
});

async function run(
  canvas: Canvas,
  policy: Policy,
  network: Denoiser,
  options: Partial<ProposerOptions>,
): Promise<SequenceStep[]> {
  const steps: SequenceStep[] = [];
  const proposer = modelProposer(network, { seed: 0, sampling: { temperature: 0 }, ...options });
  for await (const [step] of decode([canvas], proposer, policy)) steps.push(step!);
  return steps;
}

const written = (steps: readonly SequenceStep[]) =>
  steps.map(({ proposal, decision }) => decision.commit.map((i) => [proposal.columns[i], proposal.token[i]]));

/** Row p says the target of column p + 1, surely from forward ready(p + 1) on: Dream's shift, without arithmetic. */
function shiftedStub(ready: (column: number) => number): Denoiser {
  const vocabulary = 10;
  let forward = 0;
  const cacheShape = { layers: 0, rows: 1, keyHeads: 1, headSize: 1, capacity: 32 } as const;
  return {
    createCache: () => new KeyValueCache({ ...cacheShape, dtype: "float32", device: "cpu" }),
    logits(ids_BL: Tensor, rows_N?: Tensor, options: ForwardOptions = {}) {
      forward++;
      const use = planCache(options, ids_BL.shape as [number, number]);
      use.finish();
      const rows = Array.from(toTypedArray(rows_N!) as BigInt64Array, Number);
      const logits = rows.map((row) => {
        const column = use.at + row + 1;
        const target = (column % 7) + 1;
        const sure = forward >= ready(column) ? 50 : 0.1 + 0.01 / (1 + column);
        return Array.from({ length: vocabulary }, (_, token) => (token === target ? sure : 0));
      });
      return tensor(logits, undefined, { dtype: "float32" });
    },
  };
}

describe("Dream's row at the end of the cache", () => {
  const boundary = async (released: boolean) => {
    const canvas = newCanvas({ length: 20, noiseId: 9, prompt: [1, 1, 1, 1] });
    const cache = { delay: 1, refreshInterval: 10_000 };
    const stub = shiftedStub((column) => (column === 4 ? 3 : 1));
    const policy = multiBlock(settings({ rule: "dream", released, cache }));
    await run(canvas, policy, stub, { shift: 1, ownRowAtBoundary: released });
    return canvas;
  };

  it("released: a column takes the token that is meant for the next", async () => {
    const { ids } = await boundary(true);
    expect([...ids.subarray(4, 8)]).toEqual([6, 6, 7, 1]);
  });

  it("corrected: the row before it is fed again", async () => {
    const { ids } = await boundary(false);
    expect([...ids]).toEqual([1, 1, 1, 1, ...Array.from({ length: 16 }, (_, j) => ((j + 4) % 7) + 1)]);
  });
});

interface Scene {
  network: Denoiser;
  shift: 0 | 1;
  canvas: () => Canvas;
  next: () => number;
}

function randomScene(family: "llada" | "dream", seed: number): Scene {
  const random = randomNetwork(family, seed);
  const next = mulberry32(seed + 77);
  const prompt = Array.from({ length: 1 + Math.floor(next() * 6) }, () =>
    Math.floor(next() * random.vocabulary),
  );
  const length = Math.min(32, prompt.length + 4 + Math.floor(next() * 16));
  const noiseId = random.vocabulary - 1;
  return {
    network: random.create("float64"),
    shift: family === "dream" ? 1 : 0,
    canvas: () => newCanvas({ length, noiseId, prompt }),
    next,
  };
}

const families = ["llada", "dream"] as const;
const seeds = Array.from({ length: 6 }, (_, seed) => seed);

describe.each(families)("caches on small networks of %s", (family) => {
  it("multi-block with a refresh in every forward is multi-block without a cache", async () => {
    for (const seed of seeds) {
      const { network, shift, canvas, next } = randomScene(family, seed);
      const options = settings({
        rule: family,
        threshold: 1 + next(),
        blockLength: 2 + Math.floor(next() * 4),
      });
      const plain = canvas();
      const expected = await run(plain, multiBlock(options), network, { shift });
      for (const delay of [0, 1, 2]) {
        const cached = canvas();
        const cache = { delay, refreshInterval: 1 };
        const steps = await run(cached, multiBlock({ ...options, cache }), network, { shift });
        expect(written(steps), `seed ${seed} delay ${delay}`).toEqual(written(expected));
        expect(cached.ids).toEqual(plain.ids);
      }
    }
  });

  it("multi-block with stale keys still ends, corrected and released", async () => {
    for (const seed of seeds) {
      const { network, shift, canvas } = randomScene(family, seed);
      for (const released of [false, true]) {
        const cache = { delay: 1, refreshInterval: 4 };
        const options = settings({ rule: family, released, cache, blockLength: 1 });
        const one = canvas();
        await run(one, multiBlock(options), network, { shift, ownRowAtBoundary: released });
        expect(one.open).not.toContain(1);
      }
    }
  });

  it("D2F with the cache is D2F without", async () => {
    let fed = 0;
    for (const seed of seeds) {
      const { network, shift, canvas, next } = randomScene(family, seed);
      const options = {
        released: false,
        blockLength: 1 + Math.floor(next() * 5),
        skip: 0.2 + next() * 0.4,
        blockAddThreshold: next(),
        decodedTokenThreshold: next(),
        endIds: seed % 2 === 0 ? [] : [3],
      };
      const [plain, cached] = [canvas(), canvas()];
      const expected = await run(plain, d2f({ ...options, useCache: false }), network, { shift });
      const steps = await run(cached, d2f({ ...options, useCache: true }), network, { shift });
      expect(written(steps), `seed ${seed}`).toEqual(written(expected));
      expect(cached.ids).toEqual(plain.ids);
      steps.forEach(({ proposal }, i) => {
        proposal.probability.forEach((value, k) => {
          expect(value).toBeCloseTo(expected[i]!.proposal.probability[k]!, 6);
        });
      });
      for (const { plan } of steps) fed += plan.from;
    }
    expect(fed).toBeGreaterThan(50);
  });
});

describe.each(families)("D2F's proposals on %s", (family) => {
  it("are those of the float64 oracle, where a column sees the prompt, what is before its block, and its block", async () => {
    for (const seed of seeds.slice(0, 4)) {
      const oracle = randomNetwork(family, seed);
      const { network, shift, canvas } = randomScene(family, seed);
      const one = canvas();
      const first = one.given.indexOf(0);
      const blockLength = 3;
      const options = { released: false, blockLength, skip: 0.4, useCache: true, endIds: [] };
      const policy = d2f({ ...options, blockAddThreshold: 0.3, decodedTokenThreshold: 0.6 });
      const proposer = modelProposer(network, { seed: 0, shift, sampling: { temperature: 0 } });
      const block = (column: number) => Math.max(-1, Math.floor((column - first) / blockLength));
      const ids: number[][] = [];
      const watched = {
        ...proposer,
        propose: (requests: Parameters<typeof proposer.propose>[0]) => {
          ids.push([...one.ids]);
          return proposer.propose(requests);
        },
      };
      let forward = 0;
      for await (const [step] of decode([one], watched, policy)) {
        const sees = (query: number, key: number) => block(key) <= block(query);
        const { logits } = oracle.forward({ ids: [ids[forward++]!], sees });
        const { columns, probability } = step!.proposal;
        columns.forEach((column, i) => {
          const row = logits[0]![Math.max(0, column - shift)]!;
          const best = Math.max(...row);
          const total = row.reduce((sum, value) => sum + Math.exp(value - best), 0);
          expect(probability[i], `seed ${seed} column ${column}`).toBeCloseTo(1 / total, 5);
        });
      }
    }
  });
});
