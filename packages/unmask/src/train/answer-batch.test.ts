import { describe, expect, it } from "vitest";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { type AnswerOptions, answerBatch, drawTime } from "./answer-batch.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";

const [V, maskId, padId] = [40, 39, 0];
const noise = absorbingNoise({ schedule: logLinear(0), vocabularySize: V, maskId, maskLogit: true });
const answer = (prompt: number, response: number, first = 1): Answer => ({
  ids: Array.from({ length: prompt + response }, (_, i) => 1 + ((first + i) % 37)),
  promptLength: prompt,
});
const answers = [answer(3, 5), answer(2, 9, 7), answer(0, 4, 11), answer(6, 1, 13)];
const options: AnswerOptions = { noise, seed: 5, examples: [10, 11, 12, 13], padId };
const make = (change: Partial<AnswerOptions> = {}, some = answers): MaskedBatch =>
  answerBatch(some, { ...options, ...change });
/** Noise at a time, on all or none. */
const always = (t: number): NoiseProcess => ({
  ...noise,
  corrupt: (ids, length, draws) => noise.corrupt(ids, length, { ...draws, times: draws.times.map(() => t) }),
});
const columnsOf = ({ reads, length }: MaskedBatch, row: number, shift = 0) =>
  [...reads]
    .map((flat) => flat + shift)
    .filter((flat) => Math.floor(flat / length) === row)
    .map((flat) => flat % length);

