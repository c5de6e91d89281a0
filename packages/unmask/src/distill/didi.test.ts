// DiDi-Instruct through the one training loop: who is updated by what, micro-batches, head starts; and its networks from
// a teacher to files that load.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  add,
  liveTensors,
  mul,
  scope,
  setRequiresGrad,
  soloWorld,
  sqrt,
  type Tensor,
  tensor,
  toNested,
  toNumbers,
  zeros,
} from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { answers, config, maskId, tinyMdlm } from "../../test/distill/didi-subjects.ts";
import { UnsupportedError } from "../base/errors.ts";
import { type Discriminator, discriminatorTrainable } from "../models/discriminator.ts";
import { loadDiscriminator, saveDiscriminator } from "../models/discriminator-files.ts";
import { loadNetwork } from "../models/load.ts";
import { Mdlm } from "../models/mdlm.ts";
import { saveModel } from "../models/mdlm-save.ts";
import { NonFiniteError } from "../train/non-finite.ts";
import { RatioBuckets } from "../train/ratio-buckets.ts";
import { type StepOutcome, takeStep } from "../train/step.ts";
import { Trained } from "../train/trained.ts";
import type { Critic } from "./didi/critic.ts";
import { type DidiStart, startFromTeacher } from "./didi/networks.ts";
import type { DidiSettings } from "./didi/options.ts";
import { didiMethod } from "./didi.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-didi-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const teacher = tinyMdlm(7);
for (const one of teacher.parameters.values()) setRequiresGrad(one, false);

type Values = Map<string, number[]>;
const valuesOf = (parameters: ReadonlyMap<string, Tensor>): Values =>
  new Map([...parameters].map(([name, one]) => [name, toNumbers(one)]));
const changed = (before: Values, after: Values): string[] =>
  [...before.keys()].filter((name) => before.get(name)!.some((value, i) => value !== after.get(name)![i]));

interface Setting {
  readonly settings?: Partial<DidiSettings>;
  readonly microBatchSize?: number;
  readonly spoil?: (critic: Discriminator) => Critic;
}

/** A run of some steps, and the networks it leaves. */
async function run(steps: number, { settings = {}, microBatchSize = 4, spoil = (one) => one }: Setting = {}) {
  const start = startFromTeacher(teacher, { seed: 1, discriminatorUnfreezeBlocks: 1 });
  const before = snapshot(start);
  const update = { betas: [0.9, 0.999] as const, weightDecay: 0, clip: 1 };
  const trained = new Map([
    ["student", new Trained(start.trained.student, { ...update, rate: () => 0.01, average: 0.9 }, soloWorld)],
    ["critic", new Trained(start.trained.critic, { ...update, rate: () => 0.02 }, soloWorld)],
  ]);
  const job = {
    method: didiMethod({ vocabularySize: config.vocabularySize, maskId, ...settings }),
    networks: { student: start.student, teacher, critic: spoil(start.critic) },
    trained,
    source: {
      fingerprint: "",
      count: answers.length,
      at: async (numbers: readonly number[]) => numbers.map((number) => answers[number % answers.length]!),
    },
    ...{ world: soloWorld, seed: 3, batchSize: 4, microBatchSize, products: "float32" as const },
  };
  const outcomes: StepOutcome[] = [];
  const live: number[] = [];
  for (let step = 0; step < steps; step++) {
    outcomes.push(await takeStep(job, { step, progress: step / steps, buckets: new RatioBuckets() }));
    live.push(liveTensors().count);
  }
  const average = valuesOf(trained.get("student")!.average!.averages);
  return { start, before, after: snapshot(start), outcomes, average, live };
}

const snapshot = ({ student, critic }: DidiStart) => ({
  student: valuesOf(student.parameters),
  critic: valuesOf(critic.parameters),
  teacher: valuesOf(teacher.parameters),
});

