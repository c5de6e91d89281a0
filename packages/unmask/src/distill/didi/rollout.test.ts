// The two steps by a table of logits (where laws are known) and by a small network (where forwards are counted).

import { noGrad, scope, softmax, type Tensor, toNested } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { answers, config, maskId, tinyMdlm, tinyOptions } from "../../../test/distill/didi-subjects.ts";
import * as two from "../../../test/distill/two-tokens.ts";
import { chiSquare, chiSquareLimit } from "../../../test/oracle/chi-square.ts";
import { type DidiSettings, didiOptions } from "./options.ts";
import { planTexts, written } from "./prepare.ts";
import { beginnings, type Denoiser, type DidiBatch, openLogits, rollOut } from "./rollout.ts";

interface Call {
  readonly rows: number;
  readonly reads: number;
}

/** Remembers what was asked of the network. */
function watched(network: Denoiser, calls: Call[]): Denoiser {
  const note = (ids_BL: Tensor, rows_N: Tensor | undefined) =>
    calls.push({ rows: ids_BL.shape[0]!, reads: rows_N!.shape[0]! });
  return {
    parameters: network.parameters,
    logits(ids, rows, options) {
      note(ids, rows);
      return network.logits(ids, rows, options);
    },
    ...(network.headRows === undefined
      ? {}
      : {
          headRows(ids: Tensor, rows: Tensor, options = {}) {
            note(ids, rows);
            return network.headRows!(ids, rows, options);
          },
        }),
  };
}

const student = tinyMdlm(1);
const teacher = tinyMdlm(2);
const roll = (settings: Partial<DidiSettings> = {}, numbers = [3, 4, 8, 9], some = answers): DidiBatch => {
  const options = tinyOptions(settings);
  const plan = planTexts(some, { seed: 2, examples: numbers }, options);
  return scope(() => noGrad(() => rollOut({ student, teacher }, plan, { options })));
};

describe("texts of two tokens", () => {
  const table = two.tableOf((index) => Math.cos(index * 2.3));
  const network = two.tableNetwork(table);
  const count = 4000;
  const rows = Array.from({ length: count }, () => ({ ids: [0, 0], promptLength: 0 }));
  const texts = (settings: Partial<DidiSettings>, others: Denoiser = network) => {
    const options = didiOptions({
      ...{ vocabularySize: two.vocabularySize, maskId: two.maskId, baseline: "none", numSamplesPerPrompt: 1 },
      ...settings,
    });
    const plan = planTexts(rows, { seed: 1, examples: rows.map((_, i) => i) }, options);
    const batch = scope(() =>
      noGrad(() => rollOut({ student: network, teacher: others }, plan, { options })),
    );
    const observed = (all: Int32Array) => {
      const counts = Array<number>(two.tokens ** 2).fill(0);
      for (let row = 0; row < count; row++) counts[all[2 * row]! * two.tokens + all[2 * row + 1]!]!++;
      return counts;
    };
    return { written: observed(batch.texts), positives: observed(batch.positives) };
  };
  const agrees = (observed: number[], law: number[]) => {
    const { statistic, degrees } = chiSquare(observed, law);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  };

  it("have the law of two steps that stop over at tau", () => {
    agrees(texts({ tauMinEps: 0.5 }).written, two.textLaw(table, 0.5));
  });

  it("have the law of one step without score decomposition", () => {
    agrees(texts({ scoreDecomposition: false }).written, two.textLaw(table, 1));
  });

  it("of the teacher have its law, in as many steps as asked for", () => {
    const others = two.tableNetwork(two.tableOf((index) => Math.sin(index * 0.9) * 2));
    const calls: Call[] = [];
    const one = texts({ positives: "teacher", teacherSteps: 1 }, watched(others, calls));
    agrees(
      one.positives,
      two.textLaw(
        two.tableOf((index) => Math.sin(index * 0.9) * 2),
        1,
      ),
    );
    expect(calls).toEqual([{ rows: count, reads: 2 * count }]);
    // Two steps of the sampler stop over at 1/2.
    const both = texts({ positives: "teacher", teacherSteps: 2 }, others);
    agrees(
      both.positives,
      two.textLaw(
        two.tableOf((index) => Math.sin(index * 0.9) * 2),
        0.5,
      ),
    );
    expect(texts({}, others).positives).toEqual([count, 0, 0, 0]);
  });
});