describe("answerBatch", () => {
  it("noises answers and never prompts, and lists the true tokens", () => {
    const batch = make({ noise: always(0.7) });
    expect(batch.length).toBe(11);
    batch.reads.forEach((flat, i) => {
      const row = Math.floor(flat / batch.length);
      const column = flat % batch.length;
      expect(column).toBeGreaterThanOrEqual(answers[row]!.promptLength);
      expect(batch.ids[flat]).toBe(maskId);
      expect(batch.noisy[i]).toBe(maskId);
      expect(batch.targets[i]).toBe(answers[row]!.ids[column] ?? padId);
      expect(batch.times[i]).toBe(drawTime(options, options.examples[row]!));
    });
    const masks = [...batch.ids].filter((id) => id === maskId).length;
    expect(masks).toBe(batch.reads.length);
    expect(masks).toBeGreaterThan(5);
  });

  it.each([
    [
      "all",
      [
        [3, 11],
        [2, 11],
        [0, 11],
        [6, 11],
      ],
      undefined,
    ],
    [
      "first",
      [
        [3, 9],
        [2, 12], // the longest has a column for its own, too
        [0, 5],
        [6, 8],
      ],
      [9, 12, 5, 8],
    ],
    [
      "none",
      [
        [3, 8],
        [2, 11],
        [0, 4],
        [6, 7],
      ],
      [8, 11, 4, 7],
    ],
  ] as const)("takes of padding %s into the answer", (padding, extents, ends) => {
    const batch = make({ padding, noise: always(1) });
    extents.forEach(([begin, end], row) => {
      expect(columnsOf(batch, row)).toEqual(Array.from({ length: end - begin }, (_, i) => begin + i));
    });
    if (ends === undefined) expect(batch.real).toBeUndefined();
    else
      ends.forEach((end, row) => {
        const real = batch.real!.subarray(row * batch.length, (row + 1) * batch.length);
        expect([...real].lastIndexOf(1)).toBe(end - 1);
      });
    const byToken = make({ padding, noise: always(1), normalisation: "batch" });
    expect(byToken.size).toBe(batch.reads.length);
    expect(batch.size).toBe(4);
  });

  it("counts every answer alike, or every token", () => {
    const certain = { noise: always(1), padding: "none" } as const;
    const total = (batch: MaskedBatch, row: number) =>
      [...batch.weights].reduce(
        (sum, weight, i) =>
          Math.floor(batch.reads[i]! / batch.length) === row ? sum + weight * batch.times[i]! : sum,
        0,
      );
    const [byAnswer, byToken] = [make(certain), make({ ...certain, normalisation: "batch" })];
    answers.forEach(({ ids, promptLength }, row) => {
      expect(total(byAnswer, row)).toBeCloseTo(1, 12);
      expect(total(byToken, row)).toBeCloseTo(ids.length - promptLength, 12);
    });
  });

  it("reads with the shift the row before, and nothing for the first column", () => {
    const plain = make({ noise: always(1) });
    const shifted = make({ noise: always(1), shift: 1 });
    const given = 2 * plain.length;
    const kept = [...plain.reads].filter((flat) => flat !== given);
    expect([...shifted.reads]).toEqual(kept.map((flat) => flat - 1));
    for (let row = 0; row < 4; row++)
      expect(columnsOf(shifted, row, 1).every((column) => column > 0)).toBe(true);
    expect(shifted.ids[given]).toBe(answers[2]!.ids[0]);
    expect(shifted.targets).toEqual(plain.targets.filter((_, i) => plain.reads[i] !== given));
  });

  it("gives an example the same noise alone, in any order and at any length", () => {
    for (const process of [noise, uniformNoise({ schedule: logLinear(0), vocabularySize: V })]) {
      const whole = make({ noise: process, columns: 16 });
      answers.forEach((one, row) => {
        const alone = make({ noise: process, examples: [10 + row], padding: "none" }, [one]);
        const own = whole.ids.subarray(row * 16, row * 16 + one.ids.length);
        expect([...alone.ids]).toEqual([...own]);
      });
      const turned = make({ noise: process, examples: [12, 10] }, [answers[2]!, answers[0]!]);
      expect([...turned.ids.subarray(0, 4)]).toEqual([...whole.ids.subarray(32, 36)]);
    }
    expect([...make({ seed: 6 }).ids]).not.toEqual([...make().ids]);
  });

  it("is in two halves what it is in one: weights, and sizes that add up", () => {
    for (const normalisation of ["answer", "batch"] as const) {
      const whole = make({ normalisation, columns: 12 });
      const halves = [0, 2].map((at) => {
        const examples = options.examples.slice(at, at + 2);
        return make({ normalisation, columns: 12, examples }, answers.slice(at, at + 2));
      });
      expect(halves.flatMap(({ weights }) => [...weights])).toEqual([...whole.weights]);
      expect(halves[0]!.size + halves[1]!.size).toBe(whole.size);
    }
  });

  it("noises of a chat what is learnt, at the noise it would have anyway, and counts nothing else", () => {
    const [plain] = [answer(2, 8)];
    const learnt = Uint8Array.of(0, 0, 1, 1, 0, 0, 0, 1, 1, 1);
    for (const process of [always(0.9), uniformNoise({ schedule: logLinear(0), vocabularySize: V })]) {
      const change = { noise: process, padding: "first", columns: 12, examples: [10] } as const;
      const all = make(change, [plain!]);
      const some = make(change, [{ ...plain!, learnt }]);
      const kept = columnsOf(all, 0).filter((column) => learnt[column] !== 0);
      expect(columnsOf(some, 0)).toEqual(kept);
      expect(kept.some((column) => column < 4)).toBe(true);
      for (const [column, isLearnt] of learnt.entries()) {
        expect(some.ids[column]).toBe(isLearnt ? all.ids[column] : plain!.ids[column]);
      }
      // Five tokens and the end that belongs to the answer, instead of eight and it.
      for (const weight of some.weights) expect(weight / all.weights[0]!).toBeCloseTo(9 / 6, 12);
      expect(make({ ...change, normalisation: "batch" }, [{ ...plain!, learnt }]).size).toBe(6);
    }
  });

  it("refuses an answer that does not fit", () => {
    expect(() => make({ columns: 10 })).toThrow("an answer of 11 tokens does not fit into 10 columns");
  });
});
