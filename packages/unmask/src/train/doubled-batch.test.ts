import { describe, expect, it } from "vitest";
import { absorbingNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { drawTime } from "./answer-batch.ts";
import { doubledBatch, doubledColumns, noisyResponses } from "./doubled-batch.ts";
import type { Answer } from "./masked-batch.ts";

const [padId, maskId] = [0, 99];
const noise = absorbingNoise({ schedule: logLinear(0), vocabularySize: 100, maskId, maskLogit: true });
const answers: Answer[] = [
  { ids: [1, 2, 3, 4, 5, 6, 7, 8, 9], promptLength: 6 },
  { ids: [11, 12, 13, 14], promptLength: 3 },
];
const columnsOf = (change = {}, some = answers) => doubledColumns(some, { padId, blockLength: 4, ...change });
const options = { noise, seed: 3, examples: [7, 8], padId };

describe("columns of the doubled sequence", () => {
  it("begin at a block's edge of the text, the prompt's tail given", () => {
    const columns = columnsOf();
    expect(columns).toMatchObject({ promptColumns: 4, responseColumns: 8 });
    expect([...columns.prompts]).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    expect([...columns.responses]).toEqual([5, 6, 7, 8, 9, 0, 0, 0, 11, 12, 13, 14, 0, 0, 0, 0]);
    expect(columns.extents).toEqual([
      { begin: 2, end: 8 },
      { begin: 3, end: 8 },
    ]);
  });

  it("begin where the prompt ends, as released", () => {
    const columns = columnsOf({ alignment: "released", padding: "none" });
    expect(columns).toMatchObject({ promptColumns: 6, responseColumns: 4 });
    expect([...columns.prompts]).toEqual([1, 2, 3, 4, 5, 6, 0, 0, 0, 11, 12, 13]);
    expect([...columns.realPrompts]).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    expect([...columns.responses]).toEqual([7, 8, 9, 0, 14, 0, 0, 0]);
    expect([...columns.realResponses]).toEqual([1, 1, 1, 0, 1, 0, 0, 0]);
  });

  it("take of padding what is asked for", () => {
    expect(columnsOf({ padding: "first" }).extents.map(({ end }) => end)).toEqual([6, 5]);
    expect(columnsOf({ padding: "none" }).extents.map(({ end }) => end)).toEqual([5, 4]);
  });
});

describe("noise on the doubled sequence", () => {
  it("draws a time for each block, or one for the answer, and weighs by it", () => {
    const columns = columnsOf({ padding: "first" });
    const byBlock = noisyResponses(columns, { ...options, padding: "first" });
    byBlock.positions.forEach((flat, i) => {
      const [row, block] = [Math.floor(flat / 8), Math.floor((flat % 8) / 4)];
      expect(byBlock.times[i]).toBe(drawTime(options, 7 + row, block));
      expect(byBlock.weights[i]! * byBlock.times[i]!).toBeCloseTo(1 / [4, 2][row]!, 12);
      expect(byBlock.ids[flat]).toBe(maskId);
    });
    const byAnswer = noisyResponses(columns, { ...options, times: "answer" });
    byAnswer.positions.forEach((flat, i) => {
      expect(byAnswer.times[i]).toBe(drawTime(options, 7 + Math.floor(flat / 8)));
    });
  });

  it("is an answer's own: alone, it is the same", () => {
    const both = noisyResponses(columnsOf(), options);
    const alone = noisyResponses(columnsOf({}, [answers[1]!]), { ...options, examples: [8] });
    expect([...alone.ids]).toEqual([...both.ids.subarray(8, 12)]);
  });

  it("leaves clean what of a chat is given, and counts what is learnt", () => {
    const ids = Int32Array.from({ length: 30 }, (_, i) => i + 1);
    const learnt = Uint8Array.from(ids, (_, i) => (i >= 5 && i % 7 < 3 ? 1 : 0));
    const chat = { ids, promptLength: 7, learnt };
    const columns = columnsOf({ padding: "none" }, [chat]);
    const head = columns.promptColumns;
    let noised = 0;
    for (let example = 0; example < 20; example++) {
      const noisy = noisyResponses(columns, { ...options, padding: "none", examples: [example] });
      const plain = noisyResponses(columnsOf({ padding: "none" }, [{ ids, promptLength: 7 }]), {
        ...options,
        ...{ padding: "none", examples: [example] },
      });
      const expected = [...plain.positions].filter((place) => learnt[place + head] === 1);
      expect([...noisy.positions]).toEqual(expected);
      noised += expected.length;
      noisy.weights.forEach((weight, i) => {
        expect(weight * noisy.times[i]!).toBeCloseTo(1 / 11, 12);
      });
      noisy.ids.forEach((id, place) => {
        expect(id).toBe(expected.includes(place) ? maskId : (ids[place + head] ?? padId));
      });
    }
    expect(noised).toBeGreaterThan(50);
  });

  it("becomes a batch of three parts a row, of which the noisy one is read", () => {
    const columns = columnsOf({ padding: "none" });
    const ids = columns.responses.slice();
    ids[3] = maskId;
    ids[11] = maskId;
    const times = Float64Array.of(0.5, 0.25);
    const positions = Int32Array.of(3, 11);
    const batch = doubledBatch(columns, { ids, positions, times, weights: times, size: 2 });
    expect(batch).toMatchObject({ rows: 2, length: 20 });
    expect([...batch.ids.subarray(0, 20)]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 5, 6, 7, 99, 9, 0, 0, 0,
    ]);
    expect([...batch.reads]).toEqual([15, 35]);
    expect([...batch.targets]).toEqual([8, 14]);
    expect([...batch.noisy]).toEqual([maskId, maskId]);
    expect([...batch.places!.subarray(20, 32)]).toEqual([1, 1, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7]);
    expect(batch.real!.subarray(20, 32).join("")).toBe("000011110000");
  });
});
