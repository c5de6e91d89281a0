// Memory over many steps, in child processes of their own.

import { expect, test } from "vitest";
import { childResult } from "./helpers.ts";

test("garbage made without scopes is collected, because V8 hears of its size", () => {
  // 700 tensors of 4 MB: 2.8 GB in all.
  const result = childResult(
    `
    let peak = 0;
    for (let i = 0; i < 700; i++) {
      torch.fill_(torch.empty([1 << 20]), i);
      if (i % 20 === 0) {
        await new Promise(setImmediate);
        peak = Math.max(peak, process.memoryUsage.rss());
      }
    }
    console.log(JSON.stringify({ peak: peak / 2 ** 20 }));
  `,
  ) as { peak: number };
  expect(result.peak).toBeLessThan(1200);
});

test("the finaliser frees what nobody holds, and only that", () => {
  const result = childResult(
    `
    const held = torch.ones([10]);
    (() => { for (let i = 0; i < 100; i++) torch.zeros([10]); })();
    const before = torch.liveTensors().count;
    for (let i = 0; i < 20 && torch.liveTensors().count > 1; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log(JSON.stringify({ before, after: torch.liveTensors(), held: torch.toNumbers(held).length }));
  `,
    { flags: ["--expose-gc"] },
  );
  expect(result).toEqual({ before: 101, after: { count: 1, bytes: 40 }, held: 10 });
});

test("20,000 steps of a toy network: tensors and resident memory stay flat", () => {
  const result = childResult(
    `
    torch.setThreads(1);
    const shapes = [[8, 16], [16], [16, 4], [4]];
    const generator = torch.createGenerator(1);
    const parameters = torch.scope(() => shapes.map((shape) => {
      const start = torch.mul(torch.randn(shape, { generator }), 0.3);
      return torch.setRequiresGrad(torch.detach(start), true);
    }));
    const input = torch.randn([16, 8], { generator });
    const target = torch.tensor(BigInt64Array.from({ length: 16 }, (_, i) => BigInt(i % 4)));
    const step = () => torch.scope(() => {
      const [w1, b1, w2, b2] = parameters;
      const hidden = torch.gelu(torch.addmm(b1, input, w1));
      const loss = torch.crossEntropyLoss(torch.addmm(b2, hidden, w2), target);
      const gradients = torch.grad(loss, parameters);
      torch.noGrad(() => torch.foreachAdd_(parameters, gradients, { alpha: -0.05 }));
      return torch.item(loss);
    });
    const first = step();
    const losses = [];
    const sample = () => {
      globalThis.gc();
      return { live: torch.liveTensors(), rss: process.memoryUsage.rss() / 2 ** 20 };
    };
    const samples = [];
    for (let i = 1; i <= 20000; i++) {
      const loss = step();
      if (i % 2000 === 0) { losses.push(loss); samples.push(sample()); await new Promise(setImmediate); }
    }
    console.log(JSON.stringify({ first, losses, samples }));
  `,
    { flags: ["--expose-gc"] },
  ) as { first: number; losses: number[]; samples: { live: object; rss: number }[] };
  expect(result.losses.at(-1)).toBeLessThan(result.first / 10);
  for (const { live } of result.samples) expect(live).toEqual(result.samples[0]!.live);
  // The first samples are warm-up (JIT, allocator arenas).
  const resident = result.samples.slice(2).map(({ rss }) => rss);
  expect(Math.max(...resident) - Math.min(...resident), JSON.stringify(resident)).toBeLessThan(8);
});