describe("steps of the loop", () => {
  it("update the critic's open part, then the student, and nothing else", async () => {
    const { before, after, outcomes, average } = await run(1);
    expect(outcomes[0]!.phases.map(({ name, updates }) => [name, updates])).toEqual([
      ["critic", "critic"],
      ["student", "student"],
    ]);
    const state = ["output_layer.main.0.weight_u", "output_layer.main.0.weight_v"];
    const moved = changed(before.critic, after.critic).filter((name) => !/weight_[uv]$/.test(name));
    const open = discriminatorTrainable(config, { blocks: 1, timePath: true });
    expect(moved.every((name) => open.includes(name))).toBe(true);
    expect(moved.length).toBeGreaterThan(open.length / 2);
    expect(changed(before.critic, after.critic)).toEqual(expect.arrayContaining(state));
    expect(changed(before.student, after.student).length).toBeGreaterThan(10);
    expect(changed(before.teacher, after.teacher)).toEqual([]);
    expect(changed(after.student, average).length).toBeGreaterThan(0);
  });

  it("tell what they did", async () => {
    const { outcomes } = await run(1);
    const [critic, student] = outcomes[0]!.phases;
    expect(Object.keys(critic!.terms)).toEqual(["real", "fake", "accuracy"]);
    expect(critic!.loss).toBeCloseTo((critic!.terms.real! + critic!.terms.fake!) / 2, 9);
    expect(Object.keys(student!.terms)).toEqual([
      ...["policy", "entropy", "log_probability", "kl_first", "kl_second", "reward"],
    ]);
    const { policy, entropy, kl_first, kl_second } = student!.terms as Record<string, number>;
    expect(student!.loss).toBeCloseTo(policy! - 5e-4 * entropy! + 0.01 * (kl_first! + kl_second!), 9);
    // At the first step the student still is the teacher.
    expect(kl_first).toBeCloseTo(0, 9);
    expect(outcomes[0]!.tokens).toBe(16 * 5);
  });

  it("are the same in micro-batches, whatever their size", async () => {
    const whole = await run(3);
    for (const microBatchSize of [1, 3]) {
      const parts = await run(3, { microBatchSize });
      for (const role of ["student", "critic"] as const) {
        for (const [name, values] of whole.after[role]) {
          const found = parts.after[role].get(name)!;
          values.forEach((value, i) => {
            expect(Math.abs(found[i]! - value), name).toBeLessThan(1e-7);
          });
        }
      }
      parts.outcomes.forEach(({ phases }, step) => {
        phases.forEach(({ loss, terms }, i) => {
          const { loss: expected, terms: others } = whole.outcomes[step]!.phases[i]!;
          expect(loss).toBeCloseTo(expected, 8);
          for (const [name, value] of Object.entries(terms))
            expect(value, name).toBeCloseTo(others[name]!, 8);
        });
      });
    }
  });

  it("begin with the critic alone where it has a head start, and update the student now and then", async () => {
    const settings = { discriminatorWarmupSteps: 1, studentUpdateEvery: 2 };
    const { outcomes } = await run(4, { settings });
    expect(outcomes.map(({ phases }) => phases.map(({ name }) => name).join("+"))).toEqual([
      ...["critic", "critic", "critic+student", "critic"],
    ]);
  });

  it.each([
    ["released", { fidelity: "released" as const }],
    [
      "everything beyond the paper",
      {
        ...{ sharedTau: true, baseline: "leave_one_out" as const, credit: "token" as const },
        ...{ positives: "teacher" as const, teacherSteps: 2 },
      },
    ],
    [
      "a critic that is asked everywhere",
      { discriminatorPositions: "all" as const, credit: "logit" as const },
    ],
    [
      "no regularisation, one step, another time",
      {
        ...{
          klBeta: 0,
          entropyBeta: 0,
          scoreDecomposition: false,
          coupledTime: false,
          weightMode: "constant" as const,
        },
      },
    ],
  ])("stay finite: %s", async (_, settings) => {
    const { outcomes } = await run(2, { settings });
    for (const { phases } of outcomes)
      for (const { loss } of phases) expect(Number.isFinite(loss)).toBe(true);
  });

  it("fail where a gradient is no number; as published it is 0", async () => {
    const spoil = (critic: Discriminator): Critic => ({
      parameters: critic.parameters,
      logits(ids_BL, options) {
        const logits_BL = critic.logits(ids_BL, options);
        // √0 has the value 0 and no derivative: 0 · ∞.
        return add(logits_BL, sqrt(mul(logits_BL, 0)));
      },
    });
    await expect(run(1, { spoil })).rejects.toThrow(NonFiniteError);
    const { before, after } = await run(1, { spoil, settings: { fidelity: "released" } });
    const moved = changed(before.critic, after.critic).filter((name) => !/weight_[uv]$/.test(name));
    expect(moved).toEqual([]);
    expect(changed(before.student, after.student).length).toBeGreaterThan(10);
  });

  it("leave no tensor behind", async () => {
    const { live } = await run(4);
    expect(live[3]).toEqual(live[1]);
  });
});

