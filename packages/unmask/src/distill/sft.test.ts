import { describe, expect, it } from "vitest";
import { tiny } from "../../test/oracle/tiny-networks.ts";
import {
  tinyTrajectories as examples,
  tinyFacts,
  tinyPlainFacts,
} from "../../test/oracle/tiny-trajectories.ts";
import { UnsupportedError } from "../base/errors.ts";
import { type SftOptions, sftMethod } from "./sft.ts";
import type { DistillFacts } from "./trace-states.ts";

const place = { seed: 1, step: 0, examples: [0, 1, 2, 3], first: 0, count: 4, progress: 0 };
const prepared = (facts: DistillFacts, options: SftOptions = {}) =>
  sftMethod(facts, options).prepare(examples, place);

describe("fine-tuning on rollouts", () => {
  it("is on the doubled sequence where the network sees block by block, on the text else", () => {
    expect(prepared(tinyFacts).allowed).toBeDefined();
    expect(prepared(tinyFacts, { blockSize: 6 }).allowed).not.toEqual(prepared(tinyFacts).allowed);
    const plain = prepared(tinyPlainFacts);
    expect(plain.allowed).toBeUndefined();
    expect([...plain.ids.subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  it("weighs by 1/t, or evenly, over an answer's tokens and its first padding", () => {
    const [elbo, even] = [prepared(tinyPlainFacts), prepared(tinyPlainFacts, { lossWeight: "uniform" })];
    expect(elbo.reads).toEqual(even.reads);
    expect(even.reads.length).toBeGreaterThan(5);
    const rowOf = (read: number) => Math.floor((read + 1) / even.length);
    even.reads.forEach((read, n) => {
      const { ids, promptLength } = examples[rowOf(read)]!;
      expect(even.weights[n]).toBeCloseTo(1 / (ids.length - promptLength + 1), 12);
      expect(elbo.weights[n]! / even.weights[n]!).toBeCloseTo(1 / elbo.times[n]!, 9);
    });
  });

  it("pairs every text with all masks: a position holds its token or the mask, as often as the noise says", () => {
    let [masked, all] = [0, 0];
    const method = sftMethod(tinyPlainFacts, { padding: "none" });
    for (let round = 0; round < 200; round++) {
      const batch = method.prepare(examples, { ...place, examples: [0, 1, 2, 3].map((i) => 4 * round + i) });
      examples.forEach(({ ids, promptLength }, row) => {
        for (let i = promptLength; i < ids.length; i++) {
          const id = batch.ids[row * batch.length + i]!;
          expect([ids[i], tiny.maskId]).toContain(id);
          if (id === tiny.maskId) masked++;
          all++;
        }
      });
    }
    // t is uniform, so half of all tokens are masked.
    expect(Math.abs(masked / all - 0.5)).toBeLessThan(0.04);
  });

  it("learns no token that was given", () => {
    const some = [{ ...examples[0]!, steps: [0, -1, 1, -1, 2] }];
    const method = sftMethod(tinyPlainFacts, { padding: "none" });
    for (let number = 0; number < 20; number++) {
      const { targets } = method.prepare(some, { ...place, examples: [number], count: 1 });
      for (const token of targets) expect([4, 6, 0]).toContain(token);
    }
  });

  it("refuses a model without masks", () => {
    expect(() => sftMethod({ ...tinyPlainFacts, family: "gpt2", maskId: undefined })).toThrow(
      UnsupportedError,
    );
  });
});
