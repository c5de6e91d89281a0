import { expect, test } from "vitest";
import { setGradient } from "../core/autograd.ts";
import { setRequiresGrad, tensor, toTypedArray } from "../core/create.ts";
import type { Tensor } from "../core/tensor.ts";
import { AdamW } from "../optim/adamw.ts";
import { ShardedAdamW } from "./sharded-adamw.ts";
import { soloWorld } from "./world.ts";

const wave = (size: number, phase: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(phase + 0.7 * i));
const leaf = (size: number, phase: number, dtype: "float32" | "bfloat16" = "float32"): Tensor =>
  setRequiresGrad(tensor(wave(size, phase), undefined, { dtype }), true);

const make = () => ({
  decayed: new Map([
    ["a", leaf(5, 0)],
    ["b", leaf(9, 1, "bfloat16")],
  ]),
  plain: new Map([["c", leaf(3, 2)]]),
});

async function run(optimiser: AdamW | ShardedAdamW, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    optimiser.parameters.forEach((parameter, i) => {
      setGradient(
        parameter,
        tensor(wave(parameter.size, step + 3 * i), undefined, { dtype: parameter.dtype }),
      );
    });
    await optimiser.step(0.01);
    optimiser.zeroGradients();
  }
}

const groups = (nets: ReturnType<typeof make>) => [
  { parameters: nets.decayed, weightDecay: 0.1 },
  { parameters: nets.plain, rate: 0.5 },
];
const bits = (nets: ReturnType<typeof make>) =>
  [...nets.decayed, ...nets.plain].map(([, one]) => toTypedArray(one));

test("one process: AdamW, bit for bit", async () => {
  const [ours, theirs] = [make(), make()];
  await run(new ShardedAdamW(soloWorld, groups(ours)), 0, 5);
  const lists = groups(theirs).map((group) => ({ ...group, parameters: [...group.parameters.values()] }));
  await run(new AdamW(lists), 0, 5);
  expect(bits(ours)).toEqual(bits(theirs));
});

test("state goes by name, whatever the order and grouping it was saved with", async () => {
  const whole = make();
  const optimiser = new ShardedAdamW(soloWorld, groups(whole));
  await run(optimiser, 0, 2);
  expect([...optimiser.state().keys()].sort()).toEqual(
    ["a.mean", "a.square", "b.master", "b.mean", "b.square", "c.mean", "c.square"].sort(),
  );
  const copy = new ShardedAdamW(soloWorld, groups(make()));
  copy.loadState(new Map([...optimiser.state()].reverse()), optimiser.steps);
  expect(copy.steps).toBe(2);
  for (const [name, one] of copy.state())
    expect(toTypedArray(one)).toEqual(toTypedArray(optimiser.state().get(name)!));
  const lacking = new Map(optimiser.state());
  lacking.delete("b.mean");
  expect(() => copy.loadState(lacking, 2)).toThrow('the saved optimiser state has no tensor "b.mean"');
});

test("a name that stands for two parameters is refused", () => {
  const parameters = new Map([["a", leaf(2, 0)]]);
  expect(() => new ShardedAdamW(soloWorld, [{ parameters }, { parameters: new Map(parameters) }])).toThrow(
    'two parameters are called "a"',
  );
});
