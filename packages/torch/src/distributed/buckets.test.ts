// Gradients from several processes against one process that sees all their data. All numbers are small integers, so
// that sums are exact in every order and equality means equality.

import { describe, expect, it } from "vitest";
import { rankResults } from "../../test/ranks.ts";
import * as torch from "../index.ts";
import { gradientBuckets } from "./buckets.ts";

/** A network with a tied weight and recomputed blocks, told in JavaScript for both sides. */
const network = `
const whole = (size, phase, dtype = "float32") => torch.setRequiresGrad(
  torch.tensor(Float32Array.from({ length: size[0] * size[1] }, (_, i) => ((i * 7 + phase * 5) % 3) - 1), size, { dtype }), true);
function parameters() {
  return {
    tied: whole([4, 4], 0), first: whole([4, 4], 1), second: whole([4, 4], 2), wide: whole([4, 40], 3),
    double: whole([4, 2], 4, "float64"), low: whole([4, 2], 5, "bfloat16"), never: whole([2, 2], 6), sometimes: whole([4, 1], 7),
  };
}
const input = (rank, micro) => torch.tensor(Float32Array.from({ length: 8 }, (_, i) => ((i + 3 * rank + micro) % 4) - 1), [2, 4]);
const head = (p, hidden, rank) => {
  const parts = [
    torch.sum(torch.matmul(hidden, p.tied)),
    torch.sum(torch.matmul(hidden, p.wide)),
    torch.convert(torch.sum(torch.matmul(torch.convert(hidden, "float64"), p.double)), "float32"),
    torch.convert(torch.sum(torch.matmul(torch.convert(hidden, "bfloat16"), p.low)), "float32"),
  ];
  if (rank === 0) parts.push(torch.sum(torch.matmul(hidden, p.sometimes)));
  return torch.sum(torch.stack(parts));
};
const blocks = (p) => [(h) => torch.matmul(h, p.first), (h) => torch.matmul(h, p.second)];
/** One backward, or several: the tied weight is reached by the first and by the last of them. */
function backward(p, rank, micro, recompute) {
  torch.scope(() => {
    const embedded = torch.matmul(input(rank, micro), p.tied);
    if (recompute) {
      const kept = new torch.Recompute();
      torch.backward(head(p, kept.through(blocks(p), embedded), rank));
      kept.finish();
    } else {
      torch.backward(head(p, blocks(p).reduce((h, block) => block(h), embedded), rank));
    }
  });
}
const gradients = (p) => torch.scope(() => Object.fromEntries(Object.entries(p).map(([name, one]) => {
  const gradient = torch.gradientOf(one);
  return [name, gradient === null ? null : [gradient.dtype, torch.toNested(gradient)]];
})));
`;

interface Model {
  parameters(): Record<string, torch.Tensor>;
  backward(p: Record<string, torch.Tensor>, rank: number, micro: number, recompute: boolean): void;
  gradients(p: Record<string, torch.Tensor>): unknown;
}
const model = new Function("torch", `${network} return { parameters, backward, gradients };`)(torch) as Model;

/** What one process gets from the micro-batches of all ranks. */
function expected(ranks: number, micros: readonly number[]): unknown {
  const p = model.parameters();
  for (let rank = 0; rank < ranks; rank++) for (const micro of micros) model.backward(p, rank, micro, false);
  return model.gradients(p);
}

interface Result {
  plain: unknown[];
  recomputed: unknown[];
  accumulated: unknown;
  launched: { plain: number[]; recomputed: number[]; accumulated: number[]; all: number };
  refusals: string[];
  live: number;
}

describe.each([2, 3])("gradient buckets of %i processes", (size) => {
  it("leave the sums over ranks, and are sent while backward runs", { timeout: 120_000 }, async () => {
    const results = (await rankResults(
      size,
      `${network}
      const world = await torch.initDistributed(options);
      const p = parameters();
      const list = Object.values(p);
      // 64 bytes in the first bucket, 256 in the others: several buckets.
      const buckets = torch.gradientBuckets(world, list, { firstMegabytes: 64 / 2 ** 20, megabytes: 256 / 2 ** 20 });
      const launched = { plain: [], recomputed: [], accumulated: [], all: 0 };
      const steps = async (recompute, seen) => {
        const results = [];
        for (let step = 0; step < 3; step++) {
          buckets.begin(true);
          backward(p, world.rank, step, recompute);
          seen.push(buckets.launched);
          await buckets.finish();
          results.push(gradients(p));
        }
        return results;
      };
      const plain = await steps(false, launched.plain);
      launched.all = buckets.launched;
      const recomputed = await steps(true, launched.recomputed);
      for (const micro of [0, 1, 2]) {
        buckets.begin(micro === 2);
        backward(p, world.rank, micro, true);
        launched.accumulated.push(buckets.launched);
      }
      const refusals = [];
      const refuses = async (body) => { try { await body(); refusals.push("accepted"); } catch (error) { refusals.push(error.message); } };
      await refuses(() => world.barrier());
      await refuses(() => buckets.begin(true));
      await buckets.finish();
      const accumulated = gradients(p);
      await refuses(() => buckets.finish());
      const pending = world.barrier();
      await refuses(() => buckets.begin(true));
      await pending;
      buckets.dispose();
      for (const one of list) { torch.setGradient(one, null); one.dispose(); }
      await world.close();
      report({ plain, recomputed, accumulated, launched, refusals, live: torch.liveTensors().count });
      `,
    )) as Result[];
    const each = [0, 1, 2].map((step) => expected(size, [step]));
    for (const [rank, { plain, recomputed, accumulated, launched, refusals, live }] of results.entries()) {
      expect(plain, `rank ${rank}`).toEqual(each);
      expect(recomputed).toEqual(each);
      expect(accumulated).toEqual(expected(size, [0, 1, 2]));
      const { all } = launched;
      expect(all).toBeGreaterThan(3);
      // The first step waits for a parameter that no backward reaches; the next know better. Of the recomputed ones the
      // first is told too late that the tied weight is reached twice.
      expect(launched).toMatchObject({
        plain: [0, all, all],
        recomputed: [all, all, all],
        accumulated: [0, 0, all],
      });
      expect(refusals).toEqual([
        "a collective was called before the gradient buckets' finish() had ended",
        "begin() was called while a collective or another finish() was under way",
        "gradientBuckets.finish: finish() without a begin()",
        "begin() was called while a collective or another finish() was under way",
      ]);
      expect(live).toBe(0);
    }
  });
});

describe("gradientBuckets", () => {
  it("does nothing in a world of one", async () => {
    const p = model.parameters();
    const buckets = gradientBuckets(torch.soloWorld, Object.values(p));
    for (const micro of [0, 1]) {
      buckets.begin(micro === 1);
      model.backward(p, 0, micro, false);
    }
    await buckets.finish();
    expect(model.gradients(p)).toEqual(expected(1, [0, 1]));
  });
});