describe("networks of a teacher", () => {
  it("are copies of its weights, and the critic's head is new", () => {
    const start = startFromTeacher(teacher, { seed: 1 });
    expect(valuesOf(start.student.parameters)).toEqual(valuesOf(teacher.parameters));
    for (const [name, values] of valuesOf(start.critic.parameters)) {
      if (name.startsWith("output_layer.")) continue;
      expect(values, name).toEqual(toNumbers(teacher.parameters.get(name)!));
    }
    expect([...start.state.keys()]).toHaveLength(4);
    const [row] = toNested(start.critic.headWeight("output_layer.main.2")) as number[][];
    expect(Math.hypot(...row!)).toBeCloseTo(1, 9);
    expect([...start.trained.critic.keys()]).toEqual(
      discriminatorTrainable(config, { blocks: 4, timePath: true }),
    );
    const frozen = startFromTeacher(teacher, {
      ...{ seed: 1, discriminatorUnfreezeBlocks: 1, fidelity: "released" },
    });
    expect([...frozen.trained.critic.keys()]).toEqual(discriminatorTrainable(config, { blocks: 1 }));
    start.dispose();
    frozen.dispose();
  });

  it("need its conditioning", () => {
    const folded = new Map([...teacher.parameters].filter(([name]) => !name.startsWith("sigma_map")));
    expect(() => startFromTeacher(new Mdlm(config, folded), { seed: 1 })).toThrow(UnsupportedError);
  });

  it("are saved as a model and a discriminator that load again", async () => {
    const { start } = await run(2);
    const folder = mkdtempSync(join(root, "saved-"));
    saveModel(folder, config, start.student.parameters);
    saveDiscriminator(folder, start.critic);
    const ids_BL = tensor(BigInt64Array.of(0n, 1n, 6n, 6n, 2n), [1, 5]);
    const sigma_B = zeros([1]);
    const network = loadNetwork(folder);
    const critic = loadDiscriminator(folder);
    scope(() => {
      expect(toNumbers(network.network.logits(ids_BL))).toEqual(toNumbers(start.student.logits(ids_BL)));
      const scores = toNumbers(critic.discriminator.logits(ids_BL, { sigma_B }));
      expect(scores).toEqual(toNumbers(start.critic.logits(ids_BL, { sigma_B })));
    });
    network.dispose();
    critic.dispose();
    start.dispose();
  });
});

it("begins from a published student's folder as a teacher", async () => {
  const folder = fileURLToPath(new URL("../../test/parity/fixtures/mdlm/model", import.meta.url));
  const { network, dispose } = loadNetwork(folder);
  const start = startFromTeacher(network as Mdlm, { seed: 2 });
  const ids_BL = tensor(BigInt64Array.of(1n, 2n, 3n, 4n), [1, 4]);
  scope(() => {
    expect(toNumbers(start.student.logits(ids_BL))).toEqual(toNumbers(network.logits(ids_BL)));
    expect(start.critic.logits(ids_BL).shape).toEqual([1, 4]);
  });
  start.dispose();
  dispose();
});
