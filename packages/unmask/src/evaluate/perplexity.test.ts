import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { full, liveTensors } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, UnsupportedError, UsageError } from "../base/errors.ts";
import type { Network } from "../models/family.ts";
import { loadNetwork } from "../models/load.ts";
import { chunkScores, type Judge, textQuality } from "./perplexity.ts";
import { distinct, meanEntropy, unigramEntropy } from "./text-statistics.ts";

const fixtures = fileURLToPath(new URL("../../test/parity/fixtures", import.meta.url));
const judge = loadNetwork(`${fixtures}/gpt2/model`);
afterAll(() => judge.dispose());

interface Recorded {
  readonly inputs: { readonly samples: number[][]; readonly eos_id: number };
  readonly outputs: {
    readonly per_sample_perplexity_for_information: number[];
    readonly unigram_entropy_per_sample_nats: number[];
  };
}
const { inputs, outputs } = JSON.parse(
  readFileSync(`${fixtures}/gpt2/generative_perplexity.json`, "utf8"),
) as Recorded;
const { samples, eos_id: end } = inputs;
const near = (found: number, expected: number) => expect(Math.abs(found / expected - 1)).toBeLessThan(1e-4);

/** Every token is equally likely. */
const even: Judge = {
  facts: judge.facts,
  network: {
    parameters: judge.network.parameters,
    logits: (_, rows_N) => full([rows_N!.shape[0]!, judge.facts.vocabularySize], 0.5),
  } as Network,
};

describe("textQuality", () => {
  it("is the vocabulary's size for a judge that knows nothing", () => {
    expect(textQuality(even, samples).perplexity).toBeCloseTo(320, 3);
  });

  it("corrected: every text counts, however they are batched", () => {
    const whole = textQuality(judge, samples);
    near(whole.perplexity, 11917.658);
    expect(whole).toMatchObject({ texts: 5, scoredTexts: 5, scoredTokens: 105 });
    for (const batchSize of [1, 2, 4, 100]) {
      const same = textQuality(judge, samples, { batchSize });
      expect(Math.abs(same.nll / whole.nll - 1)).toBeLessThan(1e-6);
      expect({ ...same, nll: 0, perplexity: 0 }).toEqual({ ...whole, nll: 0, perplexity: 0 });
    }
    for (const [i, text] of samples.entries()) {
      near(textQuality(judge, [text]).perplexity, outputs.per_sample_perplexity_for_information[i]!);
    }
  });

  it("released: drops the incomplete last batch, but counts its entropy", () => {
    const found = textQuality(judge, samples, { rule: "released", batchSize: 2 });
    near(found.perplexity, 12529.816);
    expect(found).toMatchObject({ texts: 5, scoredTexts: 4, scoredTokens: 84 });
    expect(found.entropy).toBeCloseTo(2.998878, 6);
  });

  it("texts of different lengths: the released rule scores one end that is padding, the corrected one none", () => {
    const short = samples[0]!.slice(0, 10);
    const pair = [short, samples[2]!];
    const alone = textQuality(judge, [short]);
    const other = textQuality(judge, [samples[2]!]);
    const corrected = textQuality(judge, pair);
    expect(corrected.scoredTokens).toBe(alone.scoredTokens + other.scoredTokens);
    expect(corrected.nll).toBeCloseTo(alone.nll + other.nll, 3);
    const released = textQuality(judge, pair, { rule: "released" });
    const ended = textQuality(judge, [[...short, end], samples[2]!]);
    expect(released.scoredTokens).toBe(corrected.scoredTokens + 1);
    expect(released.nll).toBeCloseTo(ended.nll, 3);
  });

  it("cuts long texts where it is told, and into chunks of the context", () => {
    const long = Array.from({ length: 150 }, (_, i) => (i * 7) % 300);
    expect(textQuality(judge, [long]).scoredTokens).toBe(150 - 3); // contexts of 64: 64, 64, 22
    expect(textQuality(judge, [long], { maxLength: 64 }).scoredTokens).toBe(63);
    expect(textQuality(judge, [long.slice(0, 65)]).scoredTokens).toBe(63);
    const pieces = [...chunkScores(judge, [long], { chunk: 100 / 2 })];
    expect(pieces.map(({ rows, targets }) => [rows, targets])).toEqual([
      [1, 49],
      [1, 49],
      [1, 49],
    ]);
  });

  it("scores the first end-of-text of a chunk; one in its first place is that one", () => {
    const flags = (ids: number[]) => [...[...chunkScores(even, [ids])][0]!.scored];
    expect(flags([5, 6, end, 7, end])).toEqual([1, 1, 1, 0]);
    expect(flags([end, 6, end, 7, end])).toEqual([1, 0, 1, 0]);
  });

  it("frees what it made", () => {
    const before = liveTensors();
    textQuality(judge, samples);
    expect(liveTensors()).toEqual(before);
  });

  it("an empty text counts for nothing but the entropy", () => {
    const found = textQuality(judge, [samples[0]!, []]);
    expect(found.scoredTokens).toBe(23);
    expect(found.entropy).toBeCloseTo(outputs.unigram_entropy_per_sample_nats[0]! / 2, 6);
  });

  it.each([
    [[], {}, "there are no texts; give one at least", DataError],
    [[[1]], {}, "no text has a token to score", DataError],
    [
      [
        [1, 2],
        [3, 320],
      ],
      {},
      "id 320 of text 1 is outside the judge's vocabulary of 320",
      DataError,
    ],
    [[[1, 2]], { chunk: 1 }, "chunk is 1; give a whole number of at least 2", UsageError],
    [[new Array(65).fill(1)], { chunk: 65 }, "chunk is 65; the judge's context is 64", UsageError],
    [[[1, 2]], { batchSize: 0 }, "batchSize is 0; give a whole number of at least 1", UsageError],
  ])("refuses %j %j", (texts, options, words, kind) => {
    expect(() => textQuality(judge, texts, options)).toThrow(words);
    expect(() => textQuality(judge, texts, options)).toThrow(kind);
  });

  it("refuses a judge that is a diffusion model", () => {
    const llada = { ...judge, facts: { ...judge.facts, family: "llada", denoises: true } };
    expect(() => textQuality(llada, samples)).toThrow(UnsupportedError);
    expect(() => textQuality(llada, samples)).toThrow("llada is no judge");
  });
});

describe("text statistics", () => {
  it("entropy, as recorded", () => {
    for (const [i, text] of samples.entries()) {
      expect(unigramEntropy(text)).toBeCloseTo(outputs.unigram_entropy_per_sample_nats[i]!, 6);
    }
    expect(meanEntropy(samples)).toBeCloseTo(2.998878, 6);
  });

  it("entropy of extremes", () => {
    expect(Object.is(unigramEntropy([7, 7, 7]), 0)).toBe(true);
    expect(unigramEntropy([1, 2, 3, 4])).toBeCloseTo(Math.log(4), 12);
    expect(unigramEntropy([])).toBe(0);
    expect(meanEntropy([])).toBeNaN();
  });

  it("distinct-n counts over all texts together", () => {
    const texts = [[1, 2, 1, 2], Int32Array.of(1, 2), [12]];
    expect(distinct(texts, 1)).toBeCloseTo(3 / 7, 12);
    expect(distinct(texts, 2)).toBeCloseTo(2 / 4, 12);
    expect(distinct(texts, 4)).toBe(1);
    expect(distinct(texts, 5)).toBeNaN();
  });
});
