// Optimiser state in shards: the same weights as one AdamW, and a state that loads at another number of processes.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/helpers.ts";
import { rankResults } from "../../test/ranks.ts";
import * as torch from "../index.ts";

const folder = temporaryFolder();

/** Parameters, and gradients that are small integers, so that sums over ranks are exact. */
const training = `
const wave = (size, phase) => Float32Array.from({ length: size }, (_, i) => Math.sin(phase + 0.7 * i));
const leaf = (size, phase, dtype = "float32") =>
  torch.setRequiresGrad(torch.tensor(wave(size, phase), undefined, { dtype }), true);
const groups = () => [
  { parameters: new Map([["a", leaf(300, 0)], ["b", leaf(90, 1, "bfloat16")], ["c", leaf(200, 2)]]), weightDecay: 0.1 },
  { parameters: new Map([["d", leaf(31, 3)], ["e", leaf(7, 4, "float64")]]), rate: 0.5 },
];
const named = (all) => new Map(all.flatMap((group) => [...group.parameters]));
/** A loss whose gradient at every parameter is known: integers of (rank, step), whatever the weights. */
function backward(all, rank, step) {
  torch.scope(() => {
    const parts = [...named(all).values()].map((one, i) => {
      const factor = Float32Array.from({ length: one.size }, (_, at) => ((at * 3 + i + 5 * step + rank) % 7) - 3);
      return torch.convert(torch.sum(torch.mul(one, torch.tensor(factor, undefined, { dtype: one.dtype }))), "float32");
    });
    torch.backward(torch.sum(torch.stack(parts)));
  });
}
const bits = (all) => [...named(all).values()].map((one) => Array.from(torch.toTypedArray(one), String));
const plain = (all) => new torch.AdamW(all.map((group) => ({ ...group, parameters: [...group.parameters.values()] })));
`;

interface Training {
  groups(): torch.NamedGroup[];
  named(all: readonly torch.NamedGroup[]): Map<string, torch.Tensor>;
  backward(all: readonly torch.NamedGroup[], rank: number, step: number): void;
  bits(all: readonly torch.NamedGroup[]): string[][];
  plain(all: readonly torch.NamedGroup[]): torch.AdamW;
}
const { groups, named, backward, bits, plain } = new Function(
  "torch",
  `${training} return { groups, named, backward, bits, plain };`,
)(torch) as Training;

/** Steps of one process that computes the gradients of \`ranks\` ranks. */
async function alone(
  all: readonly torch.NamedGroup[],
  optimiser: torch.AdamW | torch.ShardedAdamW,
  { ranks, from, to }: { ranks: number; from: number; to: number },
): Promise<number[]> {
  const norms: number[] = [];
  for (let step = from; step < to; step++) {
    for (let rank = 0; rank < ranks; rank++) backward(all, rank, step);
    norms.push(torch.clipGradients([...named(all).values()], 1));
    await optimiser.step(0.01);
    optimiser.zeroGradients();
  }
  return norms;
}

/** The same steps in a world, with gradients of virtual ranks shared out so that every size computes the same sums. */
const steps = `
async function together(world, all, optimiser, { ranks, from, to }) {
  const buckets = torch.gradientBuckets(world, optimiser.parameters, { megabytes: 0.001, firstMegabytes: 0.0005 });
  const norms = [];
  for (let step = from; step < to; step++) {
    const own = Array.from({ length: ranks }, (_, rank) => rank).filter((rank) => rank % world.size === world.rank);
    buckets.begin(own.length === 0);
    own.forEach((rank, i) => { buckets.begin(i === own.length - 1); backward(all, rank, step); });
    await buckets.finish();
    norms.push(torch.clipGradients(optimiser.parameters, 1));
    await optimiser.step(0.01);
    optimiser.zeroGradients();
  }
  return norms;
}
`;

const ranks = 4;
const file = (rank: number | string) => join(folder, "state", `${rank}.safetensors`);

test("2 processes: AdamW's weights bit for bit, with exact clipping; saved for other numbers", async () => {
  mkdirSync(join(folder, "state"));
  const results = (await rankResults(
    2,
    `${training}${steps}
    const world = await torch.initDistributed(options);
    const all = groups();
    if (world.rank !== 0) torch.noGrad(() => { for (const one of named(all).values()) torch.mul_(one, 0); });
    await world.broadcast([...named(all).values()]);
    const optimiser = new torch.ShardedAdamW(world, all);
    const norms = await together(world, all, optimiser, { ranks: ${ranks}, from: 0, to: 3 });
    torch.saveSafetensors(${JSON.stringify(join(folder, "state"))} + "/" + world.rank + ".safetensors", optimiser.state());
    if (world.rank === 0) torch.saveSafetensors(${JSON.stringify(file("weights"))}, named(all));
    norms.push(...await together(world, all, optimiser, { ranks: ${ranks}, from: 3, to: 6 }));
    const held = [...optimiser.state().values()].reduce((sum, one) => sum + one.size, 0);
    await world.close();
    report({ bits: bits(all), norms, held, steps: optimiser.steps });
    `,
  )) as { bits: string[][]; norms: number[]; held: number; steps: number }[];
  const all = groups();
  const norms = await alone(all, plain(all), { ranks, from: 0, to: 6 });
  for (const result of results) expect(result).toMatchObject({ bits: bits(all), norms, steps: 6 });
  // Each holds about half of two moments and of the master of "b".
  const total = 2 * (300 + 90 + 200 + 31 + 7) + 90;
  expect(results.map(({ held }) => held).reduce((a, b) => a + b)).toBe(total);
  expect(Math.max(...results.map(({ held }) => held))).toBeLessThan(0.6 * total);
});

/** Loads what 2 processes saved after 3 steps. */
const resume = `
function resume(all, optimiser, files) {
  const saved = files.map((file) => torch.openSafetensors(file));
  const get = (name) => saved.find((one) => one.names.includes(name))?.tensor(name);
  torch.noGrad(() => torch.scope(() => {
    for (const [name, one] of named(all)) torch.copy_(one, get(name));
    optimiser.loadState({ get }, 3);
  }));
}
`;
const files = [file(0), file(1), file("weights")];

test("3 processes go on from the state of 2", async () => {
  const results = await rankResults(
    3,
    `${training}${steps}${resume}
    const world = await torch.initDistributed(options);
    const all = groups();
    const optimiser = new torch.ShardedAdamW(world, all);
    resume(all, optimiser, ${JSON.stringify(files)});
    await together(world, all, optimiser, { ranks: ${ranks}, from: 3, to: 6 });
    await world.close();
    report(bits(all));
    `,
  );
  const all = groups();
  await alone(all, plain(all), { ranks, from: 0, to: 6 });
  for (const result of results) expect(result).toEqual(bits(all));
});

test("one process goes on from the state of 2", async () => {
  const take = new Function("torch", "named", `${resume} return resume;`)(torch, named);
  const all = groups();
  const optimiser = new torch.ShardedAdamW(torch.soloWorld, all);
  take(all, optimiser, files);
  await alone(all, optimiser, { ranks, from: 3, to: 6 });
  const whole = groups();
  await alone(whole, plain(whole), { ranks, from: 0, to: 6 });
  expect(bits(all)).toEqual(bits(whole));
});