describe("a rollout", () => {
  it("is two forwards: one row for each way to begin, then each text with what is left", () => {
    const calls: Call[] = [];
    const options = tinyOptions();
    const plan = planTexts(answers, { seed: 2, examples: [3, 4, 8, 9] }, options);
    const left = plan.steps.filter((step) => step === written.second).length;
    scope(() => noGrad(() => rollOut({ student: watched(student, calls), teacher }, plan, { options })));
    expect(calls).toEqual([
      { rows: 2, reads: 8 },
      { rows: 16, reads: left },
    ]);
    expect(beginnings(plan).first).toEqual([0, 4]);
  });

  it("spends no second forward where nothing is left", () => {
    const calls: Call[] = [];
    const options = tinyOptions({ scoreDecomposition: false });
    const plan = planTexts(answers, { seed: 2, examples: [3, 4, 8, 9] }, options);
    scope(() => noGrad(() => rollOut({ student: watched(student, calls), teacher }, plan, { options })));
    expect(calls).toHaveLength(1);
  });

  it("keeps prompts, writes each position at its step, and leaves no mask", () => {
    const { start, steps, drawn, middle, texts } = roll();
    steps.forEach((step, flat) => {
      if (step === written.given)
        expect([drawn, middle, texts].map((one) => one[flat])).toEqual(Array(3).fill(start[flat]));
      if (step === written.first) expect(texts[flat]).toBe(drawn[flat]);
      if (step === written.second) expect(middle[flat]).toBe(maskId);
      expect(texts[flat]).not.toBe(maskId);
    });
  });

  it("leaves masks where the second step ends short of 0", () => {
    const { steps, texts } = roll({ t0Eps: 0.4 });
    expect(steps.includes(written.never)).toBe(true);
    steps.forEach((step, flat) => {
      expect(texts[flat] === maskId).toBe(step === written.never);
    });
  });

  it("draws what is lost and masks it again, as published", () => {
    const { lost, drawn, middle, steps } = roll({ fidelity: "released", remaskProb: 0.5 });
    const flats = [...lost.keys()].filter((flat) => lost[flat] === 1);
    expect(flats.length).toBeGreaterThan(0);
    for (const flat of flats) {
      expect(drawn[flat]).not.toBe(maskId);
      expect(middle[flat]).toBe(maskId);
      expect(steps[flat]).not.toBe(written.first);
    }
  });

  it("writes the same texts whatever else is in the batch", () => {
    const whole = roll({ positives: "teacher", teacherSteps: 3 });
    const parts = [
      roll({ positives: "teacher", teacherSteps: 3 }, [3], answers.slice(0, 1)),
      roll({ positives: "teacher", teacherSteps: 3 }, [4, 8, 9], answers.slice(1)),
    ];
    expect([...whole.texts]).toEqual(parts.flatMap((one) => [...one.texts]));
    expect([...whole.positives]).toEqual(parts.flatMap((one) => [...one.positives]));
    expect([...roll({}, [0, 1, 2, 5]).texts]).not.toEqual([...roll().texts]);
  });

  it("draws the same without headRows()", () => {
    const { logits, parameters } = student;
    const plain = { logits: logits.bind(student), parameters };
    const options = tinyOptions();
    const plan = planTexts(answers, { seed: 2, examples: [3, 4, 8, 9] }, options);
    const batch = scope(() => noGrad(() => rollOut({ student: plain, teacher: plain }, plan, { options })));
    expect([...batch.texts]).toEqual([...roll().texts]);
  });
});

it("the mask is out of reach of a prediction", () => {
  const options = tinyOptions();
  const probability = scope(() =>
    toNested(
      softmax(
        openLogits(student, { ids: Int32Array.of(0, 6, 6, 6, 6), length: 5, reads: [1, 4], options }),
        -1,
      ),
    ),
  ) as number[][];
  for (const row of probability) {
    expect(row[maskId]).toBe(0);
    expect(row).toHaveLength(config.vocabularySize);
  }
});
